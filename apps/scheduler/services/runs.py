"""Following the hub: what a task's starts and ends do to its execution.

``on_started`` and ``on_finished`` are the hub's run listener and run in the recorder's transaction.  Both are safe to
run twice and in any order: an attempt that is older than what the execution knows changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import structlog

from apps.core import db
from apps.scheduler.enums import ACTIVE_STATES, ExecutionState
from apps.scheduler.models import ScheduledTask, TaskExecution, cut_text
from apps.scheduler.services.outcomes import (
    COUNTER_FIELDS,
    ERROR_MAX_BYTES,
    OUTCOME_FIELDS,
    apply_outcome,
    count_finished,
    uncount_finished,
)
from apps.scheduler.services.queueing import SOURCE_PREFIX
from apps.taskhub.registry import RunFinished, RunListener, RunStarted

log = structlog.get_logger(__name__)


def on_started(runs: list[RunStarted]) -> None:
    ours = [run for run in runs if run.source.startswith(SOURCE_PREFIX)]
    executions = locked_executions(run.task_id for run in ours)
    schedules = locked_schedules(execution for execution in executions.values() if execution.is_finished)
    for run in ours:
        if run.task_id in executions:
            begin(executions[run.task_id], run, schedules)


def on_finished(runs: list[RunFinished]) -> None:
    ours = [run for run in runs if run.source.startswith(SOURCE_PREFIX)]
    executions = locked_executions(run.task_id for run in ours)
    schedules = locked_schedules(executions.values())
    for run in ours:
        execution = executions.get(run.task_id)
        if execution is None:
            continue
        if run.is_final:
            end(execution, run, schedules)
        else:
            _note_failed_attempt(execution, run)


LISTENER = RunListener("scheduler", started=on_started, finished=on_finished)


def begin(execution: TaskExecution, run: RunStarted, schedules: Mapping[str, ScheduledTask]) -> None:
    """An attempt started.  The execution is locked, its schedule too if the execution had ended."""
    if execution.state != ExecutionState.PENDING and _knows(execution, run.attempt):
        return
    if execution.is_finished and execution.schedule_id in schedules:
        # Re-queued by hand in the hub: the same execution goes on and is counted when it ends again.
        schedule = schedules[execution.schedule_id]
        uncount_finished(schedule, execution)
        schedule.save(update_fields=COUNTER_FIELDS)
    execution.state, execution.reason = ExecutionState.RUNNING, ""
    execution.started_at = execution.started_at or run.started_at
    execution.finished_at = execution.duration_ms = None
    execution.retry_count = run.attempt - 1
    execution.run_by = run.worker_name
    execution.save(update_fields=OUTCOME_FIELDS)


def end(execution: TaskExecution, run: RunFinished, schedules: Mapping[str, ScheduledTask]) -> None:
    """The task is over.  The execution and its schedule are locked."""
    if execution.is_finished and _knows(execution, run.attempt):
        return
    schedule = schedules.get(execution.schedule_id)
    if execution.is_finished and schedule is not None:
        uncount_finished(schedule, execution)
    apply_outcome(execution, run)
    execution.save(update_fields=OUTCOME_FIELDS)
    if schedule is not None:
        count_finished(schedule, execution)
        schedule.save(update_fields=COUNTER_FIELDS)
    if execution.state != ExecutionState.SUCCESS:
        log.warning(
            "schedule_run_failed",
            uid=execution.schedule_id,
            execution_id=execution.pk,
            state=execution.state,
            error=execution.error_message,
        )


def locked_executions(task_ids: Iterable[str]) -> dict[str, TaskExecution]:
    """Executions by the id of their hub task, locked in the order of their keys."""
    found = TaskExecution.objects.filter(hub_task_id__in=[task_id for task_id in task_ids if task_id])
    return {execution.hub_task_id: execution for execution in db.locked(found)}


def locked_schedules(executions: Iterable[TaskExecution]) -> dict[str, ScheduledTask]:
    """Their schedules, locked all at once and in the order of their keys: two recorders never wait for each other."""
    uids = {execution.schedule_id for execution in executions}
    return {row.uid: row for row in db.locked(ScheduledTask.objects.filter(pk__in=uids))} if uids else {}


def _knows(execution: TaskExecution, attempt: int) -> bool:
    """Whether the execution has heard of this attempt or of a later one."""
    return attempt <= execution.retry_count + 1


def _note_failed_attempt(execution: TaskExecution, run: RunFinished) -> None:
    if execution.state not in ACTIVE_STATES or not _knows(execution, run.attempt):
        return
    execution.error_message = cut_text(run.error, max_bytes=ERROR_MAX_BYTES)
    execution.save(update_fields=["error_message", "updated_at"])
