"""What the worker's main process tells in place of a dead child; here without a pool (tests/flows has real ones)."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from billiard.einfo import ExceptionInfo
from billiard.exceptions import WorkerLostError
from celery import current_app
from celery.worker import state

from apps.taskhub.enums import DeadReason, TaskStatus
from apps.taskhub.errors import BadDeclaration
from apps.taskhub.hub_task import RetryPolicy, forget, hub_task
from apps.taskhub.hub_task.broker import headers_of
from apps.taskhub.hub_task.worker_request import HubRequest
from apps.taskhub.models import Task
from apps.taskhub.services import enqueue
from apps.taskhub.services.dispatch import message_of
from apps.taskhub.testing import record_waiting
from tests.taskhub.names import ADD

pytestmark = pytest.mark.django_db


class Message(SimpleNamespace):
    """As much of a kombu message as a request reads."""

    def __init__(self, task: Task) -> None:
        super().__init__(
            headers=headers_of(message_of(task)),
            body=b"[]",
            payload=([], task.payload, {}),
            content_type="application/json",
            content_encoding="utf-8",
            delivery_info={"routing_key": task.queue},
            properties={"reply_to": "", "correlation_id": task.task_id},
        )


@pytest.fixture
def acknowledged() -> list[str]:
    return []


@pytest.fixture
def request_of(acknowledged):
    def make(task: Task) -> HubRequest:
        return HubRequest(
            Message(task),
            app=current_app._get_current_object(),
            on_ack=lambda *_args: acknowledged.append(task.task_id),
        )

    return make


def task_of(name: str = ADD, **arguments: Any) -> Task:
    return Task.objects.get(task_id=enqueue(name, **(arguments or {"left": 1})))


def lost() -> ExceptionInfo:
    try:
        raise WorkerLostError("signal 9")
    except WorkerLostError:
        return ExceptionInfo()


def recorded(task: Task) -> Task:
    record_waiting()
    task.refresh_from_db()
    return task


def test_child_that_died_is_told_and_acknowledged(request_of, acknowledged):
    task = task_of()

    request_of(task).on_failure(lost())

    assert recorded(task).status == TaskStatus.FAIL
    assert (task.losses, task.attempts) == (1, 1)
    assert acknowledged == [task.task_id]


def test_task_that_may_not_be_rerun_is_dead(request_of):
    @hub_task(name="taskhub_tests.once_only", soft_limit_seconds=5, retry=RetryPolicy(rerun_when_lost=False))
    def once_only() -> None: ...

    task = Task.objects.get(task_id=enqueue("taskhub_tests.once_only"))
    try:
        request_of(task).on_failure(lost())
    finally:
        forget("taskhub_tests.once_only")

    assert (recorded(task).status, task.dead_reason) == (TaskStatus.DEAD, DeadReason.WORKER_LOST)


def test_hard_limit_is_a_timeout(request_of, acknowledged):
    task = task_of()

    request_of(task).on_timeout(soft=False, timeout=90)

    assert (recorded(task).status, task.dead_reason) == (TaskStatus.DEAD, DeadReason.TIMEOUT)
    assert "hard limit of 90 s" in task.last_error
    assert acknowledged == [task.task_id]


def test_soft_limit_is_the_childs_own_affair(request_of):
    task = task_of()

    request_of(task).on_timeout(soft=True, timeout=60)

    assert recorded(task).status == TaskStatus.PENDING


def test_without_redis_the_message_stays_with_celery(request_of, without_redis, acknowledged):
    task = task_of()
    request = request_of(task)

    with without_redis():
        request.on_failure(lost())

    assert recorded(task).status == TaskStatus.PENDING


def test_stopping_worker_gives_the_attempt_back(request_of, acknowledged):
    task = task_of()

    request_of(task).cancel(pool=None)

    assert (recorded(task).status, task.losses) == (TaskStatus.FAIL, 0)
    assert acknowledged == [task.task_id]


def test_other_failures_are_celerys(request_of, monkeypatch):
    task = task_of()
    monkeypatch.setattr(state, "should_terminate", True)

    request_of(task).on_timeout(soft=False, timeout=90)

    assert recorded(task).status == TaskStatus.PENDING


def test_task_that_was_sent_past_the_hub_is_refused():
    with pytest.raises(BadDeclaration):
        current_app.tasks[ADD].run_attempt(left=1)
