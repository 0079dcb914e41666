"""The event editor: the order of the card by dragging or by keys, its parts, replacements and cancellations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from apps.core.actor import Actor
from apps.core.errors import Invalid, PreconditionRequired
from apps.events import services
from apps.events.admin.pages import EventPages, carry_out, event_or_404, number, require, waiting_of
from apps.events.enums import EventStatus, Segment, UnknownStatus
from apps.events.models import Bout, Event, UnknownBout
from apps.events.services import NewBout, Place

VIEW, CHANGE, RUN = "events.view_event", "events.change_bout", "events.run_bout"
CHANGE_EVENT = "events.change_event"
# What a deed needs when it is not the change of a bout.  Deeds that change the event need what the API demands for it;
# what the feed means is settled while the card is fought, by whoever works it.
_NEEDS = {
    **dict.fromkeys(("rename", "follow"), CHANGE_EVENT),
    **dict.fromkeys(("link", "ignore", "reopen"), RUN),
}
MOST_BOUTS = 60


class EditorViews(EventPages):
    """The editor's pages, mixed into the admin of events."""

    def get_urls(self) -> list[Any]:
        ours = [self.own("editor", self.editor), self.own("editor_act", self.editor_act)]
        return [*ours, *super().get_urls()]  # type: ignore[misc]

    def editor(self, request: HttpRequest, object_id: int) -> HttpResponse:
        require(request, VIEW)
        event = event_or_404(object_id)
        bouts = list(event.bouts.all().with_corners().in_card_order())
        context = {
            **self.admin_site.each_context(request),
            "title": _("Event editor"),
            "event": event,
            "bouts": _with_doubles(bouts),
            "unknown": waiting_of(event),
            "decided": list(event.unknown_bouts.exclude(status=UnknownStatus.OPEN).order_by("pk")),
            "may_run": request.user.has_perm(RUN),
            "may_add": request.user.has_perm(CHANGE) and event.status != EventStatus.COMPLETED,
            "followed_as": _followed_as(event),
            "segments": Segment.choices,
            "may_change": request.user.has_perm(CHANGE),
            "may_change_event": request.user.has_perm(CHANGE_EVENT),
            "act_address": self.address("editor_act", event.pk),
            "board_address": self.address("board", event.pk),
            "list_address": self.address("changelist"),
        }
        return TemplateResponse(request, "events/editor.html", context)

    def editor_act(self, request: HttpRequest, object_id: int) -> HttpResponse:
        deed = request.POST.get("deed", "")
        require(request, _NEEDS.get(deed, CHANGE))
        if deed == "add" and request.POST.get("unknown"):
            require(request, _NEEDS["link"])
        return carry_out(request, _DEEDS, object_id, self.address("editor", object_id))


def _with_doubles(bouts: list[Bout]) -> list[Bout]:
    """Each bout with ``doubles``, the others of the same two fighters that count."""
    for bout in bouts:
        pair = {bout.red_fighter_id, bout.blue_fighter_id}
        same = [one for one in bouts if {one.red_fighter_id, one.blue_fighter_id} == pair]
        bout.doubles = [one for one in same if one.pk != bout.pk and not one.is_void]  # type: ignore[attr-defined]
    return bouts


def _followed_as(event: Event) -> str:
    ids = [known.external_id for known in event.external_ids.all() if known.source == settings.LIVE_SOURCE]
    return ids[-1] if ids else ""


# --- deeds by name ----------------------------------------------------------------------------------------------
def _bout_and_version(event_id: int, sent: Mapping[str, str]) -> tuple[int, int]:
    bout_id, version = number(sent, "bout"), number(sent, "version")
    if bout_id is None or version is None:
        raise PreconditionRequired
    if not Bout.objects.filter(pk=bout_id, event_id=event_id).exists():
        raise Invalid(_("This bout is not on the card."))
    return bout_id, version


def _arrange(event_id: int, actor: Actor, sent: Mapping[str, str]) -> str:
    """``order``: "bout:segment" pairs in the order of the card."""
    version = number(sent, "version")
    if version is None:
        raise PreconditionRequired
    pairs = [pair.partition(":") for pair in sent.get("order", "").split(",")[:MOST_BOUTS]]
    places = [Place(int(bout), segment) for bout, _colon, segment in pairs if bout.isascii() and bout.isdigit()]
    services.arrange_card(event_id, places, actor=actor, expected_version=version)
    return _("The order is saved.")


def _replace(event_id: int, actor: Actor, sent: Mapping[str, str]) -> str:
    bout_id, version = _bout_and_version(event_id, sent)
    fighter_id = number(sent, "fighter")
    if fighter_id is None:
        raise Invalid(_("Choose the fighter who steps in."))
    services.replace_fighter(
        bout_id,
        corner=sent.get("corner", ""),
        fighter_id=fighter_id,
        reason=sent.get("reason", ""),
        actor=actor,
        expected_version=version,
    )
    return _("The fighter is replaced.")


