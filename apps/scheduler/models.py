"""Tables of the scheduler: schedules, the ledger of their due times, and locks (H.1).

A schedule's *definition* (rule, task, arguments, enabled, name) is a django-celery-beat ``PeriodicTask``; everything
hot or ours stands in ``ScheduledTask``, one to one.  Keys to it are logical, without database constraint (decision 2).
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Final

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from apps.scheduler.enums import (
    ACTIVE_STATES,
    FAILED_STATES,
    FINISHED_STATES,
    CatchUp,
    ExecutionState,
    Health,
    Kind,
    Origin,
    Overlap,
    Reason,
)
from apps.scheduler.querysets import ScheduledTaskQuerySet, TaskExecutionQuerySet, TaskLockQuerySet
from apps.scheduler.registry import schedules

RECENT_LENGTH: Final = 30
HEALTH_RUNS: Final = 5
CRITICAL_FAILURES: Final = 3
RESULT_MAX_BYTES: Final = 64 * 1024
ERROR_STACK_MAX_BYTES: Final = 10 * 1024
DATA_MAX_BYTES: Final = 10 * 1024

# One letter per answered due time in ScheduledTask.recent.
LETTERS: Final[dict[str, str]] = {
    ExecutionState.SUCCESS: "S",
    ExecutionState.FAILURE: "F",
    ExecutionState.TIMEOUT: "T",
    ExecutionState.CANCELLED: "C",
    ExecutionState.INTERRUPTED: "I",
    ExecutionState.SKIPPED: "K",
    ExecutionState.MISSED: "M",
}
STATES_OF_LETTERS: Final[dict[str, ExecutionState]] = {letter: ExecutionState(s) for s, letter in LETTERS.items()}


class ScheduledTask(models.Model):
    """One schedule.  ``next_run`` is null while it is disabled, retired, used up or has a ``problem``."""

    uid = models.CharField(_("id"), max_length=255, primary_key=True)
    definition = models.OneToOneField(
        "django_celery_beat.PeriodicTask",
        on_delete=models.SET_NULL,
        null=True,
        db_constraint=False,
        related_name="scheduled",
        verbose_name=_("definition"),
    )
    origin = models.CharField(_("origin"), max_length=16, choices=Origin.choices, default=Origin.CODE)
    # What the code declared when it was last applied: an operator's change is what differs from it.
    declared = models.JSONField(_("declared definition"), default=dict, editable=False)
    retired_at = models.DateTimeField(_("retired"), null=True, blank=True, editable=False)

    next_run = models.DateTimeField(_("next run"), null=True, blank=True, editable=False)
    # The rule that next_run was computed for, as ScheduledTaskQuerySet._rule_text spells it.
    next_run_rule = models.TextField(default="", blank=True, editable=False)
    problem = models.CharField(_("problem"), max_length=500, default="", blank=True, editable=False)

    overlap = models.CharField(_("overlap"), max_length=16, choices=Overlap.choices, default=Overlap.SKIP)
    catch_up = models.CharField(_("catch-up"), max_length=16, choices=CatchUp.choices, default=CatchUp.LATEST)
    catch_up_window_seconds = models.PositiveIntegerField(_("catch-up window (s)"), default=3600)
    priority = models.IntegerField(_("priority"), default=0)
    labels = models.JSONField(_("labels"), default=dict, blank=True)
    max_duration_seconds = models.PositiveIntegerField(
        _("time limit (s)"), default=3600, validators=[MinValueValidator(1)]
    )
    max_retries = models.PositiveIntegerField(_("retries"), default=3)
    timeout_grace_period = models.PositiveIntegerField(_("grace period (s)"), default=30)
    max_concurrent = models.PositiveIntegerField(_("runs at a time"), default=1, validators=[MinValueValidator(1)])

    total_executions = models.PositiveBigIntegerField(_("runs"), default=0, editable=False)
    success_executions = models.PositiveBigIntegerField(_("successful runs"), default=0, editable=False)
    failure_executions = models.PositiveBigIntegerField(_("failed runs"), default=0, editable=False)
    consecutive_failures = models.PositiveIntegerField(_("failures in a row"), default=0, editable=False)
    last_executed_at = models.DateTimeField(_("last run"), null=True, blank=True, editable=False)
    last_failure_error = models.TextField(_("last error"), default="", blank=True, editable=False)
    # Letters of the newest answers, the newest last: the list page reads no executions.
    recent = models.CharField(max_length=RECENT_LENGTH, default="", blank=True, editable=False)

    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    objects = ScheduledTaskQuerySet.as_manager()

    # Annotated by ScheduledTaskQuerySet.with_definition: the rule as it is now, and the zone of a cron rule.
    rule_text: str
    zone_name: str

    class Meta:
        db_table = "scheduled_tasks"
        verbose_name = _("schedule")
        verbose_name_plural = _("schedules")
        default_permissions = ("view",)
        permissions = [
            ("trigger_scheduledtask", _("Can run a schedule now")),
            ("configure_scheduledtask", _("Can enable, disable and change schedules")),
        ]
        indexes = [
            models.Index(fields=["next_run"], name="idx_scheduled_tasks_next_run"),
            models.Index(fields=["priority"], name="idx_scheduled_tasks_priority"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(max_duration_seconds__gt=0), name="ck_scheduled_tasks_duration"),
            models.CheckConstraint(
                condition=Q(timeout_grace_period__lt=F("max_duration_seconds")), name="ck_scheduled_tasks_grace"
            ),
            models.CheckConstraint(condition=Q(max_concurrent__gt=0), name="ck_scheduled_tasks_concurrent"),
        ]

    def __str__(self) -> str:
        return self.label

    @property
    def label(self) -> str:
        """The name in the reader's language: the code's own for a declared schedule, else as stored."""
        return label_of(self.uid, stored=self.name)

    @property
    def description(self) -> str:
        """In the reader's language, as ``label``."""
        declared = schedules.get(self.uid)
        if declared is not None:
            return str(declared.description)
        return self.definition.description if self.definition is not None else ""

    @property
    def name(self) -> str:
        return self.definition.name if self.definition is not None else self.uid

    @property
    def task(self) -> str:
        """Wire name of the hub task (H.1 calls it type)."""
        return self.definition.task if self.definition is not None else ""

    @property
    def enabled(self) -> bool:
        return self.definition is not None and self.definition.enabled and self.retired_at is None

    @property
    def success_rate(self) -> float | None:
        """Percent of the finished runs that succeeded; None before the first."""
        if self.total_executions == 0:
            return None
        return round(100 * self.success_executions / self.total_executions, 2)

    @property
    def recent_states(self) -> list[ExecutionState]:
        """Oldest first."""
        return [STATES_OF_LETTERS[letter] for letter in self.recent if letter in STATES_OF_LETTERS]

    @property
    def health(self) -> Health:
        """From the last five runs: no failure healthy, one or two warning, three or more critical (H-8)."""
        runs = [state for state in self.recent_states if state in FINISHED_STATES][-HEALTH_RUNS:]
        if not runs:
            return Health.UNKNOWN
        failures = sum(state in FAILED_STATES for state in runs)
        if failures == 0:
            return Health.HEALTHY
        return Health.CRITICAL if failures >= CRITICAL_FAILURES else Health.WARNING

    def remember(self, state: str) -> None:
        """Append an answer to ``recent``."""
        self.recent = (self.recent + LETTERS[state])[-RECENT_LENGTH:]


