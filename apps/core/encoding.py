"""How values become JSON on the wire: UTC times with ``Z``, decimals and lazy texts as strings (decision 8)."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import orjson
from django.utils.functional import Promise

# Datetimes pass through ``_fallback``: orjson alone would write another zone's offset, our API speaks only UTC.
_OPTIONS = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_NON_STR_KEYS


def to_json(value: Any) -> bytes:
    """JSON of a value.  Raises TypeError (orjson.JSONEncodeError) for what has no JSON form."""
    return orjson.dumps(value, default=_fallback, option=_OPTIONS)


def utc_text(moment: dt.datetime) -> str:
    """RFC 3339 in UTC with ``Z``.  A naive time is taken as UTC."""
    aware = moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)
    return aware.replace(tzinfo=None).isoformat() + "Z"


def now_text() -> str:
    """The present moment to the millisecond."""
    return dt.datetime.now(dt.UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def _fallback(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return utc_text(value)
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, Decimal | Promise | uuid.UUID):
        return str(value)
    if isinstance(value, dt.timedelta):
        return value.total_seconds()
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode("utf-8", "replace")
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "__iter__"):
        return list(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
