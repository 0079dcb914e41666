"""Executions that don't end: catching up with the hub, and finding runs that outlive their limits.

The recorder tells us of starts and ends; what it could not tell (a listener added later, a table restored, a task
purged) is found here by asking the hub's rows.  No schedule stays blocked by an execution whose task is over.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.db import transaction

from apps.scheduler.enums import Reason
from apps.scheduler.models import TaskExecution
from apps.scheduler.services.queueing import SOURCE_PREFIX
from apps.scheduler.services.runs import begin, end, locked_executions, locked_schedules
from apps.taskhub.enums import DeadReason, TaskStatus
from apps.taskhub.models import Task
from apps.taskhub.registry import RunFinished, RunStarted

log = structlog.get_logger(__name__)

# The recorder is normally some milliseconds behind.
LOOK_AFTER = timedelta(seconds=60)
# Beyond limit and grace the pool has killed the child; what still counts as running then needs a person.
OVERDUE_MARGIN = timedelta(seconds=30)
BATCH = 500


def follow_hub(*, now: datetime) -> int:
    """Bring executions that have been active for a minute in line with their hub tasks.  Returns how many changed."""
    old = TaskExecution.objects.active().filter(updated_at__lt=now - LOOK_AFTER).order_by("updated_at")
    task_ids = [task_id for task_id in old.values_list("hub_task_id", flat=True)[:BATCH] if task_id]
    if not task_ids:
        return 0
    tasks = {task.task_id: task for task in Task.objects.filter(task_id__in=task_ids)}
    changed = 0
    with transaction.atomic():
        executions = locked_executions(task_ids)
        schedules = locked_schedules(executions.values())
        for task_id, execution in executions.items():
            if execution.is_finished:
                # The recorder told its end while we asked; what we read before is stale.
                continue
            before = execution.state
            task = tasks.get(task_id)
            if task is None:
                end(execution, _gone(execution, now), schedules)
                TaskExecution.objects.filter(pk=execution.pk).update(reason=Reason.TASK_GONE)
            elif task.is_final:
                end(execution, _ended(task, now), schedules)
            elif task.status == TaskStatus.RUNNING:
                begin(execution, _begun(task, now), schedules)
                _follow_progress(execution, task)
                _mark_overdue(execution, task, now)
            changed += execution.state != before
    return changed


def _follow_progress(execution: TaskExecution, task: Task) -> None:
    if execution.progress != task.progress:
        execution.progress = task.progress
        execution.save(update_fields=["progress", "updated_at"])


def _mark_overdue(execution: TaskExecution, task: Task, now: datetime) -> None:
    """Say once that a run outlives limit and grace.  It stays active: starting another beside it might do harm."""
    limit = timedelta(seconds=task.soft_limit_seconds + task.grace_seconds) + OVERDUE_MARGIN
    if execution.reason == Reason.OVERDUE or task.started_at is None or now - task.started_at < limit:
        return
    execution.reason = Reason.OVERDUE
    execution.save(update_fields=["reason"])
    log.error("schedule_run_overdue", uid=execution.schedule_id, execution_id=execution.pk, task_id=task.task_id)


def _begun(task: Task, now: datetime) -> RunStarted:
    return RunStarted(
        task_id=task.task_id,
        name=task.name,
        source=task.source,
        attempt=max(task.attempts, 1),
        started_at=task.started_at or now,
        worker_name=task.last_worker_name,
    )


def _ended(task: Task, now: datetime) -> RunFinished:
    return RunFinished(
        task_id=task.task_id,
        name=task.name,
        source=task.source,
        attempt=max(task.attempts, 1),
        status=task.status,
        dead_reason=task.dead_reason,
        started_at=task.started_at,
        finished_at=task.finished_at or now,
        duration_ms=task.duration_ms,
        error=task.last_error,
        error_stack=task.error_stack,
        result=task.result,
        retry_at=None,
    )


def _gone(execution: TaskExecution, now: datetime) -> RunFinished:
    """The hub lost or purged the task: interrupted, to be run again by hand."""
    return RunFinished(
        task_id=execution.hub_task_id,
        name=execution.task_type,
        source=f"{SOURCE_PREFIX}{execution.schedule_id}",
        attempt=execution.retry_count + 1,
        status=TaskStatus.DEAD,
        dead_reason=DeadReason.WORKER_LOST,
        started_at=execution.started_at,
        finished_at=now,
        duration_ms=None,
        error="",
        error_stack="",
        result=None,
        retry_at=None,
    )
