"""What callers send in queries, checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.core.api.filters import read_switch, refuse_unknown
from apps.core.api.pagination import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE
from apps.core.api.parameters import read_moment, read_number, refused
from apps.events.cache import ListQuestion
from apps.events.enums import EventStatus

# What organisations call themselves; also part of a cache key.
_ORG = re.compile(r"[\w .&'+-]{1,32}")
_LIST_PARAMETERS = {"page", "page_size", "org", "date", "status", "updated_since"}
_PLAIN_LIST = ListQuestion()


def list_question(request: HttpRequest) -> ListQuestion:
    """Raises Invalid for values out of range and for parameters that nobody knows."""
    query: Mapping[str, str] = request.GET
    if not query:
        return _PLAIN_LIST
    refuse_unknown(request, known=_LIST_PARAMETERS)
    day = _day(query.get("date", ""))
    starts, ends = _day_bounds(day) if day else (None, None)
    return ListQuestion(
        page=read_number(query, "page", default=1),
        page_size=read_number(query, "page_size", default=DEFAULT_PAGE_SIZE, maximum=MAX_PAGE_SIZE),
        org=_org(query.get("org", "")),
        date=day.isoformat() if day else "",
        day_starts=starts,
        day_ends=ends,
        status=_status(query.get("status", "")),
        updated_since=read_moment(query, "updated_since") if query.get("updated_since") else None,
    )


def wants_spoilers(request: HttpRequest) -> bool:
    """``spoilers=0`` hides results.  Raises Invalid for another value or parameter."""
    if not request.GET:
        return True
    refuse_unknown(request, known={"spoilers"})
    return read_switch(request, "spoilers", default=True)


def _org(text: str) -> str:
    if text and not _ORG.fullmatch(text):
        raise refused("org", _("Up to 32 letters and digits."))
    # Compared without case, so one key for all spellings.
    return text.strip().upper()


def _status(text: str) -> str:
    if text and text not in EventStatus.values:
        raise refused("status", _("scheduled, live or completed."))
    return text


def _day(text: str) -> date | None:
    if not text:
        return None
    try:
        found = date.fromisoformat(text) if len(text) == len("2026-08-01") else None
    except ValueError:
        found = None
    # The bounds of the day must be days too.
    if found is None or not 1900 <= found.year <= 2200:
        raise refused("date", _("A day as 2026-08-01."))
    return found


def _day_bounds(day: date) -> tuple[datetime, datetime]:
    """Of a day in the zone of the product (decision 8)."""
    zone = timezone.get_default_timezone()
    midnights = (datetime(each.year, each.month, each.day, tzinfo=zone) for each in (day, day + timedelta(days=1)))
    return next(midnights), next(midnights)
