"""Imports: upload with or without a dry run, progress while it runs, the report afterwards."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.safestring import SafeString
from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _

from apps.core.actor import Actor
from apps.core.admin import ChoiceFilter, KeysetAdmin, chip, when
from apps.core.errors import AppError
from apps.events.services.imports import request_import
from apps.fighters.models import ImportRun
from apps.fighters.services.imports import MOST_UPLOADED_BYTES, progress_of
from apps.fighters.services.list_imports import request_list_import

ADD = "fighters.add_importrun"
PIECE_BYTES = 512 * 1024
TONES = {
    ImportRun.Status.QUEUED: "neutral",
    ImportRun.Status.RUNNING: "info",
    ImportRun.Status.SUCCEEDED: "success",
    ImportRun.Status.FAILED: "danger",
}
_KINDS = (("fighters", _("fighters")), ("events", _("events")), ("fights", _("fights")))


class UploadForm(forms.Form):
    kind = forms.ChoiceField(
        label=_("what is in the file"),
        choices=ImportRun.Kind.choices,
        initial=ImportRun.Kind.UFCSTATS,
        required=False,
        widget=forms.Select(attrs={"class": "bjz-input"}),
    )
    file = forms.FileField(label=_("file"), allow_empty_file=True)
    is_dry_run = forms.BooleanField(label=_("dry run: only report what would change"), required=False, initial=True)

    def clean_kind(self) -> ImportRun.Kind:
        return ImportRun.Kind(self.cleaned_data["kind"] or ImportRun.Kind.UFCSTATS)

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > MOST_UPLOADED_BYTES:
            raise forms.ValidationError(_("The file is larger than 50 MB."))
        return file


@admin.register(ImportRun)
class ImportRunAdmin(KeysetAdmin):
    list_display = ("number", "what", "state", "file_name", "rows_read", "outcome", "actor_label", "made")
    list_filter = (("kind", ChoiceFilter), ("status", ChoiceFilter))
    fields = ("what", "state", "file_name", "progress", "report_table", "problem", "actor_label", "made", "ended")
    readonly_fields = fields
    empty_title = _("No imports yet")
    empty_text = _("Upload an archive of ufcstats; the first run only reports what would change.")
    change_list_template = "events/import_list.html"
    change_form_template = "events/import_run.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return ImportRun.objects.order_by("-id")

    def get_urls(self) -> list[Any]:
        prefix = f"{self.opts.app_label}_{self.opts.model_name}"
        return [path("upload/", self.admin_site.admin_view(self.upload), name=f"{prefix}_upload"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        address = self.address("upload") if request.user.has_perm(ADD) else ""
        return super().changelist_view(request, {**(extra_context or {}), "upload_address": address})

    def upload(self, request: HttpRequest) -> HttpResponse:
        if not request.user.has_perm(ADD):
            raise PermissionDenied
        form = UploadForm(request.POST, request.FILES) if request.method == "POST" else UploadForm()
        if form.is_valid():
            file = form.cleaned_data["file"]
            try:
                run = self._request(form, file, Actor.of_user(request.user))
            except AppError as error:
                form.add_error("file", str(error))
            else:
                messages.success(request, str(_("The import has been queued.")))
                return HttpResponseRedirect(self.address("change", run.pk))
        context = {
            **self.admin_site.each_context(request),
            "title": _("Import files"),
            "form": form,
            "list_address": self.address("changelist"),
            "upload_address": self.address("upload"),
        }
        return TemplateResponse(request, "events/import_upload.html", context)

    def _request(self, form: UploadForm, file: Any, actor: Actor) -> ImportRun:
        pieces, kind = file.chunks(PIECE_BYTES), form.cleaned_data["kind"]
        is_dry_run = form.cleaned_data["is_dry_run"]
        if kind == ImportRun.Kind.UFCSTATS:
            return request_import(pieces, file_name=file.name, actor=actor, is_dry_run=is_dry_run)
        return request_list_import(kind, pieces, file_name=file.name, actor=actor, is_dry_run=is_dry_run)

    # --- cells ------------------------------------------------------------------------------------------------
    @admin.display(description=_("import"))
    def number(self, run: ImportRun) -> str:
        return f"#{run.pk}"

    @admin.display(description=_("kind"))
    def what(self, run: ImportRun) -> SafeString | str:
        return str(run.get_kind_display())

    @admin.display(description=_("status"))
    def state(self, run: ImportRun) -> SafeString:
        tone = TONES[ImportRun.Status(run.status)]
        shown = chip(pgettext("import", "lost"), "danger") if run.is_lost else chip(run.get_status_display(), tone)
        return shown + " " + chip(_("dry run"), "warning") if run.is_dry_run else shown  # type: ignore[return-value]

    @admin.display(description=_("rows read"))
    def rows_read(self, run: ImportRun) -> str:
        return f"{run.rows_done:,}"

    @admin.display(description=_("changes"))
    def outcome(self, run: ImportRun) -> str:
        return f"{run.report['changes']:,}" if "changes" in run.report else "–"

    @admin.display(description=_("progress"))
    def progress(self, run: ImportRun) -> str:
        step, rows_done = progress_of(run)
        return f"{_STEPS.get(step, step)} · {rows_done:,}" if step else f"{rows_done:,}"

    @admin.display(description=_("report"))
    def report_table(self, run: ImportRun) -> SafeString:
        report = run.report or {}
        kinds = [(label, report[name]) for name, label in _KINDS if isinstance(report.get(name), dict)]
        return render_to_string("events/import_report.html", {"report": report, "kinds": kinds})

    @admin.display(description=_("error"))
    def problem(self, run: ImportRun) -> str:
        if not run.is_lost:
            return run.error
        return gettext("Nothing has been heard of the command for minutes: it was killed, or its machine stopped.")

    @admin.display(description=_("created"))
    def made(self, run: ImportRun) -> SafeString:
        return when(run.created_at)

    @admin.display(description=_("finished"))
    def ended(self, run: ImportRun) -> SafeString:
        return when(run.finished_at)


_STEPS = {"fighters": _("fighters"), "events": _("events"), "fights": _("fights"), "records": _("records")}
