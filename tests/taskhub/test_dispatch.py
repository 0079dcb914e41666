"""Beat's chores: what is due, what was never sent, what got lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import orjson
import pytest

from apps.core import redis as core_redis
from apps.taskhub.enums import DeadReason, TaskStatus
from apps.taskhub.hub_task import live
from apps.taskhub.hub_task.broker import publish
from apps.taskhub.models import Task, TaskAttempt
from apps.taskhub.services import (
    EnqueueOptions,
    check_epoch,
    dispatch,
    enqueue,
    publish_due,
    recover_orphans,
    republish_unpublished,
)
from apps.taskhub.services.dispatch import message_of
from apps.taskhub.testing import record_waiting, run_queued, run_task
from tests.factories.taskhub import TaskFactory, WorkerProcessFactory
from tests.taskhub.names import ADD, TRY

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 2, 13, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _fresh_watch(monkeypatch):
    monkeypatch.setattr(dispatch, "_watch", dispatch.EpochWatch())


def sent() -> list[tuple[str, int]]:
    """(task, attempt) of the messages in all queues, oldest first."""
    connection = core_redis.client()
    entries = [entry for queue in ("critical", "default", "low") for entry in reversed(connection.lrange(queue, 0, -1))]
    return [(hub["id"], hub["attempt"]) for hub in (orjson.loads(entry)["headers"]["hub"] for entry in entries)]


def test_retry_is_sent_as_a_waiting_task_with_the_next_attempt():
    task = Task.objects.get(task_id=enqueue(TRY, fail_times=1))
    run_queued()
    task.refresh_from_db()

    assert publish_due(task.send_at - timedelta(milliseconds=1)) == 0
    assert publish_due(task.send_at) == 1

    task.refresh_from_db()
    assert (task.status, task.send_at, task.attempts) == (TaskStatus.PENDING, None, 1)
    assert sent() == [(task.task_id, 2)]


def test_a_batch_is_bounded(monkeypatch):
    monkeypatch.setattr(dispatch, "BATCH", 3)
    TaskFactory.create_batch(5, name=ADD, run_at=NOW, send_at=NOW)

    assert [publish_due(NOW), publish_due(NOW), publish_due(NOW)] == [3, 2, 0]


def test_cancelled_and_finished_tasks_are_never_sent():
    TaskFactory(status=TaskStatus.DEAD, run_at=NOW, send_at=NOW)
    TaskFactory(status=TaskStatus.RUNNING, attempts=1, run_at=NOW, send_at=NOW)

    assert publish_due(NOW) == 0
    assert sent() == []


def test_broker_away_leaves_the_row_for_after_its_lease(without_redis):
    task = TaskFactory(name=ADD, run_at=NOW, send_at=NOW)

    with without_redis():
        assert publish_due(NOW) == 0

    task.refresh_from_db()
    assert (task.status, task.send_at) == (TaskStatus.PENDING, NOW + dispatch.LEASE)


def test_marks_that_still_wait_in_the_stream_are_not_missing():
    enqueue(ADD, left=1)
    task = Task.objects.get()
    assert publish([message_of(task)])  # the mark is in the stream, the recorder is slow

    later = datetime.now(UTC) + timedelta(seconds=30)
    assert republish_unpublished(later) == 0

    record_waiting()
    assert republish_unpublished(later) == 0
    assert sent() == [(task.task_id, 1)]


def test_recorder_that_is_away_for_minutes_does_not_stop_the_sending():
    enqueue(ADD, left=1)
    live.say({"kind": "published", "at": live.now_micros(), "ids": []})

    assert republish_unpublished(datetime.now(UTC) + timedelta(minutes=6)) == 1


def test_lost_redis_data_means_sending_what_waits_again():
    waiting = TaskFactory(name=ADD, epoch="before")
    TaskFactory(name=ADD, status=TaskStatus.SUCCESS, attempts=1, epoch="before")
    running = TaskFactory(name=ADD, status=TaskStatus.RUNNING, attempts=1, epoch="before")

    assert check_epoch(NOW) == 1
    assert check_epoch(NOW) == 0
    assert publish_due(NOW) == 1

    assert sent() == [(waiting.task_id, 1)]
    waiting.refresh_from_db()
    assert waiting.epoch == live.current_epoch()
    running.refresh_from_db()
    assert running.send_at is None


def test_unchanged_epoch_asks_the_database_once(django_assert_num_queries):
    check_epoch(NOW)

    with django_assert_num_queries(0):
        assert check_epoch(NOW) == 0


def test_new_epoch_is_noticed_by_a_running_beat():
    check_epoch(NOW)
    task = TaskFactory(name=ADD, epoch=live.current_epoch())
    core_redis.client().flushdb()

    assert check_epoch(NOW) == 1
    task.refresh_from_db()
    assert task.send_at == NOW


def test_attempt_that_no_living_process_lists_is_lost_and_sent_again():
    begun = NOW - timedelta(seconds=46)
    task = TaskFactory(name=ADD, status=TaskStatus.RUNNING, attempts=1, started_at=begun)
    WorkerProcessFactory(heartbeat_at=NOW - timedelta(seconds=46), running=[[task.task_id, 1]])

    assert recover_orphans(NOW) == 1

    task.refresh_from_db()
    assert (task.status, task.losses, task.attempts) == (TaskStatus.FAIL, 1, 1)
    assert TaskAttempt.objects.get().dead_reason == DeadReason.WORKER_LOST
    assert publish_due(datetime.now(UTC) + timedelta(seconds=1)) == 1
    assert sent() == [(task.task_id, 2)]
    assert recover_orphans(NOW) == 0


def test_second_loss_in_a_row_is_dead():
    task = TaskFactory(
        name=ADD, status=TaskStatus.RUNNING, attempts=2, losses=1, started_at=NOW - timedelta(seconds=46)
    )

    assert recover_orphans(NOW) == 1

    task.refresh_from_db()
    assert (task.status, task.dead_reason) == (TaskStatus.DEAD, DeadReason.WORKER_LOST)


def test_attempt_of_a_living_process_is_left_alone():
    listed = TaskFactory(name=ADD, status=TaskStatus.RUNNING, attempts=1, started_at=NOW - timedelta(hours=1))
    WorkerProcessFactory(heartbeat_at=NOW - timedelta(seconds=44), running=[[listed.task_id, 1]])
    TaskFactory(name=ADD, status=TaskStatus.RUNNING, attempts=1, started_at=NOW - timedelta(seconds=44))

    assert recover_orphans(NOW) == 0


def test_end_that_is_not_recorded_yet_is_no_loss(calls):
    task = Task.objects.get(task_id=enqueue(ADD, left=1))
    run_task(task)
    Task.objects.update(
        status=TaskStatus.RUNNING, attempts=1, state_rank=11, started_at=NOW - timedelta(hours=1), send_at=None
    )

    assert recover_orphans(NOW) == 0

    record_waiting()
    assert Task.objects.get().status == TaskStatus.SUCCESS


def test_task_type_that_is_gone_is_not_sent_again():
    task = TaskFactory(
        name="gone.for_ever", status=TaskStatus.RUNNING, attempts=1, started_at=NOW - timedelta(seconds=50)
    )

    recover_orphans(NOW)

    task.refresh_from_db()
    assert (task.status, task.dead_reason) == (TaskStatus.DEAD, DeadReason.WORKER_LOST)


def test_message_that_nobody_knows_any_more_is_sent_again():
    task = TaskFactory(name=ADD, published_at=NOW - timedelta(seconds=61), updated_at=NOW - timedelta(seconds=61))

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

    assert recover_orphans(NOW) == 1

    task.refresh_from_db()
    assert (task.status, task.attempts, task.losses) == (TaskStatus.FAIL, 1, 1)


def test_nothing_is_judged_while_redis_is_away(without_redis):
    TaskFactory(name=ADD, status=TaskStatus.RUNNING, attempts=1, started_at=NOW - timedelta(hours=1))

    with without_redis():
        assert recover_orphans(NOW) == 0
        assert republish_unpublished(NOW) == 0
        assert check_epoch(NOW) == 0


def test_delayed_task_that_a_rollback_took_is_not_sent():
    enqueue(ADD, options=EnqueueOptions(run_at=NOW + timedelta(hours=1)), left=1)
    Task.objects.all().delete()

    assert publish_due(NOW + timedelta(hours=2)) == 0
