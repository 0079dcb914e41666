"""Default timetable of the orders app."""

from django.utils.translation import gettext_lazy as _

from apps.orders.task_names import FORGET_OLD_SIM_DATA
from apps.scheduler.registry import Schedule

SCHEDULES = (
    Schedule(
        uid="orders.forget_old_sim_data",
        name=_("Forget old SIM data"),
        task=FORGET_OLD_SIM_DATA,
        cron="57 4 * * *",
        description=_("Deletes data usage older than 400 days, and synchronisations and requests older than 90 days."),
        max_duration_seconds=1200,
    ),
)
