"""What editors type: titles, summaries and notices, made fit to be kept."""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from apps.articles.models import TITLE_LENGTH
from apps.core.errors import FieldError, Invalid, Text, worded

SUMMARY_LENGTH = 2000
NOTICE_LENGTH = 500
# What no database text column takes, and marks that turn the direction of writing.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True)
class Edits:
    """An editor's words; None leaves what is there."""

    title: str | None = None
    summary: str | None = None

    def checked(self) -> Edits:
        """Raises Invalid for an empty or overlong title or an overlong summary."""
        return Edits(
            title=None if self.title is None else checked_line("title", self.title, TITLE_LENGTH),
            summary=None
            if self.summary is None
            else checked_text("summary", self.summary, SUMMARY_LENGTH, required=False),
        )


def checked_line(field: str, value: str, longest: int) -> str:
    return checked_text(field, " ".join(value.split()), longest)


def checked_text(field: str, value: str, longest: int, *, required: bool = True) -> str:
    text = _FORBIDDEN.sub("", value).strip()
    if required and not text:
        raise refusal(field, "required", _("This field is required."))
    if len(text) > longest:
        raise refusal(field, "max_length", worded(_("At most %(limit)d characters."), limit=longest))
    return text


def checked_notice(value: str) -> str:
    """Readers see it, so there must be one."""
    return checked_text("notice", value, NOTICE_LENGTH)


def refusal(field: str, code: str, detail: Text) -> Invalid:
    return Invalid(detail, errors=[FieldError(field, code, detail)])
