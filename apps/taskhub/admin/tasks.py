"""Tasks: a list that never counts, and one task with its time line, attempts, arguments and error."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.core.actor import Actor
from apps.core.admin import (
    ChoiceFilter,
    DateRangeFilter,
    DialogForm,
    KeysetAdmin,
    chip,
    dialog_action,
    json_block,
    link,
    mono,
    when,
)
from apps.core.redaction import redact, redact_text
from apps.taskhub.admin.display import attempt_chip, duration, label_of, queue_label, status_chip, time_line
from apps.taskhub.enums import TaskStatus
from apps.taskhub.hub_task import definitions
from apps.taskhub.models import Task, TaskAttempt
from apps.taskhub.services import cancel_task, retry_task


class TaskTypeFilter(ChoiceFilter):
    def options(self) -> list[tuple[str, str]]:
        return sorted(((one.name, str(one.label)) for one in definitions()), key=lambda pair: pair[1])


class ReasonForm(DialogForm):
    reason = forms.CharField(label=_("Reason"), max_length=500, required=False)


def _is_dead(task: Task) -> bool:
    return task.status == TaskStatus.DEAD


def _is_open(task: Task) -> bool:
    return not task.is_final and task.cancel_requested_at is None


@admin.register(Task)
class TaskAdmin(KeysetAdmin):
    list_display = ("what", "status_shown", "queue_shown", "attempts_shown", "age", "took", "origin")
    list_display_links = ("what",)
    list_filter = (
        ("status", ChoiceFilter),
        ("queue", ChoiceFilter),
        ("name", TaskTypeFilter),
        ("dead_reason", ChoiceFilter),
        ("updated_at", DateRangeFilter),
    )
    # Exact, because each of them is an index or narrow; the table is too long to be searched for parts of words.
    search_fields = ("task_id__exact",)
    search_help_text = _("Task id, in full")
    empty_title = _("No tasks")
    empty_text = _("Work that is done in the background stands here from the moment it is queued.")
    actions_row = actions_detail = ("retry", "cancel")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "type_shown", "status_shown", "progress_shown", "queue_shown", "attempts_shown", "took", "origin",
                    "task_id_shown", "limits", "related",
                )
            },
        ),
        (_("Time line"), {"fields": ("time_line_shown",)}),
        (_("Attempts"), {"fields": ("attempts_table",)}),
        (_("Arguments and result"), {"fields": ("arguments", "result_shown")}),
        (_("Error"), {"fields": ("error_shown", "stack")}),
    )  # fmt: skip
    readonly_fields = tuple(name for _title, group in fieldsets for name in group["fields"])

    class Media:
        css = {"all": ("taskhub/admin.css",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        resolved = request.resolver_match
        on_page = resolved is not None and "object_id" in resolved.kwargs
        return Task.objects.all() if on_page else Task.objects.for_admin_list()

    def title_of(self, obj: Task) -> str:
        return label_of(obj.name)

    # --- actions ----------------------------------------------------------------------------------------------
    @dialog_action(
        description=_("Retry"),
        permission="taskhub.retry_task",
        form=ReasonForm,
        icon="replay",
        variant="primary",
        confirm=_("The task is queued again with the same arguments, as a new attempt with all its retries."),
        applies=_is_dead,
    )
    def retry(self, request: HttpRequest, obj: Task, form: ReasonForm) -> str:
        retry_task(obj.task_id, actor=Actor.of_user(request.user), reason=form.cleaned_data["reason"])
        return gettext("The task is queued again.")

    @dialog_action(
        description=_("Cancel task"),
        permission="taskhub.cancel_task",
        form=ReasonForm,
        icon="cancel",
        variant="danger",
        confirm=_("A waiting task will not start. A running one is asked to stop and is not tried again."),
        applies=_is_open,
    )
    def cancel(self, request: HttpRequest, obj: Task, form: ReasonForm) -> str:
        task = cancel_task(obj.task_id, actor=Actor.of_user(request.user), reason=form.cleaned_data["reason"])
        if task.is_final:
            return gettext("The task is cancelled.")
        return gettext("The task runs; it was asked to stop.")

    # --- list -------------------------------------------------------------------------------------------------
    @admin.display(description=_("task"))
    def what(self, task: Task) -> str:
        return label_of(task.name)

    @admin.display(description=_("state"))
    def status_shown(self, task: Task) -> SafeString:
        return status_chip(task.status, task.dead_reason)

    @admin.display(description=_("queue"))
    def queue_shown(self, task: Task) -> str:
        return queue_label(task.queue)

    @admin.display(description=_("attempts"))
    def attempts_shown(self, task: Task) -> str:
        return f"{task.attempts} / {task.max_retries + 1}"

    @admin.display(description=_("queued"))
    def age(self, task: Task) -> SafeString:
        return when(task.created_at)

    @admin.display(description=_("duration"))
    def took(self, task: Task) -> str:
        return duration(task.duration_ms)

    @admin.display(description=_("by"))
    def origin(self, task: Task) -> str:
        return task.actor_label or "–"

    # --- page -------------------------------------------------------------------------------------------------
    @admin.display(description=_("task type"))
    def type_shown(self, task: Task) -> SafeString:
        return mono(task.name)

    @admin.display(description=_("task id"))
    def task_id_shown(self, task: Task) -> SafeString:
        return mono(task.task_id)

    @admin.display(description=_("progress"))
    def progress_shown(self, task: Task) -> str:
        return f"{task.progress} % {task.progress_text}".strip()

    @admin.display(description=_("time limit"))
    def limits(self, task: Task) -> str:
        limits = {"soft": task.soft_limit_seconds, "grace": task.grace_seconds}
        return gettext("%(soft)d s, then %(grace)d s of grace") % limits

    @admin.display(description=_("related"))
    def related(self, task: Task) -> SafeString:
        """The schedule's history that queued it, and all that its request did, as the audit log has it."""
        links = []
        if task.source.startswith("schedule:"):
            address = reverse("admin:scheduler_taskexecution_changelist")
            query = urlencode({"schedule__uid__exact": task.source.removeprefix("schedule:")})
            links.append(link(f"{address}?{query}", _("Executions of the schedule")))
        if task.request_id:
            address = reverse("admin:audit_auditevent_changelist")
            links.append(link(f"{address}?{urlencode({'q': task.request_id})}", _("Request in the audit log")))
        return format_html("{} · {}", *links) if len(links) == 2 else links[0] if links else chip("")

    @admin.display(description=_("time line"))
    def time_line_shown(self, task: Task) -> SafeString:
        return render_to_string("taskhub/time_line.html", {"steps": time_line(task, _attempts(task))})

    @admin.display(description=_("attempts"))
    def attempts_table(self, task: Task) -> SafeString:
        rows = [
            (attempt, attempt_chip(attempt), duration(attempt.duration_ms), redact_text(attempt.error))
            for attempt in _attempts(task)
        ]
        return render_to_string("taskhub/attempts.html", {"rows": rows})

    @admin.display(description=_("arguments"))
    def arguments(self, task: Task) -> SafeString:
        return json_block(redact(task.payload))

    @admin.display(description=_("result"))
    def result_shown(self, task: Task) -> SafeString:
        return json_block(redact(task.result))

    @admin.display(description=_("last error"))
    def error_shown(self, task: Task) -> str:
        return redact_text(task.last_error) or "–"

    @admin.display(description=_("error stack"))
    def stack(self, task: Task) -> SafeString:
        return json_block(redact_text(task.error_stack))


def _attempts(task: Task) -> list[TaskAttempt]:
    """Read once for a page; the newest 50 are enough for people."""
    known: list[TaskAttempt] | None = task.__dict__.get("shown_attempts")
    if known is None:
        known = list(TaskAttempt.objects.of_task(task.task_id).reverse()[:50])[::-1]
        task.__dict__["shown_attempts"] = known
    return known
