"""The audit log in the back-office: a list that never counts, and one event with a readable comparison."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.audit.enums import Action, ActorType, Status, Subsystem
from apps.audit.models import AuditEvent, DeadEntry
from apps.audit.querysets import NEWEST_FIRST, AuditEventQuerySet
from apps.audit.services import comparison, wording
from apps.core.admin import ChoiceFilter, DateRangeFilter, KeysetAdmin, chip, json_block, link, mono, when
from apps.core.admin.display import exact
from apps.core.redaction import redact_text

STATUS_TONES = {Status.SUCCESS: "success", Status.FAILED: "danger", Status.PENDING: "warning"}
VIEW_PERMISSION = "audit.view_auditevent"


class ActionFilter(ChoiceFilter):
    def options(self) -> list[tuple[str, str]]:
        return [(str(value), str(label)) for value, label in Action.choices]


class ResourceTypeFilter(ChoiceFilter):
    def options(self) -> list[tuple[str, str]]:
        return wording.type_choices()


class StatusFilter(ChoiceFilter):
    def options(self) -> list[tuple[str, str]]:
        return [(str(value), str(label)) for value, label in Status.choices]


class SubsystemFilter(ChoiceFilter):
    def options(self) -> list[tuple[str, str]]:
        return [(str(value), str(label)) for value, label in Subsystem.choices]


class ActorTypeFilter(ChoiceFilter):
    def options(self) -> list[tuple[str, str]]:
        return [(str(value), str(label)) for value, label in ActorType.choices]


class MillisecondsRangeFilter(DateRangeFilter):
    """Days of the back-office's zone against a column of Unix milliseconds."""

    def _start(self, day: dt.date) -> Any:
        return int(timezone.make_aware(dt.datetime.combine(day, dt.time.min)).timestamp() * 1000)


