"""What callers send in paths, queries and headers, checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework.request import Request

from apps.core.api.filters import parse_instant, read_switch, refuse_unknown
from apps.core.api.pagination import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE
from apps.core.errors import FieldError, Invalid, PreconditionRequired, Text
from apps.events.cache import ListQuestion
from apps.events.enums import EventStatus

_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)
_VERSION_TAG = re.compile(r'(?:W/)?"?([0-9]{1,9})"?', re.ASCII)
# What organisations call themselves; also part of a cache key.
_ORG = re.compile(r"[\w .&'+-]{1,32}")
_LIST_PARAMETERS = {"page", "page_size", "org", "date", "status", "updated_since"}
_PLAIN_LIST = ListQuestion()


def whole_id(text: str) -> int:
    """The number in a path (decision 9).  Raises Invalid for anything else."""
    if not _NUMBER.fullmatch(text) or int(text) < 1:
        raise _invalid("id", _("A whole number from 1."))
    return int(text)


def list_question(request: HttpRequest) -> ListQuestion:
    """Raises Invalid for values out of range and for parameters that nobody knows."""
    query: Mapping[str, str] = request.GET
    if not query:
        return _PLAIN_LIST
    refuse_unknown(request, known=_LIST_PARAMETERS)
    day = _day(query.get("date", ""))
    starts, ends = _day_bounds(day) if day else (None, None)
    return ListQuestion(
        page=_number(query, "page", 1, None),
        page_size=_number(query, "page_size", DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE),
        org=_org(query.get("org", "")),
        date=day.isoformat() if day else "",
        day_starts=starts,
        day_ends=ends,
        status=_status(query.get("status", "")),
        updated_since=_moment(query.get("updated_since", "")),
    )


def wants_spoilers(request: HttpRequest) -> bool:
    """``spoilers=0`` hides results.  Raises Invalid for another value or parameter."""
    if not request.GET:
        return True
    refuse_unknown(request, known={"spoilers"})
    return read_switch(request, "spoilers", default=True)


def expected_version(request: Request) -> int | None:
    """The version the caller started from, from ``If-Match`` or the body's ``version``; None when neither is sent."""
    text = request.headers.get("If-Match", "").strip()
    if not text:
        text = str(request.data.get("version") or "") if isinstance(request.data, Mapping) else ""
    if not text or text == "*":
        return None
    found = _VERSION_TAG.fullmatch(text)
    if found is None:
        raise _invalid("version", _("A whole number from 1."))
    return int(found.group(1))


def required_version(request: Request) -> int:
    """The same where it must be sent (decision 35).  Raises PreconditionRequired."""
    version = expected_version(request)
    if version is None:
        raise PreconditionRequired
    return version


def _org(text: str) -> str:
    if text and not _ORG.fullmatch(text):
        raise _invalid("org", _("Up to 32 letters and digits."))
    # Compared without case, so one key for all spellings.
    return text.strip().upper()


def _status(text: str) -> str:
    if text and text not in EventStatus.values:
        raise _invalid("status", _("scheduled, live or completed."))
    return text


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    try:
        return parse_instant(text)
    except (ValueError, OverflowError):
        sentence = _("A time as RFC 3339 with zone (2025-01-31T08:00:00Z) or as Unix milliseconds.")
        raise _invalid("updated_since", sentence) from None


def _day(text: str) -> date | None:
    if not text:
        return None
    try:
        found = date.fromisoformat(text) if len(text) == len("2026-08-01") else None
    except ValueError:
        found = None
    # The bounds of the day must be days too.
    if found is None or not 1900 <= found.year <= 2200:
        raise _invalid("date", _("A day as 2026-08-01."))
    return found


def _day_bounds(day: date) -> tuple[datetime, datetime]:
    """Of a day in the zone of the product (decision 8)."""
    zone = timezone.get_default_timezone()
    midnights = (datetime(each.year, each.month, each.day, tzinfo=zone) for each in (day, day + timedelta(days=1)))
    return next(midnights), next(midnights)


def _number(query: Mapping[str, str], name: str, default: int, maximum: int | None) -> int:
    text = query.get(name)
    if text is None:
        return default
    if not _NUMBER.fullmatch(text) or int(text) < 1 or (maximum is not None and int(text) > maximum):
        raise _invalid(name, _("A whole number from 1 to 100.") if maximum else _("A whole number from 1."))
    return int(text)


def _invalid(name: str, sentence: Text) -> Invalid:
    return Invalid(errors=[FieldError(name, "invalid", sentence)])
