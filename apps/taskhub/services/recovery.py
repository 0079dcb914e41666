"""Beat's chore that finds what got lost: attempts that nobody runs, messages that nobody has.

Bounded and safe to do in any number of processes, as the chores of services.dispatch.  One look is never enough to call
an attempt lost: after the database was away, or the machine slept, every worker looks dead until its next heartbeat.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

import redis
import structlog
from django.db import transaction
from django.db.models.functions import Now

from apps.core.db import locked
from apps.taskhub.enums import Queue, TaskStatus
from apps.taskhub.errors import UnknownTask
from apps.taskhub.hub_task import definition_of, live
from apps.taskhub.hub_task.broker import QueueTail, queue_tails
from apps.taskhub.hub_task.execution import finished_event, lost_outcome
from apps.taskhub.models import Task, WorkerProcess
from apps.taskhub.services.dispatch import BATCH
from apps.taskhub.services.recording import record_events
from apps.taskhub.services.workers import DEAD_AFTER, INTERVAL_SECONDS

log = structlog.get_logger(__name__)

# Three missed beats.  Earlier than DEAD_AFTER, so that two looks and the sending fit into a minute: seen at 35 s at the
# latest, again at 50 s.
SUSPECT_AFTER = timedelta(seconds=30)
# Within this long every living worker has spoken once more.
CONFIRMED_AFTER = timedelta(seconds=INTERVAL_SECONDS + 2)
# A longer pause between two looks means that this process, or the database, was away too.
LOOKS_APART_AT_MOST = timedelta(seconds=30)
# What the recorder has not written stands in the live states only, and those expire.
RECORDER_BEHIND = timedelta(seconds=live.LIVE_STATE_SECONDS / 2)
# A message that no queue, worker or fence knows any more is missed after this long.
MESSAGE_LOST_AFTER = timedelta(seconds=60)

Suspect = tuple[Task, int]


class LossWatch:
    """Remembers since when this process finds attempts in nobody's hands."""

    def __init__(self) -> None:
        self._since: dict[tuple[str, int], datetime] = {}
        self._looked_at = datetime.min.replace(tzinfo=UTC)

    def confirmed(self, suspects: Collection[Suspect], now: datetime) -> list[Suspect]:
        """Those of ``suspects`` that every look of the last CONFIRMED_AFTER found."""
        before = self._since if now - self._looked_at <= LOOKS_APART_AT_MOST else {}
        keys = [(task.task_id, attempt) for task, attempt in suspects]
        self._looked_at, self._since = now, {key: before.get(key, now) for key in keys}
        return [one for one, key in zip(suspects, keys, strict=True) if now - self._since[key] >= CONFIRMED_AFTER]


_watch = LossWatch()


def recover_orphans(now: datetime | None = None) -> int:
    """Give lost work back: attempts that no living process lists for 45 s, and messages that vanished before a start.

    Does nothing while Redis is away or the recorder is far behind, because only Redis knows what has ended but is not
    recorded yet.  Heartbeats carry the database's clock and are compared with it unless ``now`` is given.
    """
    moment = now or datetime.now(UTC)
    try:
        if _recorder_is_behind(moment):
            return 0
        gone = _vanished_messages(moment, _held_tasks(now, DEAD_AFTER))
        begun = _begun(gone)
        suspects = [*_unlisted_attempts(moment, _held_tasks(now, SUSPECT_AFTER)), *begun]
        return _send_again(gone, begun, moment) + _record_lost(_lost(suspects, moment, now))
    except redis.RedisError as error:
        log.warning("taskhub_orphans_not_checked", error=str(error))
        return 0


def _recorder_is_behind(moment: datetime) -> bool:
    recorded = live.recorded_until()
    behind = moment - datetime.fromtimestamp(recorded, UTC) if recorded is not None else timedelta()
    if behind < RECORDER_BEHIND:
        return False
    log.warning("taskhub_recorder_behind", seconds=round(behind.total_seconds()))
    return True


def _held_tasks(now: datetime | None, silent_for: timedelta) -> set[str]:
    """Tasks that a process has in its hands which was not silent for so long."""
    clock: Any = now or Now()
    running = WorkerProcess.objects.alive(clock - silent_for).values_list("running", flat=True)
    return {task_id for pairs in running for task_id, _attempt in pairs}


