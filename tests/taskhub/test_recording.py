"""Events become rows: late, twice, out of order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from apps.taskhub.enums import DeadReason, EventKind, TaskStatus
from apps.taskhub.hub_task import live
from apps.taskhub.hub_task.execution import Outcome, finished_event, lost_outcome, stopped_outcome
from apps.taskhub.models import Task, TaskAttempt
from apps.taskhub.registry import RunListener, register_run_listener, unregister_run_listener
from apps.taskhub.services.recording import record_events
from tests.factories.taskhub import TaskAttemptFactory, TaskFactory

pytestmark = pytest.mark.django_db

START = 1_772_452_800_000_000


def started(task: Task, attempt: int = 1, *, at: int = START, worker: str = "host:1") -> dict:
    return {"kind": EventKind.STARTED, "id": task.task_id, "attempt": attempt, "at": at, "worker": worker}


def finished(task: Task, attempt: int = 1, *, after: int = 1_500_000, **outcome) -> dict:
    made = Outcome(**{"status": TaskStatus.SUCCESS, **outcome})
    return finished_event(task.task_id, attempt, made, START, "host:1") | {"at": START + after}


def published(*pairs: tuple[str, int]) -> dict:
    return {"kind": EventKind.PUBLISHED, "at": START, "ids": [list(pair) for pair in pairs]}


def state(task: Task) -> tuple[str, int]:
    task.refresh_from_db()
    return task.status, task.attempts


def test_start_and_end_in_one_batch():
    task = TaskFactory()

    record_events([started(task), finished(task, result={"n": 1})])

    assert state(task) == (TaskStatus.SUCCESS, 1)
    assert (task.result, task.duration_ms) == ({"n": 1}, 1_500)
    assert task.finished_at - task.started_at == timedelta(milliseconds=1_500)
    assert TaskAttempt.objects.get().status == TaskStatus.SUCCESS


def test_late_start_never_overwrites_the_end():
    task = TaskFactory()

    record_events([finished(task)])
    record_events([started(task)])

    assert state(task) == (TaskStatus.SUCCESS, 1)
    assert TaskAttempt.objects.get().status == TaskStatus.SUCCESS


def test_late_mark_never_touches_a_task_that_waits_for_its_retry():
    task = TaskFactory(send_at=None)
    retry_at = START / 1e6 + 60

    record_events([started(task), finished(task, status=TaskStatus.FAIL, error="no", retry_at=retry_at)])
    record_events([published((task.task_id, 1))])

    assert state(task) == (TaskStatus.FAIL, 1)
    assert task.send_at == datetime.fromtimestamp(retry_at, UTC)


def test_batch_recorded_twice_changes_nothing(told):
    begun, ended = told
    task = TaskFactory()
    batch = [published((task.task_id, 1)), started(task), finished(task)]

    record_events(batch)
    task.refresh_from_db()
    first = task.updated_at
    record_events(batch)

    assert state(task) == (TaskStatus.SUCCESS, 1)
    assert task.updated_at == first
    assert TaskAttempt.objects.count() == 1
    assert (len(begun), len(ended)) == (1, 1)


def test_events_of_an_older_attempt_do_not_count():
    task = TaskFactory()

    record_events([started(task, 2, at=START + 10)])
    record_events([finished(task, 1, status=TaskStatus.FAIL, retry_at=1.0)])

    assert state(task) == (TaskStatus.RUNNING, 2)
    attempts = dict(TaskAttempt.objects.values_list("attempt", "status"))
    assert attempts == {1: TaskStatus.FAIL, 2: TaskStatus.RUNNING}


def test_listeners_are_told_inside_the_transaction(told):
    begun, ended = told
    task = TaskFactory(source="schedule:news")

    record_events([started(task), finished(task, status=TaskStatus.DEAD, reason=DeadReason.TIMEOUT, error="slow")])

    [start], [end] = begun, ended
    assert (start.task_id, start.name, start.source, start.attempt) == (task.task_id, task.name, "schedule:news", 1)
    assert (end.status, end.dead_reason, end.error, end.is_final) == (TaskStatus.DEAD, DeadReason.TIMEOUT, "slow", True)
    assert (end.duration_ms, end.retry_at) == (1_500, None)


@pytest.mark.django_db(transaction=True)
def test_listener_that_fails_leaves_nothing_recorded():
    task = TaskFactory()

    def refuse(_runs: list) -> None:
        assert transaction.get_connection().in_atomic_block
        raise RuntimeError("no")

    listener = register_run_listener(RunListener("refuses", finished=refuse))
    try:
        with pytest.raises(RuntimeError):
            record_events([started(task), finished(task)])
    finally:
        unregister_run_listener(listener.name)

    assert state(task) == (TaskStatus.PENDING, 0)
    assert TaskAttempt.objects.count() == 0


def test_listener_names_are_unique():
    register_run_listener(RunListener("twice"))
    with pytest.raises(ValueError, match="twice"):
        register_run_listener(RunListener("twice"))

    unregister_run_listener("twice")


def test_mark_of_publication_clears_the_sending_time():
    task = TaskFactory(published_at=None, send_at=datetime(2026, 3, 2, tzinfo=UTC))

    record_events([published((task.task_id, 1), ("f" * 32, 1))])

    task.refresh_from_db()
    assert task.send_at is None
    assert task.published_at == datetime.fromtimestamp(START / 1e6, UTC)
    assert task.epoch == live.current_epoch()


def test_event_of_an_unknown_task_is_passed_over():
    task = TaskFactory()
    stranger = TaskFactory.build()

    record_events([started(stranger), started(task)])

    assert state(task) == (TaskStatus.RUNNING, 1)
    assert TaskAttempt.objects.count() == 1


def test_failure_after_a_cancellation_is_final():
    task = TaskFactory(cancel_requested_at=datetime(2026, 3, 2, tzinfo=UTC))

    record_events([started(task), finished(task, status=TaskStatus.FAIL, retry_at=1.0)])

    assert state(task) == (TaskStatus.DEAD, 1)
    assert (task.dead_reason, task.send_at) == (DeadReason.CANCELLED, None)


def test_lost_worker_costs_no_retry():
    task = TaskFactory(max_retries=5)
    lost = lost_outcome(losses=0, rerun=True)

    record_events([started(task), finished_event(task.task_id, 1, lost, START, "host:1")])

    assert state(task) == (TaskStatus.FAIL, 1)
    assert (task.losses, task.max_retries) == (1, 6)


def test_stopped_worker_neither_costs_a_retry_nor_counts_as_lost():
    task = TaskFactory(max_retries=5, losses=1)

    record_events([started(task), finished_event(task.task_id, 1, stopped_outcome(rerun=True), START, "host:1")])

    assert state(task) == (TaskStatus.FAIL, 1)
    assert (task.losses, task.max_retries) == (1, 6)
    assert stopped_outcome(rerun=False).status == TaskStatus.DEAD


def test_two_lost_workers_in_a_row_are_the_end():
    assert lost_outcome(losses=0, rerun=True).status == TaskStatus.FAIL
    second = lost_outcome(losses=1, rerun=True)
    assert (second.status, second.reason) == (TaskStatus.DEAD, DeadReason.WORKER_LOST)
    assert lost_outcome(losses=0, rerun=False).reason == DeadReason.WORKER_LOST


def test_success_between_two_losses_starts_the_count_anew():
    task = TaskFactory(losses=1)

    record_events([started(task), finished(task, status=TaskStatus.FAIL, retry_at=1.0)])

    task.refresh_from_db()
    assert task.losses == 0


def test_truth_that_comes_later_replaces_a_guess():
    task = TaskFactory()
    guess = finished(task, status=TaskStatus.DEAD, reason=DeadReason.WORKER_LOST)

    record_events([started(task), guess])
    record_events([finished(task, after=9_000_000)])

    assert state(task) == (TaskStatus.SUCCESS, 1)
    assert task.dead_reason == ""


def test_same_end_told_by_two_is_told_once(told):
    task = TaskFactory()
    cancelled = {"status": TaskStatus.DEAD, "reason": DeadReason.CANCELLED}

    record_events([finished(task, **cancelled)])
    record_events([finished(task, after=3_000_000, **cancelled)])

    assert len(told[1]) == 1


def test_dropped_deliveries_are_counted():
    task = TaskFactory()
    TaskAttemptFactory(task_id=task.task_id)
    dropped = {"kind": EventKind.DUPLICATE, "id": task.task_id, "attempt": 1, "at": START}

    record_events([dropped, dropped])

    assert TaskAttempt.objects.get().duplicates == 2


@pytest.mark.skipif(connection.vendor != "postgresql", reason="elsewhere rows go one by one in one round trip")
def test_statements_of_a_batch_do_not_grow_with_it():
    live.current_epoch()
    counts = []
    for size in (2, 20):
        tasks = TaskFactory.create_batch(size)
        with CaptureQueriesContext(connection) as caught:
            record_events([event for task in tasks for event in (started(task), finished(task))])
        counts.append(len(caught))

    assert counts == [5, 5]  # SAVEPOINT, lock, tasks, attempts, RELEASE
