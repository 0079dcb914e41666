"""The first connection to the database, and what becomes of the pool behind it (C-2, C-3).

``wait_for_database`` stands in ``START_CHECKS``: a process that starts a little before its database asks again, up to
five times, ever more slowly.  When there is still no answer it starts all the same: it says so on /health and in its
log, and serves as soon as the database is there.
"""

from __future__ import annotations

import copy
import threading
import time
from typing import Any

import structlog
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections
from django.db import connection as default_connection
from django.db.utils import load_backend

log = structlog.get_logger(__name__)

# Before the second, third … sixth question: 15.5 s together.
PAUSES_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0)
POOL_LOGGED_EVERY_SECONDS = 60.0


def wait_for_database() -> bool:
    """Whether the database took a connection in the end.  Leaves none open: a worker forks afterwards."""
    for attempt, pause in enumerate((*PAUSES_SECONDS, None), start=1):
        try:
            _connect_once()
        except DatabaseError as error:
            if pause is None:
                log.error("database_not_reached", attempts=attempt, error=str(error))
                return False
            log.warning("database_connect_retry", attempt=attempt, next_in_seconds=pause, error=str(error))
            time.sleep(pause)
        else:
            return True
    return False


def _connect_once() -> None:
    """Past the pool, which would ask again by itself and say nothing."""
    config: dict[str, Any] = copy.deepcopy(connections[DEFAULT_DB_ALIAS].settings_dict)
    config["OPTIONS"].pop("pool", None)
    connection = load_backend(config["ENGINE"]).DatabaseWrapper(config, DEFAULT_DB_ALIAS)
    try:
        connection.ensure_connection()
    finally:
        connection.close()


def start_logging_pool() -> None:
    """Write the pool's figures into app.log once a minute, for the life of the process."""
    threading.Thread(target=_log_for_ever, name="pool log", daemon=True).start()


def log_pool(connection: Any = default_connection) -> None:
    """One line: connections open, in use, idle, and how many wait for one.  Nothing without a pool."""
    pool = getattr(connection, "pool", None)
    if pool is None:
        return
    figures = pool.get_stats()
    opened, idle = figures.get("pool_size", 0), figures.get("pool_available", 0)
    log.info(
        "database_pool",
        open=opened,
        in_use=opened - idle,
        idle=idle,
        most=pool.max_size,
        waiting=figures.get("requests_waiting", 0),
    )


def _log_for_ever() -> None:
    while True:
        time.sleep(POOL_LOGGED_EVERY_SECONDS)
        log_pool()
