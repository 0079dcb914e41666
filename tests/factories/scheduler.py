"""Schedules and executions for tests."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import factory
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask

from apps.scheduler.enums import ExecutionState, Kind, Origin
from apps.scheduler.models import ScheduledTask, TaskExecution, TaskLock

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


class CrontabFactory(factory.django.DjangoModelFactory[CrontabSchedule]):
    class Meta:
        model = CrontabSchedule

    minute = "*"
    timezone = "UTC"


class IntervalFactory(factory.django.DjangoModelFactory[IntervalSchedule]):
    class Meta:
        model = IntervalSchedule

    every = 10
    period = "seconds"


class ClockedFactory(factory.django.DjangoModelFactory[ClockedSchedule]):
    class Meta:
        model = ClockedSchedule

    clocked_time = NOON


class PeriodicTaskFactory(factory.django.DjangoModelFactory[PeriodicTask]):
    """A definition as anybody may make it: due each minute."""

    class Meta:
        model = PeriodicTask

    name = factory.Sequence(lambda number: f"Schedule {number}")
    task = "scheduler_tests.note"
    crontab = factory.SubFactory(CrontabFactory)


class ScheduledTaskFactory(factory.django.DjangoModelFactory[ScheduledTask]):
    """A schedule that is due each minute in UTC; its first tick computes ``next_run``, as for any new one."""

    class Meta:
        model = ScheduledTask

    uid = factory.Sequence(lambda number: f"tests.schedule_{number}")
    definition = factory.SubFactory(PeriodicTaskFactory)
    origin = Origin.CODE


class TaskExecutionFactory(factory.django.DjangoModelFactory[TaskExecution]):
    """A run that succeeded within two seconds, unless told otherwise."""

    class Meta:
        model = TaskExecution

    schedule = factory.SubFactory(ScheduledTaskFactory)
    execution_uid = factory.LazyFunction(uuid.uuid4)
    task_name = factory.LazyAttribute(lambda row: row.schedule.name)
    task_type = factory.LazyAttribute(lambda row: row.schedule.task)
    kind = Kind.SCHEDULED
    scheduled_at = factory.Sequence(lambda number: NOON + timedelta(minutes=number))
    state = ExecutionState.SUCCESS
    hub_task_id = factory.LazyAttribute(lambda row: row.execution_uid.hex)
    started_at = factory.LazyAttribute(lambda row: row.scheduled_at)
    finished_at = factory.LazyAttribute(
        lambda row: (
            None
            if row.state in (ExecutionState.PENDING, ExecutionState.RUNNING)
            else row.scheduled_at + timedelta(seconds=2)
        )
    )
    duration_ms = factory.LazyAttribute(lambda row: 2000 if row.started_at and row.finished_at else None)


class TaskLockFactory(factory.django.DjangoModelFactory[TaskLock]):
    class Meta:
        model = TaskLock

    lock_key = factory.Sequence(lambda number: f"lock_{number}")
    holder_id = "host:1"
    acquired_at = NOON
    expires_at = NOON + timedelta(seconds=10)


def daily(uid: str = "tests.daily", *, hour: int = 2, zone: str = "Asia/Shanghai", **values: Any) -> ScheduledTask:
    """A schedule with a fixed time each local day."""
    crontab = CrontabFactory(minute="0", hour=str(hour), timezone=zone)
    return ScheduledTaskFactory(uid=uid, definition=PeriodicTaskFactory(crontab=crontab), **values)


def every(seconds: int, uid: str = "tests.interval", **values: Any) -> ScheduledTask:
    interval = IntervalFactory(every=seconds)
    return ScheduledTaskFactory(uid=uid, definition=PeriodicTaskFactory(crontab=None, interval=interval), **values)
