"""Card numbers as people and other systems send them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _

from apps.core.errors import FieldError, Invalid

MAX_ICCIDS = 1_000
_DIGITS = re.compile(r"\d{18,22}\Z", re.ASCII)
# What a doubled digit counts for.
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def label_of(iccids: Sequence[str]) -> str:
    """What a question for these cards is called."""
    return iccids[0] if len(iccids) == 1 else f"{iccids[0]} +{len(iccids) - 1}"


def checked_iccids(iccids: Sequence[str]) -> list[str]:
    """Without duplicates, in the order given.  Raises Invalid, naming each number that is none."""
    if not 1 <= len(iccids) <= MAX_ICCIDS:
        raise Invalid(errors=[FieldError("iccids", "length", _("1 to 1000 card numbers."))])
    errors = [
        FieldError(f"iccids.{number}", "invalid_iccid", _("Not a card number: digits or check digit are wrong."))
        for number, iccid in enumerate(iccids)
        if not is_iccid(iccid)
    ]
    if errors:
        raise Invalid(errors=errors[:20])
    return list(dict.fromkeys(iccids))


def is_iccid(text: str) -> bool:
    """18 to 22 digits whose last is the check digit (Luhn, ITU-T E.118)."""
    return _DIGITS.match(text) is not None and luhn_sum(text) % 10 == 0


def luhn_sum(digits: str) -> int:
    return sum(_DOUBLED[int(digit)] if place % 2 else int(digit) for place, digit in enumerate(reversed(digits)))


def with_check_digit(digits: str) -> str:
    """The number with its last digit: for tests, demos and the documents' examples."""
    return f"{digits}{-luhn_sum(digits + '0') % 10}"
