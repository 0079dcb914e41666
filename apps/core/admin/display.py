"""Small pieces of HTML that lists and detail pages share."""

from __future__ import annotations

import datetime as dt
import functools
import re
from collections.abc import Callable
from typing import Any, Literal

import orjson
from django.utils import formats, timezone
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

Tone = Literal["success", "danger", "warning", "info", "neutral"]
TONES: frozenset[str] = frozenset({"success", "danger", "warning", "info", "neutral"})
EMPTY = mark_safe('<span class="bjz-empty">–</span>')

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR
# Pages of the web, and our own by their path; never javascript: or data:.
_LEADS_SOMEWHERE = re.compile(r"https?://|[/?#]", re.IGNORECASE)
# Further away than this, the date says more than the distance.
RELATIVE_LIMIT = 7 * DAY


def once_a_page(cell: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """For a cell that asks the database: Unfold wants each field of a page several times.  Kept on the row shown."""

    @functools.wraps(cell)
    def shown(model_admin: Any, obj: Any) -> Any:
        cells = obj.__dict__.setdefault("shown_cells", {})
        if cell.__name__ not in cells:
            cells[cell.__name__] = cell(model_admin, obj)
        return cells[cell.__name__]

    return shown


def when(moment: dt.datetime | None) -> SafeString:
    """The distance from now ("3 min ago"); the exact time with its zone on hover.  Older than a week: the date."""
    if moment is None:
        return EMPTY
    return format_html(
        '<time class="bjz-time" datetime="{}" title="{}">{}</time>',
        moment.isoformat(),
        exact(moment),
        relative(moment, timezone.now()),
    )


def exact(moment: dt.datetime) -> str:
    """Date and time to the second in the zone of the back-office, with the zone's offset."""
    local = timezone.localtime(moment)
    return f"{local:%Y-%m-%d %H:%M:%S} ({local:%Z}, UTC{local:%z})"


def relative(moment: dt.datetime, now: dt.datetime) -> str:
    """The distance in the largest whole unit, in words of the reader's language."""
    seconds = int((moment - now).total_seconds())
    distance = abs(seconds)
    if distance >= RELATIVE_LIMIT:
        return str(formats.date_format(timezone.localtime(moment), "Y-m-d H:i"))
    if distance < 5:
        return _("just now")
    count, past, future = _in_words(distance)
    return (future if seconds > 0 else past) % {"count": count}


def _in_words(distance: int) -> tuple[int, str, str]:
    if distance < MINUTE:
        return distance, _("%(count)d s ago"), _("in %(count)d s")
    if distance < HOUR:
        return distance // MINUTE, _("%(count)d min ago"), _("in %(count)d min")
    if distance < DAY:
        return distance // HOUR, _("%(count)d h ago"), _("in %(count)d h")
    days = distance // DAY
    return (
        days,
        ngettext("%(count)d day ago", "%(count)d days ago", days),
        ngettext("in %(count)d day", "in %(count)d days", days),
    )


def chip(label: str | Promise | None, tone: Tone | str = "neutral") -> SafeString:
    """A state as a coloured label.  The word carries the meaning; the colour only helps."""
    if not label:
        return EMPTY
    if tone not in TONES:
        raise ValueError(f"unknown tone {tone!r}")
    return format_html('<span class="bjz-chip bjz-chip-{}">{}</span>', tone, label)


def link(url: str | None, label: Any) -> SafeString:
    """A link inside a cell or a read-only field; just the label without an address, or with one that runs a script."""
    if label in (None, ""):
        return EMPTY
    if not url or not _LEADS_SOMEWHERE.match(url):
        return format_html("{}", label)
    return format_html('<a class="bjz-link" href="{}">{}</a>', url, label)


def mono(text: Any) -> SafeString:
    """An id, a rule or an address, in a fixed-width font that breaks anywhere."""
    return EMPTY if text in (None, "") else format_html('<code class="bjz-mono">{}</code>', text)


def json_block(value: Any) -> SafeString:
    """A JSON value, indented; text stays as it is (a traceback).  Long ones scroll inside their own box."""
    if value is None or value in ({}, [], ""):
        return EMPTY
    text = value if isinstance(value, str) else as_json(value)
    return format_html('<pre class="bjz-json" tabindex="0">{}</pre>', text)


def as_json(value: Any) -> str:
    return orjson.dumps(value, default=str, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS).decode()
