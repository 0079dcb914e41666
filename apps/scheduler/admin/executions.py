"""The history: how each due time and each manual trigger was answered."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.core.admin import ChoiceFilter, DateRangeFilter, KeysetAdmin, chip, json_block, link, mono, when
from apps.scheduler.admin.display import duration, state_chip
from apps.scheduler.admin.forms import pretty
from apps.scheduler.models import ScheduledTask, TaskExecution
from apps.taskhub.models import Task


class ScheduleFilter(ChoiceFilter):
    def options(self) -> list[tuple[str, str]]:
        return [(schedule.uid, schedule.label) for schedule in ScheduledTask.objects.for_list()]


@admin.register(TaskExecution)
class TaskExecutionAdmin(KeysetAdmin):
    list_display = ("number", "schedule_link", "state_shown", "due", "started", "took", "trigger", "why")
    list_filter = (
        ("state", ChoiceFilter),
        ("kind", ChoiceFilter),
        ("schedule", ScheduleFilter),
        ("scheduled_at", DateRangeFilter),
    )
    empty_title = _("No executions yet")
    empty_text = _("Each time a schedule is due leaves one entry here, also when nothing could run.")
    fieldsets = (
        (None, {"fields": ("schedule_link", "state_shown", "why", "due", "span", "trigger", "trigger_why")}),
        (
            _("Run"),
            {
                "fields": (
                    "started", "finished", "took", "attempts", "progress_shown", "run_by", "hub_task", "blocker",
                    "dispatched_by", "execution_uid",
                )
            },
        ),
        (_("Outcome"), {"fields": ("result_shown", "error_message", "stack")}),
    )  # fmt: skip
    readonly_fields = tuple(name for _title, group in fieldsets for name in group["fields"])

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return TaskExecution.objects.newest_first()

    @admin.display(description=_("execution"))
    def number(self, execution: TaskExecution) -> str:
        return f"#{execution.pk}"

    @admin.display(description=_("schedule"))
    def schedule_link(self, execution: TaskExecution) -> SafeString:
        return link(reverse("admin:scheduler_scheduledtask_change", args=[execution.schedule_id]), execution.label)

    @admin.display(description=_("state"))
    def state_shown(self, execution: TaskExecution) -> SafeString:
        return state_chip(execution.state)

    @admin.display(description=_("due"))
    def due(self, execution: TaskExecution) -> SafeString:
        if execution.due_count == 1:
            return when(execution.scheduled_at)
        times = _("%(count)d times since") % {"count": execution.due_count}
        return format_html("{} {}", times, when(execution.scheduled_at))

    @admin.display(description=_("last due"))
    def span(self, execution: TaskExecution) -> SafeString:
        return when(execution.last_due_at)

    @admin.display(description=_("started"))
    def started(self, execution: TaskExecution) -> SafeString:
        return when(execution.started_at)

    @admin.display(description=_("finished"))
    def finished(self, execution: TaskExecution) -> SafeString:
        return when(execution.finished_at)

    @admin.display(description=_("duration"))
    def took(self, execution: TaskExecution) -> str:
        return duration(execution.duration_ms)

    @admin.display(description=_("trigger"))
    def trigger(self, execution: TaskExecution) -> str:
        kind = str(execution.get_kind_display())
        return f"{kind} · {execution.trigger_label}" if execution.trigger_label else kind

    @admin.display(description=_("reason for the trigger"))
    def trigger_why(self, execution: TaskExecution) -> str:
        return execution.trigger_reason or "–"

    @admin.display(description=_("reason"))
    def why(self, execution: TaskExecution) -> str:
        return str(execution.get_reason_display()) if execution.reason else "–"

    @admin.display(description=_("retries"))
    def attempts(self, execution: TaskExecution) -> str:
        return str(execution.retry_count)

    @admin.display(description=_("progress"))
    def progress_shown(self, execution: TaskExecution) -> str:
        return f"{execution.progress} %"

    @admin.display(description=_("hub task"))
    def hub_task(self, execution: TaskExecution) -> SafeString:
        number = Task.objects.filter(task_id=execution.hub_task_id).values_list("pk", flat=True).first()
        if not execution.hub_task_id or number is None:
            return mono(execution.hub_task_id)
        return link(reverse("admin:taskhub_task_change", args=[number]), execution.hub_task_id)

    @admin.display(description=_("blocked by"))
    def blocker(self, execution: TaskExecution) -> SafeString:
        if execution.blocked_by is None:
            return chip("", "neutral")
        number = TaskExecution.objects.filter(execution_uid=execution.blocked_by).values_list("pk", flat=True).first()
        address = reverse("admin:scheduler_taskexecution_change", args=[number]) if number is not None else None
        return link(address, f"#{number}" if number is not None else execution.blocked_by)

    @admin.display(description=_("result"))
    def result_shown(self, execution: TaskExecution) -> SafeString:
        return json_block(pretty(execution.result) if execution.result else None)

    @admin.display(description=_("error stack"))
    def stack(self, execution: TaskExecution) -> SafeString:
        return json_block(execution.error_stack)
