"""Tasks, attempts, workers and processes for tests.

``TaskFactory()`` waits and was published; ``TaskFactory(status="dead", attempts=2)`` has ended.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import factory
from factory.django import DjangoModelFactory

from apps.taskhub.enums import TaskStatus, state_rank
from apps.taskhub.models import OnceKey, Task, TaskAttempt, Worker, WorkerProcess

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


class TaskFactory(DjangoModelFactory[Task]):
    class Meta:
        model = Task

    task_id = factory.Sequence(lambda number: f"{number:032x}")
    name = "taskhub_tests.add"
    payload = factory.LazyFunction(lambda: {"left": 1, "right": 2})
    priority = 2
    max_retries = 5
    created_at = NOON
    updated_at = factory.SelfAttribute("created_at")
    state_at = factory.SelfAttribute("created_at")
    published_at = factory.SelfAttribute("created_at")

    @classmethod
    def _create(cls, model_class: type[Task], *args: Any, **fields: Any) -> Task:
        status, attempts = fields.get("status", TaskStatus.PENDING), fields.get("attempts", 0)
        spoken_of = attempts + 1 if status == TaskStatus.PENDING else max(attempts, 1)
        fields.setdefault("state_rank", state_rank(spoken_of, status))
        return super()._create(model_class, *args, **fields)


class TaskAttemptFactory(DjangoModelFactory[TaskAttempt]):
    class Meta:
        model = TaskAttempt

    task_id = factory.Sequence(lambda number: f"{number:032x}")
    attempt = 1
    status = TaskStatus.SUCCESS
    started_at = NOON
    finished_at = NOON
    duration_ms = 10
    worker_name = "host:1"


class WorkerFactory(DjangoModelFactory[Worker]):
    class Meta:
        model = Worker

    worker_name = factory.Sequence(lambda number: f"group-{number}")


class WorkerProcessFactory(DjangoModelFactory[WorkerProcess]):
    class Meta:
        model = WorkerProcess

    boot_id = factory.Sequence(lambda number: f"{number:032x}")
    host = "host"
    pid = factory.Sequence(lambda number: 1000 + number)
    concurrency = 2
    started_at = NOON
    heartbeat_at = NOON


class OnceKeyFactory(DjangoModelFactory[OnceKey]):
    class Meta:
        model = OnceKey

    key = factory.Sequence(lambda number: f"key-{number}")
    created_at = NOON
