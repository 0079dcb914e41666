"""Template filters of the back-office's own templates.

``apps.core.admin`` is imported inside the functions: importing Unfold draws a widget, drawing loads all template
libraries, and this one would then import the half-made Unfold.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import template
from django.conf import settings
from django.contrib.admin.views.main import SEARCH_VAR
from django.utils import timezone
from django.utils.module_loading import import_string
from django.utils.safestring import SafeString

register = template.Library()


@register.filter
def applying(actions: list[dict[str, Any]] | None, obj: Any) -> list[dict[str, Any]]:
    """The row actions that make sense for this row (``dialog_action(applies=…)``)."""
    from apps.core.admin.dialogs import applies_to

    return [action for action in actions or [] if applies_to(action.get("dialog"), obj)]


@register.filter
def other_parameters(changelist: Any) -> list[tuple[str, str]]:
    """Parameters of the list's address that no field of its toolbar holds, such as the order."""
    held = {SEARCH_VAR}
    for spec in changelist.filter_specs:
        # Filters with fields of their own send themselves; drop-downs of links don't.
        if spec.template.startswith("admin/filters/"):
            held.update(spec.expected_parameters())
    return [(name, value) for name, values in changelist.filter_params.items() if name not in held for value in values]


@register.filter
def when(moment: dt.datetime | None) -> SafeString:
    from apps.core.admin import display

    return display.when(moment)


@register.filter
def unix_when(seconds: float) -> SafeString:
    return when(dt.datetime.fromtimestamp(seconds, dt.UTC))


@register.filter
def clock(moment: dt.datetime) -> str:
    """Time of day to the second, with the zone."""
    return f"{timezone.localtime(moment):%H:%M:%S %Z}"


@register.filter
def minutes(seconds: int | None) -> str:
    """83 → 1:23."""
    return "" if seconds is None else f"{seconds // 60}:{seconds % 60:02}"


@register.simple_tag
def chip(label: str, tone: str) -> SafeString:
    from apps.core.admin import display

    return display.chip(label, tone)


@register.simple_tag(takes_context=True)
def history_address(context: Any, obj: Any) -> str:
    """Where the history of an object is told (``settings.BACK_OFFICE_HISTORY``), or nothing."""
    find: Any = import_string(settings.BACK_OFFICE_HISTORY)
    return str(find(context["request"], obj))