class TaskExecution(models.Model):
    """The answer to one due time, or to a span of missed ones (``scheduled_at`` … ``last_due_at``, ``due_count``).

    Task id of the hub = ``execution_uid`` in hex.  Ended runs never change state again, except that a run re-queued
    by hand in the hub goes on in its execution.
    """

    id = models.BigAutoField(_("number"), primary_key=True)
    execution_uid = models.UUIDField(_("execution id"), default=uuid.uuid4, unique=True, editable=False)
    schedule = models.ForeignKey(
        ScheduledTask,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        db_column="task_uid",
        related_name="executions",
        verbose_name=_("schedule"),
    )
    task_name = models.CharField(_("schedule name"), max_length=200)
    task_type = models.CharField(_("task"), max_length=200)
    kind = models.CharField(_("kind"), max_length=16, choices=Kind.choices)
    scheduled_at = models.DateTimeField(_("due"))
    last_due_at = models.DateTimeField(_("last due"), null=True, blank=True)
    due_count = models.PositiveIntegerField(_("due times"), default=1)
    state = models.CharField(_("state"), max_length=16, choices=ExecutionState.choices)
    reason = models.CharField(_("reason"), max_length=32, choices=Reason.choices, default="", blank=True)
    blocked_by = models.UUIDField(_("blocked by"), null=True, blank=True)
    hub_task_id = models.CharField(_("hub task"), max_length=128, default="", blank=True)
    run_by = models.CharField(_("worker"), max_length=255, default="", blank=True)
    dispatched_by = models.CharField(_("dispatched by"), max_length=255, default="", blank=True)
    started_at = models.DateTimeField(_("started"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    duration_ms = models.PositiveBigIntegerField(_("duration (ms)"), null=True, blank=True)
    progress = models.PositiveSmallIntegerField(_("progress"), default=0)
    retry_count = models.PositiveIntegerField(_("retries"), default=0)
    result = models.TextField(_("result"), default="", blank=True)
    error_message = models.TextField(_("error"), default="", blank=True)
    error_stack = models.TextField(_("error stack"), default="", blank=True)
    trigger_by = models.CharField(_("triggered by (id)"), max_length=255, default="", blank=True)
    trigger_label = models.CharField(_("triggered by"), max_length=255, default="", blank=True)
    trigger_reason = models.CharField(_("reason for the trigger"), max_length=500, default="", blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    objects = TaskExecutionQuerySet.as_manager()

    class Meta:
        db_table = "task_executions"
        verbose_name = _("execution")
        verbose_name_plural = _("executions")
        default_permissions = ("view",)
        constraints = [
            # The one promise of the scheduler: whoever answers a due time, it is answered once.
            models.UniqueConstraint(fields=["schedule", "scheduled_at", "kind"], name="uk_task_executions_slot"),
            models.CheckConstraint(
                condition=Q(started_at__isnull=True)
                | Q(finished_at__isnull=True)
                | Q(finished_at__gte=F("started_at")),
                name="ck_task_executions_times",
            ),
            models.CheckConstraint(
                condition=Q(state__in=ACTIVE_STATES) | Q(finished_at__isnull=False),
                name="ck_task_executions_finished",
            ),
            models.CheckConstraint(condition=Q(progress__lte=100), name="ck_task_executions_progress"),
        ]
        indexes = [
            models.Index(fields=["schedule"], name="idx_task_exec_task_uid"),
            models.Index(fields=["task_name"], name="idx_task_exec_task_name"),
            models.Index(fields=["state"], name="idx_task_exec_state"),
            models.Index(fields=["-started_at"], name="idx_task_exec_started_at"),
            models.Index(fields=["task_name", "schedule", "state", "-started_at"], name="idx_task_exec_filter"),
            models.Index(fields=["hub_task_id"], name="idx_task_exec_hub_task"),
        ]

    def __str__(self) -> str:
        return f"{self.label} #{self.pk}"

    @property
    def label(self) -> str:
        """The schedule's name in the reader's language."""
        return label_of(self.schedule_id, stored=self.task_name)

    @property
    def is_finished(self) -> bool:
        return self.state not in ACTIVE_STATES

    @property
    def trigger_type(self) -> str:
        """manual or scheduled, as the API has it: a caught-up run is a scheduled one."""
        return Kind.MANUAL.value if self.kind == Kind.MANUAL else Kind.SCHEDULED.value


class TaskLock(models.Model):
    """A named lock with an expiry: one row per name, kept after release so that ``term`` only grows.

    Such a lock saves work, it promises nothing (decision 18).
    """

    class State(models.TextChoices):
        ACTIVE = "active", _("active")
        EXPIRED = "expired", _("expired")
        RELEASED = "released", _("released")

    lock_key = models.CharField(_("name"), max_length=255, primary_key=True)
    holder_id = models.CharField(_("holder"), max_length=255)
    token = models.UUIDField(_("token"), default=uuid.uuid4)
    term = models.PositiveBigIntegerField(_("term"), default=1)
    purpose = models.CharField(_("purpose"), max_length=255, default="", blank=True)
    acquired_at = models.DateTimeField(_("acquired"))
    expires_at = models.DateTimeField(_("expires"))
    released_at = models.DateTimeField(_("released"), null=True, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    objects = TaskLockQuerySet.as_manager()

    class Meta:
        db_table = "task_locks"
        verbose_name = _("lock")
        verbose_name_plural = _("locks")
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.lock_key} ({self.holder_id})"

    def state_at(self, now: datetime) -> State:
        if self.released_at is not None:
            return self.State.RELEASED
        return self.State.ACTIVE if self.expires_at > now else self.State.EXPIRED


def label_of(uid: str, *, stored: str) -> str:
    declared = schedules.get(uid)
    return str(declared.name) if declared is not None else stored


def cut_text(text: str, *, max_bytes: int) -> str:
    """``text`` within ``max_bytes`` of UTF-8, its beginning kept and the cut marked."""
    encoded = text.encode()
    if len(encoded) <= max_bytes:
        return text
    mark = "…[truncated]"
    return encoded[: max_bytes - len(mark.encode())].decode(errors="ignore") + mark
