"""Tasks, attempts and workers as the API shows them (B.4)."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.core.redaction import redact
from apps.taskhub.enums import DeadReason, Queue, TaskStatus
from apps.taskhub.repositories import AttemptRecord, TaskRecord, WorkerRecord


class TaskSerializer(serializers.Serializer[TaskRecord]):
    """A task in a list."""

    task_id = serializers.CharField()
    name = serializers.CharField()
    worker_name = serializers.CharField()
    queue = serializers.CharField(help_text="critical, default or low")
    priority = serializers.IntegerField(help_text="3 critical, 2 default, 1 low")
    status = serializers.ChoiceField(choices=TaskStatus.choices)
    dead_reason = serializers.ChoiceField(choices=DeadReason.choices, allow_blank=True)
    last_attempt = serializers.IntegerField(help_text="Attempts started")
    max_retries = serializers.IntegerField()
    last_error = serializers.SerializerMethodField()
    last_worker_name = serializers.CharField()
    progress = serializers.IntegerField(help_text="0-100, as the task reports it")
    progress_text = serializers.CharField()
    source = serializers.CharField(  # type: ignore[assignment]  # the attribute is called so
        help_text="What queued it: schedule:<uid>, or empty"
    )
    actor = serializers.CharField(source="actor_label")
    request_id = serializers.CharField()
    trace_id = serializers.CharField()
    run_at = serializers.DateTimeField(allow_null=True)
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    duration_ms = serializers.IntegerField(allow_null=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()

    def get_last_error(self, task: TaskRecord) -> str:
        return str(redact(task.last_error))


class AttemptSerializer(serializers.Serializer[AttemptRecord]):
    """One start of a task."""

    attempt = serializers.IntegerField()
    status = serializers.ChoiceField(choices=TaskStatus.choices)
    dead_reason = serializers.ChoiceField(choices=DeadReason.choices, allow_blank=True)
    worker_name = serializers.CharField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    duration_ms = serializers.IntegerField(allow_null=True)
    error = serializers.SerializerMethodField()
    trace_id = serializers.CharField()
    span_id = serializers.CharField()

    def get_error(self, attempt: AttemptRecord) -> str:
        return str(redact(attempt.error))


class TaskDetailSerializer(TaskSerializer):
    """One task with its arguments, result and newest 50 attempts; secrets are hidden."""

    payload = serializers.SerializerMethodField(help_text="Arguments")
    result = serializers.SerializerMethodField(help_text="What the task returned")
    attempts = serializers.SerializerMethodField()

    @extend_schema_field({"type": "object", "additionalProperties": {}})
    def get_payload(self, task: TaskRecord) -> Any:
        return redact(task.payload)

    @extend_schema_field({"nullable": True})
    def get_result(self, task: TaskRecord) -> Any:
        return redact(task.result)

    @extend_schema_field(AttemptSerializer(many=True))
    def get_attempts(self, _task: TaskRecord) -> Any:
        return AttemptSerializer(self.context["attempts"], many=True).data


class WorkerSerializer(serializers.Serializer[WorkerRecord]):
    """A worker group: configuration and newest heartbeat."""

    worker_name = serializers.CharField()
    base_url = serializers.CharField()
    redis_addr = serializers.CharField()
    queue_groups = serializers.ListField(child=serializers.DictField())
    default_retry_count = serializers.IntegerField()
    default_timeout = serializers.IntegerField(help_text="Seconds")
    default_delay = serializers.IntegerField(help_text="Seconds")
    is_enabled = serializers.BooleanField()
    last_heartbeat_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class QueueStatsSerializer(serializers.Serializer[object]):
    queue = serializers.ChoiceField(choices=Queue.choices)
    waiting = serializers.IntegerField(help_text="Messages in the broker that no worker has taken")
