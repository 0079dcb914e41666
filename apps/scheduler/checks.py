"""What is wrong with the declared schedules, said by ``manage.py check`` instead of by a run that never comes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.utils import timezone

from apps.core.errors import AppError
from apps.scheduler.due_times import next_after
from apps.scheduler.registry import Schedule, schedules
from apps.taskhub.enums import Queue
from apps.taskhub.errors import UnknownTask
from apps.taskhub.hub_task import definition_of
from apps.taskhub.hub_task.definition import MAX_HARD_LIMIT_SECONDS

# 29 February of a year divisible by 100 but not by 400 is left out: eight years are the longest wait.
NEVER = timedelta(days=8 * 366)
# The hub keeps "schedule:<uid>" in 128 characters.
UID = re.compile(r"[a-z][a-z0-9_.-]{0,99}\Z")


def connect() -> None:
    register(check_schedules)
    register(check_beat_schedule)


def check_schedules(**_kwargs: Any) -> list[CheckMessage]:
    now = timezone.now()
    return [
        Error(f"Schedule {schedule.uid!r}: {message}", id=f"scheduler.E{number:03}")
        for schedule in schedules.all()
        for number, message in problems(schedule, now)
    ]


def check_beat_schedule(**_kwargs: Any) -> list[CheckMessage]:
    if not getattr(settings, "CELERY_BEAT_SCHEDULE", None):
        return []
    hint = "Declare the entries in an app's schedules.py."
    return [Error("CELERY_BEAT_SCHEDULE is not used by our beat.", hint=hint, id="scheduler.E010")]


def problems(schedule: Schedule, now: datetime) -> Iterator[tuple[int, str]]:
    """Numbers and sentences of everything wrong with one declaration."""
    if not UID.match(schedule.uid):
        yield 1, "the uid has up to 100 of a-z, 0-9, '.', '_', '-', and begins with a letter"
    yield from _task_problems(schedule)
    yield from _rule_problems(schedule, now)
    if schedule.queue and schedule.queue not in Queue.values:
        yield 6, f"there is no queue {schedule.queue!r}"
    if not 0 <= schedule.timeout_grace_period < schedule.max_duration_seconds:
        yield 7, "the grace period must be below the time limit"
    if schedule.max_duration_seconds + schedule.timeout_grace_period > MAX_HARD_LIMIT_SECONDS:
        yield 8, f"time limit and grace period together may be {MAX_HARD_LIMIT_SECONDS} s at most"
    if schedule.max_concurrent < 1:
        yield 9, "at least one run at a time"


def _task_problems(schedule: Schedule) -> Iterator[tuple[int, str]]:
    try:
        definition_of(schedule.task).check_arguments(schedule.arguments)
    except UnknownTask:
        yield 2, f"no @hub_task is named {schedule.task!r}"
    except AppError as error:
        yield 3, str(error)


def _rule_problems(schedule: Schedule, now: datetime) -> Iterator[tuple[int, str]]:
    if bool(schedule.cron) == (schedule.every is not None):
        yield 4, "either cron or every"
        return
    try:
        due = next_after(schedule.rule(), now)
    except (AppError, KeyError, ValueError) as error:
        yield 4, str(error)
        return
    if due is None or due - now > NEVER:
        yield 5, "the rule is never due"
