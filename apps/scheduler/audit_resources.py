"""What the scheduler records in the audit log.

No model stands behind the resource: ``scheduled_tasks`` is written every second (next run, counters) and only a
person's changes are events.  Old and new are made by ``services.schedules``.
"""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.audit.registry import Resource, ResourceRef, register
from apps.scheduler.models import ScheduledTask

SCHEDULED_TASK = "scheduled_task"

register(Resource(type=SCHEDULED_TASK, label=_("schedule")))


def reference(schedule: ScheduledTask) -> ResourceRef:
    return ResourceRef(SCHEDULED_TASK, schedule.uid, schedule.name)
