"""Ids that other systems gave fighters."""

from __future__ import annotations

from collections.abc import Mapping

from apps.fighters.models import FighterExternalId


def keep_ids(fighters: Mapping[str, int], *, source: str) -> None:
    """Remember which fighter a source means by an id.  An id that belongs to somebody stays theirs."""
    rows = [FighterExternalId(fighter_id=pk, source=source, external_id=key) for key, pk in sorted(fighters.items())]
    FighterExternalId.objects.bulk_create([row for row in rows if row.external_id], ignore_conflicts=True)
