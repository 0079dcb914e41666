"""The store in the memory of one process: for tests that assemble the API without a database."""

from __future__ import annotations

import builtins
import threading
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from apps.taskhub.enums import TaskStatus, state_rank
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

_FAILED = (TaskStatus.FAIL, TaskStatus.DEAD)


class MemoryTaskRepository(TaskRepository):
    def __init__(self) -> None:
        self._tasks: dict[str, TaskRecord] = {}
        self._attempts: list[AttemptRecord] = []
        self._lock = threading.Lock()

    def upsert_task(self, task: TaskRecord) -> None:
        if not task.task_id:
            raise ValueError("a task needs a task_id")
        with self._lock:
            known = self._tasks.get(task.task_id)
            rank = state_rank(max(task.last_attempt, 1), task.status)
            if known is None:
                self._tasks[task.task_id] = replace(task, id=len(self._tasks) + 1, state_rank=rank)
                return
            self._tasks[task.task_id] = replace(
                known,
                queue=task.queue,
                priority=task.priority,
                payload=task.payload,
                status=task.status,
                last_attempt=task.last_attempt,
                last_error=task.last_error,
                last_worker_name=task.last_worker_name,
                trace_id=task.trace_id,
                updated_at=task.updated_at,
                state_rank=rank,
            )

    def update_task_status(
        self, task_id: str, *, status: str, last_attempt: int, last_error: str, last_worker_name: str
    ) -> bool:
        with self._lock:
            known = self._tasks.get(task_id)
            if known is None:
                return False
            self._tasks[task_id] = replace(
                known,
                status=status,
                last_attempt=last_attempt,
                last_error=last_error,
                last_worker_name=last_worker_name,
                state_rank=state_rank(max(last_attempt, 1), status),
                updated_at=datetime.now(UTC),
            )
            return True

    def get_task(self, task_id: str) -> TaskRecord | None:
        return self._tasks.get(task_id)

    def list_tasks(
        self,
        chosen: TaskFilter = NO_FILTER,
        *,
        limit: int = DEFAULT_LIMIT,
        offset: int = 0,
        older_than: int | None = None,
        newer_than: int | None = None,
    ) -> list[TaskRecord]:
        rows, start = self._filtered(chosen), max(offset, 0)
        size = clamp(limit, default=DEFAULT_LIMIT, maximum=MAX_LIMIT)
        if newer_than is not None:
            nearest = [task for task in reversed(rows) if task.id > newer_than][start : start + size]
            return nearest[::-1]
        if older_than is not None:
            rows = [task for task in rows if task.id < older_than]
        return rows[start : start + size]

    def count_tasks(self, chosen: TaskFilter = NO_FILTER) -> int:
        return len(self._filtered(chosen))

    def insert_attempt(self, attempt: AttemptRecord) -> None:
        with self._lock:
            self._attempts.append(replace(attempt, id=len(self._attempts) + 1))

    def list_attempts(self, task_id: str, *, limit: int = DEFAULT_LIMIT) -> list[AttemptRecord]:
        size = clamp(limit, default=DEFAULT_LIMIT, maximum=MAX_LIMIT)
        mine = [attempt for attempt in self._attempts if attempt.task_id == task_id]
        return sorted(mine, key=lambda attempt: -attempt.attempt)[:size]

    def get_worker_stats(self, worker_name: str) -> WorkerStats:
        tasks = self._filtered(TaskFilter(worker_name=worker_name))
        success = _number(tasks, TaskStatus.SUCCESS)
        queues = {name: [task for task in tasks if task.queue == name] for name in {task.queue for task in tasks}}
        return WorkerStats(
            total=len(tasks),
            success=success,
            failed=_number(tasks, *_FAILED),
            pending=_number(tasks, TaskStatus.PENDING),
            running=_number(tasks, TaskStatus.RUNNING),
            success_rate=success / len(tasks) * 100 if tasks else 0.0,
            avg_duration_ms=self._average_attempt(tasks),
            queues={
                name: QueueCounts(
                    len(rows),
                    _number(rows, TaskStatus.SUCCESS),
                    _number(rows, *_FAILED),
                    self._average_attempt(rows),
                )
                for name, rows in queues.items()
            },
        )

    def get_worker_time_series_stats(
        self, worker_name: str, *, hours: int = DEFAULT_HOURS, now: datetime | None = None
    ) -> list[HourStats]:
        since = (now or datetime.now(UTC)) - timedelta(hours=clamp(hours, default=DEFAULT_HOURS, maximum=MAX_HOURS))
        buckets: dict[datetime, list[TaskRecord]] = {}
        for task in self._filtered(TaskFilter(worker_name=worker_name)):
            if task.created_at >= since:
                hour = task.created_at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
                buckets.setdefault(hour, []).append(task)
        return [
            HourStats(
                hour,
                len(rows),
                _number(rows, TaskStatus.SUCCESS),
                _number(rows, *_FAILED),
                _mean(task.duration_ms for task in rows if task.status == TaskStatus.SUCCESS),
            )
            for hour, rows in sorted(buckets.items())
        ]

    def list_failed_tasks(self, worker_name: str = "", *, limit: int = DEFAULT_FAILED_LIMIT) -> list[TaskRecord]:
        size = clamp(limit, default=DEFAULT_FAILED_LIMIT, maximum=MAX_FAILED_LIMIT)
        return self._filtered(TaskFilter(worker_name=worker_name, status=TaskStatus.FAIL))[:size]

    def _filtered(self, chosen: TaskFilter) -> list[TaskRecord]:
        """Newest first."""
        rows = [
            task
            for task in list(self._tasks.values())
            if chosen.worker_name in ("", task.worker_name)
            and chosen.status in ("", task.status)
            and chosen.queue in ("", task.queue)
            and chosen.name in ("", task.name)
        ]
        return sorted(rows, key=lambda task: -task.id)

    def _average_attempt(self, tasks: list[TaskRecord]) -> float:
        names = {task.task_id for task in tasks}
        succeeded = [one for one in self._attempts if one.status == TaskStatus.SUCCESS and one.task_id in names]
        return _mean(attempt.duration_ms for attempt in succeeded)


