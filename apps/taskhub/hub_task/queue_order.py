"""In which order a worker looks into its queues (decision 17): starts about 6 : 3 : 1, no queue stands still.

Named in ``CELERY_BROKER_TRANSPORT_OPTIONS["queue_order_strategy"]``; kombu asks ``consume`` for the order of the next
BRPOP and tells ``rotate`` which queue gave a message.  Smooth weighted round robin: each queue gains its weight, the
one that was served pays the sum of all weights; so ten messages of full queues come as c d c c d c l c d c, not in
blocks.  Queues that stood before the one that was served were empty: they take no part in that turn and save up
nothing, else they would flood the others later.
"""

from __future__ import annotations

from collections.abc import Iterable

WEIGHTS = {"critical": 6, "default": 3, "low": 1}


class WeightedCycle:
    def __init__(self, items: Iterable[str] | None = None) -> None:
        self._claims: dict[str, int] = {}
        self.update(items or ())

    def update(self, items: Iterable[str]) -> None:
        self._claims = {name: self._claims.get(name, _weight(name)) for name in items}

    def consume(self, count: int) -> list[str]:
        return sorted(self._claims, key=lambda name: -self._claims[name])[:count]

    def rotate(self, last_used: str) -> str:
        order = self.consume(len(self._claims))
        if last_used not in order:
            return last_used
        place = order.index(last_used)
        for empty in order[:place]:
            self._claims[empty] = _weight(empty)
        contenders = order[place:]
        total = sum(_weight(name) for name in contenders)
        self._claims[last_used] -= total
        for name in contenders:
            self._claims[name] = min(max(self._claims[name] + _weight(name), -total), total)
        return last_used


def _weight(name: str) -> int:
    return WEIGHTS.get(name, 1)
