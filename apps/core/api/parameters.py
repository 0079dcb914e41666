"""What callers send in paths and queries, checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from apps.core.api.filters import parse_instant
from apps.core.errors import FieldError, Invalid, Text

LARGEST_ID = 10**18 - 1
_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)


def whole_id(text: str, *, field: str = "id") -> int:
    """The number in a path (decision 9).  Raises Invalid for anything else."""
    if not _NUMBER.fullmatch(text) or int(text) < 1:
        raise refused(field, _("A whole number from 1."))
    return int(text)


def read_number(query: Mapping[str, str], name: str, *, default: int, maximum: int | None = None) -> int:
    """A whole number from 1; ``default`` when it is not sent.  Raises Invalid."""
    text = query.get(name)
    if text is None:
        return default
    if not _NUMBER.fullmatch(text) or int(text) < 1 or (maximum is not None and int(text) > maximum):
        raise refused(name, _("A whole number from 1 to 100.") if maximum else _("A whole number from 1."))
    return int(text)


def read_moment(query: Mapping[str, str], name: str) -> datetime:
    """Raises Invalid for what is no moment, and for none at all."""
    try:
        return parse_instant(query.get(name, "").strip())
    except (ValueError, OverflowError):
        sentence = _("A time as RFC 3339 with zone (2025-01-31T08:00:00Z) or as Unix milliseconds.")
        raise refused(name, sentence) from None


def refused(name: str, sentence: Text) -> Invalid:
    """To be raised for one parameter."""
    return Invalid(errors=[FieldError(name, "invalid", sentence)])
