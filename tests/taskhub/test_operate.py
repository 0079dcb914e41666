"""Retry and cancel: audited, refused when there is nothing to do."""

from __future__ import annotations

import threading
from contextlib import suppress

import orjson
import pytest
from django.db import connection

from apps.audit.testing import recorded
from apps.core import redis as core_redis
from apps.core.actor import Actor, ActorKind
from apps.core.errors import RedisUnavailable
from apps.taskhub.enums import DeadReason, TaskStatus
from apps.taskhub.errors import TaskAlreadyFinished, TaskNotFinished, TaskNotFound, UnknownTask
from apps.taskhub.hub_task import live
from apps.taskhub.hub_task.execution import Outcome, finished_event
from apps.taskhub.models import Task
from apps.taskhub.services import cancel_task, enqueue, operate, retry_task
from apps.taskhub.testing import record_waiting, run_queued, run_task
from tests.factories.taskhub import TaskFactory
from tests.taskhub.names import ADD, OBEY, REFUSE, TRY

OPERATOR = Actor(ActorKind.USER, "5", "operator")


def events() -> list[tuple[str, str, str]]:
    return [
        (event["action"], event["resource_id"], event["reason"])
        for event in recorded()
        if event["resource_type"] == "task"
    ]


@pytest.mark.django_db(transaction=True)
def test_dead_task_is_queued_again_as_a_new_attempt():
    task_id = enqueue(REFUSE)
    run_queued()
    core_redis.client().delete("default")

    task = retry_task(task_id, actor=OPERATOR, reason="fixed")

    assert (task.status, task.attempts, task.dead_reason, task.max_retries) == (TaskStatus.PENDING, 1, "", 6)
    hub = orjson.loads(core_redis.client().lindex("default", 0))["headers"]["hub"]
    assert (hub["id"], hub["attempt"]) == (task_id, 2)
    assert events() == [("retried", str(task.pk), "fixed")]
    run_queued()
    assert Task.objects.get().attempts == 2


@pytest.mark.django_db
@pytest.mark.parametrize("status", [TaskStatus.PENDING, TaskStatus.RUNNING, TaskStatus.FAIL, TaskStatus.SUCCESS])
def test_only_dead_tasks_are_retried(status):
    task = TaskFactory(name=ADD, status=status, attempts=1)

    with pytest.raises(TaskNotFinished):
        retry_task(task.task_id, actor=OPERATOR)

    before = task.state_rank
    task.refresh_from_db()
    assert (task.status, task.state_rank) == (status, before)
    assert events() == []


@pytest.mark.django_db
def test_unknown_task_and_type_are_refused():
    gone = TaskFactory(name="gone.for_ever", status=TaskStatus.DEAD, attempts=1)

    with pytest.raises(TaskNotFound):
        retry_task("0" * 32, actor=OPERATOR)
    with pytest.raises(TaskNotFound):
        cancel_task("0" * 32, actor=OPERATOR)
    with pytest.raises(UnknownTask):
        retry_task(gone.task_id, actor=OPERATOR)

    gone.refresh_from_db()
    assert gone.status == TaskStatus.DEAD
    assert events() == []


@pytest.mark.django_db
def test_waiting_task_is_dead_at_once_and_never_starts(calls, told):
    task_id = enqueue(ADD, left=1)
    message_before = Task.objects.get()

    task = cancel_task(task_id, actor=OPERATOR, reason="wrong source")

    assert (task.status, task.dead_reason, task.send_at) == (TaskStatus.DEAD, DeadReason.CANCELLED, None)
    assert events() == [("cancelled", str(task.pk), "wrong source")]
    assert [run.dead_reason for run in told[1]] == [DeadReason.CANCELLED]
    run_task(message_before)
    record_waiting()
    assert calls == []
    assert len(told[1]) == 1


@pytest.mark.django_db
def test_running_task_is_asked_to_stop():
    task = TaskFactory(name=OBEY, status=TaskStatus.RUNNING, attempts=1)

    cancelled = cancel_task(task.task_id, actor=OPERATOR)

    assert cancelled.status == TaskStatus.RUNNING
    assert cancelled.cancel_requested_at is not None
    assert live.is_cancelled(task.task_id, 1)


@pytest.mark.django_db
def test_task_that_started_a_moment_ago_counts_as_running():
    task = TaskFactory(name=ADD)
    live.take_start(task.task_id, 1, at=live.now_micros(), worker="w", running_seconds=60)

    cancelled = cancel_task(task.task_id, actor=OPERATOR)

    assert cancelled.status == TaskStatus.PENDING
    assert cancelled.cancel_requested_at is not None


