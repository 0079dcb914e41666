"""Tables of the task hub (B.2, decisions 2, 3, 13, 33).  Logical keys only: a task outlives what it names."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.taskhub.enums import DEFAULT_WORKER, FINAL, DeadReason, Queue, TaskStatus
from apps.taskhub.querysets import TaskAttemptQuerySet, TaskQuerySet, WorkerProcessQuerySet, WorkerQuerySet


class Task(models.Model):
    """One queued unit of work: history and outbox in one row.

    ``state_rank`` and ``state_at`` order what is told about a task (enums.state_rank); ``send_at`` is when beat must
    send it (again) unless the stream says before that it was published: empty when nothing is to be sent.
    """

    task_id = models.CharField(_("task"), max_length=128)
    name = models.CharField(_("task type"), max_length=128)
    worker_name = models.CharField(_("worker group"), max_length=64, default=DEFAULT_WORKER)
    queue = models.CharField(_("queue"), max_length=64, choices=Queue.choices, default=Queue.DEFAULT)
    priority = models.SmallIntegerField(_("priority"), default=0)
    payload = models.JSONField(_("arguments"), default=dict)
    status = models.CharField(_("status"), max_length=16, choices=TaskStatus.choices, default=TaskStatus.PENDING)
    dead_reason = models.CharField(_("reason"), max_length=32, choices=DeadReason.choices, blank=True, default="")
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    max_retries = models.PositiveIntegerField(_("retries allowed"), default=0)
    losses = models.PositiveSmallIntegerField(_("workers lost in a row"), default=0)
    soft_limit_seconds = models.PositiveIntegerField(_("soft time limit"), default=600)
    grace_seconds = models.PositiveIntegerField(_("grace"), default=30)
    last_error = models.TextField(_("last error"), blank=True, default="")
    error_stack = models.TextField(_("error stack"), blank=True, default="")
    result = models.JSONField(_("result"), null=True, blank=True)
    progress = models.PositiveSmallIntegerField(_("progress"), default=0)
    progress_text = models.CharField(_("progress text"), max_length=200, blank=True, default="")
    last_worker_name = models.CharField(_("last worker"), max_length=160, blank=True, default="")
    run_at = models.DateTimeField(_("not before"), null=True, blank=True)
    logical_time = models.DateTimeField(_("logical time"), null=True, blank=True)
    send_at = models.DateTimeField(_("to be sent at"), null=True, blank=True)
    published_at = models.DateTimeField(_("sent"), null=True, blank=True)
    epoch = models.CharField(max_length=32, blank=True, default="")
    started_at = models.DateTimeField(_("started"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    duration_ms = models.PositiveBigIntegerField(_("duration"), null=True, blank=True)
    cancel_requested_at = models.DateTimeField(_("cancellation asked"), null=True, blank=True)
    unique_key = models.CharField(_("unique key"), max_length=128, null=True, blank=True)
    source = models.CharField(_("source"), max_length=160, blank=True, default="")
    actor_kind = models.CharField(_("kind of actor"), max_length=16, blank=True, default="")
    actor_id = models.CharField(_("actor"), max_length=128, blank=True, default="")
    actor_label = models.CharField(_("actor"), max_length=160, blank=True, default="")
    request_id = models.CharField(_("request"), max_length=128, blank=True, default="")
    client_ip = models.CharField(_("client address"), max_length=45, blank=True, default="")
    trace_id = models.CharField(_("trace"), max_length=64, blank=True, default="")
    state_rank = models.PositiveIntegerField(default=10)
    state_at = models.DateTimeField()
    created_at = models.DateTimeField(_("created"))
    updated_at = models.DateTimeField(_("changed"))

    objects = TaskQuerySet.as_manager()

    class Meta:
        db_table = "tasks"
        verbose_name = _("task")
        verbose_name_plural = _("tasks")
        default_permissions = ("view",)
        permissions = [
            ("retry_task", "Can retry a task"),
            ("cancel_task", "Can cancel a task"),
            ("purge_queue", "Can purge a queue"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["task_id"], name="uk_task_task_id"),
            models.UniqueConstraint(fields=["unique_key"], name="uk_task_unique_key"),
        ]
        indexes = [
            models.Index(fields=["worker_name", "-created_at"], name="idx_task_worker_created"),
            models.Index(fields=["status", "-updated_at"], name="idx_task_status_updated"),
            models.Index(fields=["queue", "-updated_at"], name="idx_task_queue_updated"),
            models.Index(fields=["send_at"], name="idx_task_send_at"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.task_id[:8]}"

    @property
    def is_final(self) -> bool:
        return self.status in FINAL

    @property
    def next_attempt(self) -> int:
        """Number of the attempt that a message sent now would start."""
        return self.attempts + 1


class TaskAttempt(models.Model):
    """One start of a task.  ``duplicates`` counts deliveries of it that were dropped at the start fence."""

    task_id = models.CharField(_("task"), max_length=128)
    attempt = models.PositiveIntegerField(_("attempt"))
    status = models.CharField(_("status"), max_length=16, choices=TaskStatus.choices)
    dead_reason = models.CharField(_("reason"), max_length=32, choices=DeadReason.choices, blank=True, default="")
    started_at = models.DateTimeField(_("started"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    duration_ms = models.PositiveBigIntegerField(_("duration"), null=True, blank=True)
    error = models.TextField(_("error"), blank=True, default="")
    worker_name = models.CharField(_("worker"), max_length=160, blank=True, default="")
    duplicates = models.PositiveIntegerField(_("dropped deliveries"), default=0)
    trace_id = models.CharField(_("trace"), max_length=64, blank=True, default="")
    span_id = models.CharField(_("span"), max_length=64, blank=True, default="")

    objects = TaskAttemptQuerySet.as_manager()

    class Meta:
        db_table = "task_attempts"
        verbose_name = _("attempt")
        verbose_name_plural = _("attempts")
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["task_id", "attempt"], name="uk_attempt_task_attempt")]
        indexes = [
            models.Index(fields=["task_id", "-started_at"], name="idx_attempt_task_started"),
            models.Index(fields=["status", "-started_at"], name="idx_attempt_status_started"),
        ]

    def __str__(self) -> str:
        return f"{self.task_id[:8]} #{self.attempt}"


class Worker(models.Model):
    """A named worker group: its configuration and its newest heartbeat (decision 33)."""

    worker_name = models.CharField(_("worker group"), max_length=64)
    base_url = models.CharField(_("address"), max_length=255, blank=True, default="")
    redis_addr = models.CharField(_("Redis address"), max_length=255, blank=True, default="")
    queue_groups = models.JSONField(_("queue groups"), default=list)
    default_retry_count = models.PositiveIntegerField(_("retries"), default=3)
    default_timeout = models.PositiveIntegerField(_("time limit (s)"), default=30)
    default_delay = models.PositiveIntegerField(_("delay (s)"), default=0)
    is_enabled = models.BooleanField(_("enabled"), default=True)
    last_heartbeat_at = models.DateTimeField(_("last heartbeat"), null=True, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    objects = WorkerQuerySet.as_manager()

    class Meta:
        db_table = "workers"
        verbose_name = _("worker group")
        verbose_name_plural = _("worker groups")
        default_permissions = ("view",)
        constraints = [models.UniqueConstraint(fields=["worker_name"], name="uk_worker_name")]
        indexes = [
            models.Index(fields=["is_enabled"], name="idx_worker_enabled"),
            models.Index(fields=["last_heartbeat_at"], name="idx_worker_heartbeat"),
        ]

    def __str__(self) -> str:
        return self.worker_name


class WorkerProcess(models.Model):
    """One Celery process (host, pid, boot id) and the attempts it holds, as ``[task_id, attempt]`` pairs."""

    boot_id = models.CharField(_("boot"), max_length=32)
    worker_name = models.CharField(_("worker group"), max_length=64, default=DEFAULT_WORKER)
    host = models.CharField(_("host"), max_length=255)
    pid = models.PositiveIntegerField(_("process"))
    concurrency = models.PositiveIntegerField(_("slots"), default=0)
    queues = models.JSONField(_("queues"), default=list)
    running = models.JSONField(_("running"), default=list)
    started_at = models.DateTimeField(_("started"))
    heartbeat_at = models.DateTimeField(_("last heartbeat"))
    stopped_at = models.DateTimeField(_("stopped"), null=True, blank=True)

    objects = WorkerProcessQuerySet.as_manager()

    class Meta:
        db_table = "worker_processes"
        verbose_name = _("worker process")
        verbose_name_plural = _("worker processes")
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["boot_id"], name="uk_worker_process_boot")]
        indexes = [models.Index(fields=["heartbeat_at"], name="idx_worker_process_heartbeat")]

    def __str__(self) -> str:
        return f"{self.host}:{self.pid}"


class OnceKey(models.Model):
    """A key that was used up: ``once(key)`` inserts it in the effect's own transaction."""

    key = models.CharField(_("key"), max_length=200, primary_key=True)
    created_at = models.DateTimeField(_("created"))

    class Meta:
        db_table = "task_once_keys"
        verbose_name = _("used key")
        verbose_name_plural = _("used keys")
        default_permissions = ()

    def __str__(self) -> str:
        return self.key
