"""Putting finished events into the table: COPY on PostgreSQL, INSERT of many rows elsewhere.

COPY costs a third of the processor time of the same rows through ``bulk_create``; with 11 indexes behind it the relay
shares its processor with the server often enough for that to matter.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
from django.db import connection, models

from apps.audit.models import AuditEvent

# One INSERT stays under the 16 MB that MariaDB accepts in a packet, escapes included.
STATEMENT_BYTES = 4_000_000
# What the database fills in is left out.
_FIELDS = [field for field in AuditEvent._meta.concrete_fields if field.name != "created_at"]
_NAMES = tuple(field.attname for field in _FIELDS)
_JSON = frozenset(field.attname for field in _FIELDS if isinstance(field, models.JSONField))
_COPY = f"COPY audit_events ({', '.join(str(field.column) for field in _FIELDS)}) FROM STDIN"


def insert_events(events: list[AuditEvent]) -> None:
    """All or none of them, within the caller's transaction.  Raises DatabaseError."""
    if connection.vendor == "postgresql":
        _copy(events)
        return
    for statement in _statements(events):
        AuditEvent.objects.bulk_create(statement)


def _copy(events: list[AuditEvent]) -> None:
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.cursor.copy(_COPY) as copy:
        for event in events:
            copy.write_row([_plain(name, event.__dict__[name]) for name in _NAMES])


def _plain(name: str, value: Any) -> Any:
    return orjson.dumps(value).decode() if name in _JSON else value


def _statements(events: list[AuditEvent]) -> Iterator[list[AuditEvent]]:
    """Groups of events, each small enough for one INSERT."""
    group: list[AuditEvent] = []
    weight = 0
    for event in events:
        own = 2000 + 2 * (len(event.old_object or "") + len(event.new_object or ""))
        if group and weight + own > STATEMENT_BYTES:
            yield group
            group, weight = [], 0
        group.append(event)
        weight += own
    if group:
        yield group
