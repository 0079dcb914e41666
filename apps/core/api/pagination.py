"""Pages (decision 7): ``page`` ≥ 1, ``page_size`` 1-100; beyond the last page is empty, not an error.

``PageNumber`` is the default.  ``Keyset`` is for histories that grow without end: it understands pages too, and with
``cursor`` (empty for the first one) it walks without counting and without OFFSET, forwards and back:

    class EventPages(Keyset):
        ordering = ("-timestamp", "-id")      # not null, and the last one unique
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import orjson
from django.core import signing
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _
from rest_framework.pagination import BasePagination
from rest_framework.response import Response

from apps.core.encoding import to_json
from apps.core.errors import FieldError, Invalid, Text

DEFAULT_PAGE_SIZE = 20
MAX_PAGE_SIZE = 100
# 18 digits fit every database's integers; more is a mistake, not a page.
_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)


class PageNumber(BasePagination):
    """``{"items": […], "pagination": {"page", "page_size", "total", "total_pages"}}``"""

    parameters: ClassVar[frozenset[str]] = frozenset({"page", "page_size"})

    def paginate_queryset(self, queryset: Any, request: Any, view: Any = None) -> list[Any]:
        self.page = _whole_number(request, "page", default=1, maximum=None)
        self.page_size = _whole_number(request, "page_size", default=DEFAULT_PAGE_SIZE, maximum=MAX_PAGE_SIZE)
        self.total = _count(queryset)
        start = (self.page - 1) * self.page_size
        if start >= self.total:
            return []
        return list(_in_order(queryset)[start : start + self.page_size])

    @property
    def total_pages(self) -> int:
        return -(-self.total // self.page_size)

    def numbers(self) -> dict[str, Any]:
        return {
            "page": self.page,
            "page_size": self.page_size,
            "total": self.total,
            "total_pages": self.total_pages,
        }

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"items": data, "pagination": self.numbers()})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "object",
            "required": ["items", "pagination"],
            "properties": {"items": schema, "pagination": self.numbers_schema()},
        }

    def numbers_schema(self) -> dict[str, Any]:
        names = ("page", "page_size", "total", "total_pages")
        examples = (1, DEFAULT_PAGE_SIZE, 1, 1)
        return {
            "type": "object",
            "required": list(names),
            "properties": {
                name: {"type": "integer", "example": value} for name, value in zip(names, examples, strict=True)
            },
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return [
            _parameter("page", {"type": "integer", "minimum": 1, "default": 1}, "Page, from 1."),
            _parameter(
                "page_size",
                {"type": "integer", "minimum": 1, "maximum": MAX_PAGE_SIZE, "default": DEFAULT_PAGE_SIZE},
                "Entries on a page.",
            ),
        ]


@dataclass(frozen=True, slots=True)
class Position:
    """Where a cursor stands: the ordering values of the row beside it, and the way it looks."""

    values: tuple[Any, ...]
    backwards: bool


class Keyset(PageNumber):
    """Pages, or a signed cursor when ``cursor`` is sent.

    A cursor belongs to the filters it was made with; with others it is refused (1001).  ``ordering`` names columns
    that are never null; together they must be unique.
    """

    ordering: ClassVar[tuple[str, ...]] = ("-id",)
    parameters = frozenset({"page", "page_size", "cursor"})

    def paginate_queryset(self, queryset: Any, request: Any, view: Any = None) -> list[Any]:
        self._filters = _filter_mark(request)
        self._by_cursor = "cursor" in request.query_params
        queryset = queryset.order_by(*self.ordering)
        if self._by_cursor:
            return self._walk(queryset, request)
        rows = super().paginate_queryset(queryset, request, view)
        after_last = (self.page * self.page_size) >= self.total
        self._next = None if after_last or not rows else self._cursor(rows[-1], backwards=False)
        return rows

    def numbers(self) -> dict[str, Any]:
        if self._by_cursor:
            return {"page_size": self.page_size, "next_cursor": self._next, "previous_cursor": self._previous}
        return {**super().numbers(), "next_cursor": self._next}

    def numbers_schema(self) -> dict[str, Any]:
        schema = super().numbers_schema()
        cursor = {"type": "string", "nullable": True}
        # With a cursor nothing is counted: only page_size is in both forms.
        return {
            "type": "object",
            "required": ["page_size", "next_cursor"],
            "properties": {**schema["properties"], "next_cursor": cursor, "previous_cursor": dict(cursor)},
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        text = "Walk without counting: empty for the first page, then next_cursor or previous_cursor of the answer."
        return [*super().get_schema_operation_parameters(view), _parameter("cursor", {"type": "string"}, text, True)]

    def _walk(self, queryset: QuerySet[Any], request: Any) -> list[Any]:
        self.page_size = _whole_number(request, "page_size", default=DEFAULT_PAGE_SIZE, maximum=MAX_PAGE_SIZE)
        position = self._position(queryset, request.query_params["cursor"])
        backwards = position is not None and position.backwards
        if position is not None:
            queryset = queryset.filter(self._beyond(position))
        if backwards:
            queryset = queryset.reverse()
        rows = list(queryset[: self.page_size + 1])
        has_more = len(rows) > self.page_size
        rows = rows[: self.page_size]
        if backwards:
            rows.reverse()
        self._next = self._previous = None
        if rows and (has_more or backwards):
            self._next = self._cursor(rows[-1], backwards=False)
        if rows and (has_more if backwards else position is not None):
            self._previous = self._cursor(rows[0], backwards=True)
        return rows

    def _beyond(self, position: Position) -> Q:
        """Rows after the position in its direction: (a < x) or (a = x and b < y), spelled for every database."""
        condition = Q()
        equal: dict[str, Any] = {}
        for name, value in zip(self.ordering, position.values, strict=True):
            descending = name.startswith("-")
            column = name.lstrip("-")
            lookup = "lt" if descending != position.backwards else "gt"
            condition |= Q(**equal, **{f"{column}__{lookup}": value})
            equal[column] = value
        first = self.ordering[0]
        # The plain bound lets the database use the index for the whole condition.
        bound = "lte" if first.startswith("-") != position.backwards else "gte"
        return Q(**{f"{first.lstrip('-')}__{bound}": position.values[0]}) & condition

    def _cursor(self, row: Any, *, backwards: bool) -> str:
        values = [getattr(row, name.lstrip("-")) for name in self.ordering]
        return _signer().sign_object([int(backwards), self._filters, values], serializer=_CursorText, compress=False)

    def _position(self, queryset: QuerySet[Any], text: str) -> Position | None:
        if not text:
            return None
        try:
            backwards, filters, raw = _signer().unsign_object(text, serializer=_CursorText)
            fields = [queryset.model._meta.get_field(name.lstrip("-")) for name in self.ordering]
            values = tuple(cast(Any, field).to_python(value) for field, value in zip(fields, raw, strict=True))
        except (signing.BadSignature, ValidationError, ValueError, TypeError):
            raise _invalid("cursor", _("This cursor is not one of ours.")) from None
        if filters != self._filters:
            raise _invalid("cursor", _("The cursor belongs to other filters: start again without it."))
        return Position(values, bool(backwards))


class _CursorText:
    """Serializer for django.core.signing."""

    def dumps(self, obj: Any) -> bytes:
        return to_json(obj)

    def loads(self, data: bytes) -> Any:
        return orjson.loads(data)


def _signer() -> signing.Signer:
    return signing.Signer(salt="apps.core.api.pagination")


def _filter_mark(request: Any) -> str:
    """A short mark of the filters, so that a cursor is not used with others."""
    pairs = sorted((key, value) for key, value in request.query_params.lists() if key not in Keyset.parameters)
    return signing.Signer(salt="apps.core.api.pagination.filters").signature(str(pairs))[:12] if pairs else ""


def _whole_number(request: Any, name: str, *, default: int, maximum: int | None) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    if not _NUMBER.fullmatch(text) or int(text) < 1 or (maximum is not None and int(text) > maximum):
        sentence = _("A whole number from 1 to 100.") if maximum else _("A whole number from 1.")
        raise _invalid(name, sentence)
    return int(text)


def _invalid(name: str, sentence: Text) -> Invalid:
    return Invalid(errors=[FieldError(name, "invalid", sentence)])


def _count(rows: QuerySet[Any] | Sequence[Any]) -> int:
    return rows.count() if isinstance(rows, QuerySet) else len(rows)


def _in_order(rows: Any) -> Any:
    return rows if not isinstance(rows, QuerySet) or rows.ordered else rows.order_by("pk")


def _parameter(name: str, schema: dict[str, Any], text: str, allow_empty: bool = False) -> dict[str, Any]:
    found: dict[str, Any] = {"name": name, "in": "query", "required": False, "description": text, "schema": schema}
    if allow_empty:
        found["allowEmptyValue"] = True
    return found
