"""Default timetable of the fighters app."""

from datetime import timedelta

from django.utils.translation import gettext_lazy as _

from apps.fighters.task_names import CLOSE_LOST_IMPORTS
from apps.scheduler.registry import Schedule

SCHEDULES = (
    Schedule(
        uid="fighters.close_lost_imports",
        name=_("End imports whose command is gone"),
        task=CLOSE_LOST_IMPORTS,
        every=timedelta(minutes=5),
        description=_(
            "An import that was started by a command that has been killed would stand there as running for ever."
        ),
        max_duration_seconds=60,
        timeout_grace_period=10,
        max_retries=0,
    ),
)
