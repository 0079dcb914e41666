"""Words of the scheduler.  Their values are stored and published: never renamed."""

from __future__ import annotations

from typing import Final

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class ExecutionState(models.TextChoices):
    """How a due time was answered (decision 14)."""

    PENDING = "pending", _("pending")
    RUNNING = "running", _("running")
    SUCCESS = "success", _("success")
    FAILURE = "failure", _("failure")
    TIMEOUT = "timeout", _("timeout")
    CANCELLED = "cancelled", _("cancelled")
    INTERRUPTED = "interrupted", _("interrupted")
    SKIPPED = "skipped", _("skipped")
    MISSED = "missed", _("missed")


ACTIVE_STATES: Final = (ExecutionState.PENDING, ExecutionState.RUNNING)
# Runs that ended.  Skipped and missed are answers too, but nothing ran.
FINISHED_STATES: Final = (
    ExecutionState.SUCCESS,
    ExecutionState.FAILURE,
    ExecutionState.TIMEOUT,
    ExecutionState.CANCELLED,
    ExecutionState.INTERRUPTED,
)
# What counts as a failure in the statistics; a cancelled run is neither success nor failure.
FAILED_STATES: Final = (ExecutionState.FAILURE, ExecutionState.TIMEOUT, ExecutionState.INTERRUPTED)


class Kind(models.TextChoices):
    """What a due time is: the rule's own, the latest one made up for after a standstill, or a person's."""

    SCHEDULED = "scheduled", _("scheduled")
    CATCHUP = "catchup", _("caught up")
    MANUAL = "manual", _("manual")


class Reason(models.TextChoices):
    """Why a due time was not run, or ended as it did.  Empty for an ordinary run."""

    OVERLAP = "overlap", _("the run before it was still going on")
    MAX_CONCURRENT = "max_concurrent", _("as many runs as allowed were going on")
    LATE = "late", _("the scheduler was not running at that time")
    RULE_CHANGED = "rule_changed", _("the rule was changed before this time was answered")
    DISABLED = "disabled", _("the schedule was disabled before this time was answered")
    NOT_STARTABLE = "not_startable", _("the task hub refused the task")
    OVERDUE = "overdue", _("still running long after its time limit")
    WORKER_LOST = "worker_lost", _("its worker died")
    TIMED_OUT = "timed_out", _("it exceeded its time limit")
    CANCELLED = "cancelled", _("somebody cancelled it")
    TASK_GONE = "task_gone", _("the task hub no longer knows its task")


class Overlap(models.TextChoices):
    """What happens to a due time while an earlier run is going on."""

    SKIP = "skip", _("skip it")
    ALLOW = "allow", _("run it, up to the allowed number at a time")


class CatchUp(models.TextChoices):
    """What happens to due times that passed while no scheduler was running."""

    LATEST = "latest", _("run the latest once")
    NONE = "none", _("run none of them")


class Origin(models.TextChoices):
    """Who made a schedule."""

    CODE = "code", _("the product")
    ADOPTED = "adopted", _("adopted from django-celery-beat")


class Health(models.TextChoices):
    """State of a schedule from its last five runs (H-8)."""

    HEALTHY = "healthy", _("healthy")
    WARNING = "warning", _("warning")
    CRITICAL = "critical", pgettext_lazy("health", "critical")
    UNKNOWN = "unknown", _("no runs yet")
