"""Every due time is answered by exactly one row (H-1, H-10, decision 12)."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connections
from django_celery_beat.models import PeriodicTask

from apps.scheduler.enums import CatchUp, ExecutionState, Kind, Overlap, Reason
from apps.scheduler.models import ScheduledTask, TaskExecution
from apps.scheduler.services import dispatch, timing
from apps.taskhub.models import Task
from apps.taskhub.testing import queued
from tests.factories.scheduler import (
    NOON,
    ClockedFactory,
    CrontabFactory,
    PeriodicTaskFactory,
    ScheduledTaskFactory,
    TaskExecutionFactory,
    daily,
    every,
)
from tests.scheduler.conftest import NOTE

pytestmark = pytest.mark.django_db


def begin_at(moment: datetime) -> None:
    """Let the rules be seen for the first time."""
    timing.follow_definitions(now=moment)


def tick(moment: datetime) -> int:
    return dispatch.answer_due(now=moment)


def answers() -> list[tuple[str, datetime, str, str]]:
    rows = TaskExecution.objects.order_by("scheduled_at", "id")
    return [(row.kind, row.scheduled_at, row.state, row.reason) for row in rows]


def test_a_due_time_becomes_an_execution_with_its_hub_task() -> None:
    schedule = ScheduledTaskFactory(definition__kwargs='{"text": "hello"}', max_duration_seconds=120, max_retries=2)
    begin_at(NOON - timedelta(seconds=30))

    assert tick(NOON + timedelta(seconds=1)) == 1

    execution = TaskExecution.objects.get()
    task = Task.objects.get()
    schedule.refresh_from_db()
    assert answers() == [("scheduled", NOON, "pending", "")]
    assert (task.task_id, task.name, task.payload) == (execution.hub_task_id, NOTE, {"text": "hello"})
    assert task.task_id == execution.execution_uid.hex
    assert (task.source, task.actor_kind, task.logical_time) == (f"schedule:{schedule.uid}", "service", NOON)
    assert (task.max_retries, task.soft_limit_seconds, task.grace_seconds) == (2, 120, 30)
    assert schedule.next_run == NOON + timedelta(minutes=1)


def test_nothing_is_done_before_the_time() -> None:
    ScheduledTaskFactory()
    begin_at(NOON - timedelta(seconds=30))

    assert tick(NOON - timedelta(seconds=1)) == 0
    assert answers() == []


def test_a_second_tick_adds_nothing() -> None:
    ScheduledTaskFactory()
    begin_at(NOON - timedelta(seconds=30))

    tick(NOON)
    tick(NOON)

    assert answers() == [("scheduled", NOON, "pending", "")]
    assert len(queued()) == 1


def test_a_due_time_that_has_its_row_is_left_alone_when_next_run_is_set_back() -> None:
    schedule = ScheduledTaskFactory()
    begin_at(NOON - timedelta(seconds=30))
    tick(NOON)
    ScheduledTask.objects.filter(pk=schedule.pk).update(next_run=NOON)

    tick(NOON + timedelta(seconds=1))

    assert answers() == [("scheduled", NOON, "pending", "")]
    assert len(queued()) == 1
    assert ScheduledTask.objects.get().next_run == NOON + timedelta(minutes=1)


def test_a_run_that_is_going_on_lets_the_next_be_skipped_naming_it() -> None:
    schedule = ScheduledTaskFactory()
    begin_at(NOON - timedelta(seconds=30))
    tick(NOON)
    first = TaskExecution.objects.get()

    tick(NOON + timedelta(minutes=1))

    second = TaskExecution.objects.latest("id")
    assert (second.state, second.reason, second.blocked_by) == ("skipped", "overlap", first.execution_uid)
    assert second.finished_at == NOON + timedelta(minutes=1)
    assert len(queued()) == 1
    schedule.refresh_from_db()
    assert (schedule.recent, schedule.next_run) == ("K", NOON + timedelta(minutes=2))


def test_overlap_is_allowed_up_to_the_number_of_runs_at_a_time() -> None:
    ScheduledTaskFactory(overlap=Overlap.ALLOW, max_concurrent=2)
    begin_at(NOON - timedelta(seconds=30))

    for minute in range(3):
        tick(NOON + timedelta(minutes=minute))

    assert [(state, reason) for _, _, state, reason in answers()] == [
        ("pending", ""),
        ("pending", ""),
        ("skipped", "max_concurrent"),
    ]


def test_an_ended_run_blocks_nobody() -> None:
    schedule = ScheduledTaskFactory()
    begin_at(NOON - timedelta(seconds=30))
    TaskExecutionFactory(schedule=schedule, state=ExecutionState.FAILURE, scheduled_at=NOON - timedelta(minutes=1))

    tick(NOON)

    assert TaskExecution.objects.latest("id").state == ExecutionState.PENDING


def test_after_a_standstill_the_latest_time_runs_once_and_the_span_before_it_is_one_row() -> None:
    schedule = ScheduledTaskFactory()
    begin_at(NOON - timedelta(seconds=30))

    tick(NOON + timedelta(minutes=10, seconds=45))

    gap = TaskExecution.objects.get(state=ExecutionState.MISSED)
    assert answers() == [
        ("scheduled", NOON, "missed", "late"),
        ("catchup", NOON + timedelta(minutes=10), "pending", ""),
    ]
    assert (gap.scheduled_at, gap.last_due_at, gap.due_count) == (NOON, NOON + timedelta(minutes=9), 10)
    assert len(queued()) == 1
    schedule.refresh_from_db()
    assert schedule.next_run == NOON + timedelta(minutes=11)


def test_a_time_that_is_still_on_time_makes_a_catch_up_needless() -> None:
    ScheduledTaskFactory()
    begin_at(NOON - timedelta(seconds=30))

    tick(NOON + timedelta(minutes=10, seconds=5))

    assert answers() == [
        ("scheduled", NOON, "missed", "late"),
        ("scheduled", NOON + timedelta(minutes=10), "pending", ""),
    ]
    assert TaskExecution.objects.get(state="missed").due_count == 10


def test_the_policy_none_runs_nothing_late() -> None:
    daily(catch_up=CatchUp.NONE, zone="UTC")
    begin_at(NOON)

    tick(NOON + timedelta(hours=14, minutes=30))

    assert answers() == [("scheduled", datetime(2026, 3, 3, 2, tzinfo=UTC), "missed", "late")]
    assert queued() == []


def test_beyond_the_window_nothing_is_made_up_for() -> None:
    daily(zone="UTC", catch_up_window_seconds=600)
    begin_at(NOON)

    tick(NOON + timedelta(hours=14, minutes=11))

    assert [(kind, state) for kind, _, state, _ in answers()] == [("scheduled", "missed")]


def test_a_late_time_inside_the_window_is_caught_up() -> None:
    daily(zone="UTC", catch_up_window_seconds=600)
    begin_at(NOON)

    tick(NOON + timedelta(hours=14, minutes=9))

    assert answers() == [("catchup", datetime(2026, 3, 3, 2, tzinfo=UTC), "pending", "")]


def test_a_span_longer_than_one_walk_is_answered_by_several_rows(monkeypatch: Any) -> None:
    monkeypatch.setattr(dispatch, "SPAN_LIMIT", 4)
    ScheduledTaskFactory()
    begin_at(NOON - timedelta(seconds=30))

    end = NOON + timedelta(minutes=9, seconds=40)
    while tick(end):
        pass

    rows = TaskExecution.objects.order_by("scheduled_at")
    assert [(row.state, row.due_count) for row in rows] == [("missed", 4), ("missed", 4), ("missed", 1), ("pending", 1)]


def test_a_clocked_schedule_runs_once_and_is_used_up() -> None:
    ScheduledTaskFactory(
        definition=PeriodicTaskFactory(crontab=None, clocked=ClockedFactory(clocked_time=NOON), one_off=True)
    )
    begin_at(NOON - timedelta(hours=1))

    tick(NOON)
    begin_at(NOON)
    tick(NOON + timedelta(hours=1))

    assert answers() == [("scheduled", NOON, "pending", "")]
    assert ScheduledTask.objects.get().next_run is None


def test_a_one_off_interval_runs_once() -> None:
    schedule = every(10)
    PeriodicTask.objects.update(one_off=True)
    begin_at(NOON + timedelta(seconds=1))

    tick(NOON + timedelta(seconds=25))

    schedule.refresh_from_db()
    assert answers() == [("scheduled", NOON + timedelta(seconds=10), "pending", "")]
    assert schedule.next_run is None


def test_a_larger_priority_runs_first() -> None:
    for number, priority in enumerate((0, 5, -3)):
        ScheduledTaskFactory(uid=f"tests.priority_{number}", priority=priority)
    begin_at(NOON - timedelta(seconds=30))

    tick(NOON)

    assert [task.source for task in Task.objects.order_by("id")] == [
        "schedule:tests.priority_1",
        "schedule:tests.priority_0",
        "schedule:tests.priority_2",
    ]


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"task": "nobody.knows_this"}, "no @hub_task is named 'nobody.knows_this'"),
        ({"kwargs": '{"other": 1}'}, "unknown ['other']"),
        ({"kwargs": "not json"}, ""),
        ({"args": "[1]"}, ""),
    ],
)
def test_what_the_hub_refuses_fails_this_run_alone_and_the_schedule_goes_on(values: dict[str, str], error: str) -> None:
    bad = ScheduledTaskFactory(definition=PeriodicTaskFactory(**values))
    ScheduledTaskFactory()
    begin_at(NOON - timedelta(seconds=30))

    tick(NOON)

    refused = TaskExecution.objects.get(schedule=bad)
    bad.refresh_from_db()
    assert (refused.state, refused.reason, refused.hub_task_id) == ("failure", Reason.NOT_STARTABLE, "")
    assert error in refused.error_message
    assert refused.error_message != ""
    assert (bad.failure_executions, bad.consecutive_failures, bad.recent) == (1, 1, "F")
    assert bad.next_run == NOON + timedelta(minutes=1)
    assert len(queued()) == 1


def test_a_row_that_the_database_refuses_is_set_aside_and_the_others_run(monkeypatch: Any) -> None:
    bad = ScheduledTaskFactory()
    good = ScheduledTaskFactory()
    begin_at(NOON - timedelta(seconds=30))
    # Another process answers the same time between our look and our insert.
    monkeypatch.setattr(dispatch, "_without_answered", lambda rows: rows)
    TaskExecutionFactory(schedule=bad, scheduled_at=NOON)

    tick(NOON)

    bad.refresh_from_db()
    assert bad.problem != ""
    assert bad.next_run is None
    assert TaskExecution.objects.filter(schedule=bad).count() == 1
    assert TaskExecution.objects.get(schedule=good).state == ExecutionState.PENDING
    assert len(queued()) == 1


def test_a_batch_of_twenty_takes_as_many_queries_as_one_of_two_besides_the_hub(
    django_assert_max_num_queries: Any,
) -> None:
    for _number in range(20):
        ScheduledTaskFactory()
    begin_at(NOON - timedelta(seconds=30))

    # 20 inserts into the hub; find, savepoint, lock, read, going on, answered, insert, update, release.
    with django_assert_max_num_queries(20 + 9):
        assert tick(NOON) == 20


def test_kinds_of_answers_of_one_time_may_stand_side_by_side() -> None:
    schedule = ScheduledTaskFactory()
    TaskExecutionFactory(schedule=schedule, scheduled_at=NOON, kind=Kind.MANUAL)
    begin_at(NOON - timedelta(seconds=30))

    tick(NOON)

    assert {row.kind for row in TaskExecution.objects.all()} == {"manual", "scheduled"}


def test_a_schedule_in_another_zone_is_due_by_its_own_clock() -> None:
    schedule = daily(hour=2, zone="Asia/Shanghai")
    begin_at(NOON)
    schedule.refresh_from_db()

    assert schedule.next_run == datetime(2026, 3, 2, 18, tzinfo=UTC)


def test_a_solar_or_broken_rule_is_set_aside_with_its_problem() -> None:
    broken = ScheduledTaskFactory(definition=PeriodicTaskFactory(crontab=CrontabFactory(minute="61")))
    fine = ScheduledTaskFactory()

    begin_at(NOON - timedelta(seconds=30))

    broken.refresh_from_db()
    fine.refresh_from_db()
    assert (broken.next_run, broken.problem != "") == (None, True)
    assert (fine.next_run, fine.problem) == (NOON, "")


@pytest.mark.django_db(transaction=True)
def test_four_ticks_at_once_answer_each_due_time_once() -> None:
    schedules = [ScheduledTaskFactory() for _number in range(40)]
    begin_at(NOON - timedelta(seconds=30))
    gate = threading.Barrier(4)

    def tick_together() -> None:
        try:
            gate.wait()
            while tick(NOON + timedelta(seconds=1)):
                pass
        finally:
            connections.close_all()

    threads = [threading.Thread(target=tick_together) for _number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Rows that another tick held were passed over; the next round has them.
    tick(NOON + timedelta(seconds=1))

    assert sorted(row.schedule_id for row in TaskExecution.objects.all()) == sorted(row.uid for row in schedules)
    assert len(queued()) == 40
