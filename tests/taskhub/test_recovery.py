"""Beat's chore that finds what got lost: attempts that nobody runs, messages that nobody has."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import orjson
import pytest
import time_machine

from apps.core import redis as core_redis
from apps.scheduler.services import tick
from apps.taskhub.enums import DeadReason, TaskStatus
from apps.taskhub.hub_task import live
from apps.taskhub.hub_task.broker import publish
from apps.taskhub.hub_task.execution import Outcome, finished_event
from apps.taskhub.models import Task, TaskAttempt, WorkerProcess
from apps.taskhub.services import enqueue, publish_due, recover_orphans, recovery, report_process
from apps.taskhub.services.dispatch import message_of
from apps.taskhub.services.recording import record_events
from apps.taskhub.services.recovery import CONFIRMED_AFTER, LOOKS_APART_AT_MOST
from apps.taskhub.testing import record_waiting, run_task
from tests.factories.taskhub import TaskFactory, WorkerProcessFactory
from tests.taskhub.messages import sent
from tests.taskhub.names import ADD
from tests.taskhub.test_workers import report

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 2, 13, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _fresh_watch(monkeypatch):
    monkeypatch.setattr(recovery, "_watch", recovery.LossWatch())


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def running_task(**changes) -> Task:
    values = {"name": ADD, "status": TaskStatus.RUNNING, "attempts": 1, "started_at": ago(3600)}
    return TaskFactory(**{**values, **changes})


def found_at_the_second_look(now: datetime = NOW) -> int:
    """Nothing is called lost at the first."""
    assert recover_orphans(now - CONFIRMED_AFTER) == 0
    return recover_orphans(now)


def lost() -> list[str]:
    return list(TaskAttempt.objects.filter(dead_reason=DeadReason.WORKER_LOST).values_list("task_id", flat=True))


# --- attempts ---------------------------------------------------------------------------------------------------------
def test_attempt_that_no_living_process_lists_is_lost_and_sent_again():
    task = running_task(started_at=ago(46))
    WorkerProcessFactory(heartbeat_at=ago(46), running=[[task.task_id, 1]])

    assert found_at_the_second_look() == 1

    task.refresh_from_db()
    assert (task.status, task.losses, task.attempts) == (TaskStatus.FAIL, 1, 1)
    assert TaskAttempt.objects.get().dead_reason == DeadReason.WORKER_LOST
    assert publish_due(datetime.now(UTC) + timedelta(seconds=1)) == 1
    assert sent() == [(task.task_id, 2)]
    assert recover_orphans(NOW) == 0


def test_work_of_a_dead_worker_goes_back_within_a_minute():
    """Its last words at NOW; rounds as often as beat makes them, at the worst moment."""
    task = running_task(started_at=ago(1))
    WorkerProcessFactory(heartbeat_at=NOW, running=[[task.task_id, 1]])
    every = next(duty.every_seconds for duty in tick.duties() if duty.name == "recover_orphans")
    rounds = [NOW + timedelta(seconds=every * (number + 0.999)) for number in range(20)]

    given_back = next(moment for moment in rounds if recover_orphans(moment) == 1)

    assert timedelta(seconds=45) <= given_back - NOW <= timedelta(seconds=58)


def test_second_loss_in_a_row_is_dead():
    task = running_task(attempts=2, losses=1)

    assert found_at_the_second_look() == 1

    task.refresh_from_db()
    assert (task.status, task.dead_reason) == (TaskStatus.DEAD, DeadReason.WORKER_LOST)


def test_attempt_of_a_living_process_is_left_alone():
    listed = running_task()
    WorkerProcessFactory(heartbeat_at=ago(44), running=[[listed.task_id, 1]])
    running_task(started_at=ago(44))

    assert found_at_the_second_look() == 0
    assert lost() == []


def test_attempts_are_not_lost_because_the_database_was_away():
    """Every heartbeat is old when it comes back; those of the living are new before the second look."""
    living, dead = running_task(), running_task()
    process = WorkerProcessFactory(heartbeat_at=ago(300), running=[[living.task_id, 1]])
    WorkerProcessFactory(heartbeat_at=ago(300), running=[[dead.task_id, 1]])

    assert recover_orphans(NOW) == 0
    WorkerProcess.objects.filter(pk=process.pk).update(heartbeat_at=NOW + timedelta(seconds=10))

    assert recover_orphans(NOW + CONFIRMED_AFTER) == 1
    assert lost() == [dead.task_id]


def test_looks_before_and_after_a_long_pause_are_not_two_in_a_row():
    """A worker that missed some beats before the machine slept has had no time to speak again."""
    task = running_task()
    WorkerProcessFactory(heartbeat_at=ago(31), running=[[task.task_id, 1]])
    awake = NOW + LOOKS_APART_AT_MOST + timedelta(seconds=1)

    assert recover_orphans(NOW) == 0
    assert recover_orphans(awake) == 0

    assert recover_orphans(awake + CONFIRMED_AFTER) == 1


def test_attempt_that_was_listed_in_between_is_a_new_suspect():
    task = running_task()
    process = WorkerProcessFactory(heartbeat_at=ago(60), running=[[task.task_id, 1]])

    assert recover_orphans(NOW) == 0
    WorkerProcess.objects.filter(pk=process.pk).update(heartbeat_at=NOW)
    assert recover_orphans(NOW + timedelta(seconds=10)) == 0
    WorkerProcess.objects.filter(pk=process.pk).update(heartbeat_at=ago(60))

    assert recover_orphans(NOW + timedelta(seconds=20)) == 0
    assert recover_orphans(NOW + timedelta(seconds=20) + CONFIRMED_AFTER) == 1


def test_clocks_of_workers_and_beat_may_differ():
    """Beat's clock is an hour ahead of the database's, the worker's an hour behind."""
    task = running_task(started_at=datetime.now(UTC) - timedelta(hours=2))
    with time_machine.travel(datetime.now(UTC) - timedelta(hours=1), tick=False):
        report_process(report(running=[(task.task_id, 1)]))

    with time_machine.travel(datetime.now(UTC) + timedelta(hours=1), tick=False) as beat:
        assert recover_orphans() == 0
        beat.shift(CONFIRMED_AFTER)
        assert recover_orphans() == 0

    assert lost() == []


