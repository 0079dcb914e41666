"""Writes what publishers and workers said on the stream into ``tasks`` and ``task_attempts``.

One transaction per batch: lock the tasks, let each event move its task forward, write all of them with one statement,
tell the run listeners.  Events may come late, twice or out of order: an event counts only if it ranks above what the
row says (attempt, then waiting < running < ended, then time; see enums.state_rank), so recording is idempotent.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from django.db import transaction

from apps.core.db import locked
from apps.taskhub.enums import DeadReason, EventKind, TaskStatus, state_rank
from apps.taskhub.hub_task import live
from apps.taskhub.models import Task
from apps.taskhub.registry import RunFinished, RunStarted, run_listeners
from apps.taskhub.services.ledger import AttemptRow, write_attempts, write_duplicates, write_marks, write_states

log = structlog.get_logger(__name__)

_EPOCH_START = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class TaskState:
    """The part of a row that events move.  ``error_stack`` and ``result`` are only written, never read."""

    id: int
    task_id: str
    name: str
    source: str
    status: str
    dead_reason: str
    attempts: int
    max_retries: int
    losses: int
    last_error: str
    progress: int
    progress_text: str
    last_worker_name: str
    run_at: datetime | None
    send_at: datetime | None
    published_at: datetime | None
    epoch: str
    started_at: datetime | None
    finished_at: datetime | None
    duration_ms: int | None
    cancel_requested_at: datetime | None
    state_rank: int
    state_at: datetime
    error_stack: str = ""
    result: Any = None
    moved: bool = False
    marked: bool = False

    def outranked_by(self, rank: int, at: datetime) -> bool:
        return rank > self.state_rank or (rank == self.state_rank and at > self.state_at)

    def already_says(self, rank: int, event: dict[str, Any]) -> bool:
        """The same end told by two: a cancellation and the worker that then dropped the message."""
        return (rank, event["status"], event["reason"]) == (self.state_rank, self.status, self.dead_reason)


_READ = tuple(one.name for one in fields(TaskState))[: -len(("error_stack", "result", "moved", "marked"))]


@dataclass(slots=True)
class _Batch:
    """What a batch of events comes to."""

    tasks: dict[str, TaskState]
    epoch: str
    started: list[RunStarted] = field(default_factory=list)
    finished: list[RunFinished] = field(default_factory=list)
    attempts: dict[tuple[str, int], AttemptRow] = field(default_factory=dict)
    duplicates: list[tuple[str, int]] = field(default_factory=list)

    def take(self, event: dict[str, Any]) -> None:
        kind = event["kind"]
        if kind == EventKind.PUBLISHED:
            for task_id, attempt in event["ids"]:
                self._published(task_id, attempt, _moment(event["at"]))
            return
        task = self.tasks.get(event["id"])
        if task is None:
            log.warning("task_event_without_task", task_id=event["id"], kind=kind)
        elif kind == EventKind.STARTED:
            self._started(task, event)
        elif kind == EventKind.FINISHED:
            self._finished(task, event)
        elif kind == EventKind.PROGRESS:
            self._progressed(task, event)
        elif kind == EventKind.DUPLICATE:
            self.duplicates.append((task.task_id, event["attempt"]))

    def _published(self, task_id: str, attempt: int, at: datetime) -> None:
        task = self.tasks.get(task_id)
        if task is None or task.status != TaskStatus.PENDING or task.attempts + 1 != attempt:
            return
        task.send_at, task.published_at, task.epoch, task.marked = None, at, self.epoch, True

    def _started(self, task: TaskState, event: dict[str, Any]) -> None:
        attempt, at = event["attempt"], _moment(event["at"])
        row = AttemptRow(task.task_id, attempt, TaskStatus.RUNNING, started_at=at, worker_name=event["worker"])
        self.attempts.setdefault((task.task_id, attempt), row)
        rank = state_rank(attempt, TaskStatus.RUNNING)
        if not task.outranked_by(rank, at):
            return
        task.status, task.attempts, task.started_at = TaskStatus.RUNNING, attempt, at
        task.dead_reason, task.finished_at, task.duration_ms = "", None, None
        task.progress, task.progress_text, task.last_worker_name = 0, "", event["worker"]
        task.send_at, task.published_at = None, task.published_at or at
        task.epoch = task.epoch or self.epoch
        task.state_rank, task.state_at, task.moved = rank, at, True
        self.started.append(
            RunStarted(task.task_id, task.name, task.source, attempt, at, event["worker"]),
        )

    def _finished(self, task: TaskState, event: dict[str, Any]) -> None:
        attempt, at = event["attempt"], _moment(event["at"])
        started = _moment(event["started"]) if event["started"] else None
        duration = max(0, round((at - started).total_seconds() * 1000)) if started else None
        self.attempts[task.task_id, attempt] = AttemptRow(
            task.task_id,
            attempt,
            event["status"],
            dead_reason=event["reason"],
            started_at=started,
            finished_at=at,
            duration_ms=duration,
            error=event["error"],
            worker_name=event["worker"],
        )
        rank = state_rank(attempt, event["status"])
        if not task.outranked_by(rank, at) or task.already_says(rank, event):
            return
        task.attempts, task.started_at, task.finished_at, task.duration_ms = attempt, started, at, duration
        task.last_error, task.error_stack, task.result = event["error"], event["stack"], event["result"]
        task.last_worker_name = event["worker"]
        task.state_rank, task.state_at, task.moved = rank, at, True
        _settle(task, event)
        self.finished.append(_run_finished(task, attempt, started, at))

    def _progressed(self, task: TaskState, event: dict[str, Any]) -> None:
        if task.status == TaskStatus.RUNNING and task.attempts == event["attempt"]:
            task.progress, task.progress_text, task.moved = event["percent"], event["text"], True


def _settle(task: TaskState, event: dict[str, Any]) -> None:
    """Status, and when the next attempt is sent."""
    task.status, task.dead_reason, task.send_at = event["status"], "", None
    reason = event["reason"]
    if reason != DeadReason.WORKER_STOPPED:
        task.losses = task.losses + 1 if reason == DeadReason.WORKER_LOST else 0
    if task.status == TaskStatus.FAIL and task.cancel_requested_at:
        # The cancellation came while the attempt failed: nothing follows.
        task.status, task.dead_reason = TaskStatus.DEAD, DeadReason.CANCELLED
    elif task.status == TaskStatus.FAIL:
        # A worker that died or was stopped is not the task's fault: it costs no retry.
        task.max_retries += int(reason in (DeadReason.WORKER_LOST, DeadReason.WORKER_STOPPED))
        task.run_at = task.send_at = _EPOCH_START + timedelta(seconds=event["retry_at"])
    elif task.status == TaskStatus.DEAD:
        task.dead_reason = reason
    else:
        task.progress = 100


def _run_finished(task: TaskState, attempt: int, started: datetime | None, at: datetime) -> RunFinished:
    return RunFinished(
        task_id=task.task_id,
        name=task.name,
        source=task.source,
        attempt=attempt,
        status=task.status,
        dead_reason=task.dead_reason,
        started_at=started,
        finished_at=at,
        duration_ms=task.duration_ms,
        error=task.last_error,
        error_stack=task.error_stack,
        result=task.result,
        retry_at=task.run_at if task.status == TaskStatus.FAIL else None,
    )


def record_events(events: list[dict[str, Any]]) -> None:
    """Record a batch in one transaction and tell the run listeners inside it."""
    with transaction.atomic():
        batch = _Batch(tasks=_lock_tasks(events), epoch=live.current_epoch())
        for event in events:
            batch.take(event)
        write_states([task for task in batch.tasks.values() if task.moved])
        write_marks([task for task in batch.tasks.values() if task.marked and not task.moved])
        write_attempts(batch.attempts.values())
        write_duplicates(batch.duplicates)
        _tell(batch.started, batch.finished)


def _tell(started: list[RunStarted], finished: list[RunFinished]) -> None:
    for listener in run_listeners():
        if started:
            listener.started(started)
        if finished:
            listener.finished(finished)


def _lock_tasks(events: Iterable[dict[str, Any]]) -> dict[str, TaskState]:
    names: set[str] = set()
    for event in events:
        if event["kind"] == EventKind.PUBLISHED:
            names.update(task_id for task_id, _attempt in event["ids"])
        else:
            names.add(event["id"])
    rows = locked(Task.objects.filter(task_id__in=names)).values_list(*_READ)
    return {state.task_id: state for state in (TaskState(*row) for row in rows)}


def _moment(micros: int) -> datetime:
    return _EPOCH_START + timedelta(microseconds=micros)
