"""Beat's chores: send what is due and what was never sent, find what got lost.

Each does one bounded batch and returns how many tasks it dealt with; a full batch (BATCH) means "call again at once".
Any number of processes may do these at the same time: rows are claimed with SKIP LOCKED and a short lease, and a
message that is sent twice meets the start fence.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import redis
import structlog
from django.db import transaction
from django.db.models import F

from apps.core.db import skip_locked
from apps.taskhub.enums import Queue, TaskStatus, first_rank
from apps.taskhub.errors import UnknownTask
from apps.taskhub.hub_task import definition_of, live
from apps.taskhub.hub_task.broker import QueueTail, TaskMessage, breaker, publish, queue_tails
from apps.taskhub.hub_task.execution import finished_event, lost_outcome
from apps.taskhub.models import Task, WorkerProcess
from apps.taskhub.querysets import TaskQuerySet
from apps.taskhub.services.recording import record_events
from apps.taskhub.services.workers import DEAD_AFTER

log = structlog.get_logger(__name__)

# Bounds the time of one beat tick (about 50 ms for 500 rows).
BATCH = 500
# A row that a beat claimed and did not mark (it died) is sent by another after this long.
LEASE = timedelta(seconds=30)
# While the recorder is away its marks are missing too; after this long a second message is the lesser evil.
MARKS_MAY_BE_LATE = timedelta(minutes=5)
# A message that no queue, worker or fence knows any more is missed after this long.
MESSAGE_LOST_AFTER = timedelta(seconds=60)


def message_of(task: Task) -> TaskMessage:
    """The message of the task's next attempt."""
    return TaskMessage(
        task_id=task.task_id,
        name=task.name,
        queue=task.queue,
        attempt=task.next_attempt,
        max_retries=task.max_retries,
        losses=task.losses,
        soft_limit_seconds=task.soft_limit_seconds,
        grace_seconds=task.grace_seconds,
        arguments=task.payload,
        actor=None if task.actor_kind in ("", "system") else [task.actor_kind, task.actor_id, task.actor_label],
        request_id=task.request_id,
        client_ip=task.client_ip,
        logical_time=task.logical_time.timestamp() if task.logical_time else None,
    )


def publish_due(now: datetime | None = None) -> int:
    """Send tasks whose time has come: delayed ones, retries, and those found lost."""
    moment = now or datetime.now(UTC)
    return _send(Task.objects.due_to_send(moment).filter(run_at__isnull=False), moment)


def republish_unpublished(now: datetime | None = None) -> int:
    """Send tasks that nobody marked as published within 10 s of their commit: the broker was away, or the process died.

    Judged only up to where the recorder has come: marks that still wait in the stream are not missing.
    """
    moment = now or datetime.now(UTC)
    try:
        recorded = live.recorded_until()
    except redis.RedisError:
        return 0
    judged = moment
    if recorded is not None:
        judged = min(moment, max(datetime.fromtimestamp(recorded, UTC), moment - MARKS_MAY_BE_LATE))
    return _send(Task.objects.due_to_send(judged).filter(run_at__isnull=True), moment)


def _send(due: TaskQuerySet, moment: datetime) -> int:
    if breaker.is_open:
        return 0
    claimed = _claim(due, moment)
    if not claimed:
        return 0
    epoch = live.current_epoch()
    if not publish([message_of(task) for task in claimed], mark=False):
        return 0
    Task.objects.filter(id__in=[task.id for task in claimed], send_at=moment + LEASE).update(
        send_at=None, published_at=moment, epoch=epoch, updated_at=moment
    )
    return len(claimed)


@transaction.atomic
def _claim(due: TaskQuerySet, moment: datetime) -> list[Task]:
    """Take a batch of rows for LEASE; a failed task becomes a waiting one again."""
    tasks = list(skip_locked(due.waiting())[:BATCH])
    if tasks:
        chosen = Task.objects.filter(id__in=[task.id for task in tasks])
        chosen.update(send_at=moment + LEASE, updated_at=moment)
        next_rank = first_rank(F("attempts") + 1)
        chosen.filter(status=TaskStatus.FAIL).update(status=TaskStatus.PENDING, state_rank=next_rank)
    return tasks


class EpochWatch:
    """Remembers which life of Redis's data this process has already dealt with."""

    def __init__(self) -> None:
        self.settled = ""

    def check(self, now: datetime) -> int:
        epoch = live.current_epoch()
        if not epoch or epoch == self.settled:
            return 0
        gone = Task.objects.filter(status=TaskStatus.PENDING, send_at__isnull=True).exclude(epoch=epoch)
        found = list(gone.order_by("id").values_list("id", flat=True)[:BATCH])
        if not found:
            self.settled = epoch
            return 0
        log.warning("taskhub_epoch_changed", count=len(found))
        return Task.objects.filter(id__in=found, send_at__isnull=True).update(send_at=now, run_at=now, updated_at=now)


