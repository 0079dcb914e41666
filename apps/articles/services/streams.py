"""The stream on which fetched items travel from the worker to the consumer (D-5, decision 32)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from apps.articles.services.ingest import RunOrder
from apps.core.streams import Stream

ITEMS = Stream("stream:ingest:fetch", maxlen=100_000)
# Redis takes a chunk in one round trip without keeping others waiting.
PUBLISH_CHUNK = 100


def publish_items(order: RunOrder, items: Sequence[dict[str, Any]]) -> None:
    """Put a run's items on the stream, each with its position.  Raises redis.RedisError when Redis is away."""
    bodies = [
        {
            "run_id": order.run_id,
            "source_id": order.source_id,
            "url": order.url,
            "parser_kind": order.parser_kind,
            "position": position,
            "item": item,
        }
        for position, item in enumerate(items)
    ]
    for start in range(0, len(bodies), PUBLISH_CHUNK):
        ITEMS.publish_many(bodies[start : start + PUBLISH_CHUNK])
