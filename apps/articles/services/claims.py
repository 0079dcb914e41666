"""Who is at work on a piece, so that two people don't do the same work.

A claim runs out by itself after 15 minutes.  While it holds nobody else decides on the piece; taking it over is
allowed to everybody who may review, and recorded.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.articles.errors import AlreadyReviewed, ClaimedByAnother
from apps.articles.models import PendingArticle
from apps.articles.services.steps import LABEL_LENGTH, person_id
from apps.audit.enums import Action
from apps.audit.services import record, snapshot
from apps.core.actor import Actor
from apps.core.db import locked
from apps.core.errors import FieldError, NotFound, worded

CLAIM_LASTS = timedelta(minutes=15)
CLAIM_FIELDS = ("claimed_by_id", "claimed_by_label", "claimed_until")


@transaction.atomic
def claim(pending_id: int, *, actor: Actor, take_over: bool = False, now: datetime | None = None) -> PendingArticle:
    """Say that this person works on the piece for the next 15 minutes; again to prolong it.

    Raises NotFound, AlreadyReviewed, ClaimedByAnother unless ``take_over``.
    """
    now = now or timezone.now()
    piece = _locked(pending_id)
    if not piece.is_pending:
        raise AlreadyReviewed(errors=[FieldError("status", piece.status, piece.get_status_display())])
    if not take_over:
        require_free(piece, actor, now)
    before = snapshot(piece)
    former = piece.claimant(now)
    piece.claimed_by_id, piece.claimed_by_label = person_id(actor), actor.label[:LABEL_LENGTH]
    piece.claimed_until = now + CLAIM_LASTS
    piece.save(update_fields=[*CLAIM_FIELDS, "updated_at"])
    data = {"taken_over_from": former} if former and former != piece.claimed_by_label else None
    record(Action.CLAIMED, piece, actor=actor, old=before, new=snapshot(piece), data=data)
    return piece


@transaction.atomic
def release(pending_id: int, *, actor: Actor, now: datetime | None = None) -> PendingArticle:
    """Give the piece free.  Nothing happens when nobody holds it; raises ClaimedByAnother for somebody else's."""
    now = now or timezone.now()
    piece = _locked(pending_id)
    require_free(piece, actor, now)
    if piece.claimed_until is None:
        return piece
    before = snapshot(piece)
    drop_claim(piece)
    piece.save(update_fields=[*CLAIM_FIELDS, "updated_at"])
    record(Action.RELEASED, piece, actor=actor, old=before, new=snapshot(piece))
    return piece


def drop_claim(piece: PendingArticle) -> None:
    """In memory; the caller saves ``CLAIM_FIELDS``."""
    piece.claimed_by_id, piece.claimed_by_label, piece.claimed_until = None, "", None


def require_free(piece: PendingArticle, actor: Actor, now: datetime) -> None:
    """Raises ClaimedByAnother while somebody else holds the piece."""
    holder = piece.claimant(now)
    if not holder or piece.claimed_until is None or piece.claimed_by_id == person_id(actor):
        return
    until = timezone.localtime(piece.claimed_until)
    raise ClaimedByAnother(
        worded(
            _("%(name)s works on piece %(number)s until %(time)s; take it over first."),
            name=holder,
            number=piece.pk,
            time=f"{until:%H:%M} ({until:%Z})",
        ),
        errors=[FieldError("claim", "claimed", holder)],
    )


def _locked(pending_id: int) -> PendingArticle:
    piece = locked(PendingArticle.objects.filter(pk=pending_id)).first()
    if piece is None:
        raise NotFound(_("There is no such piece."))
    return piece
