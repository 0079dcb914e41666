"""Decisions on many pieces at once: the question that names each of them, and what stood in the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from apps.articles import services
from apps.articles.admin.forms import ManyForm, RejectManyForm, whole_number
from apps.articles.admin.versions import Compared, compared, seen_of
from apps.articles.models import PendingArticle
from apps.articles.services.review import BULK_LIMIT
from apps.core.actor import Actor
from apps.core.errors import AppError, Conflict, PreconditionFailed


class DecideMany:
    """The two actions on ticked pieces, mixed into their admin."""

    admin_site: Any
    opts: Any

    @admin.action(description=_("Approve"), permissions=["review"])
    def approve_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        form = ManyForm(data=request.POST if "confirmed" in request.POST else None, request=request, object_id=None)
        if not form.is_bound or not form.is_valid():
            return self._ask(request, "approve_selected", _("Approve the chosen pieces"), form)
        try:
            articles = services.approve_many(_versions(request), actor=Actor.of_user(request.user))
        except (PreconditionFailed, Conflict) as error:
            return self._ask(request, "approve_selected", _("Approve the chosen pieces"), form, refusal=error)
        messages.success(request, _published(len(articles)))
        return None

    @admin.action(description=_("Reject"), permissions=["review"])
    def reject_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        form = RejectManyForm(
            data=request.POST if "confirmed" in request.POST else None, request=request, object_id=None
        )
        if not form.is_bound or not form.is_valid():
            return self._ask(request, "reject_selected", _("Reject the chosen pieces"), form)
        try:
            pieces = services.reject_many(
                _versions(request),
                actor=Actor.of_user(request.user),
                reason=form.cleaned_data["reason"],
                reason_code=form.cleaned_data["reason_code"],
            )
        except (PreconditionFailed, Conflict) as error:
            return self._ask(request, "reject_selected", _("Reject the chosen pieces"), form, refusal=error)
        messages.success(request, _rejected(len(pieces)))
        return None

    def _ask(
        self, request: HttpRequest, action: str, title: Any, form: forms.Form, *, refusal: AppError | None = None
    ) -> HttpResponse:
        """The confirmation: every piece by name, with the version that is shown now.

        After a refusal nothing was done: the pieces in the way come first, each with what changed in it.  Raises the
        refusal when meanwhile none is in the way any more.
        """
        chosen = request.POST.getlist(ACTION_CHECKBOX_NAME)[: BULK_LIMIT + 1]
        pieces = PendingArticle.objects.for_review_list().filter(pk__in=[pk for pk in chosen if whole_number(pk)])
        shown = list(pieces.order_by("id"))
        publishes = action == "approve_selected"
        others = _others(shown) if publishes and refusal is not None else []
        in_the_way = {} if refusal is None else _in_the_way(request, shown, others)
        remaining = [piece for piece in shown if piece.pk not in in_the_way]
        if refusal is not None and not in_the_way:
            raise refusal
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": title,
            "submit_tone": "danger" if action == "reject_selected" else "primary",
            "action": action,
            "form": form,
            "chosen": _chosen(remaining, publishes=publishes),
            "turned_down": _others(remaining) if publishes else [],
            "in_the_way": list(in_the_way.values()),
            "checkbox_name": ACTION_CHECKBOX_NAME,
            "list_address": request.get_full_path(),
        }
        return TemplateResponse(request, "articles/decide_many.html", context, status=412 if in_the_way else 200)


def _versions(request: HttpRequest) -> Mapping[int, int]:
    """Piece → version as the confirmation showed them; what is no number was not sent by our page."""
    versions: dict[int, int] = {}
    for text in request.POST.getlist(ACTION_CHECKBOX_NAME):
        versions[whole_number(text) or 0] = whole_number(request.POST.get(f"version_{text}", "")) or 0
    return versions


@dataclass(frozen=True, slots=True)
class Chosen:
    """``is_twin``: another of the chosen pieces tells the same story, and would be published too."""

    piece: PendingArticle
    seen: str
    is_twin: bool


def _chosen(pieces: Sequence[PendingArticle], *, publishes: bool) -> list[Chosen]:
    told = Counter(piece.story_id for piece in pieces if piece.story_id is not None)
    return [Chosen(piece, seen_of(piece), publishes and told[piece.story_id or 0] > 1) for piece in pieces]


def _others(chosen: Sequence[PendingArticle]) -> list[PendingArticle]:
    """What waits of their stories beside the chosen pieces, and is turned down when they are approved."""
    stories = {piece.story_id for piece in chosen if piece.story_id is not None}
    rows = PendingArticle.objects.awaiting_review().filter(story_id__in=stories).for_review_list()
    numbers = {piece.pk for piece in chosen}
    return [row for row in rows if row.pk not in numbers]


@dataclass(frozen=True, slots=True)
class InTheWay:
    """A piece that keeps a decision on many from being made.  ``can_follow``: it may be decided on as it is now."""

    piece: PendingArticle
    seen: str
    why: str
    fields: list[Compared]
    can_follow: bool


def _in_the_way(
    request: HttpRequest, pieces: Iterable[PendingArticle], others: Iterable[PendingArticle]
) -> dict[int, InTheWay]:
    versions = _versions(request)
    held = {other.story_id: other for other in others if _holder(request, other)}
    found = {}
    for piece in pieces:
        holder, other = _holder(request, piece), held.get(piece.story_id or 0)
        if not piece.is_pending:
            why = str(_("decided meanwhile: %(state)s") % {"state": piece.get_status_display()})
        elif holder:
            why = str(_("claimed by %(name)s") % {"name": holder})
        elif other is not None:
            names = {"name": _holder(request, other), "number": other.pk}
            why = str(_("%(name)s works on #%(number)s, which tells the same story") % names)
        elif piece.version != versions.get(piece.pk):
            why = str(_("changed while you looked at it"))
        else:
            continue
        fields = compared(piece, request.POST.get(f"seen_{piece.pk}", ""), {})
        can_follow = piece.is_pending and not holder and other is None
        found[piece.pk] = InTheWay(piece, seen_of(piece), why, fields, can_follow=can_follow)
    return found


def _holder(request: HttpRequest, piece: PendingArticle) -> str:
    """Who else works on the piece."""
    return "" if piece.claimed_by_id == request.user.pk else piece.claimant(timezone.now())


def _published(count: int) -> str:
    return ngettext("%(count)d piece has been published.", "%(count)d pieces have been published.", count) % {
        "count": count
    }


def _rejected(count: int) -> str:
    return ngettext("%(count)d piece has been rejected.", "%(count)d pieces have been rejected.", count) % {
        "count": count
    }
