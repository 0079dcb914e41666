"""What callers send in paths, checked."""

from __future__ import annotations

import re

from django.utils.translation import gettext_lazy as _

from apps.core.errors import FieldError, Invalid

LARGEST_ID = 10**18 - 1
_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)


def whole_id(text: str, *, field: str = "id") -> int:
    """The number in a path (decision 9).  Raises Invalid for anything else."""
    if not _NUMBER.fullmatch(text) or int(text) < 1:
        raise Invalid(errors=[FieldError(field, "invalid", _("A whole number from 1."))])
    return int(text)
