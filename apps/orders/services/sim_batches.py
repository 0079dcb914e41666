"""A batch of the carrier's rows into the tables: one look, one upsert of what differs, nothing when nothing does.

Rows that say what the table says already are not written: ``updated_at`` stays, and the same run twice changes
nothing.  Rows are written in the order of their keys, so that two runs at once don't lock each other out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any, Protocol

from django.db import connection
from django.db.models import Model

from apps.audit.enums import Action
from apps.audit.registry import ResourceRef
from apps.audit.services import Change, record_many
from apps.core.actor import Actor
from apps.orders.models import SimCard, SimUsage


class Row(Protocol):
    """What all rows have; which of them it is, its further fields tell."""

    @property
    def iccid(self) -> str: ...


Rows = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Counts:
    seen: int = 0
    created: int = 0
    changed: int = 0
    duplicates: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))


def store_rows(rows: Rows, *, now: datetime, actor: Actor) -> Counts:
    """Rows of one kind, in the caller's transaction.  Of two rows for the same thing the later one counts."""
    if not rows:
        return Counts()
    if hasattr(rows[0], "used_bytes"):
        return _store_usage(rows)
    field = "status" if hasattr(rows[0], "status") else "real_name_status"
    return _store_cards(rows, field, now=now, actor=actor)


def _store_cards(rows: Rows, field: str, *, now: datetime, actor: Actor) -> Counts:
    wanted = {row.iccid: getattr(row, field) for row in rows}
    known = {
        iccid: (pk, value)
        for pk, iccid, value in SimCard.objects.filter(iccid__in=wanted).values_list("pk", "iccid", field)
    }
    changed = {iccid for iccid, value in wanted.items() if iccid in known and known[iccid][1] != value}
    created = wanted.keys() - known.keys()
    # Freshness is that of the status: a real-name check says nothing of it.
    news = {"synced_at": now} if field == "status" else {}
    cards = [SimCard(iccid=iccid, **{field: wanted[iccid]}, **news) for iccid in sorted(changed | created)]
    _upsert(SimCard, cards, unique=["iccid"], update=[field, *news, "updated_at"])
    changes = [_change(field, *known[iccid], iccid, wanted[iccid]) for iccid in sorted(changed)]
    record_many(Action.UPDATED, changes, actor=actor)
    return Counts(len(rows), len(created), len(changed), len(rows) - len(wanted))


def _change(field: str, pk: int, before: str, iccid: str, after: str) -> Change:
    return Change(ResourceRef("sim_card", str(pk), iccid), old={field: before}, new={field: after})


def _store_usage(rows: Rows) -> Counts:
    cards = _ids_of({row.iccid for row in rows})
    wanted: dict[tuple[int, date], int] = {(cards[row.iccid], row.day): row.used_bytes for row in rows}
    # The days themselves, not their range: of two far-apart days each card would load all between.
    stored = SimUsage.objects.filter(sim_card__in=set(cards.values()), day__in={day for _, day in wanted})
    known = {(card, day): used for card, day, used in stored.values_list("sim_card_id", "day", "used_bytes")}
    changed = {key for key, used in wanted.items() if key in known and known[key] != used}
    created = wanted.keys() - known.keys()
    usage = [
        SimUsage(sim_card_id=card, day=day, used_bytes=wanted[card, day]) for card, day in sorted(changed | created)
    ]
    _upsert(SimUsage, usage, unique=["sim_card", "day"], update=["used_bytes", "updated_at"])
    return Counts(len(rows), len(created), len(changed), len(rows) - len(wanted))


def _ids_of(iccids: set[str]) -> dict[str, int]:
    """Card ids by number.  A card that we have not heard of yet is noted: its usage must not be lost.  Its status is
    not known by that, so it is not fresh."""
    found = dict(SimCard.objects.filter(iccid__in=iccids).values_list("iccid", "pk"))
    missing = sorted(iccids - found.keys())
    if missing:
        SimCard.objects.bulk_create([SimCard(iccid=one) for one in missing], ignore_conflicts=True)
        found |= dict(SimCard.objects.filter(iccid__in=missing).values_list("iccid", "pk"))
    return found


def _upsert(model: type[Model], rows: Iterable[Any], *, unique: list[str], update: list[str]) -> None:
    """One statement (SQLite takes several: it counts parameters)."""
    rows = list(rows)
    if not rows:
        return
    names_target = connection.features.supports_update_conflicts_with_target
    model._default_manager.bulk_create(
        rows, update_conflicts=True, unique_fields=unique if names_target else None, update_fields=update
    )