def _unlisted_attempts(moment: datetime, held: set[str]) -> list[Suspect]:
    """Attempts recorded as running that nobody runs."""
    running = Task.objects.filter(status=TaskStatus.RUNNING, started_at__lt=moment - SUSPECT_AFTER)
    tasks = list(running.exclude(task_id__in=held).order_by("id")[:BATCH])
    return [(task, task.attempts) for task in _not_ahead(tasks)]


def _lost(suspects: list[Suspect], moment: datetime, now: datetime | None) -> list[Suspect]:
    """Suspects for long enough whose process is silent for DEAD_AFTER."""
    confirmed = _watch.confirmed(suspects, moment)
    if not confirmed:
        return []
    held, young = _held_tasks(now, DEAD_AFTER), moment - DEAD_AFTER
    return [
        (task, attempt)
        for task, attempt in confirmed
        if task.task_id not in held and not (task.started_at and task.started_at >= young)
    ]


def _vanished_messages(moment: datetime, held: set[str]) -> list[Task]:
    """Waiting tasks whose message is neither in the queue nor in anybody's hands.

    A queue is first in, first out: what was sent clearly before its oldest message has left it.
    """
    found: list[Task] = []
    for queue, tail in queue_tails(list(Queue.values)).items():
        waiting = Task.objects.filter(status=TaskStatus.PENDING, queue=queue, send_at__isnull=True)
        sent_before = _left_the_queue(tail, moment)
        gone = waiting.filter(updated_at__lt=sent_before, published_at__lt=sent_before).exclude(task_id__in=held)
        found += _not_ahead(list(gone.order_by("id")[:BATCH]))
    return found


def _left_the_queue(tail: QueueTail, moment: datetime) -> datetime:
    oldest = moment if tail.sent_at is None else min(moment, datetime.fromtimestamp(tail.sent_at, UTC))
    return oldest - MESSAGE_LOST_AFTER


def _not_ahead(tasks: list[Task]) -> list[Task]:
    """Without those of which Redis knows more than the row: the recorder will write it."""
    known = live.states([task.task_id for task in tasks])
    return [task for task in tasks if task.task_id not in known or known[task.task_id].rank <= task.state_rank]


def _begun(gone: list[Task]) -> list[Suspect]:
    """Of tasks without a message: those whose attempt was started and never told."""
    fences = live.taken_fences([(task.task_id, task.next_attempt) for task in gone])
    return [(task, task.next_attempt) for task in gone if (task.task_id, task.next_attempt) in fences]


def _send_again(gone: list[Task], begun: list[Suspect], moment: datetime) -> int:
    """Have ``publish_due`` send the same attempt of those that were not started."""
    started = {task.id for task, _attempt in begun}
    unsent = [task.id for task in gone if task.id not in started]
    waiting = Task.objects.filter(id__in=unsent, status=TaskStatus.PENDING, send_at__isnull=True)
    waiting.update(send_at=moment, run_at=moment, updated_at=moment)
    return len(unsent)


def _record_lost(lost: list[Suspect]) -> int:
    """End the attempts, except those of which something else was recorded since they were looked at."""
    if not lost:
        return 0
    with transaction.atomic():
        rows = locked(Task.objects.filter(id__in=[task.id for task, _attempt in lost]))
        unchanged = set(rows.values_list("id", "state_rank"))
        events = [_loss(task, attempt) for task, attempt in lost if (task.id, task.state_rank) in unchanged]
        record_events(events)
    return len(events)


def _loss(task: Task, attempt: int) -> dict[str, Any]:
    log.warning("task_attempt_lost", task_id=task.task_id, attempt=attempt, worker=task.last_worker_name)
    outcome = lost_outcome(losses=task.losses, rerun=_may_rerun(task.name))
    running = task.status == TaskStatus.RUNNING and task.started_at
    started = int(task.started_at.timestamp() * 1e6) if running and task.started_at else None
    return finished_event(task.task_id, attempt, outcome, started, task.last_worker_name)


def _may_rerun(name: str) -> bool:
    """A task type that no longer exists can't be run again."""
    try:
        return definition_of(name).retry.rerun_when_lost
    except UnknownTask:
        return False
