"""What the carrier's answers mean: rows that are good, rows that are not, and why."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from apps.orders.enums import SyncType
from apps.orders.errors import CarrierAnswerUnusable
from apps.orders.models import SimCard

MOST_SAMPLE_CHARACTERS = 200
MOST_CURSOR_CHARACTERS = 500
# What the column holds on every database.
MOST_ROWS_TOLD = 2**31 - 1
# The largest number that JSON readers everywhere keep exact.
MOST_BYTES_USED = 2**53 - 1
_ICCID = re.compile(r"[0-9A-Fa-f]{18,22}\Z")
# Sets of plain texts: a look into them costs no enum.
_STATUSES = frozenset(SimCard.Status.values)
_REAL_NAMES = frozenset(SimCard.RealName.values)


@dataclass(frozen=True, slots=True)
class StatusRow:
    iccid: str
    status: str


@dataclass(frozen=True, slots=True)
class RealNameRow:
    iccid: str
    real_name_status: str


@dataclass(frozen=True, slots=True)
class UsageRow:
    iccid: str
    day: date
    used_bytes: int


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that is no use: where it stood, why, and its beginning."""

    position: int
    reason: str
    sample: str


Row = StatusRow | RealNameRow | UsageRow


@dataclass(frozen=True, slots=True)
class Page:
    """``total`` is what the carrier says of the whole; 0 when it says nothing."""

    rows: list[Row]
    bad: list[BadRow] = field(default_factory=list)
    next_cursor: str = ""
    total: int = 0


class _Unusable(Exception):
    """Why a row is no use, in one word: the field."""


def read_page(sync_type: SyncType, body: dict[str, Any]) -> Page:
    """Raises CarrierAnswerUnusable for what is no page; single bad rows are listed in it."""
    items, cursor, total = body.get("items"), body.get("next_cursor"), body.get("total")
    if not isinstance(items, list):
        raise CarrierAnswerUnusable("no list of items")
    if cursor is not None and not _is_cursor(cursor):
        raise CarrierAnswerUnusable("a cursor that is no short text")
    read = _READERS[sync_type]
    rows: list[Row] = []
    bad: list[BadRow] = []
    for position, item in enumerate(items):
        try:
            rows.append(read(_iccid(item), item))
        except _Unusable as reason:
            bad.append(BadRow(position, str(reason), repr(item)[:MOST_SAMPLE_CHARACTERS]))
    return Page(rows, bad, cursor or "", _total(total))


def _is_cursor(value: Any) -> bool:
    """PostgreSQL stores no NUL."""
    return isinstance(value, str) and len(value) <= MOST_CURSOR_CHARACTERS and "\0" not in value


def _total(value: Any) -> int:
    """Only for the progress, so nonsense is no reason to refuse the page.  True is an int to Python."""
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return value if is_number and 0 < value <= MOST_ROWS_TOLD else 0


def _iccid(item: Any) -> str:
    iccid = item.get("iccid") if isinstance(item, dict) else None
    if not isinstance(iccid, str) or not _ICCID.match(iccid):
        raise _Unusable("iccid")
    return iccid.upper()


def _status(iccid: str, item: dict[str, Any]) -> Row:
    status = item.get("status")
    if not isinstance(status, str) or status not in _STATUSES:
        raise _Unusable("status")
    return StatusRow(iccid, status)


def _real_name(iccid: str, item: dict[str, Any]) -> Row:
    status = item.get("real_name_status")
    if not isinstance(status, str) or status not in _REAL_NAMES:
        raise _Unusable("real_name_status")
    return RealNameRow(iccid, status)


def _usage(iccid: str, item: dict[str, Any]) -> Row:
    day, used = item.get("day"), item.get("used_bytes")
    if not isinstance(used, int) or isinstance(used, bool) or not 0 <= used <= MOST_BYTES_USED:
        raise _Unusable("used_bytes")
    try:
        return UsageRow(iccid, date.fromisoformat(day if isinstance(day, str) else ""), used)
    except ValueError:
        raise _Unusable("day") from None


_READERS: dict[SyncType, Callable[[str, dict[str, Any]], Row]] = {
    SyncType.SIM_STATUS: _status,
    SyncType.REAL_NAME: _real_name,
    SyncType.FLOW_USAGE: _usage,
}
