"""How long one statement may take, the same on all databases (A-3): by default 3 s, whoever sends it.

The server itself stops what takes longer (PostgreSQL ``statement_timeout``, MariaDB ``max_statement_time``, MySQL
``max_execution_time``, and the two latter's lock waits); ``project/databases.py`` sets that for every connection.
SQLite has no server: there a progress handler counts the time that SQLite itself is at work.  Either way the caller
sees an OperationalError, which the doors answer as ``TimedOut`` (2005, 504).

Work that rightly takes longer says so, in plain sight:

    with time_limit(seconds=60):
        forget_old_rows()

Not promised: MySQL (not MariaDB) limits only SELECT and the wait for locks.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

UNLIMITED = 0.0
# SQLite asks back after so many steps of its machine, some 0.1 ms.
_STEPS = 10_000
# Longer between two questions means that nobody asked SQLite for anything: a reader busy with the rows it has.
_PAUSE_SECONDS = 0.05


@contextmanager
def time_limit(*, seconds: float, using: str = DEFAULT_DB_ALIAS) -> Iterator[None]:
    """Another limit for each statement of the block, on this thread's connection; ``UNLIMITED`` for none.

    Blocks may lie in one another.  A connection that breaks inside the block comes back with the same limit.
    """
    connection = connections[using]
    before = wanted_seconds(connection)
    _want(connection, seconds)
    try:
        _apply(connection)
        yield
    finally:
        _want(connection, before)
        _put_back(connection)


def _put_back(connection: BaseDatabaseWrapper) -> None:
    try:
        _apply(connection)
    except (DatabaseError, InterfaceError):
        # In a broken transaction nothing can be set, and need not be: its rollback takes our setting back.  Otherwise
        # the connection itself is broken: the next one begins with the limit that is wanted now.
        if not connection.in_atomic_block:
            connection.close()


def wanted_seconds(connection: Any) -> float:
    """The limit that holds on this connection now."""
    return float(getattr(connection, "time_limit_seconds", settings.DATABASE_TIME_LIMIT_SECONDS))


def limit_new_connection(connection: BaseDatabaseWrapper) -> None:
    """For a connection just opened: the default came with its settings, a limit of a running block did not."""
    if connection.vendor == "sqlite":
        connection.connection.set_progress_handler(_Stopwatch(connection), _STEPS)
    elif wanted_seconds(connection) != settings.DATABASE_TIME_LIMIT_SECONDS:
        _apply(connection)


def start_statement(connection: Any) -> None:
    """The next statement begins: SQLite's time starts anew."""
    connection.sqlite_seconds = 0.0


def _want(connection: Any, seconds: float) -> None:
    connection.time_limit_seconds = seconds


def _apply(connection: BaseDatabaseWrapper) -> None:
    for statement in _statements(connection, wanted_seconds(connection)):
        with connection.cursor() as cursor:
            cursor.execute(statement)


def _statements(connection: Any, seconds: float) -> list[str]:
    if connection.vendor == "postgresql":
        return [f"SET statement_timeout = {math.ceil(seconds * 1000)}"]
    if connection.vendor == "mysql":
        lock_wait = math.ceil(seconds) or 3600
        if connection.mysql_is_mariadb:
            return [f"SET max_statement_time = {seconds:g}, innodb_lock_wait_timeout = {lock_wait}"]
        return [f"SET max_execution_time = {math.ceil(seconds * 1000)}, innodb_lock_wait_timeout = {lock_wait}"]
    return []


class _Stopwatch:
    """SQLite's progress handler: true stops the statement."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._asked = 0.0

    def __call__(self) -> bool:
        now = time.perf_counter()
        passed = min(now - self._asked, _PAUSE_SECONDS)
        self._asked = now
        spent = getattr(self._connection, "sqlite_seconds", 0.0) + passed
        self._connection.sqlite_seconds = spent
        limit = wanted_seconds(self._connection)
        return limit != UNLIMITED and spent > limit
