"""Statements slower than 100 ms, in app.log (A-3, C-4): which one, from where, in which request; never with values.

    {"event": "slow_query", "fingerprint": "9f2c41d07a35", "duration_ms": 184.2, "place": "apps/orders/querysets.py:41",
     "sql": "SELECT … WHERE status = %s", "request_id": …}

The fingerprint is the same for every run of a statement whatever its values and however long its lists, so that a day
of them can be counted.  Parameters never stand in it; literals that a query spells out are replaced.
"""

from __future__ import annotations

import hashlib
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import structlog
from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper

from apps.core.time_limits import start_statement

log = structlog.get_logger(__name__)

_ROOT = Path(__file__).resolve().parents[2]
_OURS = (f"{_ROOT}/apps/", f"{_ROOT}/project/")
_SQL_LENGTH = 500
_TEXTS = re.compile(r"'(?:[^']|'')*'")
_NUMBERS = re.compile(r"\b\d+(?:\.\d+)?\b")
_LISTS = re.compile(r"\((?:\s*%s\s*,)+\s*%s\s*\)")
_ROWS = re.compile(r"\((?:…|%s)\)(?:\s*,\s*\((?:…|%s)\))+")
_SAVEPOINTS = re.compile(r'"s\d+_x\d+"')


def watch(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
    """Django's execute wrapper, on every connection."""
    connection: BaseDatabaseWrapper = context["connection"]
    if connection.vendor == "sqlite":
        start_statement(connection)
    started = time.perf_counter()
    try:
        return execute(sql, params, many, context)
    finally:
        seconds = time.perf_counter() - started
        if seconds > settings.SLOW_QUERY_SECONDS:
            _tell(str(sql), seconds)


def watch_connection(connection: BaseDatabaseWrapper) -> None:
    """Outermost wrapper of this connection; safe to repeat when it is opened again."""
    if watch not in connection.execute_wrappers:
        connection.execute_wrappers.insert(0, watch)


def is_watched_by_others(connection: BaseDatabaseWrapper) -> bool:
    """Does anybody but us want to see each statement?"""
    return any(wrapper is not watch for wrapper in connection.execute_wrappers)


def normalised(sql: str) -> str:
    """The statement without values, in one line: lists of any length and rows of any number look alike."""
    text = _SAVEPOINTS.sub('"savepoint"', sql)
    text = _NUMBERS.sub("?", _TEXTS.sub("?", text))
    text = _ROWS.sub("(…)", _LISTS.sub("(…)", text))
    return " ".join(text.split())


def fingerprint(sql: str) -> str:
    return hashlib.sha256(normalised(sql).encode()).hexdigest()[:12]


def _tell(sql: str, seconds: float) -> None:
    log.warning(
        "slow_query",
        fingerprint=fingerprint(sql),
        sql=normalised(sql)[:_SQL_LENGTH],
        duration_ms=round(seconds * 1000, 1),
        place=_place(),
    )


def _place() -> str:
    """The nearest line of ours that led to the statement."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        path = frame.f_code.co_filename
        if path.startswith(_OURS) and path != __file__:
            return f"{path.removeprefix(f'{_ROOT}/')}:{frame.f_lineno}"
        frame = frame.f_back
    return ""
