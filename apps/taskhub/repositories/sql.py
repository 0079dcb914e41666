"""The store in the project's database (default): the rows that the recorder writes."""

from __future__ import annotations

import builtins
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Avg, Count, OuterRef, Q, Subquery
from django.db.models.functions import TruncHour

from apps.taskhub.enums import TaskStatus, state_rank
from apps.taskhub.models import Task, TaskAttempt, Worker
from apps.taskhub.querysets import TaskQuerySet, WorkerQuerySet
from apps.taskhub.repositories.base import (
    DEFAULT_FAILED_LIMIT,
    DEFAULT_HOURS,
    DEFAULT_LIMIT,
    MAX_FAILED_LIMIT,
    MAX_HOURS,
    MAX_LIMIT,
    NO_FILTER,
    AttemptRecord,
    HourStats,
    QueueCounts,
    TaskFilter,
    TaskRecord,
    TaskRepository,
    WorkerRecord,
    WorkerRepository,
    WorkerStats,
    clamp,
)

_SUCCEEDED = Count("id", filter=Q(status=TaskStatus.SUCCESS))
_FAILED = Count("id", filter=Q(status__in=[TaskStatus.FAIL, TaskStatus.DEAD]))


class SqlTaskRepository(TaskRepository):
    def upsert_task(self, task: TaskRecord) -> None:
        if not task.task_id:
            raise ValueError("a task needs a task_id")
        changes = {
            "queue": task.queue,
            "priority": task.priority,
            "payload": task.payload,
            "status": task.status,
            "attempts": task.last_attempt,
            "last_error": task.last_error,
            "last_worker_name": task.last_worker_name,
            "trace_id": task.trace_id,
            "state_rank": state_rank(max(task.last_attempt, 1), task.status),
            "state_at": task.updated_at,
            "updated_at": task.updated_at,
        }
        first = changes | {
            "name": task.name,
            "worker_name": task.worker_name,
            "created_at": task.created_at,
            "max_retries": task.max_retries,
            "duration_ms": task.duration_ms,
        }
        Task.objects.update_or_create(task_id=task.task_id, defaults=changes, create_defaults=first)

    def update_task_status(
        self, task_id: str, *, status: str, last_attempt: int, last_error: str, last_worker_name: str
    ) -> bool:
        now = datetime.now(UTC)
        changed = Task.objects.filter(task_id=task_id).update(
            status=status,
            attempts=last_attempt,
            last_error=last_error,
            last_worker_name=last_worker_name,
            state_rank=state_rank(max(last_attempt, 1), status),
            state_at=now,
            updated_at=now,
        )
        return changed == 1

    def get_task(self, task_id: str) -> TaskRecord | None:
        task = Task.objects.filter(task_id=task_id).first()
        return _task(task) if task else None

    def list_tasks(
        self,
        chosen: TaskFilter = NO_FILTER,
        *,
        limit: int = DEFAULT_LIMIT,
        offset: int = 0,
        older_than: int | None = None,
        newer_than: int | None = None,
    ) -> list[TaskRecord]:
        rows, start = _filtered(chosen), max(offset, 0)
        size = clamp(limit, default=DEFAULT_LIMIT, maximum=MAX_LIMIT)
        if newer_than is not None:
            nearest = rows.filter(id__gt=newer_than).order_by("id")[start : start + size]
            return [_task(task) for task in reversed(nearest)]
        if older_than is not None:
            rows = rows.filter(id__lt=older_than)
        return [_task(task) for task in rows.order_by("-id")[start : start + size]]

    def count_tasks(self, chosen: TaskFilter = NO_FILTER) -> int:
        return _filtered(chosen).count()

    def insert_attempt(self, attempt: AttemptRecord) -> None:
        TaskAttempt.objects.create(
            task_id=attempt.task_id,
            attempt=attempt.attempt,
            status=attempt.status,
            dead_reason=attempt.dead_reason,
            started_at=attempt.started_at,
            finished_at=attempt.finished_at,
            duration_ms=attempt.duration_ms,
            error=attempt.error,
            worker_name=attempt.worker_name,
            trace_id=attempt.trace_id,
            span_id=attempt.span_id,
        )

    def list_attempts(self, task_id: str, *, limit: int = DEFAULT_LIMIT) -> list[AttemptRecord]:
        size = clamp(limit, default=DEFAULT_LIMIT, maximum=MAX_LIMIT)
        return [_attempt(row) for row in TaskAttempt.objects.filter(task_id=task_id).order_by("-attempt")[:size]]

    def get_worker_stats(self, worker_name: str) -> WorkerStats:
        tasks = Task.objects.filter(worker_name=worker_name)
        counts: dict[str, int] = tasks.aggregate(
            total=Count("id"),
            success=_SUCCEEDED,
            failed=_FAILED,
            pending=Count("id", filter=Q(status=TaskStatus.PENDING)),
            running=Count("id", filter=Q(status=TaskStatus.RUNNING)),
        )
        averages = _average_durations(worker_name)
        measured = sum(number for number, _average in averages.values())
        summed = sum(number * average for number, average in averages.values())
        by_queue = tasks.values("queue").annotate(total=Count("id"), success=_SUCCEEDED, failed=_FAILED)
        return WorkerStats(
            **counts,
            success_rate=counts["success"] / counts["total"] * 100 if counts["total"] else 0.0,
            avg_duration_ms=summed / measured if measured else 0.0,
            queues={
                row["queue"]: QueueCounts(
                    row["total"], row["success"], row["failed"], averages.get(row["queue"], (0, 0.0))[1]
                )
                for row in by_queue
            },
        )

    def get_worker_time_series_stats(
        self, worker_name: str, *, hours: int = DEFAULT_HOURS, now: datetime | None = None
    ) -> list[HourStats]:
        since = (now or datetime.now(UTC)) - timedelta(hours=clamp(hours, default=DEFAULT_HOURS, maximum=MAX_HOURS))
        rows = (
            Task.objects.filter(worker_name=worker_name, created_at__gte=since)
            .annotate(hour=TruncHour("created_at", tzinfo=UTC))
            .values("hour")
            .annotate(
                total=Count("id"),
                success=_SUCCEEDED,
                failed=_FAILED,
                average=Avg("duration_ms", filter=Q(status=TaskStatus.SUCCESS)),
            )
            .order_by("hour")
        )
        return [
            HourStats(row["hour"], row["total"], row["success"], row["failed"], float(row["average"] or 0.0))
            for row in rows
        ]

    def list_failed_tasks(self, worker_name: str = "", *, limit: int = DEFAULT_FAILED_LIMIT) -> list[TaskRecord]:
        size = clamp(limit, default=DEFAULT_FAILED_LIMIT, maximum=MAX_FAILED_LIMIT)
        chosen = TaskFilter(worker_name=worker_name, status=TaskStatus.FAIL)
        return [_task(task) for task in _filtered(chosen).order_by("-id")[:size]]


