"""Events and bouts in the back-office, to be read; what changes them stands beside: board, editor, dialogs."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext

from apps.core.admin import BackOfficeAdmin, ChoiceFilter, DateRangeFilter, chip, link, when
from apps.events.admin.board import BoardViews
from apps.events.admin.editor import EditorViews
from apps.events.admin.entering import EnteringActions
from apps.events.admin.releasing import BoutReleasing, EventReleasing
from apps.events.models import Bout, Event

EVENT_TONES = {Event.Status.SCHEDULED: "info", Event.Status.LIVE: "warning", Event.Status.COMPLETED: "success"}
BOUT_TONES = {
    Bout.State.WALKOUTS: "warning",
    Bout.State.IN_ROUND: "warning",
    Bout.State.BETWEEN_ROUNDS: "warning",
    Bout.State.STOPPED: "warning",
    Bout.State.PROVISIONAL: "info",
    Bout.State.OFFICIAL: "success",
    Bout.State.AMENDED: "success",
}


@admin.register(Event)
class EventAdmin(BoardViews, EditorViews, EnteringActions, EventReleasing, BackOfficeAdmin):
    actions_list = ("enter", "take_cards")
    actions_detail = ("edit_details", "release")
    list_display = ("name", "org", "status_chip", "starts", "venue", "bouts", "work")
    list_filter = (("status", ChoiceFilter), ("starts_at", DateRangeFilter))
    search_fields = ("name", "org", "venue")
    search_help_text = _("Name, organisation or venue")
    fields = (
        "name",
        "org",
        "status_chip",
        "starts",
        "venue",
        "bouts",
        "work",
        "page",
        "poster",
        "promotion_video",
        "locks",
        "created",
        "changed",
    )
    readonly_fields = fields
    empty_title = _("No events yet")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return Event.objects.for_admin_list()

    @admin.display(description=_("status"), ordering="status")
    def status_chip(self, event: Event) -> SafeString:
        return chip(event.get_status_display(), EVENT_TONES[Event.Status(event.status)])

    @admin.display(description=_("starts at"), ordering="starts_at")
    def starts(self, event: Event) -> SafeString:
        return when(event.starts_at)

    @admin.display(description=_("bouts"))
    def bouts(self, event: Any) -> SafeString:
        return link(f"{reverse('admin:events_bout_changelist')}?event__id__exact={event.pk}", event.bout_count)

    @admin.display(description=_("work on it"))
    def work(self, event: Event) -> SafeString:
        board = link(self.address("board", event.pk), _("Live board"))
        return format_html("{} · {}", board, link(self.address("editor", event.pk), pgettext("card", "Editor")))

    @admin.display(description=_("created"), ordering="created_at")
    def created(self, event: Event) -> SafeString:
        return when(event.created_at)

    @admin.display(description=_("changed"), ordering="updated_at")
    def changed(self, event: Event) -> SafeString:
        return when(event.updated_at)

    @admin.display(description=_("page at the source"))
    def page(self, event: Event) -> SafeString:
        return link(event.external_url, event.external_url)

    @admin.display(description=_("poster"))
    def poster(self, event: Event) -> SafeString:
        return link(event.poster_url, event.poster_url)

    @admin.display(description=_("promotion video"))
    def promotion_video(self, event: Event) -> SafeString:
        return link(event.promo_video_url, event.promo_video_url)


@admin.register(Bout)
class BoutAdmin(BoutReleasing, BackOfficeAdmin):
    actions_detail = ("release",)
    list_display = ("pairing", "event", "weight_class", "state_chip", "winner_fighter", "method", "round")
    list_filter = (("state", ChoiceFilter), ("card_segment", ChoiceFilter))
    search_fields = ("event__name", "red_fighter__name", "blue_fighter__name")
    search_help_text = _("Event or fighter")
    fields = (
        "event",
        "sequence_no",
        "card_segment",
        "weight_class",
        "red_fighter",
        "red_ranking",
        "blue_fighter",
        "blue_ranking",
        "title_kind",
        "scheduled_rounds",
        "state_chip",
        "result",
        "winner_fighter",
        "method",
        "method_detail",
        "round",
        "time_sec",
        "referee",
        "cancel_reason",
        "amend_reason",
        "is_manual",
        "locks",
        "created",
        "changed",
    )
    readonly_fields = fields
    empty_title = _("No bouts yet")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Bout]:
        return Bout.objects.for_admin_list()

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """The number of bouts of an event links here."""
        return lookup == "event__id__exact" or bool(super().lookup_allowed(lookup, value, request))

    @admin.display(description=_("bout"), ordering="sequence_no")
    def pairing(self, bout: Bout) -> str:
        return f"{bout.sequence_no}. {bout.red_fighter} – {bout.blue_fighter}"

    @admin.display(description=_("state"), ordering="state")
    def state_chip(self, bout: Bout) -> SafeString:
        return chip(bout.get_state_display(), BOUT_TONES.get(Bout.State(bout.state), "neutral"))

    @admin.display(description=_("created"), ordering="created_at")
    def created(self, bout: Bout) -> SafeString:
        return when(bout.created_at)

    @admin.display(description=_("changed"), ordering="updated_at")
    def changed(self, bout: Bout) -> SafeString:
        return when(bout.updated_at)