class MemoryWorkerRepository(WorkerRepository):
    def __init__(self) -> None:
        self._workers: dict[str, WorkerRecord] = {}
        self._lock = threading.Lock()

    def upsert(self, worker: WorkerRecord) -> None:
        with self._lock:
            now, known = datetime.now(UTC), self._workers.get(worker.worker_name)
            self._workers[worker.worker_name] = replace(
                worker,
                last_heartbeat_at=known.last_heartbeat_at if known else None,
                created_at=known.created_at if known else now,
                updated_at=now,
            )

    def get(self, worker_name: str) -> WorkerRecord | None:
        return self._workers.get(worker_name)

    def list(self) -> builtins.list[WorkerRecord]:
        return [worker for _name, worker in sorted(self._workers.items())]

    def delete(self, worker_name: str) -> bool:
        with self._lock:
            return self._workers.pop(worker_name, None) is not None

    def update_heartbeat(self, worker_name: str, *, at: datetime) -> bool:
        with self._lock:
            known = self._workers.get(worker_name)
            if known is None:
                return False
            self._workers[worker_name] = replace(known, last_heartbeat_at=at)
            return True

    def list_offline_workers(
        self, silent_for: timedelta, *, now: datetime | None = None
    ) -> builtins.list[WorkerRecord]:
        since = (now or datetime.now(UTC)) - silent_for
        return [one for one in self.list() if one.last_heartbeat_at is None or one.last_heartbeat_at < since]


def _number(tasks: list[TaskRecord], *statuses: str) -> int:
    return sum(1 for task in tasks if task.status in statuses)


def _mean(durations: Iterable[int | None]) -> float:
    known = [duration for duration in durations if duration is not None]
    return sum(known) / len(known) if known else 0.0
