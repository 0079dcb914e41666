"""Schedules: what runs when, how it has been going, and what a person may do about it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.core.actor import Actor
from apps.core.admin import BackOfficeAdmin, chip, dialog_action, json_block, link, mono, when
from apps.scheduler import services
from apps.scheduler.admin.display import HEALTH_TONES, tracker
from apps.scheduler.admin.forms import ConfigureForm, ReasonForm, RunNowForm, pretty
from apps.scheduler.models import ScheduledTask
from apps.scheduler.querysets import LATE_AFTER, ScheduledTaskQuerySet
from apps.scheduler.services import arguments, rules
from apps.scheduler.services.synchronise import drift

TRIGGER = "scheduler.trigger_scheduledtask"
CONFIGURE = "scheduler.configure_scheduledtask"
NEXT_RUNS = 10


class _DropDown(admin.SimpleListFilter):
    """A filter that is no single column, drawn as the others are."""

    template = "admin/filters/choice.html"

    def has_output(self) -> bool:
        return True

    def choices(self, changelist: Any) -> Iterator[dict[str, Any]]:  # type: ignore[override]
        yield {
            "name": self.parameter_name,
            "value": self.value() or "",
            "options": self.lookup_choices,
            "active": bool(self.value()),
            "keep_empty": False,
        }


class StateFilter(_DropDown):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("enabled", _("enabled")),
            ("disabled", _("disabled")),
            ("problem", _("with a problem")),
            ("retired", _("retired")),
        ]

    def queryset(self, request: HttpRequest, queryset: Any) -> QuerySet[Any] | None:
        shown: dict[str, Any] = {
            "enabled": queryset.enabled,
            "disabled": lambda: queryset.present().not_enabled(),
            "problem": queryset.with_problem,
            "retired": lambda: queryset.filter(retired_at__isnull=False),
        }
        chosen = shown.get(self.value() or "")
        return chosen() if chosen is not None else None


class LateFilter(_DropDown):
    title = _("punctuality")
    parameter_name = "late"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("1", _("late by more than a minute"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> QuerySet[Any] | None:
        return queryset.late(timezone.now()) if self.value() == "1" else None


def _is_usable(schedule: ScheduledTask) -> bool:
    return schedule.retired_at is None and schedule.definition is not None


@admin.register(ScheduledTask)
class ScheduledTaskAdmin(BackOfficeAdmin):
    list_display = ("title", "rule", "switch", "next", "last_runs", "rate", "notes")
    list_filter = (StateFilter, LateFilter)
    search_fields = ("uid", "definition__name", "definition__task")
    search_help_text = _("Name, id or task")
    ordering = ("definition__name", "uid")
    actions_row = actions_detail = ("run_now", "enable", "disable", "configure")
    empty_title = _("No schedules yet")
    empty_text = _("The product's own schedules appear here after the first migrate.")
    fieldsets = (
        (None, {"fields": ("title", "about", "task_name", "switch", "rule", "next", "next_ten", "notes")}),
        (_("Runs"), {"fields": ("last_runs", "counts", "last_run", "last_error", "history")}),
        (
            _("Policies"),
            {
                "fields": (
                    "overlap_words", "max_concurrent", "catch_up_words", "catch_up_window_seconds",
                    "max_duration_seconds", "timeout_grace_period", "max_retries", "priority", "label_list",
                    "arguments_shown",
                )
            },
        ),
        (_("Origin"), {"fields": ("origin", "drift_table", "created_at", "updated_at")}),
    )  # fmt: skip
    readonly_fields = tuple(name for _title, group in fieldsets for name in group["fields"])

    class Media:
        css = {"all": ("scheduler/admin.css",)}

    def get_queryset(self, request: HttpRequest) -> ScheduledTaskQuerySet:
        return ScheduledTask.objects.for_list()

    # --- actions ----------------------------------------------------------------------------------------------------
    @dialog_action(
        description=_("Run now"),
        permission=TRIGGER,
        form=RunNowForm,
        icon="play_arrow",
        variant="primary",
        confirm=_("One more run starts at once; the timetable stays as it is. Who did it and why is recorded."),
        applies=lambda schedule: schedule.enabled,
    )
    def run_now(self, request: HttpRequest, obj: Any, form: Any) -> Any:
        given = form.cleaned_data
        execution = services.trigger(
            obj.pk,
            actor=Actor.of_user(request.user),
            override=arguments.parse(given["override"], field="override"),
            reason=given["reason"],
            nonce=given["nonce"],
        )
        return _("Run #%(number)d has been queued: see the history.") % {"number": execution.pk}

    @dialog_action(
        description=_("Enable"),
        permission=CONFIGURE,
        form=ReasonForm,
        icon="toggle_on",
        confirm=_("It is due again from now on. Times that have passed are not made up for."),
        applies=lambda schedule: _is_usable(schedule) and not schedule.enabled,
    )
    def enable(self, request: HttpRequest, obj: Any, form: Any) -> Any:
        services.enable(obj.pk, actor=Actor.of_user(request.user), reason=form.cleaned_data["reason"])
        return _("The schedule is enabled.")

    @dialog_action(
        description=_("Disable"),
        permission=CONFIGURE,
        form=ReasonForm,
        icon="toggle_off",
        confirm=_("No new runs start, by timetable or by hand. A run that is going on goes on."),
        applies=lambda schedule: schedule.enabled,
    )
    def disable(self, request: HttpRequest, obj: Any, form: Any) -> Any:
        services.disable(obj.pk, actor=Actor.of_user(request.user), reason=form.cleaned_data["reason"])
        return _("The schedule is disabled.")

    @dialog_action(
        description=_("Change"),
        permission=CONFIGURE,
        form=ConfigureForm,
        icon="tune",
        confirm=_("Your change wins over the product's own timetable, also after an update."),
        applies=_is_usable,
    )
    def configure(self, request: HttpRequest, obj: Any, form: Any) -> Any:
        services.configure(
            obj.pk,
            actor=Actor.of_user(request.user),
            changes=form.changes(),
            reason=form.cleaned_data["reason"],
        )
        return _("The schedule is changed.")

    # --- cells ------------------------------------------------------------------------------------------------------
    @admin.display(description=_("name"), ordering="definition__name")
    def title(self, schedule: ScheduledTask) -> SafeString:
        return format_html(
            '<span class="bjz-headline">{}<span class="bjz-muted bjz-block">{}</span></span>',
            schedule.label,
            schedule.uid,
        )

    @admin.display(description=_("rule"))
    def rule(self, schedule: ScheduledTask) -> SafeString:
        return format_html(
            '{}<span class="bjz-muted bjz-block">{}</span>', rules.in_words(schedule), rules.zone_of(schedule)
        )

    @admin.display(description=_("state"), ordering="definition__enabled")
    def switch(self, schedule: ScheduledTask) -> SafeString:
        if schedule.retired_at is not None:
            return chip(_("retired"), "neutral")
        return chip(_("enabled"), "success") if schedule.enabled else chip(_("disabled"), "neutral")

    @admin.display(description=_("next run"), ordering="next_run")
    def next(self, schedule: ScheduledTask) -> SafeString:
        return when(schedule.next_run)

    @admin.display(description=_("last runs"))
    def last_runs(self, schedule: ScheduledTask) -> SafeString:
        return tracker(schedule.recent_states)

    @admin.display(description=_("success rate"))
    def rate(self, schedule: ScheduledTask) -> SafeString:
        if schedule.success_rate is None:
            return chip("", "neutral")
        return chip(f"{schedule.success_rate:.0f} %", HEALTH_TONES[schedule.health])

    @admin.display(description=_("notes"))
    def notes(self, schedule: ScheduledTask) -> SafeString:
        marks = []
        if schedule.problem:
            marks.append((chip(_("problem"), "danger"), rules.problem_of(schedule)))
        if schedule.next_run is not None and schedule.next_run < timezone.now() - LATE_AFTER:
            marks.append((chip(_("late"), "danger"), ""))
        if drift(schedule):
            marks.append((chip(_("changed by hand"), "info"), ""))
        return format_html_join(" ", "{} {}", marks) or chip("", "neutral")

    # --- details ----------------------------------------------------------------------------------------------------
    @admin.display(description=_("description"))
    def about(self, schedule: ScheduledTask) -> str:
        return schedule.description or "–"

    @admin.display(description=_("task"))
    def task_name(self, schedule: ScheduledTask) -> SafeString:
        return mono(schedule.task)

    @admin.display(description=_("next ten runs"))
    def next_ten(self, schedule: ScheduledTask) -> SafeString:
        times = rules.next_runs(schedule, timezone.now(), count=NEXT_RUNS)
        rows = format_html_join("", "<li>{}</li>", ((rules.local_text(schedule, due),) for due in times))
        return format_html('<ol class="bjz-times">{}</ol>', rows) if times else chip("", "neutral")

    @admin.display(description=_("runs so far"))
    def counts(self, schedule: ScheduledTask) -> str:
        return str(
            _("%(total)d, of which %(success)d succeeded and %(failure)d failed; %(row)d failures in a row")
            % {
                "total": schedule.total_executions,
                "success": schedule.success_executions,
                "failure": schedule.failure_executions,
                "row": schedule.consecutive_failures,
            }
        )

    @admin.display(description=_("last run"))
    def last_run(self, schedule: ScheduledTask) -> SafeString:
        return when(schedule.last_executed_at)

    @admin.display(description=_("last error"))
    def last_error(self, schedule: ScheduledTask) -> SafeString:
        return json_block(schedule.last_failure_error)

    @admin.display(description=_("history"))
    def history(self, schedule: ScheduledTask) -> SafeString:
        address = reverse("admin:scheduler_taskexecution_changelist")
        return link(f"{address}?schedule__uid__exact={schedule.uid}", _("Executions of this schedule"))

    @admin.display(description=_("while a run is going on"))
    def overlap_words(self, schedule: ScheduledTask) -> str:
        return str(schedule.get_overlap_display())

    @admin.display(description=_("after a standstill"))
    def catch_up_words(self, schedule: ScheduledTask) -> str:
        return str(schedule.get_catch_up_display())

    @admin.display(description=_("labels"))
    def label_list(self, schedule: ScheduledTask) -> str:
        return ", ".join(f"{key}={value}" for key, value in sorted(schedule.labels.items())) or "–"

    @admin.display(description=_("arguments"))
    def arguments_shown(self, schedule: ScheduledTask) -> SafeString:
        return json_block(pretty(schedule.definition.kwargs) if schedule.definition is not None else None)

    @admin.display(description=_("changed by hand"))
    def drift_table(self, schedule: ScheduledTask) -> SafeString:
        rows = [(name, _plain(declared), _plain(present)) for name, (declared, present) in drift(schedule).items()]
        if not rows:
            return chip("", "neutral")
        items = format_html_join("", "<li><code>{}</code>: {} → {}</li>", rows)
        return format_html('<ul class="bjz-times">{}</ul>', items)


def _plain(value: Any) -> str:
    return "–" if value in (None, "", {}) else str(value)
