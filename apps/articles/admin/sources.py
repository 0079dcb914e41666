"""Sources with their health at a glance, and what each poll of them brought."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext

from apps.articles import services
from apps.articles.admin.dead import DeadItemViews
from apps.articles.admin.display import moment_field, outside_link, source_link
from apps.articles.admin.source_form import SEEN, SourceForm
from apps.articles.models import IngestRun, IngestRunError, Source
from apps.core.actor import Actor
from apps.core.admin import (
    BackOfficeAdmin,
    ChoiceFilter,
    DateRangeFilter,
    KeysetAdmin,
    chip,
    dialog_action,
    json_block,
    link,
    when,
)

_CHANGE, _FETCH, _VIEW = "articles.change_source", "articles.fetch_source", "articles.view_source"
FETCH_TONES = {
    Source.FetchStatus.NEVER: "neutral",
    Source.FetchStatus.STORED: "success",
    Source.FetchStatus.UNCHANGED: "success",
    Source.FetchStatus.FAILED: "danger",
    Source.FetchStatus.GONE: "danger",
}
RUN_TONES = {
    IngestRun.Status.QUEUED: "neutral",
    IngestRun.Status.RUNNING: "info",
    IngestRun.Status.SUCCEEDED: "success",
    IngestRun.Status.FAILED: "danger",
}
ERRORS_SHOWN = 50


@admin.register(Source)
class SourceAdmin(BackOfficeAdmin):
    may_add = may_change = True
    form = SourceForm
    list_display = ("name", "health", "last_good", "pace", "accepted", "next_poll", "problem")
    list_filter = (
        ("last_fetch_status", ChoiceFilter),
        ("enabled", ChoiceFilter),
        ("arrival_policy", ChoiceFilter),
        ("language", ChoiceFilter),
        ("source_type", ChoiceFilter),
    )
    search_fields = ("name", "source_url")
    search_help_text = _("Name or address")
    ordering = ("name", "id")
    actions_row = actions_detail = ("fetch_now",)
    empty_title = _("No sources yet")
    empty_text = _("Add the address of a feed; its items appear in the review queue within a minute.")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "name", "source_url", "parser_kind", "enabled", "interval_seconds", "adaptive", "arrival_policy",
                    "owner", SEEN,
                )
            },
        ),
        (
            _("State"),
            {
                "fields": (
                    "health", "last_good", "pace", "gap", "accepted", "next_poll", "problem", "identity", "history",
                )
            },
        ),
        (_("About"), {"fields": ("source_type", "language", "platform", "account_id")}),
        (
            _("Rights"),
            {
                "fields": (
                    "rights_display", "rights_playback", "rights_ai_summary", "rights_expires_at", "rights_proof_url",
                )
            },
        ),
    )  # fmt: skip
    readonly_fields = (
        "health", "last_good", "pace", "gap", "accepted", "next_poll", "problem", "identity", "history",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return Source.objects.for_admin_list(timezone.now())

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Whoever may change sources may add them: one permission for both (decision 10's table)."""
        return bool(request.user.has_perm(_CHANGE))

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """A source that is being added has no state yet, and nobody has seen anything of it."""
        shown = super().get_fieldsets(request, obj)
        if obj and self.has_change_permission(request, obj):
            return shown
        return [
            (title, {"fields": [name for name in group["fields"] if name != SEEN]})
            for title, group in shown
            if obj or "history" not in group["fields"]
        ]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Whoever adds a source by hand nearly always adds a feed."""
        return {"parser_kind": Source.Kind.FEED, **super().get_changeform_initial_data(request)}

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "rights_expires_at" and field is not None:
            field.help_text = _("Time zone: %(zone)s") % {"zone": settings.TIME_ZONE}
        return field

    def perform_save(self, request: HttpRequest, obj: Any, form: forms.ModelForm, change: bool) -> Model:
        assert isinstance(form, SourceForm)
        actor, given = Actor.of_user(request.user), form.given
        if not change:
            return services.create_source(actor=actor, **given)
        # Between the look of the form and the lock of the service a poll may come in.
        stood = {name: form.stood[name] for name in given}
        return services.update_source(obj.pk, actor=actor, expected=stood, **given)

    @dialog_action(
        description=_("Fetch now"),
        permission=_FETCH,
        icon="download",
        confirm=_("The source is asked at once, whatever its timetable says."),
    )
    def fetch_now(self, request: HttpRequest, obj: Any, form: Any) -> Any:
        services.request_fetch(obj.pk, actor=Actor.of_user(request.user))
        return _("The fetch has been queued: new pieces appear in the review queue.")

    @admin.display(description=_("health"))
    def health(self, source: Source) -> SafeString:
        if not source.enabled and source.last_fetch_status != Source.FetchStatus.GONE:
            return chip(_("switched off"), "neutral")
        status = Source.FetchStatus(source.last_fetch_status)
        shown = chip(status.label, FETCH_TONES[status])
        if source.silent_since is None:
            return shown
        return format_html("{} {}", shown, chip(pgettext("source", "silent"), "warning"))

    @admin.display(description=_("last good answer"), ordering="last_success_at")
    def last_good(self, source: Source) -> SafeString:
        return when(source.last_success_at)

    @admin.display(description=_("next poll"), ordering="next_poll_at")
    def next_poll(self, source: Source) -> SafeString:
        """When, and why then."""
        if not source.enabled:
            return when(None)
        return format_html('{} <span class="bjz-muted bjz-block">{}</span>', when(source.next_poll_at), _reason(source))

    @admin.display(description=_("pieces a day"))
    def pace(self, source: Any) -> SafeString:
        """Of the last seven days; leads to all pieces of the source."""
        address = reverse("admin:articles_pendingarticle_changelist")
        a_day = f"{source.arrived / 7:.1f}"
        return link(f"{address}?source__id__exact={source.pk}&status__exact=", a_day)

    @admin.display(description=_("accepted"))
    def accepted(self, source: Any) -> str:
        """Share of the pieces decided on in the last thirty days."""
        decided = source.approved + source.rejected
        return f"{source.approved / decided:.0%} ({source.approved}/{decided})" if decided else "–"

    @admin.display(description=_("mean gap between new pieces"))
    def gap(self, source: Source) -> str:
        return "–" if source.mean_gap_seconds is None else _length(source.mean_gap_seconds)

    @admin.display(description=_("problem"))
    def problem(self, source: Source) -> str:
        return source.last_fetch_error

    @admin.display(description=_("pieces told apart by"))
    def identity(self, source: Source) -> str:
        return str(source.get_identity_policy_display())

    @admin.display(description=_("history"))
    def history(self, source: Source) -> SafeString:
        address = reverse("admin:articles_ingestrun_changelist")
        return link(f"{address}?source__id__exact={source.pk}", _("Runs of this source"))


@admin.register(IngestRun)
class IngestRunAdmin(DeadItemViews, KeysetAdmin):
    """To be read only; the permission is that of the sources."""

    list_display = ("number", "source_name", "state", "started", "items", "outcome", "problem")
    list_filter = (("status", ChoiceFilter), ("source", ChoiceFilter), ("started_at", DateRangeFilter))
    fields = (
        "source_name", "asked", "parser", "state", "http_status", "began", "ended", "items",
        "outcome", "task", "errors",
    )  # fmt: skip
    readonly_fields = fields
    empty_title = _("No runs yet")
    empty_text = _("Each poll of a source leaves one entry here.")

    began = moment_field("started_at", _("started"))
    ended = moment_field("finished_at", _("finished"))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm(_VIEW))

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return IngestRun.objects.for_admin_list()

    @admin.display(description=_("run"))
    def number(self, run: IngestRun) -> str:
        return f"#{run.pk}"

    @admin.display(description=_("source"))
    def source_name(self, run: IngestRun) -> SafeString:
        return source_link(run.source_id, run.source.name)

    @admin.display(description=_("parser"))
    def parser(self, run: IngestRun) -> str:
        kinds: dict[str, Any] = dict(Source.Kind.choices)
        return str(kinds.get(run.parser_kind, run.parser_kind))

    @admin.display(description=_("address"))
    def asked(self, run: IngestRun) -> SafeString:
        return outside_link(run.source_url, run.source_url)

    @admin.display(description=_("state"))
    def state(self, run: IngestRun) -> SafeString:
        if run.http_status == 304:
            return chip(_("unchanged"), "success")
        return chip(run.get_status_display(), RUN_TONES[IngestRun.Status(run.status)])

    @admin.display(description=_("started"))
    def started(self, run: IngestRun) -> SafeString:
        return when(run.started_at)

    @admin.display(description=_("items"))
    def items(self, run: IngestRun) -> str:
        return f"{run.received_count} / {run.fetched_count}"

    @admin.display(description=_("outcome"))
    def outcome(self, run: IngestRun) -> str:
        return str(
            _("%(new)d new, %(edited)d edited, %(known)d known, %(dropped)d dropped, %(errors)d errors")
            % {
                "new": run.stored_count,
                "dropped": run.dropped_count,
                "edited": run.revised_count,
                "known": run.duplicate_count,
                "errors": run.error_count,
            }
        )

    @admin.display(description=_("problem"))
    def problem(self, run: IngestRun) -> str:
        return run.error_msg

    @admin.display(description=_("task"))
    def task(self, run: IngestRun) -> SafeString:
        """By search: the hub's tables are not ours to look into."""
        return link(f"{reverse('admin:taskhub_task_changelist')}?q={run.task_id}" if run.task_id else None, run.task_id)

    @admin.display(description=_("errors"))
    def errors(self, run: IngestRun) -> SafeString:
        rows = run.errors.order_by("id")[:ERRORS_SHOWN]
        items = format_html_join(
            "",
            "<li><strong>{}</strong>{} {}{}</li>",
            ((row.get_kind_display(), _place(row), row.message, _sample(row)) for row in rows),
        )
        return format_html("<ul>{}</ul>", items) if items else format_html("–")


def _reason(source: Source) -> str:
    """Why the next poll is then, with the number behind it."""
    reason = Source.WaitReason(source.next_poll_reason)
    numbers = {
        Source.WaitReason.INTERVAL: _length(source.interval_seconds),
        Source.WaitReason.ADAPTIVE: _length(source.mean_gap_seconds or 0),
        Source.WaitReason.BACK_OFF: str(source.failures_in_a_row),
    }
    number = numbers.get(reason, "")
    return f"{reason.label} ({number})" if number else str(reason.label)


def _length(seconds: int) -> str:
    """A length of time in its largest fitting unit."""
    if seconds < 3600:
        return str(_("%(count)d min") % {"count": max(1, seconds // 60)})
    if seconds < 2 * 86_400:
        return str(_("%(count)d h") % {"count": seconds // 3600})
    return str(_("%(count)d days") % {"count": seconds // 86_400})


def _place(error: IngestRunError) -> str:
    return "" if error.position is None else f" #{error.position}"


def _sample(error: IngestRunError) -> SafeString | str:
    return json_block(error.sample) if error.sample else ""