def test_end_that_is_not_recorded_yet_is_no_loss(calls):
    task = Task.objects.get(task_id=enqueue(ADD, left=1))
    run_task(task)
    Task.objects.update(status=TaskStatus.RUNNING, attempts=1, state_rank=11, started_at=ago(3600), send_at=None)

    assert found_at_the_second_look() == 0

    record_waiting()
    assert Task.objects.get().status == TaskStatus.SUCCESS


def test_end_that_is_recorded_while_we_look_stands(monkeypatch):
    task = running_task()

    class Slow(recovery.LossWatch):
        def confirmed(self, suspects, now):
            if chosen := super().confirmed(suspects, now):
                record_events([finished_event(task.task_id, 1, Outcome(TaskStatus.SUCCESS), None, "worker")])
            return chosen

    monkeypatch.setattr(recovery, "_watch", Slow())

    assert found_at_the_second_look() == 0

    task.refresh_from_db()
    assert task.status == TaskStatus.SUCCESS
    assert lost() == []


def test_recorder_that_is_far_behind_makes_no_losses(calls):
    """What ended an hour ago and is not recorded stands nowhere else: the live state has expired."""
    task = Task.objects.get(task_id=enqueue(ADD, left=1))
    run_task(task)
    core_redis.client().delete(f"task:{task.task_id}:status")
    Task.objects.update(status=TaskStatus.PENDING, published_at=ago(7200), updated_at=ago(7200), send_at=None)
    never_started = TaskFactory(name=ADD, published_at=ago(7200), updated_at=ago(7200))
    much_later = datetime.now(UTC) + timedelta(minutes=31)

    assert found_at_the_second_look(much_later) == 0

    never_started.refresh_from_db()
    assert never_started.send_at is None
    never_started.delete()
    record_waiting()
    task.refresh_from_db()
    assert (task.status, task.attempts, len(calls)) == (TaskStatus.SUCCESS, 1, 1)
    assert found_at_the_second_look(much_later + timedelta(minutes=1)) == 0
    assert lost() == []


def test_recorder_that_is_a_little_behind_does_not_stop_the_recovery():
    task = running_task()
    live.say({"kind": "published", "at": live.now_micros(), "ids": []})

    assert found_at_the_second_look(datetime.now(UTC) + timedelta(minutes=29)) == 1
    assert lost() == [task.task_id]


def test_task_type_that_is_gone_is_not_sent_again():
    task = running_task(name="gone.for_ever")

    assert found_at_the_second_look() == 1

    task.refresh_from_db()
    assert (task.status, task.dead_reason) == (TaskStatus.DEAD, DeadReason.WORKER_LOST)


# --- messages ---------------------------------------------------------------------------------------------------------
def test_message_that_nobody_knows_any_more_is_sent_again():
    task = TaskFactory(name=ADD, published_at=ago(61), updated_at=ago(61))

    assert recover_orphans(NOW) == 1
    assert publish_due(NOW) == 1

    assert sent() == [(task.task_id, 1)]


def test_message_behind_older_ones_in_the_queue_is_not_missed():
    old = NOW - timedelta(minutes=30)
    first = TaskFactory(name=ADD, published_at=old, updated_at=old)
    TaskFactory(name=ADD, published_at=old, updated_at=old)
    message = message_of(first)
    publish([message], mark=False)
    connection = core_redis.client()
    envelope = orjson.loads(connection.lindex("default", -1))
    envelope["headers"]["hub"]["sent"] = old.timestamp()
    connection.lset("default", -1, orjson.dumps(envelope))

    assert recover_orphans(NOW) == 0


def test_message_in_the_hands_of_a_worker_is_not_missed():
    old = NOW - timedelta(minutes=30)
    task = TaskFactory(name=ADD, published_at=old, updated_at=old)
    WorkerProcessFactory(heartbeat_at=NOW, running=[[task.task_id, 1]])

    assert recover_orphans(NOW) == 0


def test_start_that_was_never_told_is_a_lost_attempt():
    old = NOW - timedelta(minutes=30)
    task = TaskFactory(name=ADD, published_at=old, updated_at=old)
    core_redis.client().set(f"task:{task.task_id}:1", "a worker that died")

    assert found_at_the_second_look() == 1

    task.refresh_from_db()
    assert (task.status, task.attempts, task.losses) == (TaskStatus.FAIL, 1, 1)


def test_nothing_is_judged_while_redis_is_away(without_redis):
    running_task()

    with without_redis():
        assert found_at_the_second_look() == 0
    assert lost() == []
