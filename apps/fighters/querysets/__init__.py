"""Reads of the fighters app.  ``search`` finds people by what somebody typed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce

from apps.fighters.querysets.search import Hit, find, find_by_words, successor

if TYPE_CHECKING:
    from apps.fighters.models import (  # noqa: F401  # below
        Fighter,
        FighterMerge,
        FighterNameKey,
        FighterUpdate,
        ImportRun,
        Ranking,
        RefusedChange,
        UnmatchedName,
    )


class FighterQuerySet(models.QuerySet["Fighter"]):
    def alive(self) -> Self:
        """Without rows that were merged into another."""
        return self.filter(merged_into__isnull=True)

    def for_admin_list(self) -> Self:
        return self.alive().defer("stats", "records", "provenance").order_by("name", "id")

    def search(self, text: str, *, limit: int = 20) -> list[Hit]:
        """The fighters whom somebody may mean by ``text``, best first; see ``querysets.search``."""
        return find(self.model, text, limit=limit)

    def with_any_word(self, words: Sequence[str], *, limit: int = 20) -> list[Hit]:
        """Fighters in whose names one of these words stands, best first."""
        return find_by_words(self.model, words, limit=limit)

    def same_person(self, fighter_id: int) -> models.QuerySet[Any, int]:
        """Every id of this person: the row that was kept and all that were merged into it.  Empty for nobody."""
        kept = self.filter(pk=fighter_id).values_list("merged_into", flat=True).first() or fighter_id
        return self.filter(Q(pk=kept) | Q(merged_into=kept)).order_by().values_list("pk", flat=True)

    def changed_since(self, moment: dt.datetime) -> Self:
        return self.alive().filter(updated_at__gte=moment)

    def with_id_at(self, source: str, external_id: str) -> Self:
        """The fighter whom a source knows by this id."""
        return self.filter(external_ids__source=source, external_ids__external_id=external_id)


class FighterUpdateQuerySet(models.QuerySet["FighterUpdate"]):
    def newest_first(self) -> Self:
        return self.order_by("-published_at", "-id")

    def for_admin_list(self) -> Self:
        return self.select_related("fighter").newest_first()


class NameKeyQuerySet(models.QuerySet["FighterNameKey"]):
    def beginning_with(self, prefix: str) -> Self:
        """Keys with this beginning, as a range that the index serves on every database (keys are a–z and 0–9)."""
        end = successor(prefix)
        rows = self.filter(name_key__gte=prefix)
        return rows.filter(name_key__lt=end) if end else rows


class UnmatchedNameQuerySet(models.QuerySet["UnmatchedName"]):
    def waiting(self) -> Self:
        return self.filter(status="open")

    def decided(self) -> Self:
        return self.exclude(status="open").filter(decided_at__isnull=False)

    def for_admin_list(self) -> Self:
        return self.select_related("fighter").order_by("-mentions", "id")


class FighterMergeQuerySet(models.QuerySet["FighterMerge"]):
    def for_admin_list(self) -> Self:
        return self.select_related("fighter", "other").order_by("-id")


class RankingQuerySet(models.QuerySet["Ranking"]):
    def current(self) -> Self:
        return self.filter(valid_to__isnull=True)

    def on(self, day: dt.date) -> Self:
        """The lists as they stood on that day."""
        return self.filter(Q(valid_to__isnull=True) | Q(valid_to__gt=day), valid_from__lte=day)

    def for_admin_list(self) -> Self:
        return self.select_related("fighter").order_by("-id")


class ImportRunQuerySet(models.QuerySet["ImportRun"]):
    def lost(self, last_heard_of: dt.datetime) -> Self:
        """Open ones of commands of which nothing was heard since."""
        heard_of = Coalesce("alive_at", "started_at", "created_at")
        waiting = self.filter(status__in=["queued", "running"], task_id="")
        return waiting.alias(heard_of=heard_of).filter(heard_of__lt=last_heard_of)

    def for_admin_list(self) -> Self:
        return self.defer("report").order_by("-id")


class RefusedChangeQuerySet(models.QuerySet["RefusedChange"]):
    def waiting(self) -> Self:
        return self.filter(status="open")

    def for_admin_list(self) -> Self:
        return self.order_by("-id")
