"""The hub's store as its API sees it (decision 20, B.3): two interfaces and the records they speak in.

The API imports only this package; ``settings.TASKHUB_TASK_REPOSITORY`` and ``TASKHUB_WORKER_REPOSITORY`` choose the
implementation.  A method added here is added to every implementation: one contract test runs on all and compares
signatures.
"""

from __future__ import annotations

import builtins
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

DEFAULT_LIMIT, MAX_LIMIT = 50, 200
DEFAULT_FAILED_LIMIT, MAX_FAILED_LIMIT = 100, 1_000
DEFAULT_HOURS, MAX_HOURS = 24, 168


def clamp(value: int, *, default: int, maximum: int) -> int:
    """B.3's limits: out of range means the default."""
    return value if 0 < value <= maximum else default


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """A task.  ``id`` grows with the time of creation and orders lists; ``state_rank`` orders its states."""

    task_id: str
    name: str
    worker_name: str
    queue: str
    priority: int
    payload: dict[str, Any]
    status: str
    created_at: datetime
    updated_at: datetime
    id: int = 0
    dead_reason: str = ""
    last_attempt: int = 0
    last_error: str = ""
    last_worker_name: str = ""
    trace_id: str = ""
    max_retries: int = 0
    result: Any = None
    progress: int = 0
    progress_text: str = ""
    run_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    duration_ms: int | None = None
    source: str = ""
    actor_label: str = ""
    request_id: str = ""
    state_rank: int = 0


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One start of a task."""

    task_id: str
    attempt: int
    status: str
    started_at: datetime | None = None
    finished_at: datetime | None = None
    duration_ms: int | None = None
    error: str = ""
    worker_name: str = ""
    dead_reason: str = ""
    trace_id: str = ""
    span_id: str = ""
    id: int = 0


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """Empty fields do not filter."""

    worker_name: str = ""
    status: str = ""
    queue: str = ""
    name: str = ""


NO_FILTER = TaskFilter()


@dataclass(frozen=True, slots=True)
class WorkerRecord:
    """A worker group: configuration and newest heartbeat."""

    worker_name: str
    base_url: str = ""
    redis_addr: str = ""
    queue_groups: list[dict[str, Any]] = field(default_factory=list)
    default_retry_count: int = 3
    default_timeout: int = 30
    default_delay: int = 0
    is_enabled: bool = True
    last_heartbeat_at: datetime | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class QueueCounts:
    total: int = 0
    success: int = 0
    failed: int = 0
    avg_duration_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class WorkerStats:
    """``failed`` counts fail and dead; ``success_rate`` is a percentage; averages are over successful attempts."""

    total: int = 0
    success: int = 0
    failed: int = 0
    pending: int = 0
    running: int = 0
    success_rate: float = 0.0
    avg_duration_ms: float = 0.0
    queues: dict[str, QueueCounts] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HourStats:
    """Tasks created in one hour (UTC), hours without tasks left out."""

    hour: datetime
    total: int
    success: int
    failed: int
    avg_duration_ms: float


class TaskRepository(ABC):
    """Tasks and their attempts."""

    @abstractmethod
    def upsert_task(self, task: TaskRecord) -> None:
        """Insert, or on equal task_id update queue, priority, payload, status, last_* and trace_id.

        Raises ValueError for an empty task_id.
        """

    @abstractmethod
    def update_task_status(
        self, task_id: str, *, status: str, last_attempt: int, last_error: str, last_worker_name: str
    ) -> bool:
        """False when there is no such task."""

    @abstractmethod
    def get_task(self, task_id: str) -> TaskRecord | None: ...

    @abstractmethod
    def list_tasks(
        self,
        chosen: TaskFilter = NO_FILTER,
        *,
        limit: int = DEFAULT_LIMIT,
        offset: int = 0,
        older_than: int | None = None,
        newer_than: int | None = None,
    ) -> list[TaskRecord]:
        """Newest first.  ``older_than`` and ``newer_than`` are ids to walk from without OFFSET; with ``newer_than``
        the rows next to it are meant, still newest first.  A negative offset counts as 0."""

    @abstractmethod
    def count_tasks(self, chosen: TaskFilter = NO_FILTER) -> int: ...

    @abstractmethod
    def insert_attempt(self, attempt: AttemptRecord) -> None: ...

    @abstractmethod
    def list_attempts(self, task_id: str, *, limit: int = DEFAULT_LIMIT) -> list[AttemptRecord]:
        """Newest first."""

    @abstractmethod
    def get_worker_stats(self, worker_name: str) -> WorkerStats: ...

    @abstractmethod
    def get_worker_time_series_stats(
        self, worker_name: str, *, hours: int = DEFAULT_HOURS, now: datetime | None = None
    ) -> list[HourStats]:
        """By hour of creation, oldest first."""

    @abstractmethod
    def list_failed_tasks(self, worker_name: str = "", *, limit: int = DEFAULT_FAILED_LIMIT) -> list[TaskRecord]:
        """Tasks with status fail, newest first."""


class WorkerRepository(ABC):
    """Worker groups by name."""

    @abstractmethod
    def upsert(self, worker: WorkerRecord) -> None:
        """Write the configuration; the heartbeat is left as it is."""

    @abstractmethod
    def get(self, worker_name: str) -> WorkerRecord | None: ...

    @abstractmethod
    def list(self) -> builtins.list[WorkerRecord]:
        """By name."""

    @abstractmethod
    def delete(self, worker_name: str) -> bool:
        """False when there was none."""

    @abstractmethod
    def update_heartbeat(self, worker_name: str, *, at: datetime) -> bool:
        """False when there is no such worker."""

    @abstractmethod
    def list_offline_workers(
        self, silent_for: timedelta, *, now: datetime | None = None
    ) -> builtins.list[WorkerRecord]:
        """Never seen, or last heard of longer ago than ``silent_for``; by name."""
