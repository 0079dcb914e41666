"""The best current place of fighters in a weight class, for the order of hits; kept whenever rankings move."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import Min, Q

from apps.core.db import update_rows
from apps.fighters.cache import forget_fighters
from apps.fighters.models import Fighter, Ranking


def set_best_ranks(fighter_ids: Collection[int] | None = None) -> int:
    """Count anew for these fighters, or for all; returns how many changed.  Inside the caller's transaction."""
    of_them = Q() if fighter_ids is None else Q(fighter__in=fighter_ids)
    best = dict(
        Ranking.objects.current()
        .filter(of_them)
        .exclude(division__contains="Pound")
        .values("fighter")
        .annotate(best=Min("place"))
        .values_list("fighter", "best")
    )
    among = Q() if fighter_ids is None else Q(pk__in=fighter_ids)
    ranked = Fighter.objects.filter(among, best_rank__isnull=False)
    present = dict(ranked.values_list("id", "best_rank"))
    changed = [
        (best.get(fighter), fighter)
        for fighter in best.keys() | present.keys()
        if best.get(fighter) != present.get(fighter)
    ]
    update_rows(Fighter, ["best_rank"], changed)
    if changed:
        forget_fighters(fighter for _place, fighter in changed)
    return len(changed)
