"""The review desk: one list and the piece beside it, worked with the keyboard alone.

``desk`` is the page; ``preview`` gives one piece as a fragment; ``decide`` and ``undo`` take a POST and answer with
JSON, a refusal with the fragment that says why (a stale version: both versions, with the difference).  Opened as
pages the last three lead to the desk.  All decisions go through the services, with the version that was shown.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import path
from django.utils import timezone
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from apps.articles import services
from apps.articles.admin.desk_deeds import DEEDS
from apps.articles.admin.differences import difference
from apps.articles.admin.display import foreign_html
from apps.articles.admin.forms import DeskForm, whole_number, zone_name
from apps.articles.admin.names import boxes, find_names, sent_naming
from apps.articles.models import Language, Mention, PendingArticle, RejectReason, ReviewStep, Source
from apps.articles.querysets import PendingArticleQuerySet
from apps.core.actor import Actor
from apps.core.errors import AppError, ErrorCode
from apps.events.models import Event
from apps.fighters.models import Fighter

REVIEW = "articles.review_pendingarticle"
VIEW = "articles.view_pendingarticle"
CARDS = 40
# Counting further tells nobody more, and costs.
MOST_COUNTED = 1000
MOST_SOURCES = 200
MOST_NAMES = 100
MOST_OTHERS = 20
TITLE_SHOWN = 60
# Age of a piece at which its colour changes.
FRESH, OLD = dt.timedelta(hours=2), dt.timedelta(hours=12)
_STATUS = {ErrorCode.PRECONDITION_FAILED: 412, ErrorCode.CONFLICT: 409, ErrorCode.NOT_FOUND: 404}


@dataclass(frozen=True, slots=True)
class Card:
    piece: PendingArticle
    tone: str
    holder: str
    others: int


class DeskViews:
    """The desk's pages, mixed into the admin of pieces."""

    admin_site: Any
    opts: Any
    address: Callable[..., str]

    def get_urls(self) -> list[Any]:
        def own(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
            wrapped: Callable[..., HttpResponse] = self.admin_site.admin_view(view)
            return wrapped

        prefix = f"{self.opts.app_label}_{self.opts.model_name}"
        ours = [
            path("desk/", own(self.desk), name=f"{prefix}_desk"),
            path("desk/names/", own(self.find_names), name=f"{prefix}_names"),
            path("desk/undo/", own(self.undo), name=f"{prefix}_undo"),
            path("<int:object_id>/preview/", own(self.preview), name=f"{prefix}_preview"),
            path("<int:object_id>/decide/", own(self.decide), name=f"{prefix}_decide"),
        ]
        return [*ours, *super().get_urls()]  # type: ignore[misc]

    # --- looking ------------------------------------------------------------------------------------------------
    def desk(self, request: HttpRequest) -> HttpResponse:
        _require(request, VIEW)
        now = timezone.now()
        asked = _Asked.of(request)
        waiting = asked.applied_to(PendingArticle.objects.for_desk(newest_first=asked.newest_first))
        shown = _with_asked(list(waiting[:CARDS]), asked.piece_id)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Review desk"),
            "cards": _cards(shown, now),
            "left": waiting.order_by()[:MOST_COUNTED].count(),
            "most_counted": MOST_COUNTED,
            "asked": asked,
            "sources": Source.objects.order_by("name").only("id", "name")[:MOST_SOURCES],
            "languages": Language.choices,
            "fighters": _named(Mention.objects.fighters_waiting(MOST_NAMES), asked.fighter_id, Fighter),
            "events": _named(Mention.objects.events_waiting(MOST_NAMES), asked.event_id, Event),
            "may_review": request.user.has_perm(REVIEW),
            "desk_address": self.address("desk"),
            "undo_address": self.address("undo"),
            "list_address": self.address("changelist"),
            "undoable": _undoable(request),
        }
        return TemplateResponse(request, "articles/desk.html", context)

    def find_names(self, request: HttpRequest) -> HttpResponse:
        _require(request, VIEW)
        return find_names(request)

    def preview(self, request: HttpRequest, object_id: int) -> HttpResponse:
        _require(request, VIEW)
        piece = PendingArticle.objects.for_preview().filter(pk=object_id).first()
        if piece is None:
            raise Http404
        if request.headers.get("X-Requested-With") != "fetch":
            return self._to_desk(piece.pk)
        return TemplateResponse(request, "articles/desk_preview.html", self._shown(request, piece))

    def _shown(self, request: HttpRequest, piece: PendingArticle) -> dict[str, Any]:
        now = timezone.now()
        holder = piece.claimant(now)
        return {
            "piece": piece,
            "content": foreign_html(piece.content) if piece.content else "",
            "headlines": [(revision, difference(revision.title, piece.title)) for revision in piece.revisions.all()],
            "others": _others(piece),
            "tone": _tone(piece, now),
            "holder": holder,
            "is_mine": bool(holder) and piece.claimed_by_id == request.user.pk,
            "reasons": [(index, *choice) for index, choice in enumerate(RejectReason.choices, start=1)],
            "may_review": piece.is_pending and request.user.has_perm(REVIEW),
            "zone": zone_name(),
            "names": boxes(piece.mentions.all()),
            "search_address": self.address("names"),
            "decide_address": self.address("decide", piece.pk),
            "change_address": self.address("change", piece.pk),
        }

    def _to_desk(self, piece_id: int | None = None) -> HttpResponse:
        suffix = f"?piece={piece_id}" if piece_id else ""
        return HttpResponseRedirect(self.address("desk") + suffix)

    # --- doing --------------------------------------------------------------------------------------------------
    def decide(self, request: HttpRequest, object_id: int) -> HttpResponse:
        _require(request, REVIEW)
        if request.method != "POST":
            return self._to_desk(object_id)
        form = DeskForm(request.POST)
        deed = DEEDS.get(request.POST.get("deed", ""))
        if deed is None or not form.is_valid():
            return JsonResponse({"message": _first_error(form)}, status=400)
        try:
            sent = {**form.cleaned_data, "naming": sent_naming(request), "has_words": "title" in request.POST}
            message = deed(object_id, Actor.of_user(request.user), sent)
        except AppError as error:
            return self._refused(request, object_id, form.cleaned_data, error)
        return JsonResponse({"message": str(message), "left": _left(request), "undo": _undoable(request)})

    def undo(self, request: HttpRequest) -> HttpResponse:
        _require(request, REVIEW)
        if request.method != "POST":
            return self._to_desk()
        offered = _undoable(request)
        step_id = whole_number(request.POST.get("step", "")) or 0
        try:
            steps = services.undo_at_desk(step_id, actor=Actor.of_user(request.user))
        except AppError as error:
            refusal = {"message": str(error), "undo": _undoable(request)}
            return JsonResponse(refusal, status=_STATUS.get(error.code, 400))
        message = _("Undone: %(what)s") % {"what": offered["what"] if offered else ""}
        return JsonResponse({"message": message, "piece": PendingArticle.objects.card_of(steps[0].pending_id or 0)})

    def _refused(self, request: HttpRequest, object_id: int, sent: dict[str, Any], error: AppError) -> HttpResponse:
        answer: dict[str, Any] = {"message": str(error)}
        if error.code == ErrorCode.PRECONDITION_FAILED:
            piece = PendingArticle.objects.for_preview().get(pk=object_id)
            answer["html"] = render_to_string("articles/desk_stale.html", _both(piece, sent), request)
        if any(item.code == "claimed" for item in error.errors):
            answer["claimed"] = True
        return JsonResponse(answer, status=_STATUS.get(error.code, 400))


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the desk's address asks for; what can't be read asks for nothing."""

    source_id: int | None
    language: str
    fighter_id: int | None
    event_id: int | None
    told_by_several: bool
    newest_first: bool
    piece_id: int | None

    @classmethod
    def of(cls, request: HttpRequest) -> _Asked:
        asked = request.GET
        language = asked.get("language", "")
        return cls(
            source_id=whole_number(asked.get("source", "")),
            language=language if language in Language.values else "",
            fighter_id=whole_number(asked.get("fighter", "")),
            event_id=whole_number(asked.get("event", "")),
            told_by_several=asked.get("told") == "several",
            newest_first=asked.get("order") == "newest",
            piece_id=whole_number(asked.get("piece", "")),
        )

    def applied_to(self, rows: PendingArticleQuerySet) -> PendingArticleQuerySet:
        if self.source_id is not None:
            rows = rows.filter(source_id=self.source_id)
        if self.language:
            rows = rows.filter(source__language=self.language)
        if self.told_by_several:
            rows = rows.told_by_several()
        if self.fighter_id is not None:
            rows = rows.naming_fighter(self.fighter_id)
        return rows if self.event_id is None else rows.naming_event(self.event_id)


def _named(waiting: list[tuple[int, int]], chosen: int | None, model: type[Fighter] | type[Event]) -> list[Any]:
    """Those whom waiting pieces name, the most named first, with how many do; and the chosen one in any case."""
    numbers = dict(waiting)
    if chosen is not None:
        numbers.setdefault(chosen, 0)
    labels = dict(model._default_manager.filter(pk__in=numbers).values_list("pk", "name"))
    return [(pk, labels[pk], number) for pk, number in numbers.items() if pk in labels]


def _with_asked(pieces: list[PendingArticle], piece_id: int | None) -> list[PendingArticle]:
    """The piece that the address names stands in the list, also when it is not among the first."""
    if piece_id is None or any(piece.pk == piece_id for piece in pieces):
        return pieces
    return [*PendingArticle.objects.for_desk().filter(pk=piece_id), *pieces]


def _cards(pieces: list[PendingArticle], now: dt.datetime) -> list[Card]:
    sizes = services.stories_of(pieces)
    return [
        Card(piece, _tone(piece, now), piece.claimant(now), sizes.get(piece.story_id or 0, 1) - 1) for piece in pieces
    ]


def _tone(piece: PendingArticle, now: dt.datetime) -> str:
    age = now - piece.created_at
    return "success" if age < FRESH else "warning" if age < OLD else "danger"


def _others(piece: PendingArticle) -> list[tuple[PendingArticle, Any]]:
    """The other pieces of the story, each with the difference of its headline."""
    if piece.story_id is None:
        return []
    rows = PendingArticle.objects.filter(story_id=piece.story_id).exclude(pk=piece.pk).for_review_list()
    return [(row, difference(piece.title, row.title)) for row in rows.order_by("id")[:MOST_OTHERS]]


def _left(request: HttpRequest) -> int:
    asked = _Asked.of(request)
    return int(asked.applied_to(PendingArticle.objects.cards()).order_by()[:MOST_COUNTED].count())


def _undoable(request: HttpRequest) -> dict[str, Any] | None:
    """The step that ``u`` would take back, and what it was in words."""
    if not request.user.has_perm(REVIEW):
        return None
    step = services.last_at_desk(Actor.of_user(request.user))
    return {"step": step.pk, "what": _told(step)} if step is not None else None


def _told(step: ReviewStep) -> str:
    """A bulk decision by its first piece, with how many others it had."""
    deed = ReviewStep.objects.of_one_deed(step)
    first = deed.select_related("pending").only("kind", "pending__title")[0]
    told = {"deed": first.get_kind_display(), "title": Truncator(str(first.pending)).chars(TITLE_SHOWN)}
    others = deed.count() - 1 if step.batch else 0
    if not others:
        return str(_("%(deed)s: %(title)s") % told)
    more = ngettext("%(deed)s: %(title)s and %(count)d other", "%(deed)s: %(title)s and %(count)d others", others)
    return more % {**told, "count": others}


def _both(piece: PendingArticle, sent: dict[str, Any]) -> dict[str, Any]:
    """What the person saw, their own words if any, and what stands there now."""
    return {
        "piece": piece,
        "seen_version": sent["version"],
        "seen": (sent["seen_title"], sent["seen_summary"]),
        "own": _own(piece, sent),
        "title": difference(sent["seen_title"], piece.title),
        "summary": difference(sent["seen_summary"], piece.summary),
        "is_same_text": (sent["seen_title"], sent["seen_summary"]) == (piece.title, piece.summary),
    }


def _own(piece: PendingArticle, sent: dict[str, Any]) -> tuple[Any, Any] | None:
    """The person's own words, with the difference to those that stand there now."""
    if not sent["title"]:
        return None
    return difference(piece.title, sent["title"]), difference(piece.summary, sent["summary"])


def _require(request: HttpRequest, permission: str) -> None:
    if not request.user.has_perm(permission):
        raise PermissionDenied


def _first_error(form: forms.Form) -> str:
    for messages in form.errors.values():
        return str(messages[0])
    return str(_("A parameter is invalid."))
