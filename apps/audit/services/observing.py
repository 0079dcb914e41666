"""``observe``: events without a change, through a Redis Stream, written in batches of 100 or each second.

The caller is never failed and never kept waiting: while Redis is away or the backlog is full, such events are
dropped, counted and alarmed (decision 21).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

import orjson

from apps.audit.enums import Action, Status
from apps.audit.errors import UnknownResource
from apps.audit.services import alarms, payload, relay
from apps.audit.services.recording import Subject, identify
from apps.audit.services.streams import STREAM
from apps.core.actor import Actor
from apps.core.streams import Message

# After a failure nothing is tried for so long: a caller meets a dead Redis once, not at each event.
PAUSE_SECONDS = 5.0
# The backlog is asked for this often; between two looks a process may exceed the limit by what it sends meanwhile.
LOOK_SECONDS = 1.0


class _Gate:
    """Whether sending makes sense now.  One per process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._closed_until = 0.0
        self._next_look = 0.0
        self._reason = ""

    def refusal(self) -> str:
        """Empty, or why nothing is sent at the moment.  Raises redis.RedisError."""
        now = time.monotonic()
        if now < self._closed_until:
            return self._reason
        with self._lock:
            look, self._next_look = now >= self._next_look, max(self._next_look, now + LOOK_SECONDS)
        if look and STREAM.length() >= STREAM.maxlen:
            self.close("backlog full", LOOK_SECONDS)
            return self._reason
        return ""

    def close(self, reason: str, seconds: float) -> None:
        self._reason = reason
        self._closed_until = time.monotonic() + seconds

    def open(self) -> None:
        self._closed_until = self._next_look = 0.0


gate = _Gate()


def observe(
    action: Action,
    ref: Subject,
    *,
    actor: Actor,
    status: str = Status.SUCCESS,
    error: str = "",
    reason: str = "",
    data: Mapping[str, Any] | None = None,
) -> None:
    """Hand over an event without a change.  Never raises; an unknown resource type is refused and logged."""
    try:
        _, identified = identify(ref)
        event = payload.head(Action(action).value, identified, actor, Status(status).value)
        body = payload.encode(event, texts={"error_message": error, "reason": reason}, data=data)
    except UnknownResource as mistake:
        alarms.dropped(reason="unknown resource", error=str(mistake))
        return
    except Exception as failure:  # noqa: BLE001  # an observation must never fail what it observes
        alarms.dropped(reason="not built", error=type(failure).__name__)
        return
    _hand_over(body, resource_type=identified.type, action=str(action))


def _hand_over(body: str, **about: Any) -> None:
    try:
        refusal = gate.refusal()
        if refusal:
            alarms.dropped(reason=refusal, **about)
            return
        STREAM.publish(orjson.loads(body))
    except Exception as failure:  # noqa: BLE001  # Redis errors and whatever else: never the caller's problem
        gate.close("redis away", PAUSE_SECONDS)
        alarms.dropped(reason="redis away", error=type(failure).__name__, **about)


def store_observed(messages: list[Message]) -> None:
    """Write a batch of the stream.  Safe to run twice: an event that is already there is left out."""
    bodies = [payload.expand(dict(message.body)) for message in messages]
    relay.write_new_events(bodies)
