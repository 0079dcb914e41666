"""News of fighters, rankings, and changes that sources were refused."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from apps.core.actor import Actor
from apps.core.admin import BackOfficeAdmin, ChoiceFilter, KeysetAdmin, chip, dialog_action, link, mono, when
from apps.fighters import services
from apps.fighters.models import FighterUpdate, Ranking, RefusedChange

_DECIDE = "fighters.change_refusedchange"
TONES = {
    RefusedChange.Status.OPEN: "warning",
    RefusedChange.Status.TAKEN: "success",
    RefusedChange.Status.DISMISSED: "neutral",
}
_PAGES = {"fighter": "fighters_fighter", "event": "events_event", "bout": "events_bout"}


@admin.register(FighterUpdate)
class FighterUpdateAdmin(BackOfficeAdmin):
    list_display = ("beginning", "fighter", "published")
    list_select_related = ("fighter",)
    search_fields = ("fighter__name", "fighter__name_zh")
    search_help_text = _("Name of the fighter")
    actions_row = actions_detail = ("remove",)
    fields = ("fighter", "content", "published", "created")
    readonly_fields = fields
    empty_title = _("No fighter updates yet")
    empty_text = _("News of a fighter is added on the fighter's page.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[FighterUpdate]:
        return FighterUpdate.objects.for_admin_list()

    @dialog_action(
        description=_("Remove"),
        permission="fighters.change_fighterupdate",
        icon="delete",
        variant="danger",
        confirm=_("Readers no longer see it."),
    )
    def remove(self, request: HttpRequest, obj: Any, form: Any) -> Any:
        services.remove_update(obj.pk, actor=Actor.of_user(request.user))
        return _("The update has been removed.")

    @admin.display(description=_("content"))
    def beginning(self, update: FighterUpdate) -> str:
        return str(update)

    @admin.display(description=_("published at"), ordering="published_at")
    def published(self, update: FighterUpdate) -> SafeString:
        return when(update.published_at)

    @admin.display(description=_("created"), ordering="created_at")
    def created(self, update: FighterUpdate) -> SafeString:
        return when(update.created_at)


@admin.register(Ranking)
class RankingAdmin(KeysetAdmin):
    list_display = ("division", "place_shown", "fighter_link", "valid_from", "valid_to")
    list_filter = (("source", ChoiceFilter),)
    fields = ("division", "place_shown", "fighter_link", "source", "valid_from", "valid_to")
    readonly_fields = fields
    empty_title = _("No rankings yet")
    empty_text = _("Import the weekly lists; who stood where, and when, appears here.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return Ranking.objects.for_admin_list()

    @admin.display(description=_("place"))
    def place_shown(self, row: Ranking) -> str:
        return str(_("champion")) if row.place == 0 else str(row.place)

    @admin.display(description=_("fighter"))
    def fighter_link(self, row: Ranking) -> SafeString:
        return link(reverse("admin:fighters_fighter_change", args=[row.fighter_id]), row.fighter)


def _taking(change: RefusedChange) -> Any:
    """A result is one word of several values: it can't be taken one by one."""
    if change.resource_type == "bout":
        return _("Ours is released: the source's value comes with its next word, of a result all of it.")
    return _("The value of the source replaces ours and is locked as your word.")


@admin.register(RefusedChange)
class RefusedChangeAdmin(KeysetAdmin):
    list_display = ("field", "subject", "ours", "theirs", "source", "state", "arrived")
    list_filter = (("status", ChoiceFilter),)
    actions_row = actions_detail = ("take", "dismiss")
    fields = ("subject", "field", "ours", "theirs", "source", "reason", "state", "decided_by", "arrived")
    readonly_fields = fields
    empty_title = _("No refused changes")
    empty_text = _("When a source wants to overwrite what a person has written, it is refused and stands here.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return RefusedChange.objects.for_admin_list()

    @dialog_action(
        description=pgettext_lazy("refused change", "Take over"),
        permission=_DECIDE,
        icon="check",
        variant="success",
        confirm=_taking,
        applies=lambda change: change.status == RefusedChange.Status.OPEN,
    )
    def take(self, request: HttpRequest, obj: Any, form: Any) -> Any:
        services.take_refused(obj.pk, actor=Actor.of_user(request.user))
        return _("The value has been taken over.")

    @dialog_action(
        description=_("Keep ours"),
        permission=_DECIDE,
        icon="close",
        confirm=_("Our value stays; the same offer is not shown again."),
        applies=lambda change: change.status == RefusedChange.Status.OPEN,
    )
    def dismiss(self, request: HttpRequest, obj: Any, form: Any) -> Any:
        services.dismiss(obj.pk, actor=Actor.of_user(request.user))
        return _("Our value stays.")

    @admin.display(description=_("about"))
    def subject(self, change: RefusedChange) -> SafeString:
        try:
            address = reverse(f"admin:{_PAGES[change.resource_type]}_change", args=[change.resource_id])
        except (KeyError, NoReverseMatch):
            address = ""
        return link(address, f"#{change.resource_id}")

    @admin.display(description=_("our value"))
    def ours(self, change: RefusedChange) -> SafeString:
        return mono(change.kept)

    @admin.display(description=_("offered value"))
    def theirs(self, change: RefusedChange) -> SafeString:
        return mono(change.offered)

    @admin.display(description=_("status"))
    def state(self, change: RefusedChange) -> SafeString:
        return chip(change.get_status_display(), TONES[RefusedChange.Status(change.status)])

    @admin.display(description=_("since"))
    def arrived(self, change: RefusedChange) -> SafeString:
        return when(change.created_at)
