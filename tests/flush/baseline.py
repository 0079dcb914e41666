"""What ``migrate`` left behind (types, permissions, roles, schedules), given back after each transactional test.

Emptying a hundred tables and migrating anew takes a second; looking which tables hold other rows than before, and
putting those right, takes a twentieth of it.
"""

from __future__ import annotations

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

# Its one row is the pass under which all this happens.
_PASS = "audit_pass"
_Rows = list[tuple[Any, ...]]
_kept: dict[str, tuple[list[str], _Rows]] = {}


def is_kept() -> bool:
    return bool(_kept)


def keep(connection: BaseDatabaseWrapper) -> None:
    """Remember the rows of now: before the first test."""
    _kept.clear()
    for table in _filled(connection):
        _kept[table] = _read(connection, table)


def restore(connection: BaseDatabaseWrapper) -> None:
    """Make every table what it was; in a transaction, under a pass of the audit log."""
    changed = [
        table for table in _filled(connection) if table not in _kept or _read(connection, table)[1] != _kept[table][1]
    ]
    quote = connection.ops.quote_name
    with connection.constraint_checks_disabled(), connection.cursor() as cursor:
        for table in changed:
            cursor.execute(f"DELETE FROM {quote(table)}")
        for table, (columns, rows) in _kept.items():
            if table in changed or not _has_rows(connection, table):
                names, marks = ", ".join(map(quote, columns)), ", ".join(["%s"] * len(columns))
                cursor.executemany(f"INSERT INTO {quote(table)} ({names}) VALUES ({marks})", rows)


def _filled(connection: BaseDatabaseWrapper) -> list[str]:
    """Tables with rows, by one statement."""
    tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
    quote = connection.ops.quote_name
    looks = [f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM {quote(table)})" for table in tables if table != _PASS]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(looks))
        return sorted(name for (name,) in cursor.fetchall())


def _has_rows(connection: BaseDatabaseWrapper, table: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT 1 FROM {connection.ops.quote_name(table)} LIMIT 1")
        return cursor.fetchone() is not None


def _read(connection: BaseDatabaseWrapper, table: str) -> tuple[list[str], _Rows]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
        return [column[0] for column in cursor.description], list(cursor.fetchall())
