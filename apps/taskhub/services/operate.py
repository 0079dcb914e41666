"""What people do to tasks: retry, cancel.  Each is audited in its transaction."""

from __future__ import annotations

from datetime import UTC, datetime

import redis
import structlog
from django.db import transaction

from apps.audit.enums import Action
from apps.audit.services import record, snapshot
from apps.core.actor import Actor
from apps.core.db import locked
from apps.core.errors import RedisUnavailable
from apps.taskhub.enums import DeadReason, TaskStatus, first_rank
from apps.taskhub.errors import TaskAlreadyFinished, TaskNotFinished, TaskNotFound
from apps.taskhub.hub_task import definition_of, live
from apps.taskhub.hub_task.broker import publish
from apps.taskhub.hub_task.execution import Outcome, finished_event
from apps.taskhub.models import Task
from apps.taskhub.services.dispatch import message_of
from apps.taskhub.services.enqueue import UNPUBLISHED_AFTER
from apps.taskhub.services.recording import record_events

log = structlog.get_logger(__name__)


@transaction.atomic
def retry_task(task_id: str, *, actor: Actor, reason: str = "") -> Task:
    """Queue a dead task again as a new attempt, with all the retries of its type.

    Raises TaskNotFound, TaskNotFinished (it is not dead), UnknownTask (its type no longer exists).
    """
    task = _locked(task_id)
    if task.status != TaskStatus.DEAD:
        raise TaskNotFinished
    definition = definition_of(task.name)
    before, now = snapshot(task), datetime.now(UTC)
    task.status, task.dead_reason, task.losses = TaskStatus.PENDING, "", 0
    task.max_retries = task.attempts + definition.retry.retries
    task.cancel_requested_at = task.finished_at = None
    task.run_at, task.send_at = now, now + UNPUBLISHED_AFTER
    task.state_rank, task.state_at, task.updated_at = first_rank(task.next_attempt), now, now
    task.progress, task.progress_text = 0, ""
    task.save(update_fields=_RETRIED)
    record(Action.RETRIED, task, actor=actor, old=before, new=snapshot(task), reason=reason)
    message = message_of(task)
    transaction.on_commit(lambda: publish([message]))
    return task


_RETRIED = [
    "status",
    "dead_reason",
    "losses",
    "max_retries",
    "cancel_requested_at",
    "finished_at",
    "run_at",
    "send_at",
    "state_rank",
    "state_at",
    "updated_at",
    "progress",
    "progress_text",
]


@transaction.atomic
def cancel_task(task_id: str, *, actor: Actor, reason: str = "") -> Task:
    """Cancel a task: one that waits is dead at once and never starts; one that runs is asked to stop
    (``current_run.is_cancelled()``) and gets no further attempt.  Nobody is killed.

    The flag in Redis is set before the row is written, so that no worker starts the task between our look and our
    commit; and under the row's lock, so that two cancellations don't take it from each other.
    Raises TaskNotFound, TaskAlreadyFinished, RedisUnavailable (then nothing is cancelled).
    """
    task = _locked(task_id)
    if task.is_final:
        raise TaskAlreadyFinished
    asked_before = task.cancel_requested_at is not None
    try:
        return _cancel(task, begun=_keep_from_starting(task), actor=actor, reason=reason)
    except Exception:
        if not asked_before:
            _drop_flag(task_id)
        raise


def _keep_from_starting(task: Task) -> bool:
    """Set the flag.  True: the attempt had begun before, though the row does not say so yet."""
    # A running attempt is the last one that is meant: the next number belongs to a retry that a person asks for.
    last = task.attempts if task.status == TaskStatus.RUNNING else task.next_attempt
    try:
        live.set_cancel_flag(task.task_id, up_to_attempt=last)
        state = live.states([task.task_id]).get(task.task_id)
    except redis.RedisError as error:
        raise RedisUnavailable from error
    return state is not None and state.rank > task.state_rank


def _cancel(task: Task, *, begun: bool, actor: Actor, reason: str) -> Task:
    before = snapshot(task)
    task.cancel_requested_at = datetime.now(UTC)
    task.save(update_fields=["cancel_requested_at"])
    if task.status != TaskStatus.RUNNING and not begun:
        outcome = Outcome(TaskStatus.DEAD, DeadReason.CANCELLED, reason)
        record_events([finished_event(task.task_id, task.next_attempt, outcome, None, "")])
        task.refresh_from_db()
    record(Action.CANCELLED, task, actor=actor, old=before, new=snapshot(task), reason=reason)
    return task


def _drop_flag(task_id: str) -> None:
    try:
        live.drop_cancel_flag(task_id)
    except redis.RedisError as error:
        log.warning("task_cancel_flag_left", task_id=task_id, error=str(error))


def _locked(task_id: str) -> Task:
    task = locked(Task.objects.filter(task_id=task_id)).first()
    if task is None:
        raise TaskNotFound
    return task
