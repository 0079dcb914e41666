"""Records of fighters follow from their bouts: always counted anew, never raised or lowered by one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Q

from apps.events.enums import DECIDED_STATES, Result
from apps.events.models import Bout
from apps.fighters.services import Tally, set_records

# More fighters than this at once: reading every bout is cheaper than naming them.
_MANY = 500
# Classes that say nothing of where a fighter belongs.
_LOOSE_CLASSES = frozenset({"", "Catchweight", "Open Weight"})


@dataclass(slots=True)
class _Count:
    wins: int = 0
    losses: int = 0
    draws: int = 0
    no_contests: int = 0
    last_bout_on: dt.date | None = None
    weight_class: str = ""
    classed_on: dt.date | None = None

    def add(self, fighter_id: int, winner_id: int | None, result: str, day: dt.date, weight_class: str) -> None:
        if result == Result.NO_CONTEST:
            self.no_contests += 1
        elif result == Result.DRAW:
            self.draws += 1
        elif winner_id == fighter_id:
            self.wins += 1
        else:
            self.losses += 1
        if self.last_bout_on is None or day > self.last_bout_on:
            self.last_bout_on = day
        if weight_class not in _LOOSE_CLASSES and (self.classed_on is None or day > self.classed_on):
            self.weight_class, self.classed_on = weight_class, day

    @property
    def tally(self) -> Tally:
        return Tally(self.wins, self.losses, self.draws, self.no_contests, self.last_bout_on)


def recompute_records(fighter_ids: Iterable[int]) -> int:
    """Count the decided bouts of these fighters and store their records, inside the caller's transaction.

    Returns how many fighters changed.
    """
    return set_records({fighter_id: count.tally for fighter_id, count in _count(set(fighter_ids)).items()})


def recompute_all(fighter_ids: Iterable[int]) -> tuple[int, dict[int, str]]:
    """As ``recompute_records``; also the weight class of each fighter's last bout, from the same count."""
    counts = _count(set(fighter_ids))
    changed = set_records({fighter_id: count.tally for fighter_id, count in counts.items()})
    return changed, {pk: count.weight_class for pk, count in counts.items() if count.weight_class}


def _count(fighter_ids: set[int]) -> dict[int, _Count]:
    counts = {fighter_id: _Count() for fighter_id in fighter_ids}
    bouts = Bout.objects.filter(state__in=DECIDED_STATES)
    if len(fighter_ids) <= _MANY:
        bouts = bouts.filter(Q(red_fighter__in=fighter_ids) | Q(blue_fighter__in=fighter_ids))
    rows = bouts.values_list(
        "red_fighter_id", "blue_fighter_id", "winner_fighter_id", "result", "event__starts_at", "weight_class"
    )
    for red, blue, winner, result, starts_at, weight_class in rows.iterator(chunk_size=2_000):
        for fighter_id in (red, blue):
            if fighter_id in counts:
                counts[fighter_id].add(fighter_id, winner, result, starts_at.date(), weight_class)
    return counts
