"""What must not pass unnoticed: each alarm is one error line in the log and one count.

Nothing here waits for a neighbour: alarms are raised inside other people's transactions.
"""

from __future__ import annotations

from typing import Any

import structlog
from prometheus_client import Counter

log = structlog.get_logger(__name__)

DEGRADED = Counter("audit_events_degraded", "Events recorded with a marker in place of a value", ["reason"])
DROPPED = Counter("audit_events_dropped", "Events without a change that could not be handed over", ["reason"])
DEAD = Counter("audit_events_dead", "Outbox entries that could not become events")


def degraded(*, resource_type: str, resource_id: str, reason: str, fields: list[str]) -> None:
    DEGRADED.labels(reason).inc()
    log.error(
        "audit_event_degraded", resource_type=resource_type, resource_id=resource_id, reason=reason, fields=fields
    )


def dropped(*, reason: str, **about: Any) -> None:
    DROPPED.labels(reason).inc()
    log.error("audit_event_dropped", reason=reason, **about)


def dead(*, outbox_id: int, error: str) -> None:
    DEAD.inc()
    log.error("audit_entry_dead", outbox_id=outbox_id, error=error)
