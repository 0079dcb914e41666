"""Edits of a rule take effect whoever makes them; nothing is caught up after an edit (H-4, H-22)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import QuerySet
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from apps.scheduler.enums import Origin
from apps.scheduler.models import ScheduledTask, TaskExecution
from apps.scheduler.services import dispatch, timing
from apps.taskhub.testing import queued
from tests.factories.scheduler import NOON, PeriodicTaskFactory, ScheduledTaskFactory, every

pytestmark = pytest.mark.django_db


def next_run(schedule: ScheduledTask) -> object:
    schedule.refresh_from_db()
    return schedule.next_run


def test_a_new_schedule_starts_at_its_next_time_not_at_once() -> None:
    schedule = ScheduledTaskFactory()

    assert timing.follow_definitions(now=NOON) == 1
    assert dispatch.answer_due(now=NOON) == 0
    assert next_run(schedule) == NOON + timedelta(minutes=1)


def test_an_unchanged_rule_is_not_timed_again() -> None:
    ScheduledTaskFactory()
    timing.follow_definitions(now=NOON)

    assert timing.follow_definitions(now=NOON + timedelta(minutes=5)) == 0


def test_a_rule_that_another_beat_has_timed_meanwhile_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    schedule = ScheduledTaskFactory()
    skip_locked = timing.db.skip_locked

    def after_the_other_beat(queryset: QuerySet[ScheduledTask]) -> QuerySet[ScheduledTask]:
        monkeypatch.setattr(timing.db, "skip_locked", skip_locked)
        timing.follow_definitions(now=NOON - timedelta(seconds=30))
        return skip_locked(queryset)

    monkeypatch.setattr(timing.db, "skip_locked", after_the_other_beat)
    timing.follow_definitions(now=NOON + timedelta(seconds=61))

    # Timed again it would begin at 12:02, and 12:01 would never be answered.
    assert next_run(schedule) == NOON
    assert not TaskExecution.objects.exists()
    dispatch.answer_due(now=NOON + timedelta(seconds=62))
    assert [row.scheduled_at for row in TaskExecution.objects.order_by("scheduled_at")] == [
        NOON,
        NOON + timedelta(minutes=1),
    ]


def test_an_edit_by_the_orm_is_seen() -> None:
    schedule = ScheduledTaskFactory()
    timing.follow_definitions(now=NOON)
    CrontabSchedule.objects.filter(pk=schedule.definition.crontab_id).update(minute="30")

    assert timing.follow_definitions(now=NOON) == 1
    assert next_run(schedule) == NOON + timedelta(minutes=30)


def test_an_edit_by_sql_is_seen() -> None:
    schedule = every(600)
    timing.follow_definitions(now=NOON)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE django_celery_beat_intervalschedule SET every = 1200")

    assert timing.follow_definitions(now=NOON) == 1
    assert next_run(schedule) == NOON + timedelta(minutes=20)


@pytest.mark.parametrize("field", ["start_time", "expires"])
def test_bounds_are_part_of_the_rule(field: str) -> None:
    schedule = ScheduledTaskFactory()
    timing.follow_definitions(now=NOON)
    PeriodicTask.objects.update(**{field: NOON + timedelta(minutes=10, seconds=30)})

    assert timing.follow_definitions(now=NOON) == 1
    wanted = 11 if field == "start_time" else 1
    assert next_run(schedule) == NOON + timedelta(minutes=wanted)


def test_a_schedule_disabled_by_sql_has_no_next_run_and_nothing_starts() -> None:
    schedule = ScheduledTaskFactory()
    timing.follow_definitions(now=NOON - timedelta(seconds=30))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE django_celery_beat_periodictask SET enabled = %s", [False])

    dispatch.answer_due(now=NOON)
    timing.follow_definitions(now=NOON)

    assert next_run(schedule) is None
    assert queued() == []
    assert [(row.state, row.reason) for row in TaskExecution.objects.all()] == [("missed", "disabled")]


def test_enabled_again_it_starts_at_its_next_time() -> None:
    schedule = ScheduledTaskFactory(definition__enabled=False)
    timing.follow_definitions(now=NOON)
    assert next_run(schedule) is None
    PeriodicTask.objects.update(enabled=True)

    timing.follow_definitions(now=NOON + timedelta(hours=3))

    assert next_run(schedule) == NOON + timedelta(hours=3, minutes=1)
    assert TaskExecution.objects.count() == 0


def test_a_due_time_of_the_old_rule_is_answered_before_the_new_rule_holds() -> None:
    schedule = ScheduledTaskFactory()
    timing.follow_definitions(now=NOON - timedelta(seconds=30))
    CrontabSchedule.objects.update(minute="30")

    dispatch.answer_due(now=NOON + timedelta(seconds=1))

    row = TaskExecution.objects.get()
    assert (row.scheduled_at, row.state, row.reason) == (NOON, "missed", "rule_changed")
    assert next_run(schedule) == NOON + timedelta(minutes=30)
    assert queued() == []


def test_a_periodic_task_of_anybody_is_adopted_with_default_policies() -> None:
    definition = PeriodicTaskFactory(name="导入联系人")

    timing.follow_definitions(now=NOON)

    schedule = ScheduledTask.objects.get()
    assert (schedule.uid, schedule.origin) == (f"adopted.{definition.pk}", Origin.ADOPTED)
    assert (schedule.overlap, schedule.catch_up, schedule.max_concurrent) == ("skip", "latest", 1)
    assert (schedule.name, schedule.next_run) == ("导入联系人", NOON + timedelta(minutes=1))


def test_a_definition_that_was_deleted_ends_its_schedule() -> None:
    schedule = ScheduledTaskFactory()
    timing.follow_definitions(now=NOON)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_celery_beat_periodictask")

    timing.follow_definitions(now=NOON)

    schedule = ScheduledTask.objects.with_definition().get()
    assert (schedule.next_run, schedule.enabled, schedule.name) == (None, False, schedule.uid)


def test_a_problem_goes_away_with_the_rule_that_had_it() -> None:
    schedule = ScheduledTaskFactory()
    CrontabSchedule.objects.update(minute="99")
    timing.follow_definitions(now=NOON)
    schedule.refresh_from_db()
    assert schedule.problem != ""

    CrontabSchedule.objects.update(minute="5")
    timing.follow_definitions(now=NOON)

    schedule.refresh_from_db()
    assert (schedule.problem, schedule.next_run) == ("", NOON + timedelta(minutes=5))


def test_late_schedules_are_those_a_minute_behind() -> None:
    schedule = ScheduledTaskFactory()
    timing.follow_definitions(now=NOON - timedelta(seconds=30))

    assert list(ScheduledTask.objects.late(NOON + timedelta(seconds=59))) == []
    assert list(ScheduledTask.objects.late(NOON + timedelta(seconds=61))) == [schedule]


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE django_celery_beat_crontabschedule SET timezone = 'Mars/Olympus'",
        "UPDATE django_celery_beat_crontabschedule SET timezone = ''",
        "UPDATE django_celery_beat_crontabschedule SET hour = '25', minute = 'x'",
        "UPDATE django_celery_beat_periodictask SET crontab_id = NULL",
    ],
)
def test_whatever_somebody_writes_into_one_row_stops_that_schedule_alone(sql: str) -> None:
    broken = ScheduledTaskFactory()
    with connection.cursor() as cursor:
        cursor.execute(sql)
    fine = ScheduledTaskFactory()

    timing.follow_definitions(now=NOON)
    assert dispatch.answer_due(now=NOON + timedelta(minutes=1)) == 1

    broken.refresh_from_db(fields=["problem", "next_run"])
    assert (broken.problem != "", broken.next_run) == (True, None)
    assert [row.schedule_id for row in TaskExecution.objects.all()] == [fine.uid]
    assert len(ScheduledTask.objects.for_list()) == 2


@pytest.mark.parametrize(("number", "period"), [(10**9, "days"), (5, "moons"), (0, "seconds"), (-3, "hours")])
def test_an_interval_that_makes_no_sense_stops_that_schedule_alone(number: int, period: str) -> None:
    broken = every(10)
    broken.definition.interval.every, broken.definition.interval.period = number, period
    broken.definition.interval.save()

    timing.follow_definitions(now=NOON)

    broken.refresh_from_db()
    assert (broken.problem != "", broken.next_run) == (True, None)
