"""The hub with real worker, beat and consumer processes, some of them killed."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest
from django.db import connections

from apps.core import redis as core_redis
from apps.core.actor import SYSTEM
from apps.taskhub.enums import DeadReason, TaskStatus
from apps.taskhub.hub_task import live
from apps.taskhub.models import Task, TaskAttempt, WorkerProcess
from apps.taskhub.services import EnqueueOptions, cancel_task, enqueue, enqueue_many
from tests.faults import processes
from tests.faults.workload.tasks import CRASH, FLAKY, HOLD, NOOP, REFUSE, SLEEP, STUBBORN

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.e2e, pytest.mark.timeout(300)]


@pytest.fixture
def house(tmp_path: Path, settings):
    """A worker, a consumer and a beat on this test's database."""
    with processes.consumer(tmp_path), processes.beat(tmp_path), processes.worker(tmp_path) as worker:
        yield worker
    connections.close_all()


def state(task_id: str) -> tuple[str, str]:
    task = Task.objects.get(task_id=task_id)
    return task.status, task.dead_reason


def wait_for(task_id: str, *statuses: str, seconds: float = 60) -> Task:
    processes.wait_until(
        lambda: state(task_id)[0] in statuses,
        seconds=seconds,
        what=f"{task_id} becomes {statuses}, is {state(task_id)}",
    )
    return Task.objects.get(task_id=task_id)


def test_every_way_an_attempt_can_end(house):
    success, refused, flaky = enqueue(NOOP, number=1), enqueue(REFUSE), enqueue(FLAKY, times=2)
    soft, hard, late = enqueue(SLEEP, seconds=30), enqueue(STUBBORN, seconds=30), enqueue(STUBBORN, seconds=1.5)
    crashed, hopeless = enqueue(CRASH, times=1), enqueue(CRASH, times=9)

    final = (TaskStatus.SUCCESS, TaskStatus.DEAD)
    assert wait_for(success, *final).status == TaskStatus.SUCCESS
    assert wait_for(refused, *final).dead_reason == DeadReason.NOT_RECOVERABLE
    assert wait_for(flaky, *final).result == 3
    for timed_out in (soft, hard, late):
        assert wait_for(timed_out, *final).dead_reason == DeadReason.TIMEOUT
    assert Task.objects.get(task_id=late).result == "ignored the soft limit"
    assert "hard limit" in Task.objects.get(task_id=hard).last_error
    survivor = wait_for(crashed, *final)
    assert (survivor.status, survivor.result, survivor.attempts) == (TaskStatus.SUCCESS, "survived", 2)
    killer = wait_for(hopeless, *final)
    assert (killer.dead_reason, killer.attempts) == (DeadReason.WORKER_LOST, 2)
    processes.wait_until(
        lambda: core_redis.client().hlen("unacked") == 0, seconds=10, what="every message is acknowledged"
    )


def test_killed_worker_gives_its_work_back_within_a_minute(tmp_path: Path):
    with processes.consumer(tmp_path), processes.beat(tmp_path):
        first = processes.worker(tmp_path, name="first", concurrency=1).start()
        task_id = enqueue(FLAKY, times=0)
        wait_for(task_id, TaskStatus.SUCCESS)
        victim = enqueue(HOLD, seconds=20.0)
        wait_for(victim, TaskStatus.RUNNING)
        processes.wait_until(
            lambda: [victim, 1] in WorkerProcess.objects.get().running,
            seconds=15,
            what="the heartbeat lists the attempt",
        )

        first.kill(children_too=True)
        with processes.worker(tmp_path, name="second", concurrency=1):
            took = processes.wait_until(
                lambda: TaskAttempt.objects.filter(task_id=victim, attempt=2).exists(), seconds=90, what="attempt 2"
            )
            assert took < 75
            task = wait_for(victim, TaskStatus.SUCCESS)

    assert task.attempts == 2
    lost = TaskAttempt.objects.get(task_id=victim, attempt=1)
    assert (lost.status, lost.dead_reason) == (TaskStatus.FAIL, DeadReason.WORKER_LOST)
    connections.close_all()


def test_cancelled_while_it_runs_and_before_it_starts(house):
    running = enqueue(SLEEP, seconds=1.8)
    wait_for(running, TaskStatus.RUNNING)
    waiting = enqueue(NOOP, options=EnqueueOptions(task_id="cancel-me"), number=1)
    cancel_task(running, actor=SYSTEM, reason="test")
    try:
        cancel_task(waiting, actor=SYSTEM, reason="test")
    except Exception:  # it may have been quicker than we are
        assert state(waiting)[0] == TaskStatus.SUCCESS

    assert wait_for(running, TaskStatus.DEAD).dead_reason == DeadReason.CANCELLED


def test_redis_that_lost_everything_loses_no_task(tmp_path: Path):
    with processes.consumer(tmp_path), processes.beat(tmp_path):
        before = enqueue_many(NOOP, [{"number": number} for number in range(20)])
        processes.wait_until(
            lambda: Task.objects.filter(published_at__isnull=False, epoch=live.current_epoch()).count() >= 20,
            seconds=30,
            what="all marks are recorded",
        )
        core_redis.client().flushdb()
        with processes.worker(tmp_path):
            for task_id in before:
                wait_for(task_id, TaskStatus.SUCCESS, seconds=90)
    connections.close_all()


def test_worker_starts_and_stops_in_order(house):
    processes.wait_until(lambda: WorkerProcess.objects.exists(), seconds=30, what="the first heartbeat")
    process = WorkerProcess.objects.get()
    assert (process.pid, process.concurrency, process.queues) == (house.pid, 2, ["critical", "default", "low"])

    children = psutil.Process(house.pid).children()
    os.kill(house.pid, signal.SIGTERM)
    processes.wait_until(lambda: not house.is_running, seconds=30, what="the worker has stopped")

    process.refresh_from_db()
    assert process.stopped_at is not None
    assert not any(child.is_running() for child in children)


def test_stopping_worker_gives_back_what_takes_too_long(tmp_path: Path):
    with processes.consumer(tmp_path), processes.beat(tmp_path):
        with processes.worker(tmp_path, name="first", concurrency=1) as first:
            task_id = enqueue(HOLD, seconds=50.0)
            wait_for(task_id, TaskStatus.RUNNING)
            first.signal(signal.SIGTERM)
            took = processes.wait_until(lambda: not first.is_running, seconds=40, what="the worker has stopped")
        assert 18 < took < 30
        with processes.worker(tmp_path, name="second", concurrency=1):
            task = wait_for(task_id, TaskStatus.SUCCESS)
    assert (task.attempts, task.losses) == (2, 0)
    assert TaskAttempt.objects.get(task_id=task_id, attempt=1).dead_reason == DeadReason.WORKER_STOPPED
    assert core_redis.client().hlen("unacked") == 0
    connections.close_all()


def test_critical_task_does_not_wait_behind_low_ones(house):
    enqueue_many(NOOP, [{"number": number} for number in range(3_000)], options=EnqueueOptions(queue="low"))
    processes.wait_until(lambda: TaskAttempt.objects.exists(), seconds=60, what="the worker is busy")

    urgent = enqueue(NOOP, options=EnqueueOptions(queue="critical"), number=1)

    task = wait_for(urgent, TaskStatus.SUCCESS)
    assert (task.started_at - task.created_at).total_seconds() < 1.0
