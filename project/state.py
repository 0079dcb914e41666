"""Is the product well?  One sentence with its reasons for the first page, and the facts for the system page.

The judgement is the one of ``/health`` (``apps.core.api.health``); here it is put into a sentence for people.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import redis
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from apps.core import heartbeat
from apps.core.api import health as checks

Text = str | Promise

# A page may wait this long to learn how things are.
CHECK_SECONDS = 0.5
# Without these processes work stands still; other warnings can wait.
GRAVE = frozenset({"worker", "beat", "consumer"})
DOWN: dict[str, Text] = {
    "redis": _("Redis does not answer: changes are kept and sent when it is back."),
}


@dataclass(frozen=True)
class Reason:
    tone: str
    text: Text


@dataclass(frozen=True)
class Health:
    """``tone`` is success, warning or danger; ``sentence`` stands for itself."""

    tone: str
    sentence: Text
    reasons: tuple[Reason, ...] = ()

    @property
    def icon(self) -> str:
        return {"success": "check_circle", "warning": "warning", "danger": "error"}[self.tone]


def processes() -> dict[str, list[heartbeat.ProcessInfo]] | None:
    """The living processes by kind; None when Redis, which knows them, does not answer."""
    try:
        return {kind: heartbeat.alive(kind) for kind in heartbeat.KINDS}
    except redis.RedisError:
        return None


def health() -> Health:
    """What a person on duty must know first.  Never raises."""
    found = checks.components(until=time.monotonic() + CHECK_SECONDS)
    down = [name for name, outcome in found.items() if outcome.error]
    if down:
        unknown = _("A server does not answer.")
        return _verdict([Reason("danger", DOWN.get(name, unknown)) for name in down])
    warnings = checks.warnings(until=time.monotonic() + CHECK_SECONDS)
    return _verdict([Reason("danger" if item["name"] in GRAVE else "warning", item["message"]) for item in warnings])


def _verdict(reasons: list[Reason]) -> Health:
    if not reasons:
        return Health("success", _("Everything is running and nothing is late."))
    tone = "danger" if any(reason.tone == "danger" for reason in reasons) else "warning"
    if len(reasons) == 1:
        return Health(tone, reasons[0].text)
    sentence = ngettext("%(count)d thing needs attention.", "%(count)d things need attention.", len(reasons))
    return Health(tone, sentence % {"count": len(reasons)}, tuple(reasons))


def database_version(connection: Any) -> str:
    """As "PostgreSQL 18.4"."""
    connection.ensure_connection()
    number = connection.get_database_version()
    return f"{connection.display_name} {'.'.join(str(part) for part in number)}"
