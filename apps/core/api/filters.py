"""Filters of lists: declared ones only; a parameter that nobody knows is an error, not ignored (1001).

    class ArticleFilter(StrictFilterSet):
        status = filters.ChoiceFilter(choices=Status.choices)
        start_time = InstantFilter(field_name="created_at", lookup_expr="gte")

``StrictFilterBackend`` is the default backend: views without a ``filterset_class`` accept only paging parameters and
what they name in ``query_parameters = ("locale",)``.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Any, ClassVar

import django_filters
from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from django_filters.rest_framework import DjangoFilterBackend

from apps.core.errors import FieldError, Invalid

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+\- ]\d\d:\d\d)", re.ASCII)
_MILLISECONDS = re.compile(r"-?\d{1,15}", re.ASCII)


def parse_instant(text: str) -> dt.datetime:
    """A moment from RFC 3339 (with zone) or Unix milliseconds (decision 8).  Raises ValueError."""
    if _MILLISECONDS.fullmatch(text):
        return dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(milliseconds=int(text))
    if not _RFC_3339.fullmatch(text):
        raise ValueError(text)
    # An unescaped "+" arrives as a space; Python takes six digits of a second.
    clear = re.sub(r" (\d\d:\d\d)$", r"+\1", text.upper())
    clear = re.sub(r"(\.\d{6})\d+", r"\1", clear)
    return dt.datetime.fromisoformat(clear).astimezone(dt.UTC)


class InstantField(forms.Field):
    """Form field behind InstantFilter."""

    default_error_messages: ClassVar[Any] = {
        "invalid": _("A time as RFC 3339 with zone (2025-01-31T08:00:00Z) or as Unix milliseconds."),
    }

    def to_python(self, value: Any) -> dt.datetime | None:
        if value in self.empty_values:
            return None
        try:
            return parse_instant(str(value).strip())
        except (ValueError, OverflowError):
            raise ValidationError(self.error_messages["invalid"], code="invalid") from None


class InstantFilter(django_filters.Filter):
    """Compares a datetime column with RFC 3339 or Unix milliseconds."""

    field_class = InstantField


class WholeIdField(forms.IntegerField):
    """Form field behind WholeIdFilter."""

    def __init__(self, **kwargs: object) -> None:
        kwargs.pop("decimal_places", None)
        super().__init__(min_value=1, max_value=2**63 - 1, **kwargs)  # type: ignore[arg-type]


class WholeIdFilter(django_filters.NumberFilter):
    """The id of a row: a whole number, not NaN and not 1.5."""

    field_class = WholeIdField


class StrictFilterSet(django_filters.FilterSet):
    """Base of our filter sets; ``StrictFilterBackend`` refuses what is not declared here."""


class StrictFilterBackend(DjangoFilterBackend):
    """Applies the filter set and refuses unknown parameters."""

    filterset_base = StrictFilterSet

    def filter_queryset(self, request: Any, queryset: Any, view: Any) -> Any:
        refuse_unknown(request, known=self._known(request, queryset, view))
        return super().filter_queryset(request, queryset, view)

    def _known(self, request: Any, queryset: Any, view: Any) -> set[str]:
        known = set(getattr(view, "query_parameters", ()))
        known |= getattr(getattr(view, "paginator", None), "parameters", frozenset())
        filterset_class = self.get_filterset_class(view, queryset)
        if filterset_class is not None:
            known |= set(filterset_class.base_filters)
        return known


def refuse_unknown(request: Any, *, known: set[str]) -> None:
    """For views that read the query themselves.  Raises Invalid naming every unknown parameter."""
    unknown = sorted(set(request.GET) - known)
    if unknown:
        sentence = _("There is no such parameter.")
        raise Invalid(errors=[FieldError(name[:100], "unknown", sentence) for name in unknown[:20]])


def read_switch(request: Any, name: str, *, default: bool) -> bool:
    """``?name=0`` or ``?name=1``.  Raises Invalid for another value."""
    value = request.GET.get(name, "1" if default else "0")
    if value not in {"0", "1"}:
        raise Invalid(errors=[FieldError(name, "invalid", _("0 or 1."))])
    return bool(value == "1")
