"""Worker groups and their processes."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.core.admin import BackOfficeAdmin, chip, json_block, when
from apps.taskhub.models import Worker, WorkerProcess
from apps.taskhub.services.workers import DEAD_AFTER

# Processes of the last week are kept; the newest of them fit on a page.
PROCESSES_SHOWN = 50


@admin.register(Worker)
class WorkerAdmin(BackOfficeAdmin):
    list_display = ("worker_name", "state", "heartbeat", "processes", "slots")
    ordering = ("worker_name",)
    empty_title = _("No workers")
    empty_text = _("A worker appears here ten seconds after its first start.")
    fields = ("worker_name", "state", "heartbeat", "process_table", "queue_groups_shown")
    readonly_fields = fields

    class Media:
        css = {"all": ("taskhub/admin.css",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return Worker.objects.with_living_processes(WorkerProcess.objects.alive(timezone.now() - DEAD_AFTER))

    @admin.display(description=_("state"))
    def state(self, worker: Any) -> SafeString:
        if not worker.is_enabled:
            return chip(_("disabled"), "neutral")
        return chip(_("working"), "success") if worker.living else chip(_("silent"), "danger")

    @admin.display(description=_("last heartbeat"))
    def heartbeat(self, worker: Worker) -> SafeString:
        return when(worker.last_heartbeat_at)

    @admin.display(description=_("processes"))
    def processes(self, worker: Any) -> int:
        return int(worker.living)

    @admin.display(description=_("slots"))
    def slots(self, worker: Any) -> int:
        return int(worker.slots or 0)

    @admin.display(description=_("processes"))
    def process_table(self, worker: Worker) -> SafeString:
        since = timezone.now() - DEAD_AFTER
        processes = WorkerProcess.objects.filter(worker_name=worker.worker_name).order_by("-heartbeat_at")
        rows = [(process, _process_chip(process, since)) for process in processes[:PROCESSES_SHOWN]]
        return render_to_string("taskhub/processes.html", {"rows": rows})

    @admin.display(description=_("queue groups"))
    def queue_groups_shown(self, worker: Worker) -> SafeString:
        return json_block(worker.queue_groups)


def _process_chip(process: WorkerProcess, since: Any) -> SafeString:
    if process.stopped_at is not None:
        return chip(_("stopped"), "neutral")
    return chip(_("alive"), "success") if process.heartbeat_at >= since else chip(_("lost"), "danger")
