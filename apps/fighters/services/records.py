"""Records of fighters: computed from bouts by the app that has them, stored here."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from django.utils import timezone

from apps.core.db import locked, update_rows
from apps.fighters.cache import forget_fighters
from apps.fighters.models import Fighter
from apps.fighters.services import provenance

_BATCH = 1_000
_FIELDS = ["wins", "losses", "draws", "no_contests", "last_bout_on", "record", "updated_at"]


@dataclass(frozen=True, slots=True)
class Tally:
    """What a fighter's bouts add up to.  ``bouts`` is 0 for one who has none: a typed record then stays."""

    wins: int = 0
    losses: int = 0
    draws: int = 0
    no_contests: int = 0
    last_bout_on: dt.date | None = None

    @property
    def bouts(self) -> int:
        return self.wins + self.losses + self.draws + self.no_contests

    @property
    def text(self) -> str:
        """``19-1-1``, with no contests as ``13-0-0, 1NC``."""
        told = f"{self.wins}-{self.losses}-{self.draws}"
        return f"{told}, {self.no_contests}NC" if self.no_contests else told


def set_records(tallies: Mapping[int, Tally]) -> int:
    """Write what differs, inside the caller's transaction; returns how many fighters changed.

    A locked ``record`` keeps its text; the numbers follow the bouts all the same.
    """
    changed: list[Fighter] = []
    ids = sorted(tallies)
    for start in range(0, len(ids), _BATCH):
        rows = locked(Fighter.objects.filter(pk__in=ids[start : start + _BATCH]).only(*_FIELDS[:-1], "provenance"))
        changed += [fighter for fighter in rows if _apply(fighter, tallies[fighter.pk])]
    now = timezone.now()
    update_rows(Fighter, _FIELDS, [(*_values(fighter), now, fighter.pk) for fighter in changed])
    if changed:
        forget_fighters([fighter.pk for fighter in changed], only_counts=True)
    return len(changed)


def _apply(fighter: Fighter, tally: Tally) -> bool:
    before = _values(fighter)
    had_bouts = fighter.wins + fighter.losses + fighter.draws + fighter.no_contests > 0
    fighter.wins, fighter.losses = tally.wins, tally.losses
    fighter.draws, fighter.no_contests = tally.draws, tally.no_contests
    fighter.last_bout_on = tally.last_bout_on
    if not provenance.is_locked(fighter, "record") and (tally.bouts or had_bouts):
        fighter.record = tally.text if tally.bouts else ""
    return _values(fighter) != before


def _values(fighter: Fighter) -> tuple[object, ...]:
    return tuple(getattr(fighter, name) for name in _FIELDS[:-1])