@pytest.mark.django_db
@pytest.mark.parametrize("status", [TaskStatus.SUCCESS, TaskStatus.DEAD])
def test_ended_task_cannot_be_cancelled(status):
    task = TaskFactory(name=ADD, status=status, attempts=1)

    with pytest.raises(TaskAlreadyFinished):
        cancel_task(task.task_id, actor=OPERATOR)

    assert not live.is_cancelled(task.task_id, 1)
    assert events() == []


@pytest.mark.django_db
def test_without_redis_nothing_is_cancelled(without_redis):
    task = TaskFactory(name=ADD)

    with without_redis(), pytest.raises(RedisUnavailable):
        cancel_task(task.task_id, actor=OPERATOR)

    task.refresh_from_db()
    assert (task.status, task.cancel_requested_at) == (TaskStatus.PENDING, None)
    assert events() == []


@pytest.mark.django_db
def test_cancelled_task_may_be_retried(calls):
    task_id = enqueue(ADD, left=1)
    cancel_task(task_id, actor=OPERATOR)

    retry_task(task_id, actor=OPERATOR)
    run_queued()

    task = Task.objects.get()
    assert (task.status, task.attempts, len(calls)) == (TaskStatus.SUCCESS, 2, 1)


@pytest.mark.django_db
def test_task_that_was_cancelled_while_it_ran_may_be_retried(calls):
    task = Task.objects.get(task_id=enqueue(OBEY))
    live.take_start(task.task_id, 1, at=live.now_micros(), worker="w", running_seconds=60)
    record_waiting()
    cancel_task(task.task_id, actor=OPERATOR)
    live.say_finished(finished_event(task.task_id, 1, Outcome(TaskStatus.DEAD, DeadReason.CANCELLED), None, "w"))
    record_waiting()

    retry_task(task.task_id, actor=OPERATOR)
    run_queued()

    task.refresh_from_db()
    assert (task.status, task.attempts, calls) == (TaskStatus.SUCCESS, 2, ["not stopped"])


@pytest.mark.django_db
def test_cancelled_run_that_fails_gets_no_further_attempt():
    task = Task.objects.get(task_id=enqueue(TRY, fail_times=1))
    live.take_start(task.task_id, 1, at=live.now_micros(), worker="w", running_seconds=60)
    record_waiting()
    cancel_task(task.task_id, actor=OPERATOR)
    failed = Outcome(TaskStatus.FAIL, retry_at=live.now_micros() / 1e6)
    live.say_finished(finished_event(task.task_id, 1, failed, None, "w"))
    record_waiting()

    task.refresh_from_db()
    assert (task.status, task.dead_reason, task.send_at) == (TaskStatus.DEAD, DeadReason.CANCELLED, None)


@pytest.mark.django_db(transaction=True)
def test_two_cancellations_at_once_leave_the_task_cancelled(calls, monkeypatch):
    task = Task.objects.get(task_id=enqueue(ADD, left=1))
    together, ask = threading.Barrier(2), live.states

    def states(task_ids):
        """Both have set the flag, if they can get so far; then one of them is first."""
        with suppress(threading.BrokenBarrierError):
            together.wait(timeout=0.5)
        return ask(task_ids)

    monkeypatch.setattr(live, "states", states)
    outcomes: list[str] = []

    def cancel():
        try:
            outcomes.append(cancel_task(task.task_id, actor=OPERATOR, reason="both").dead_reason)
        except TaskAlreadyFinished:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=cancel) for _ in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    assert sorted(outcomes) == ["cancelled", "refused"]
    assert [action for action, _id, _reason in events()] == ["cancelled"]
    run_task(task)
    record_waiting()
    assert calls == []
    assert Task.objects.get().dead_reason == DeadReason.CANCELLED


@pytest.mark.django_db
def test_cancellation_that_fails_leaves_no_flag(calls, monkeypatch):
    task = Task.objects.get(task_id=enqueue(ADD, left=1))
    monkeypatch.setattr(operate, "record", fail)

    with pytest.raises(RuntimeError):
        cancel_task(task.task_id, actor=OPERATOR)

    task.refresh_from_db()
    assert (task.status, task.cancel_requested_at) == (TaskStatus.PENDING, None)
    run_queued()
    assert len(calls) == 1


@pytest.mark.django_db
def test_cancellation_that_fails_leaves_an_earlier_one_alone(monkeypatch):
    task = TaskFactory(name=OBEY, status=TaskStatus.RUNNING, attempts=1)
    cancel_task(task.task_id, actor=OPERATOR)
    monkeypatch.setattr(operate, "record", fail)

    with pytest.raises(RuntimeError):
        cancel_task(task.task_id, actor=OPERATOR)

    assert live.is_cancelled(task.task_id, 1)


def fail(*_args, **_options):
    raise RuntimeError("the audit log refuses")
