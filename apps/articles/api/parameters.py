"""What callers send in queries, checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from apps.articles.cache import FIRST_PAGE, ListQuery, Position
from apps.articles.models import Language
from apps.core.api.filters import parse_instant, refuse_unknown
from apps.core.api.pagination import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE
from apps.core.errors import FieldError, Invalid, Text

_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)


_LIST_PARAMETERS = {
    "page", "page_size", "source_id", "language", "fighter", "event", "since", "cursor", "updated_since",
}  # fmt: skip
_WALK = {"page_size", "cursor", "updated_since"}


@dataclass(frozen=True, slots=True)
class ChangesQuery:
    """What a reader who keeps copies asks: everything that changed since then."""

    since: datetime
    after: Position | None
    page_size: int


def list_query(request: HttpRequest) -> ListQuery | ChangesQuery:
    """Raises Invalid for values out of range, parameters that nobody knows, and those that exclude each other."""
    query: Mapping[str, str] = request.GET
    if not query:
        return FIRST_PAGE
    if "updated_since" in query:
        refuse_unknown(request, known=_WALK)
        return ChangesQuery(
            since=_instant(query, "updated_since"),
            after=_position(query),
            page_size=_number(query, "page_size", DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE),
        )
    by_cursor = "cursor" in query
    refuse_unknown(request, known=_LIST_PARAMETERS - ({"page"} if by_cursor else set()))
    return ListQuery(
        page=_number(query, "page", 1, None),
        page_size=_number(query, "page_size", DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE),
        source_id=_number(query, "source_id", 1, None) if "source_id" in query else None,
        language=_language(query),
        fighter_id=_number(query, "fighter", 1, None) if "fighter" in query else None,
        event_id=_number(query, "event", 1, None) if "event" in query else None,
        since=_instant(query, "since") if "since" in query else None,
        by_cursor=by_cursor,
        after=_position(query),
    )


def _instant(query: Mapping[str, str], name: str) -> datetime:
    try:
        return parse_instant(query[name].strip())
    except (ValueError, OverflowError):
        detail = _("A time as RFC 3339 with zone (2025-01-31T08:00:00Z) or as Unix milliseconds.")
        raise _invalid(name, detail) from None


def _position(query: Mapping[str, str]) -> Position | None:
    """The place of a cursor; None for the first page of a walk."""
    text = query.get("cursor", "")
    if not text:
        return None
    try:
        return Position.decoded(text)
    except ValueError:
        raise _invalid("cursor", _("Take next_cursor of the answer before.")) from None


def _language(query: Mapping[str, str]) -> str:
    language = query.get("language", "")
    if language and language not in Language.values:
        raise _invalid("language", _("A language that sources can have."))
    return language


def _number(query: Mapping[str, str], name: str, default: int, maximum: int | None) -> int:
    text = query.get(name)
    if text is None:
        return default
    if not _NUMBER.fullmatch(text) or int(text) < 1 or (maximum is not None and int(text) > maximum):
        raise _invalid(name, _("A whole number from 1 to 100.") if maximum else _("A whole number from 1."))
    return int(text)


def _invalid(name: str, sentence: Text) -> Invalid:
    return Invalid(errors=[FieldError(name, "invalid", sentence)])
