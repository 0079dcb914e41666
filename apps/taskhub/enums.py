"""Words of the task hub.  Their values are stored and published; never rename one."""

from __future__ import annotations

import enum
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

# The worker group that tasks belong to unless somebody says otherwise.
DEFAULT_WORKER = "bajiaozhi"


class Queue(models.TextChoices):
    """The three Redis queues (decision 17), most urgent first."""

    CRITICAL = "critical", _("critical")
    DEFAULT = "default", _("default")
    LOW = "low", _("low")

    @property
    def priority(self) -> int:
        """3 critical, 2 default, 1 low (B.2)."""
        return {"critical": 3, "default": 2, "low": 1}[self.value]


class TaskStatus(models.TextChoices):
    """States of a task (decision 13).  ``fail``: an attempt failed and another follows; ``dead``: none follows."""

    PENDING = "pending", _("waiting")
    RUNNING = "running", _("running")
    SUCCESS = "success", _("succeeded")
    FAIL = "fail", _("failed, will be retried")
    DEAD = "dead", _("dead")


class DeadReason(models.TextChoices):
    """Why a task is dead; ``worker_stopped`` only ever ends an attempt: another follows."""

    RETRIES_USED_UP = "retries_used_up", _("retries used up")
    TIMEOUT = "timeout", _("time limit exceeded")
    CANCELLED = "cancelled", _("cancelled")
    WORKER_LOST = "worker_lost", _("worker lost")
    WORKER_STOPPED = "worker_stopped", _("worker stopped")
    NOT_RECOVERABLE = "not_recoverable", _("not recoverable")


class EventKind(enum.StrEnum):
    """What publishers and workers say on the stream."""

    PUBLISHED = "published"
    STARTED = "started"
    PROGRESS = "progress"
    FINISHED = "finished"
    DUPLICATE = "duplicate"


# States that nothing follows unless a person asks for it.
FINAL = frozenset({TaskStatus.SUCCESS, TaskStatus.DEAD})
_RANK = {TaskStatus.PENDING: 0, TaskStatus.RUNNING: 1, TaskStatus.FAIL: 2, TaskStatus.SUCCESS: 2, TaskStatus.DEAD: 2}


def state_rank(attempt: int, status: str) -> int:
    """Order of all states a task goes through: by attempt, then waiting < running < ended.

    A late "started" of an attempt that has ended ranks below the end, so it never overwrites it.
    """
    return int(first_rank(attempt)) + _RANK[TaskStatus(status)]


def first_rank(attempt: Any) -> Any:
    """Rank of an attempt that waits; also for a database expression in place of the number."""
    return attempt * 10
