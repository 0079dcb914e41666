"""Default timetable of the events app."""

from datetime import timedelta

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from apps.events.task_names import QUEUE_DUE_POLLS
from apps.scheduler.registry import Schedule

SCHEDULES = (
    Schedule(
        uid="events.queue_due_polls",
        name=_("Follow the live events"),
        task=QUEUE_DUE_POLLS,
        every=timedelta(seconds=settings.LIVE_POLL_SECONDS),
        description=_("Begins events whose time has come and asks the live provider about those that are live."),
        max_duration_seconds=25,
        timeout_grace_period=10,
        max_retries=0,
    ),
)