@admin.register(AuditEvent)
class AuditEventAdmin(KeysetAdmin):
    keyset_fields = NEWEST_FIRST
    list_display = ("what", "happened", "outcome", "door", "client", "related")
    list_display_links = ("what",)
    list_filter = (
        ("resource_type", ResourceTypeFilter),
        ("action", ActionFilter),
        ("status", StatusFilter),
        ("subsystem", SubsystemFilter),
        ("actor_kind", ActorTypeFilter),
        ("timestamp", MillisecondsRangeFilter),
    )
    # Exact, because each of them is an index; the log is too long to be searched for parts of words.
    search_fields = ("actor_label__exact", "actor_id__exact", "client_ip__exact", "request_id__exact")
    search_help_text = _("Whole user name, address or request id")
    change_form_template = "audit/event.html"
    list_before_template = "audit/dead_notice.html"
    fields = ()
    empty_title = _("No events")
    empty_text = _("Every change of something that is audited stands here within a second or two.")

    class Media:
        css = {"all": ("audit/comparison.css",)}

    def get_queryset(self, request: HttpRequest) -> AuditEventQuerySet:
        queryset = AuditEvent.objects.newest_first()
        resolved = request.resolver_match
        return queryset if resolved and "object_id" in resolved.kwargs else queryset.for_list()

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        context = {"dead_entries": DeadEntry.objects.exists(), **(extra_context or {})}
        return super().changelist_view(request, context)

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        event: AuditEvent = context["original"]
        rows = comparison.compare(event)
        context |= {
            "object_title": wording.sentence(event),
            "event": event,
            "facts": self._facts(event),
            "outcome": self.outcome(event),
            "changed_rows": [row for row in rows if row.kind is not comparison.Kind.SAME],
            "same_rows": [row for row in rows if row.kind is comparison.Kind.SAME],
            "raw": [
                (title, json_block(value))
                for title, value in ((_("Before"), event.old), (_("After"), event.new), (_("Details"), event.data))
                if value
            ],
        }
        return super().render_change_form(request, context, *args, **kwargs)

    def _facts(self, event: AuditEvent) -> list[tuple[Any, Any]]:
        """What is known besides the change; what is unknown is left out."""
        facts = [
            (_("Who"), self._actor(event)),
            (_("When"), format_html('{} <span class="bjz-muted">{}</span>', when(event.at), exact(event.at))),
            (_("Reason"), event.reason),
            (_("Error"), event.error_message),
            (_("Thing"), self._thing(event)),
            (_("Through"), self.door(event)),
            (_("Client address"), self.client(event) if event.client_ip else ""),
            (_("Request"), self._request(event)),
            (_("Browser"), event.user_agent),
            (_("Hub task"), mono(event.run_id) if event.run_id else ""),
            (_("Event id"), mono(f"{event.seq} · {event.pk}")),
        ]
        return [(name, value) for name, value in facts if value]

    @admin.display(description=_("audit event"))
    def what(self, event: AuditEvent) -> str:
        return wording.sentence(event)

    @admin.display(description=_("time"))
    def happened(self, event: AuditEvent) -> SafeString:
        return when(event.at)

    @admin.display(description=_("outcome"))
    def outcome(self, event: AuditEvent) -> SafeString:
        known = Status(event.status) if event.status in Status.values else None
        return chip(known.label, STATUS_TONES[known]) if known else chip(event.status)

    @admin.display(description=_("through"))
    def door(self, event: AuditEvent) -> SafeString:
        known = event.subsystem in Subsystem.values
        return chip(Subsystem(event.subsystem).label if known else event.subsystem)

    @admin.display(description=_("client address"))
    def client(self, event: AuditEvent) -> SafeString:
        return link(self._listed(q=event.client_ip), event.client_ip)

    @admin.display(description=_("related"))
    def related(self, event: AuditEvent) -> SafeString:
        history = link(self._history(event), _("history")) if event.resource_id else ""
        same = link(self._listed(request_id__exact=event.request_id), _("same request")) if event.request_id else ""
        return format_html('<span class="bjz-audit-related">{} {}</span>', history, same)

    def _actor(self, event: AuditEvent) -> SafeString:
        name = wording.actor_name(event)
        return format_html(
            "{} {}", link(self._listed(actor_id__exact=event.actor_id), name), chip(ActorType(event.actor_kind).label)
        )

    def _thing(self, event: AuditEvent) -> SafeString:
        label = f"{wording.type_label(event.resource_type)} {event.resource_label} ({event.resource_id})"
        return link(self._history(event) if event.resource_id else None, label)

    def _request(self, event: AuditEvent) -> SafeString | str:
        if not event.request_id:
            return ""
        return format_html(
            "{} {}",
            mono(f"{event.request_method} {event.path}".strip()),
            link(self._listed(request_id__exact=event.request_id), _("all events of this request")),
        )

    def _history(self, event: AuditEvent) -> str:
        return self._listed(resource_type__exact=event.resource_type, resource_id__exact=event.resource_id)

    def _listed(self, **query: str) -> str:
        return f"{self.address('changelist')}?{urlencode(query)}"


@admin.register(DeadEntry)
class DeadEntryAdmin(KeysetAdmin):
    """Entries that could not become events: shown as they are, kept until somebody repairs them by hand."""

    list_display = ("number", "failed", "recorded", "error")
    fields = ("number", "recorded", "failed", "error", "content")
    readonly_fields = fields
    empty_title = _("Every recorded entry became an event")
    empty_text = _("Should one be unreadable, it waits here with the reason.")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(VIEW_PERMISSION)

    def title_of(self, obj: DeadEntry) -> str:
        return self.number(obj)

    @admin.display(description=_("outbox entry"))
    def number(self, entry: DeadEntry) -> str:
        return f"#{entry.outbox_id}"

    @admin.display(description=_("recorded"))
    def recorded(self, entry: DeadEntry) -> SafeString:
        return when(entry.recorded_at)

    @admin.display(description=_("set aside"))
    def failed(self, entry: DeadEntry) -> SafeString:
        return when(entry.failed_at)

    @admin.display(description=_("content"))
    def content(self, entry: DeadEntry) -> SafeString:
        return json_block(redact_text(entry.body))
