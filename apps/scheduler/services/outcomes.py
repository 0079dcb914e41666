"""What a run that ended does to its execution and to its schedule's counters (decision 14)."""

from __future__ import annotations

from typing import Any

import orjson

from apps.scheduler.enums import FAILED_STATES, ExecutionState, Reason
from apps.scheduler.models import (
    ERROR_STACK_MAX_BYTES,
    RESULT_MAX_BYTES,
    ScheduledTask,
    TaskExecution,
    cut_text,
)
from apps.taskhub.enums import DeadReason, TaskStatus
from apps.taskhub.registry import RunFinished

ERROR_MAX_BYTES = 2_000
COUNTER_FIELDS = (
    "total_executions",
    "success_executions",
    "failure_executions",
    "consecutive_failures",
    "last_executed_at",
    "last_failure_error",
    "recent",
    "updated_at",
)
OUTCOME_FIELDS = (
    "state",
    "reason",
    "started_at",
    "finished_at",
    "duration_ms",
    "progress",
    "retry_count",
    "result",
    "error_message",
    "error_stack",
    "run_by",
    "updated_at",
)

_OF_DEAD: dict[str, tuple[ExecutionState, str]] = {
    DeadReason.TIMEOUT: (ExecutionState.TIMEOUT, Reason.TIMED_OUT),
    DeadReason.CANCELLED: (ExecutionState.CANCELLED, Reason.CANCELLED),
    DeadReason.WORKER_LOST: (ExecutionState.INTERRUPTED, Reason.WORKER_LOST),
}


def state_of(status: str, dead_reason: str) -> tuple[ExecutionState, str]:
    """Execution state and reason of a hub task that is over."""
    if status == TaskStatus.SUCCESS:
        return ExecutionState.SUCCESS, ""
    return _OF_DEAD.get(dead_reason, (ExecutionState.FAILURE, ""))


def apply_outcome(execution: TaskExecution, run: RunFinished) -> None:
    """Set the fields of an execution whose run is over (nothing is saved)."""
    execution.state, execution.reason = state_of(run.status, run.dead_reason)
    execution.started_at = execution.started_at or run.started_at
    # Worker and recorder may disagree about the time; the order of the two may not.
    execution.finished_at = max(run.finished_at, execution.started_at or run.finished_at)
    if execution.started_at is not None:
        execution.duration_ms = int((execution.finished_at - execution.started_at).total_seconds() * 1000)
    execution.retry_count = max(run.attempt - 1, 0)
    execution.result = result_text(run.result)
    if execution.state == ExecutionState.SUCCESS:
        execution.progress, execution.error_message, execution.error_stack = 100, "", ""
    else:
        execution.error_message = cut_text(run.error, max_bytes=ERROR_MAX_BYTES)
        execution.error_stack = cut_text(run.error_stack, max_bytes=ERROR_STACK_MAX_BYTES)


def result_text(result: Any) -> str:
    """JSON of a result, at most 64 KB, the cut marked."""
    if result is None:
        return ""
    return cut_text(orjson.dumps(result, default=str).decode(), max_bytes=RESULT_MAX_BYTES)


def count_finished(schedule: ScheduledTask, execution: TaskExecution) -> None:
    """Add an ended run to the schedule's counters (nothing is saved).  A success ends a streak of failures."""
    schedule.total_executions += 1
    schedule.last_executed_at = execution.finished_at
    schedule.remember(execution.state)
    if execution.state == ExecutionState.SUCCESS:
        schedule.success_executions += 1
        schedule.consecutive_failures, schedule.last_failure_error = 0, ""
    elif execution.state in FAILED_STATES:
        schedule.failure_executions += 1
        schedule.consecutive_failures += 1
        schedule.last_failure_error = execution.error_message


def uncount_finished(schedule: ScheduledTask, execution: TaskExecution) -> None:
    """Take an ended run out of the counters: it was re-queued by hand and will end again."""
    schedule.total_executions = max(schedule.total_executions - 1, 0)
    if execution.state == ExecutionState.SUCCESS:
        schedule.success_executions = max(schedule.success_executions - 1, 0)
    elif execution.state in FAILED_STATES:
        schedule.failure_executions = max(schedule.failure_executions - 1, 0)
        schedule.consecutive_failures = max(schedule.consecutive_failures - 1, 0)
