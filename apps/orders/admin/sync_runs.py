"""Synchronisations with the carrier: how far they got and what they brought."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.core.admin import ChoiceFilter, DateRangeFilter, KeysetAdmin, chip, json_block, link, mono, when
from apps.orders.models import SyncRun

_VIEW = "orders.view_simcard"
STATE_TONES = {
    SyncRun.State.RUNNING: "info",
    SyncRun.State.FINISHED: "success",
    SyncRun.State.FAILED: "danger",
}


@admin.register(SyncRun)
class SyncRunAdmin(KeysetAdmin):
    """To be read only; the permission is that of the cards."""

    list_display = ("number", "what", "state_chip", "brought", "unusable", "started", "finished", "problem")
    list_filter = (("sync_type", ChoiceFilter), ("state", ChoiceFilter), ("started_at", DateRangeFilter))
    fieldsets = (
        (None, {"fields": ("what", "days", "state_chip", "problem", "brought", "pages", "duplicates")}),
        (_("Unusable rows"), {"fields": ("unusable", "bad_shown")}),
        (_("Course"), {"fields": ("task", "request_shown", "batch_size", "started", "finished")}),
    )
    readonly_fields = tuple(name for _title, group in fieldsets for name in group["fields"])
    empty_title = _("No synchronisations yet")
    empty_text = _("Each synchronisation with the carrier leaves one entry here.")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm(_VIEW))

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    @admin.display(description=_("number"))
    def number(self, run: SyncRun) -> str:
        return f"#{run.pk}"

    @admin.display(description=_("what"))
    def what(self, run: SyncRun) -> str:
        return str(run.get_sync_type_display())

    @admin.display(description=_("days"))
    def days(self, run: SyncRun) -> str:
        return f"{run.start_date or '…'} – {run.end_date or '…'}"

    @admin.display(description=_("state"))
    def state_chip(self, run: SyncRun) -> SafeString:
        return chip(run.get_state_display(), STATE_TONES[SyncRun.State(run.state)])

    @admin.display(description=_("outcome"))
    def brought(self, run: SyncRun) -> str:
        counts = {"seen": run.seen, "created": run.created, "changed": run.changed}
        return str(_("%(seen)d rows, %(created)d new, %(changed)d changed") % counts)

    @admin.display(description=_("unusable"))
    def unusable(self, run: SyncRun) -> str:
        return str(run.bad) if run.bad else "–"

    @admin.display(description=_("the first of them"))
    def bad_shown(self, run: SyncRun) -> SafeString:
        return json_block(run.bad_rows)

    @admin.display(description=_("problem"))
    def problem(self, run: SyncRun) -> str:
        return run.error[:200] or "–"

    @admin.display(description=_("task"))
    def task(self, run: SyncRun) -> SafeString:
        """By search: the hub's tables are not ours to look into."""
        return link(f"{reverse('admin:taskhub_task_changelist')}?q={run.task_id}", run.task_id)

    @admin.display(description=_("request id"))
    def request_shown(self, run: SyncRun) -> SafeString:
        return mono(run.request_id)

    @admin.display(description=_("started"))
    def started(self, run: SyncRun) -> SafeString:
        return when(run.started_at)

    @admin.display(description=_("finished"))
    def finished(self, run: SyncRun) -> SafeString:
        return when(run.finished_at)