_watch = EpochWatch()


def check_epoch(now: datetime | None = None) -> int:
    """After Redis lost its data: have ``publish_due`` send every waiting task whose message went with it."""
    return _watch.check(now or datetime.now(UTC))


def recover_orphans(now: datetime | None = None) -> int:
    """Give lost work back: attempts that no living process lists for 45 s, and messages that vanished before a start.

    Does nothing while Redis is away, because only Redis knows what has ended but is not recorded yet.
    """
    moment = now or datetime.now(UTC)
    try:
        held = _held_attempts(moment)
        return _recover_attempts(moment, held) + _recover_messages(moment, held)
    except redis.RedisError as error:
        log.warning("taskhub_orphans_not_checked", error=str(error))
        return 0


def _held_attempts(moment: datetime) -> set[str]:
    """Tasks that some living process says it has in its hands."""
    running = WorkerProcess.objects.alive(moment - DEAD_AFTER).values_list("running", flat=True)
    return {task_id for pairs in running for task_id, _attempt in pairs}


def _recover_attempts(moment: datetime, held: set[str]) -> int:
    """Attempts recorded as running that nobody runs."""
    suspects = Task.objects.filter(status=TaskStatus.RUNNING, started_at__lt=moment - DEAD_AFTER)
    tasks = list(suspects.exclude(task_id__in=held).order_by("id")[:BATCH])
    known = live.states([task.task_id for task in tasks])
    lost = [task for task in tasks if not _is_ahead(known.get(task.task_id), task)]
    return _record_lost([(task, task.attempts) for task in lost])


def _recover_messages(moment: datetime, held: set[str]) -> int:
    """Waiting tasks whose message is neither in the queue nor in anybody's hands.

    A queue is first in, first out: what was sent clearly before its oldest message has left it.
    """
    found = 0
    for queue, tail in queue_tails(list(Queue.values)).items():
        suspects = Task.objects.filter(status=TaskStatus.PENDING, queue=queue, send_at__isnull=True)
        sent_before = _left_the_queue(tail, moment)
        gone = suspects.filter(updated_at__lt=sent_before, published_at__lt=sent_before).exclude(task_id__in=held)
        found += _resend_or_lose(list(gone.order_by("id")[:BATCH]), moment)
    return found


def _left_the_queue(tail: QueueTail, moment: datetime) -> datetime:
    oldest = moment if tail.sent_at is None else min(moment, datetime.fromtimestamp(tail.sent_at, UTC))
    return oldest - MESSAGE_LOST_AFTER


def _resend_or_lose(tasks: list[Task], moment: datetime) -> int:
    """Not started: the same attempt is sent again.  Started but never told: that attempt is lost."""
    known = live.states([task.task_id for task in tasks])
    silent = [task for task in tasks if not _is_ahead(known.get(task.task_id), task)]
    fences = live.taken_fences([(task.task_id, task.next_attempt) for task in silent])
    begun = [task for task in silent if (task.task_id, task.next_attempt) in fences]
    resend = [task.id for task in silent if (task.task_id, task.next_attempt) not in fences]
    Task.objects.filter(id__in=resend, status=TaskStatus.PENDING, send_at__isnull=True).update(
        send_at=moment, run_at=moment, updated_at=moment
    )
    return len(resend) + _record_lost([(task, task.next_attempt) for task in begun])


def _is_ahead(state: live.LiveState | None, task: Task) -> bool:
    """Redis knows more than the row: the recorder will write it."""
    return state is not None and state.rank > task.state_rank


def _record_lost(attempts: list[tuple[Task, int]]) -> int:
    events = []
    for task, attempt in attempts:
        log.warning("task_attempt_lost", task_id=task.task_id, attempt=attempt, worker=task.last_worker_name)
        outcome = lost_outcome(losses=task.losses, rerun=_may_rerun(task.name))
        running = task.status == TaskStatus.RUNNING and task.started_at
        started = int(task.started_at.timestamp() * 1e6) if running and task.started_at else None
        events.append(finished_event(task.task_id, attempt, outcome, started, task.last_worker_name))
    if events:
        record_events(events)
    return len(events)


def _may_rerun(name: str) -> bool:
    """A task type that no longer exists can't be run again."""
    try:
        return definition_of(name).retry.rerun_when_lost
    except UnknownTask:
        return False
