"""What the scheduler's API answers and takes (H.1, H.2)."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.scheduler.enums import CatchUp, ExecutionState, Health, Kind, Origin, Overlap, Reason
from apps.scheduler.models import ScheduledTask, TaskExecution
from apps.scheduler.services import rules


class ScheduledTaskSerializer(serializers.Serializer[ScheduledTask]):
    """One schedule.  ``name`` is fixed, ``label`` is in the language of the request."""

    uid = serializers.CharField()
    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # DRF takes declared fields off the class
    type = serializers.CharField(source="task", help_text="Wire name of the task that the schedule queues")
    description = serializers.CharField()
    is_recurring = serializers.SerializerMethodField()
    cron_expr = serializers.SerializerMethodField()
    interval = serializers.SerializerMethodField(help_text="Seconds, for schedules without cron rule")
    rule = serializers.SerializerMethodField(help_text="The rule in words")
    time_zone = serializers.SerializerMethodField()
    next_run = serializers.DateTimeField(allow_null=True, help_text="null while it can't be due")
    enabled = serializers.BooleanField()
    retired = serializers.SerializerMethodField()
    problem = serializers.SerializerMethodField(help_text="Why the rule can't be followed; empty if it can")
    origin = serializers.ChoiceField(choices=Origin.choices)
    overlap = serializers.ChoiceField(choices=Overlap.choices)
    catch_up = serializers.ChoiceField(choices=CatchUp.choices)
    catch_up_window_seconds = serializers.IntegerField()
    max_duration_seconds = serializers.IntegerField()
    max_retries = serializers.IntegerField()
    timeout_grace_period = serializers.IntegerField()
    max_concurrent = serializers.IntegerField()
    priority = serializers.IntegerField()
    labels = serializers.DictField(child=serializers.CharField())
    data = serializers.CharField(  # type: ignore[assignment]
        source="definition.kwargs", default="{}", help_text="Arguments of the task, JSON text"
    )
    total_executions = serializers.IntegerField()
    success_executions = serializers.IntegerField()
    failure_executions = serializers.IntegerField()
    consecutive_failures = serializers.IntegerField()
    success_rate = serializers.FloatField(allow_null=True, help_text="Percent of the finished runs")
    health = serializers.ChoiceField(choices=Health.choices)
    last_executed_at = serializers.DateTimeField(allow_null=True)
    last_failure_error = serializers.CharField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()

    def get_is_recurring(self, schedule: ScheduledTask) -> bool:
        definition = schedule.definition
        return definition is not None and definition.clocked_id is None and not definition.one_off

    @extend_schema_field(OpenApiTypes.STR)
    def get_cron_expr(self, schedule: ScheduledTask) -> str:
        crontab = schedule.definition.crontab if schedule.definition is not None else None
        return rules.cron_text(crontab) if crontab is not None else ""

    def get_interval(self, schedule: ScheduledTask) -> int | None:
        return rules.interval_seconds(schedule)

    def get_rule(self, schedule: ScheduledTask) -> str:
        return rules.in_words(schedule)

    def get_time_zone(self, schedule: ScheduledTask) -> str:
        return rules.zone_of(schedule)

    def get_problem(self, schedule: ScheduledTask) -> str:
        return rules.problem_of(schedule)

    def get_retired(self, schedule: ScheduledTask) -> bool:
        return schedule.retired_at is not None


class TaskExecutionSerializer(serializers.ModelSerializer[TaskExecution]):
    """The answer to one due time, or to a span of missed ones (``due_count`` above 1)."""

    task_uid = serializers.CharField(source="schedule_id")
    state = serializers.ChoiceField(choices=ExecutionState.choices)
    kind = serializers.ChoiceField(choices=Kind.choices)
    reason = serializers.ChoiceField(choices=Reason.choices, allow_blank=True)
    trigger_type = serializers.ChoiceField(choices=[Kind.SCHEDULED.value, Kind.MANUAL.value])

    class Meta:
        model = TaskExecution
        fields = (
            "id",
            "execution_uid",
            "task_uid",
            "task_name",
            "task_type",
            "kind",
            "scheduled_at",
            "last_due_at",
            "due_count",
            "state",
            "reason",
            "blocked_by",
            "hub_task_id",
            "run_by",
            "started_at",
            "finished_at",
            "duration_ms",
            "progress",
            "retry_count",
            "result",
            "error_message",
            "error_stack",
            "trigger_type",
            "trigger_by",
            "trigger_reason",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields


class TriggerSerializer(serializers.Serializer[Any]):
    """All optional."""

    override_data = serializers.CharField(
        required=False,
        allow_blank=True,
        default="",
        trim_whitespace=False,
        help_text="JSON object as text: arguments in place of the schedule's own for this run, 10 KB at most",
    )
    reason = serializers.CharField(required=False, allow_blank=True, default="", max_length=500)


class SwitchSerializer(serializers.Serializer[Any]):
    reason = serializers.CharField(required=False, allow_blank=True, default="", max_length=500)


class TriggeredSerializer(serializers.Serializer[Any]):
    message = serializers.CharField()
    execution_uid = serializers.UUIDField()
    execution_id = serializers.IntegerField()


class SwitchedSerializer(serializers.Serializer[Any]):
    message = serializers.CharField()
    uid = serializers.CharField()
    enabled = serializers.BooleanField()
    next_run = serializers.DateTimeField(allow_null=True)


class TaskStatisticsSerializer(serializers.Serializer[Any]):
    task_uid = serializers.CharField()
    task_name = serializers.CharField()
    enabled = serializers.BooleanField()
    total_executions = serializers.IntegerField()
    success_executions = serializers.IntegerField()
    failure_executions = serializers.IntegerField()
    success_rate = serializers.FloatField(allow_null=True)
    average_duration_ms = serializers.IntegerField(allow_null=True)
    last_executed_at = serializers.DateTimeField(allow_null=True)
    health = serializers.ChoiceField(choices=Health.choices)


class StatisticsSerializer(serializers.Serializer[Any]):
    total_tasks = serializers.IntegerField()
    enabled_tasks = serializers.IntegerField()
    total_executions = serializers.IntegerField()
    success_executions = serializers.IntegerField()
    failure_executions = serializers.IntegerField()
    success_rate = serializers.FloatField(allow_null=True, help_text="Percent of the finished runs")
    average_duration_ms = serializers.IntegerField(allow_null=True, help_text="Of the successful runs")
    task_stats = TaskStatisticsSerializer(many=True)


ENABLED = _("The schedule is enabled.")
DISABLED = _("The schedule is disabled.")
TRIGGERED = _("The run has been queued.")
