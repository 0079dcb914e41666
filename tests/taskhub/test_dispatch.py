"""Beat's chores that send: what is due, what was never sent, what Redis lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from apps.core import redis as core_redis
from apps.taskhub.enums import TaskStatus
from apps.taskhub.hub_task import live
from apps.taskhub.hub_task.broker import publish
from apps.taskhub.models import Task
from apps.taskhub.services import (
    EnqueueOptions,
    check_epoch,
    dispatch,
    enqueue,
    publish_due,
    republish_unpublished,
)
from apps.taskhub.services.dispatch import message_of
from apps.taskhub.testing import record_waiting, run_queued
from tests.factories.taskhub import TaskFactory
from tests.taskhub.messages import sent
from tests.taskhub.names import ADD, TRY

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 2, 13, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _fresh_watch(monkeypatch):
    monkeypatch.setattr(dispatch, "_watch", dispatch.EpochWatch())


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


def test_nothing_is_sent_while_redis_is_away(without_redis):
    enqueue(ADD, left=1)

    with without_redis():
        assert republish_unpublished(datetime.now(UTC) + timedelta(minutes=6)) == 0
        assert check_epoch(NOW) == 0


def test_delayed_task_that_a_rollback_took_is_not_sent():
    enqueue(ADD, options=EnqueueOptions(run_at=NOW + timedelta(hours=1)), left=1)
    Task.objects.all().delete()

    assert publish_due(NOW + timedelta(hours=2)) == 0
