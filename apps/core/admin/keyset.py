"""Lists of tables that grow without end: pages by key instead of by number, and no COUNT."""

from __future__ import annotations

import base64
import binascii
import operator
from functools import reduce
from typing import Any

import orjson
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest

from apps.core.admin.model_admin import BackOfficeAdmin, BackOfficeChangeList

AFTER = "after"
BEFORE = "before"


class KeysetPage:
    """What the pagination template sees instead of a paginator."""

    template_name = "admin/keyset_pagination.html"

    def __init__(self, per_page: int) -> None:
        self.per_page = per_page
        self.newer = ""
        self.older = ""

    def get_elided_page_range(self, number: int) -> list[int]:
        return []


class KeysetChangeList(BackOfficeChangeList):
    """Rows strictly after or before a row named in the address, one more than a page to know whether more follow."""

    def get_filters_params(self, params: dict[str, Any] | None = None) -> dict[str, Any]:
        # Taken out of the stored parameters too: a new filter starts at the first page.
        for name in (AFTER, BEFORE):
            if name in self.filter_params:
                self._position = (name, self.filter_params.pop(name)[-1])
                self.params.pop(name, None)
        return super().get_filters_params(params)

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[str]:
        return list(self.model_admin.keyset_fields)

    def get_results(self, request: HttpRequest) -> None:
        direction, cursor = getattr(self, "_position", ("", ""))
        backwards = direction == BEFORE
        rows = self._rows(cursor, backwards=backwards)
        more = len(rows) > self.list_per_page
        rows = rows[: self.list_per_page]
        if backwards:
            rows.reverse()
        self.paginator = KeysetPage(self.list_per_page)
        if rows and (more or backwards):
            self.paginator.older = self.get_query_string({AFTER: self._cursor(rows[-1])})
        if rows and cursor and (more or not backwards):
            self.paginator.newer = self.get_query_string({BEFORE: self._cursor(rows[0])})
        self.result_list = rows
        self.result_count = len(rows)
        self.full_result_count = None
        self.show_full_result_count = False
        self.show_admin_actions = True
        self.can_show_all = False
        self.show_all = False
        self.multi_page = bool(self.paginator.older or self.paginator.newer)

    def _rows(self, cursor: str, *, backwards: bool) -> list[Model]:
        queryset = self.queryset
        if cursor:
            queryset = queryset.filter(self._beyond(cursor, backwards=backwards))
        if backwards:
            queryset = queryset.reverse()
        return list(queryset[: self.list_per_page + 1])

    def _beyond(self, cursor: str, *, backwards: bool) -> Q:
        """(a, b) < (x, y), written so that an index on (a, b) is used on all three databases."""
        fields = self.model_admin.keyset_fields
        names = [name.lstrip("-") for name in fields]
        lookups = ["lt" if name.startswith("-") != backwards else "gt" for name in fields]
        values = self._values(cursor, names)
        steps = []
        for index, lookup in enumerate(lookups):
            same = {name: values[position] for position, name in enumerate(names[:index])}
            steps.append(Q(**same, **{f"{names[index]}__{lookup}": values[index]}))
        return Q(**{f"{names[0]}__{lookups[0]}e": values[0]}) & reduce(operator.or_, steps)

    def _cursor(self, row: Model) -> str:
        values = [
            row._meta.get_field(name.lstrip("-")).value_to_string(row)  # type: ignore[union-attr]
            for name in self.model_admin.keyset_fields
        ]
        return base64.urlsafe_b64encode(orjson.dumps(values)).decode().rstrip("=")

    def _values(self, cursor: str, names: list[str]) -> list[Any]:
        try:
            texts = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
            if not isinstance(texts, list) or len(texts) != len(names):
                raise IncorrectLookupParameters(cursor)
            return [self.opts.get_field(name).to_python(text) for name, text in zip(names, texts, strict=True)]
        except (binascii.Error, ValueError, ValidationError) as error:
            raise IncorrectLookupParameters(cursor) from error


class KeysetAdmin(BackOfficeAdmin):
    """Name the order in ``keyset_fields`` (not null, ending in a unique field, backed by an index)."""

    keyset_fields: tuple[str, ...] = ("-id",)
    sortable_by: Any = ()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return KeysetChangeList

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        return self.keyset_fields