class SqlWorkerRepository(WorkerRepository):
    def upsert(self, worker: WorkerRecord) -> None:
        now = datetime.now(UTC)
        row = Worker(
            worker_name=worker.worker_name,
            base_url=worker.base_url,
            redis_addr=worker.redis_addr,
            queue_groups=worker.queue_groups,
            default_retry_count=worker.default_retry_count,
            default_timeout=worker.default_timeout,
            default_delay=worker.default_delay,
            is_enabled=worker.is_enabled,
            created_at=now,
            updated_at=now,
        )
        Worker.objects.bulk_create(
            [row],
            update_conflicts=True,
            unique_fields=["worker_name"] if connection.features.supports_update_conflicts_with_target else None,
            update_fields=_WORKER_SETTINGS,
        )

    def get(self, worker_name: str) -> WorkerRecord | None:
        worker = Worker.objects.filter(worker_name=worker_name).first()
        return _worker(worker) if worker else None

    def list(self) -> builtins.list[WorkerRecord]:
        return _workers(Worker.objects.all())

    def delete(self, worker_name: str) -> bool:
        return Worker.objects.filter(worker_name=worker_name).delete()[0] == 1

    def update_heartbeat(self, worker_name: str, *, at: datetime) -> bool:
        return Worker.objects.filter(worker_name=worker_name).update(last_heartbeat_at=at) == 1

    def list_offline_workers(
        self, silent_for: timedelta, *, now: datetime | None = None
    ) -> builtins.list[WorkerRecord]:
        since = (now or datetime.now(UTC)) - silent_for
        return _workers(Worker.objects.filter(Q(last_heartbeat_at__isnull=True) | Q(last_heartbeat_at__lt=since)))


_WORKER_SETTINGS = [
    "base_url",
    "redis_addr",
    "queue_groups",
    "default_retry_count",
    "default_timeout",
    "default_delay",
    "is_enabled",
    "updated_at",
]


def _filtered(chosen: TaskFilter) -> TaskQuerySet:
    fields = {"worker_name": chosen.worker_name, "status": chosen.status, "queue": chosen.queue, "name": chosen.name}
    return Task.objects.filter(**{name: value for name, value in fields.items() if value})


def _average_durations(worker_name: str) -> dict[str, tuple[int, float]]:
    """Queue → (number, average) of the successful attempts that have a duration."""
    queue = Task.objects.filter(task_id=OuterRef("task_id"), worker_name=worker_name).values("queue")[:1]
    rows = (
        TaskAttempt.objects.filter(status=TaskStatus.SUCCESS, duration_ms__isnull=False)
        .annotate(queue=Subquery(queue))
        .filter(queue__isnull=False)
        .values("queue")
        .annotate(number=Count("id"), average=Avg("duration_ms"))
    )
    return {row["queue"]: (row["number"], float(row["average"])) for row in rows}


def _task(task: Task) -> TaskRecord:
    return TaskRecord(last_attempt=task.attempts, **{name: getattr(task, name) for name in _TASK_FIELDS})


_TASK_FIELDS = [name for name in TaskRecord.__dataclass_fields__ if name != "last_attempt"]


def _attempt(row: TaskAttempt) -> AttemptRecord:
    return AttemptRecord(**{name: getattr(row, name) for name in AttemptRecord.__dataclass_fields__})


def _worker(row: Worker) -> WorkerRecord:
    values: dict[str, Any] = {name: getattr(row, name) for name in WorkerRecord.__dataclass_fields__}
    return WorkerRecord(**values)


def _workers(rows: WorkerQuerySet) -> list[WorkerRecord]:
    return [_worker(row) for row in rows.by_name()]
