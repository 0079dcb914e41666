"""From the outbox into ``audit_events``: exactly once, in one transaction per batch.

Several relays may run.  Each takes the counter row first, so one writes at a time, numbers follow the order of the
outbox, and no two of them can lock each other out.  Rows are locked and deleted, never remembered as "last id seen":
an id taken earlier may be committed later.  An entry that can't become an event goes to ``audit_dead`` with its
error, and the rest goes on.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
import structlog
from django.db import DatabaseError, InterfaceError, OperationalError, transaction
from django.db.models import Max
from django.utils import timezone

from apps.audit.enums import Status
from apps.audit.models import AuditEvent, DeadEntry, OutboxEntry, Sequence
from apps.audit.services import alarms, payload
from apps.audit.services.inserting import insert_events
from apps.core.db import skip_locked

log = structlog.get_logger(__name__)

BATCH_SIZE = 1000
LATE_AFTER = dt.timedelta(seconds=30)
_COUNTER_ID = 1
# The server is away or the transaction is lost: nothing is wrong with the entry.
_NOT_THE_ENTRY = (OperationalError, InterfaceError)

_TEXTS = {
    "resource_type": 64,
    "resource_id": 255,
    "resource_label": 255,
    "actor_kind": 16,
    "actor_id": 255,
    "actor_label": 255,
    "subsystem": 32,
    "client_ip": 45,
    "user_agent": 512,
    "request_method": 16,
    "path": 1024,
    "request_id": 128,
    "run_id": 64,
}


@dataclass(frozen=True, slots=True)
class _Pending:
    entry: OutboxEntry
    event: AuditEvent


def relay_batch(limit: int = BATCH_SIZE) -> int:
    """Move the oldest entries.  Returns how many left the outbox; fewer than ``limit`` means that it is empty."""
    if not OutboxEntry.objects.exists():
        return 0
    return _with_counter(lambda: _move_batch(limit))


def write_new_events(bodies: list[payload.Event]) -> int:
    """Write those events that are not there yet, all or none.  Returns how many were new."""
    return _with_counter(lambda: _write_new(bodies))


@transaction.atomic
def _move_batch(limit: int) -> int:
    counter = _lock_counter()
    entries = list(skip_locked(OutboxEntry.objects.order_by("id"))[:limit])
    if not entries:
        return 0
    _warn_when_late(entries[0])
    _insert(_readable(entries), counter)
    OutboxEntry.objects.filter(pk__in=[entry.pk for entry in entries]).delete()
    return len(entries)


@transaction.atomic
def _write_new(bodies: list[payload.Event]) -> int:
    counter = _lock_counter()
    events = {event.pk: event for event in map(build_event, bodies)}
    present = set(AuditEvent.objects.filter(pk__in=list(events)).values_list("pk", flat=True))
    fresh = [event for key, event in events.items() if key not in present]
    _number_and_insert(fresh, counter)
    return len(fresh)


def build_event(body: payload.Event) -> AuditEvent:
    """The row of a decoded body.  Raises KeyError, TypeError or ValueError for what is no event."""
    truncated: list[str] = body.get("truncated_fields", [])
    return AuditEvent(
        id=uuid.UUID(body["id"]),
        timestamp=int(body["timestamp"]),
        action=_clean(body["action"], 32),
        status=_clean(body.get("status", Status.SUCCESS.value), 16),
        error_message=_clean(body.get("error_message", "")),
        reason=_clean(body.get("reason", "")),
        old_object=_object(body.get("old")),
        new_object=_object(body.get("new")),
        old_object_truncated=any(name.split(".")[0] == "old" for name in truncated),
        new_object_truncated=any(name.split(".")[0] == "new" for name in truncated),
        truncated_fields=_storable(truncated),
        changed_fields=_storable(body.get("changed_fields", [])),
        data=_storable(body.get("data", {})),
        **{name: _clean(body.get(name, ""), length) for name, length in _TEXTS.items()},
    )


def _object(value: Any) -> str | None:
    return None if value is None else orjson.dumps(value).decode()


def _clean(value: Any, length: int | None = None) -> str:
    """A text that every database stores: without NUL, not longer than its column."""
    return str(value).replace("\x00", "\ufffd")[:length]


def _storable(value: Any) -> Any:
    """JSON without NUL in any text: PostgreSQL's jsonb refuses it."""
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd")
    if isinstance(value, dict):
        return {_storable(name): _storable(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_storable(item) for item in value]
    return value


def _readable(entries: list[OutboxEntry]) -> list[_Pending]:
    readable = []
    for entry in entries:
        try:
            readable.append(_Pending(entry, build_event(payload.decode(entry.body))))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            _bury(entry, error)
    return readable


def _insert(pending: list[_Pending], counter: Sequence) -> None:
    """Insert all; when the database refuses, halve until the bad entry stands alone and bury it."""
    if not pending:
        return
    try:
        with transaction.atomic():
            _number_and_insert([item.event for item in pending], counter)
    except _NOT_THE_ENTRY:
        raise
    except (DatabaseError, ValueError) as error:
        if len(pending) == 1:
            _bury(pending[0].entry, error)
            return
        middle = len(pending) // 2
        _insert(pending[:middle], counter)
        _insert(pending[middle:], counter)


def _bury(entry: OutboxEntry, error: Exception) -> None:
    text = _clean(f"{type(error).__name__}: {error}", 2000)
    DeadEntry.objects.create(outbox_id=entry.pk, recorded_at=entry.at, body=entry.body, error=text)
    alarms.dead(outbox_id=entry.pk, error=text)


def _with_counter(numbering: Callable[[], int]) -> int:
    """Run what locks the counter in a transaction of its own; the first one of all has to make the counter.

    Not in that transaction: two first users on MariaDB would each keep a shared lock of the row that a third had
    inserted, and neither could lock it, which is a deadlock.
    """
    try:
        return numbering()
    except Sequence.DoesNotExist:
        last = AuditEvent.objects.aggregate(last=Max("seq"))["last"] or 0
        Sequence.objects.bulk_create([Sequence(pk=_COUNTER_ID, value=last)], ignore_conflicts=True)
        return numbering()


def _lock_counter() -> Sequence:
    return Sequence.objects.select_for_update().get(pk=_COUNTER_ID)


def _number_and_insert(events: list[AuditEvent], counter: Sequence) -> None:
    if not events:
        return
    for number, event in enumerate(events, start=counter.value + 1):
        event.seq = number
    insert_events(events)
    last = counter.value + len(events)
    Sequence.objects.filter(pk=counter.pk).update(value=last)
    # Only now: after a rolled-back savepoint the numbers are free again.
    counter.value = last


def _warn_when_late(oldest: OutboxEntry) -> None:
    waited = timezone.now() - oldest.at
    if waited > LATE_AFTER:
        log.warning("audit_relay_late", seconds=round(waited.total_seconds(), 1), outbox_id=oldest.pk)
