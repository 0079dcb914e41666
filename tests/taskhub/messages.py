"""What stands in the queues."""

from __future__ import annotations

import orjson

from apps.core import redis as core_redis


def sent() -> list[tuple[str, int]]:
    """(task, attempt) of the messages in all queues, oldest first."""
    connection = core_redis.client()
    entries = [entry for queue in ("critical", "default", "low") for entry in reversed(connection.lrange(queue, 0, -1))]
    return [(hub["id"], hub["attempt"]) for hub in (orjson.loads(entry)["headers"]["hub"] for entry in entries)]