def _cancel(event_id: int, actor: Actor, sent: Mapping[str, str]) -> str:
    bout_id, version = _bout_and_version(event_id, sent)
    services.cancel_bout(bout_id, reason=sent.get("reason", ""), actor=actor, expected_version=version)
    return _("The bout is cancelled.")


def _restore(event_id: int, actor: Actor, sent: Mapping[str, str]) -> str:
    bout_id, version = _bout_and_version(event_id, sent)
    services.restore_bout(bout_id, actor=actor, expected_version=version)
    return _("The bout takes place after all.")


def _void(event_id: int, actor: Actor, sent: Mapping[str, str]) -> str:
    bout_id, version = _bout_and_version(event_id, sent)
    kept = number(sent, "of")
    if kept is None:
        raise Invalid(_("Choose another bout of the same two fighters on this card."))
    services.void_duplicate(bout_id, of=kept, reason=sent.get("reason", ""), actor=actor, expected_version=version)
    return _("The duplicate is put aside.")


def _unvoid(event_id: int, actor: Actor, sent: Mapping[str, str]) -> str:
    bout_id, version = _bout_and_version(event_id, sent)
    services.restore_duplicate(bout_id, actor=actor, expected_version=version)
    return _("The bout counts again.")


def _rename(event_id: int, actor: Actor, sent: Mapping[str, str]) -> str:
    services.change_event(event_id, name=sent.get("name", ""), actor=actor, expected_version=number(sent, "version"))
    return _("Saved.")


def _follow(event_id: int, actor: Actor, sent: Mapping[str, str]) -> str:
    services.follow(event_id, source=settings.LIVE_SOURCE, external_id=sent.get("external_id", ""), actor=actor)
    return _("The event is followed while it is live.")


def _add(event_id: int, actor: Actor, sent: Mapping[str, str]) -> str:
    version, red, blue = number(sent, "version"), number(sent, "red"), number(sent, "blue")
    if version is None:
        raise PreconditionRequired
    if red is None or blue is None:
        raise Invalid(_("Choose both fighters."))
    new = NewBout(
        red_fighter_id=red,
        blue_fighter_id=blue,
        segment=sent.get("segment", ""),
        weight_class=sent.get("weight_class", ""),
        scheduled_rounds=number(sent, "rounds"),
    )
    of_the_feed: dict[str, Any] = {}
    if sent.get("unknown"):
        unknown, unknown_version = _unknown_and_version(event_id, sent)
        of_the_feed = {"unknown_id": unknown, "unknown_version": unknown_version, "first_is": sent.get("first_is", "")}
    services.add_bout(event_id, new, actor=actor, expected_version=version, **of_the_feed)
    return _("The bout is on the card.")


def _unknown_and_version(event_id: int, sent: Mapping[str, str]) -> tuple[int, int]:
    unknown_id, version = number(sent, "unknown"), number(sent, "unknown_version")
    if unknown_id is None or version is None:
        raise PreconditionRequired
    if not UnknownBout.objects.filter(pk=unknown_id, event_id=event_id).exists():
        raise Invalid(_("This bout is not of this event's feed."))
    return unknown_id, version


def _link(event_id: int, actor: Actor, sent: Mapping[str, str]) -> str:
    unknown_id, version = _unknown_and_version(event_id, sent)
    bout_id = number(sent, "bout")
    if bout_id is None:
        raise Invalid(_("Choose the bout that is meant."))
    first = sent.get("first_is", "")
    services.link_unknown(unknown_id, bout_id, first_is=first, actor=actor, expected_version=version)
    return _("The feed is understood from its next answer on.")


def _ignore(event_id: int, actor: Actor, sent: Mapping[str, str]) -> str:
    unknown_id, version = _unknown_and_version(event_id, sent)
    services.ignore_unknown(unknown_id, actor=actor, expected_version=version)
    return _("It is not asked about again.")


def _reopen(event_id: int, actor: Actor, sent: Mapping[str, str]) -> str:
    unknown_id, version = _unknown_and_version(event_id, sent)
    services.reopen_unknown(unknown_id, actor=actor, expected_version=version)
    return _("Taken back.")


_DEEDS = {
    "arrange": _arrange,
    "replace": _replace,
    "cancel": _cancel,
    "restore": _restore,
    "void": _void,
    "unvoid": _unvoid,
    "rename": _rename,
    "follow": _follow,
    "add": _add,
    "link": _link,
    "ignore": _ignore,
    "reopen": _reopen,
}
