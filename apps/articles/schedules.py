"""Default timetable of the articles app."""

from django.utils.translation import gettext_lazy as _

from apps.articles.task_names import POLL_DUE_SOURCES, PUBLISH_OVERDUE, SUGGEST_AGAIN, WATCH_SOURCES
from apps.scheduler.registry import Schedule

SCHEDULES = (
    Schedule(
        uid="articles.poll_due_sources",
        name=_("Poll the sources that are due"),
        task=POLL_DUE_SOURCES,
        cron="* * * * *",
        description=_("Looks once a minute which sources are due and queues one poll for each of them."),
        max_duration_seconds=60,
    ),
    Schedule(
        uid="articles.publish_overdue",
        name=_("Publish planned articles that are overdue"),
        task=PUBLISH_OVERDUE,
        cron="* * * * *",
        description=_("A safety net: each planned article has its own task; this finds those whose task was lost."),
        max_duration_seconds=60,
    ),
    Schedule(
        uid="articles.watch_sources",
        name=_("Look for silent sources"),
        task=WATCH_SOURCES,
        cron="7 * * * *",
        description=_("Marks sources that have failed for a day or brought nothing for three of their usual gaps."),
        max_duration_seconds=120,
    ),
    Schedule(
        uid="articles.suggest_again",
        name=_("Look again whom waiting pieces name"),
        task=SUGGEST_AGAIN,
        cron="37 * * * *",
        description=_("When fighters or events came lately, the pieces that wait may name them."),
        max_duration_seconds=120,
    ),
)
