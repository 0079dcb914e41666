"""Beat's chores that send: what is due, what was never sent, what Redis lost (services.recovery finds the rest).

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
from apps.taskhub.enums import TaskStatus, first_rank
from apps.taskhub.hub_task import live
from apps.taskhub.hub_task.broker import TaskMessage, breaker, publish
from apps.taskhub.models import Task
from apps.taskhub.querysets import TaskQuerySet

log = structlog.get_logger(__name__)

# Bounds the time of one beat tick (about 50 ms for 500 rows).
BATCH = 500
# A row that a beat claimed and did not mark (it died) is sent by another after this long.
LEASE = timedelta(seconds=30)
# While the recorder is away its marks are missing too; after this long a second message is the lesser evil.
MARKS_MAY_BE_LATE = timedelta(minutes=5)


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
