"""Default timetable of the users app."""

from django.utils.translation import gettext_lazy as _

from apps.scheduler.registry import Schedule
from apps.users.task_names import FORGET_OLD_EMAILS, FORGET_OLD_SIGN_INS

SCHEDULES = (
    Schedule(
        uid="users.forget_old_sign_ins",
        name=_("Forget old sign-ins"),
        task=FORGET_OLD_SIGN_INS,
        cron="17 4 * * *",
        description=_("Deletes sign-ins that are closed or expired, and failures that no longer count."),
        max_duration_seconds=600,
    ),
    Schedule(
        uid="users.forget_old_emails",
        name=_("Forget old e-mails"),
        task=FORGET_OLD_EMAILS,
        cron="37 4 * * *",
        description=_("Empties e-mails that were sent or failed more than 90 days ago; their request ids stay."),
        max_duration_seconds=600,
    ),
)
