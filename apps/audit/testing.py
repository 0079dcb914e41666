"""For the tests of every app: what was recorded, and how to get it into the table."""

from __future__ import annotations

from typing import Any

import orjson

from apps.audit.models import OutboxEntry
from apps.audit.services import payload, relay
from apps.audit.services.streams import STREAM
from apps.core import redis as core_redis


def recorded() -> list[dict[str, Any]]:
    """The events of changes that this test recorded and no relay has moved, oldest first.

    Keys are the column names of ``audit_events``, with the objects under ``old`` and ``new``; empty values are absent.
    """
    return [payload.decode(body) for body in OutboxEntry.objects.order_by("id").values_list("body", flat=True)]


def observed() -> list[dict[str, Any]]:
    """The events without a change that wait in the stream, oldest first."""
    entries: Any = core_redis.client().xrange(STREAM.name)
    return [orjson.loads(fields[b"body"]) for _, fields in entries]


def relay_all() -> None:
    """Move everything that was recorded or observed into ``audit_events``."""
    from apps.audit.streams import OBSERVED
    from apps.core.streams import drain

    while relay.relay_batch():
        pass
    drain(OBSERVED)
