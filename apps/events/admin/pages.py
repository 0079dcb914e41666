"""What the board and the editor share: their routes, who acts, how a refusal is answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import path
from django.utils.translation import gettext as _

from apps.core.actor import Actor
from apps.core.db import gave_up_waiting
from apps.core.errors import AppError, ErrorCode
from apps.events.enums import UnknownStatus
from apps.events.models import Event, UnknownBout

_STATUS = {
    ErrorCode.PRECONDITION_FAILED: 412,
    ErrorCode.CONFLICT: 409,
    ErrorCode.NOT_FOUND: 404,
}
Deed = Callable[[int, Actor, Mapping[str, str]], Any]


class EventPages:
    """Base of the pages that an event has besides Django's own."""

    admin_site: Any
    opts: Any
    address: Callable[..., str]

    def own(self, page: str, view: Callable[..., HttpResponse]) -> Any:
        """Route ``<id>/page/`` to a view that demands a session."""
        name = f"{self.opts.app_label}_{self.opts.model_name}_{page}"
        return path(f"<int:object_id>/{page.replace('_', '/')}/", self.admin_site.admin_view(view), name=name)


def require(request: HttpRequest, permission: str) -> None:
    if not request.user.has_perm(permission):
        raise PermissionDenied


def event_or_404(event_id: int) -> Event:
    event = Event.objects.with_feed().filter(pk=event_id).first()
    if event is None:
        raise Http404
    return event


def waiting_of(event: Event) -> list[UnknownBout]:
    """Bouts that the feed showed last, that are none of ours, and of which nobody has said anything."""
    shown = [unknown["external_id"] for unknown in _unmatched_of(event)]
    rows = event.unknown_bouts.filter(external_id__in=shown, status=UnknownStatus.OPEN) if shown else []
    return sorted(rows, key=lambda row: row.pk)


def names_waiting(event: Event) -> list[dict[str, str]]:
    """The same for the board: names and ids as the feed gave them."""
    shown = _unmatched_of(event)
    if not shown:
        return []
    decided = set(event.unknown_bouts.exclude(status=UnknownStatus.OPEN).values_list("external_id", flat=True))
    return [unknown for unknown in shown if unknown["external_id"] not in decided]


def _unmatched_of(event: Event) -> list[dict[str, str]]:
    feed = getattr(event, "feed", None)
    return feed.unmatched if feed is not None else []


def carry_out(request: HttpRequest, deeds: Mapping[str, Deed], object_id: int, way_back: str) -> HttpResponse:
    """Do the deed that was posted.  A refusal is JSON with the sentence that says why."""
    if request.method != "POST":
        return HttpResponseRedirect(way_back)
    deed = deeds.get(request.POST.get("deed", ""))
    if deed is None:
        return JsonResponse({"message": "unknown deed"}, status=400)
    try:
        message = deed(object_id, Actor.of_user(request.user), request.POST)
    except OperationalError as error:
        if not gave_up_waiting(error):
            raise
        sentence = _("Somebody else is changing this right now: try again in a moment.")
        return JsonResponse({"message": str(sentence)}, status=409)
    except AppError as error:
        fields = [item.field for item in error.errors]
        return JsonResponse({"message": str(error), "fields": fields}, status=_STATUS.get(error.code, 400))
    return JsonResponse({"message": str(message)})


def number(sent: Mapping[str, str], name: str) -> int | None:
    """A whole number that was sent; None for anything else."""
    text = sent.get(name, "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 18 else None
