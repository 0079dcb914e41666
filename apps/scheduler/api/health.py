"""A warning on /health while schedules are late."""

from __future__ import annotations

from django.utils import timezone
from django.utils.translation import ngettext

from apps.core.api.health import register_warning
from apps.scheduler.models import ScheduledTask


def late_schedules() -> str | None:
    """A sentence while schedules have been due for more than a minute and nobody answered."""
    count = ScheduledTask.objects.late(timezone.now()).count()
    if not count:
        return None
    return ngettext(
        "%(count)d schedule is late by more than a minute.",
        "%(count)d schedules are late by more than a minute.",
        count,
    ) % {"count": count}


def connect() -> None:
    register_warning("schedules", late_schedules)
