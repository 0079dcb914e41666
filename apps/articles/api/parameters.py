"""What callers send in queries, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from apps.articles.cache import FIRST_PAGE, ListQuery, Position
from apps.articles.models import Language
from apps.core.api.filters import refuse_unknown
from apps.core.api.pagination import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE
from apps.core.api.parameters import read_moment, read_number, refused

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
            since=read_moment(query, "updated_since"),
            after=_position(query),
            page_size=_page_size(query),
        )
    by_cursor = "cursor" in query
    refuse_unknown(request, known=_LIST_PARAMETERS - ({"page"} if by_cursor else set()))
    return ListQuery(
        page=read_number(query, "page", default=1),
        page_size=_page_size(query),
        source_id=read_number(query, "source_id", default=1) if "source_id" in query else None,
        language=_language(query),
        fighter_id=read_number(query, "fighter", default=1) if "fighter" in query else None,
        event_id=read_number(query, "event", default=1) if "event" in query else None,
        since=read_moment(query, "since") if "since" in query else None,
        by_cursor=by_cursor,
        after=_position(query),
    )


def _page_size(query: Mapping[str, str]) -> int:
    return read_number(query, "page_size", default=DEFAULT_PAGE_SIZE, maximum=MAX_PAGE_SIZE)


def _position(query: Mapping[str, str]) -> Position | None:
    """The place of a cursor; None for the first page of a walk."""
    text = query.get("cursor", "")
    if not text:
        return None
    try:
        return Position.decoded(text)
    except ValueError:
        raise refused("cursor", _("Take next_cursor of the answer before.")) from None


def _language(query: Mapping[str, str]) -> str:
    language = query.get("language", "")
    if language and language not in Language.values:
        raise refused("language", _("A language that sources can have."))
    return language
