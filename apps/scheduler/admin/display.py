"""Cells that both lists share."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from apps.core.admin import chip
from apps.scheduler.enums import ExecutionState, Health

TONES: dict[str, str] = {
    ExecutionState.PENDING: "neutral",
    ExecutionState.RUNNING: "info",
    ExecutionState.SUCCESS: "success",
    ExecutionState.FAILURE: "danger",
    ExecutionState.TIMEOUT: "danger",
    ExecutionState.CANCELLED: "neutral",
    ExecutionState.INTERRUPTED: "danger",
    ExecutionState.SKIPPED: "warning",
    ExecutionState.MISSED: "warning",
}
HEALTH_TONES: dict[str, str] = {
    Health.HEALTHY: "success",
    Health.WARNING: "warning",
    Health.CRITICAL: "danger",
    Health.UNKNOWN: "neutral",
}


def state_chip(state: str) -> SafeString:
    return chip(ExecutionState(state).label, TONES[state])


def tracker(states: Iterable[ExecutionState]) -> SafeString:
    """One bar for each of the last answers, the newest at the right; a person who can't see colours reads the sum."""
    shown = list(states)
    if not shown:
        return chip(_("no runs yet"), "neutral")
    bars = format_html_join(
        "",
        '<span class="bjz-track bjz-track-{}" title="{}"></span>',
        ((TONES[state], state.label) for state in shown),
    )
    return format_html('<span class="bjz-tracker" role="img" aria-label="{}">{}</span>', in_words(shown), bars)


def in_words(states: list[ExecutionState]) -> str:
    counts = {state: states.count(state) for state in ExecutionState if state in states}
    return ", ".join(f"{state.label} {count}" for state, count in counts.items())


def duration(milliseconds: int | None) -> str:
    """In the unit that a person would choose."""
    if milliseconds is None:
        return "–"
    if milliseconds < 1000:
        return _("%(count)d ms") % {"count": milliseconds}
    if milliseconds < 60_000:
        return _("%(seconds).1f s") % {"seconds": milliseconds / 1000}
    minutes, seconds = divmod(milliseconds // 1000, 60)
    return _("%(minutes)d min %(seconds)d s") % {"minutes": minutes, "seconds": seconds}
