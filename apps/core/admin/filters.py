"""List filters that never ask the table which values exist (``SELECT DISTINCT`` reads all of a growing table)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

from django.contrib.admin import FieldListFilter
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import ValidationError
from django.db import models
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _

# A related table larger than this needs a search field, not a drop-down.
MOST_OPTIONS = 200


class ChoiceFilter(FieldListFilter):
    """``list_filter = (("status", ChoiceFilter),)``: a drop-down of the field's choices; ``?status__exact=dead``.

    Fields with choices, booleans and foreign keys to small tables work as they are.  Otherwise derive and give
    ``options``.  ``preset`` is the value of a list that was opened without choosing; "all" is then chosen by hand.
    """

    template = "admin/filters/choice.html"
    preset = ""

    def __init__(
        self,
        field: Any,
        request: HttpRequest,
        params: dict[str, Any],
        model: type[models.Model],
        model_admin: Any,
        field_path: str,
    ) -> None:
        path = f"{field_path}__{field.target_field.name}" if isinstance(field, models.ForeignKey) else field_path
        self.lookup_kwarg = f"{path}__exact"
        self._default = "" if self.lookup_kwarg in request.GET else self.preset
        super().__init__(field, request, params, model, model_admin, field_path)

    def expected_parameters(self) -> list[str | None]:
        return [self.lookup_kwarg]

    def has_output(self) -> bool:
        return True

    @property
    def value(self) -> str:
        values = self.used_parameters.get(self.lookup_kwarg, self._default)
        return str(values[-1] if isinstance(values, list) and values else values)

    def options(self) -> list[tuple[str, str]]:
        """Values and their labels, in the order of the drop-down."""
        if self.field.flatchoices if isinstance(self.field, models.Field) else False:
            return [(str(value), str(label)) for value, label in self.field.flatchoices if value not in (None, "")]
        if isinstance(self.field, models.BooleanField):
            return [("1", _("Yes")), ("0", _("No"))]
        if isinstance(self.field, models.ForeignKey):
            rows = self.field.related_model._default_manager.order_by("pk")[:MOST_OPTIONS]
            return [(str(row.pk), str(row)) for row in rows]
        return []

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        if not self.value:
            return queryset
        try:
            return queryset.filter(**{self.lookup_kwarg: self.value})
        except (ValueError, ValidationError) as error:
            raise IncorrectLookupParameters(error) from error

    def choices(self, changelist: ChangeList) -> Iterator[dict[str, Any]]:  # type: ignore[override]
        yield {
            "name": self.lookup_kwarg,
            "value": self.value,
            "options": self.options(),
            "active": self.value != self.preset,
            "keep_empty": bool(self.preset),
        }


class DateRangeFilter(FieldListFilter):
    """``list_filter = (("created_at", DateRangeFilter),)``: two dates, both included, in the back-office's zone."""

    template = "admin/filters/date_range.html"

    def __init__(
        self,
        field: Any,
        request: HttpRequest,
        params: dict[str, Any],
        model: type[models.Model],
        model_admin: Any,
        field_path: str,
    ) -> None:
        self.from_kwarg = f"{field_path}_from"
        self.to_kwarg = f"{field_path}_to"
        super().__init__(field, request, params, model, model_admin, field_path)

    def expected_parameters(self) -> list[str | None]:
        return [self.from_kwarg, self.to_kwarg]

    def has_output(self) -> bool:
        return True

    def _text(self, name: str) -> str:
        values = self.used_parameters.get(name, "")
        return str(values[-1] if isinstance(values, list) and values else values)

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        first, last = self._day(self.from_kwarg), self._day(self.to_kwarg)
        if first is not None:
            queryset = queryset.filter(**{f"{self.field_path}__gte": self._start(first)})
        if last is not None:
            queryset = queryset.filter(**{f"{self.field_path}__lt": self._start(last + dt.timedelta(days=1))})
        return queryset

    def _day(self, name: str) -> dt.date | None:
        text = self._text(name)
        if not text:
            return None
        try:
            day = parse_date(text)
        except ValueError as error:
            raise IncorrectLookupParameters(error) from error
        if day is None:
            raise IncorrectLookupParameters(text)
        return day

    def _start(self, day: dt.date) -> dt.datetime | dt.date:
        if not isinstance(self.field, models.DateTimeField):
            return day
        return timezone.make_aware(dt.datetime.combine(day, dt.time.min))

    def choices(self, changelist: ChangeList) -> Iterator[dict[str, Any]]:  # type: ignore[override]
        first, last = self._text(self.from_kwarg), self._text(self.to_kwarg)
        yield {
            "from_name": self.from_kwarg,
            "from_value": first,
            "to_name": self.to_kwarg,
            "to_value": last,
            "active": bool(first or last),
        }
