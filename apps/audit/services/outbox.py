"""Writing the one narrow row, on the caller's connection and in the caller's transaction.

This statement is most of what an audited save costs more than a plain one, and planning it anew each time is a good
part of that.  So on PostgreSQL it is prepared once per connection by psycopg (a save with the row was 0.79 instead of
0.72 of a save without, twenty in a transaction, on a busy machine; in transactions of one save the commit outweighs
it).  Elsewhere, behind a transaction pooler, and for anybody who watches the statements (execute wrappers, query
counting) it goes through Django's cursor.
"""

from __future__ import annotations

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from apps.audit.models import OutboxEntry
from apps.core.slow_queries import is_watched_by_others

OUTBOX_TABLE = OutboxEntry._meta.db_table
_INSERT = f"INSERT INTO {OUTBOX_TABLE} (body) VALUES (%s)"  # noqa: S608
# psycopg prepares what is asked for by name only; Django's own cursors never ask.
_NEVER_BY_ITSELF = 2**31


def append(connection: BaseDatabaseWrapper, body: str) -> None:
    """Raises what every statement of Django raises (DatabaseError and its kin)."""
    if _may_prepare(connection):
        _append_prepared(connection, body)
        return
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, (body,))


def append_many(connection: BaseDatabaseWrapper, bodies: list[str]) -> None:
    """All of them in one statement.  Raises as ``append``."""
    if not bodies:
        return
    if len(bodies) == 1:
        append(connection, bodies[0])
        return
    with connection.cursor() as cursor:
        cursor.execute(f"{_INSERT}{', (%s)' * (len(bodies) - 1)}", bodies)


def _may_prepare(connection: BaseDatabaseWrapper) -> bool:
    return (
        connection.vendor == "postgresql"
        and connection.connection is not None
        and not is_watched_by_others(connection)
        and not connection.queries_logged
        # Django's word for a transaction pooler: there a prepared statement may be on another server connection.
        and not connection.settings_dict["DISABLE_SERVER_SIDE_CURSORS"]
    )


def _append_prepared(connection: BaseDatabaseWrapper, body: str) -> None:
    from psycopg import Cursor

    raw: Any = connection.connection
    if raw.prepare_threshold is None:
        raw.prepare_threshold = _NEVER_BY_ITSELF
    with connection.wrap_database_errors, Cursor(raw) as cursor:
        cursor.execute(_INSERT, (body,), prepare=True)
