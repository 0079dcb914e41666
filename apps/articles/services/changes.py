"""What a source changed after an editor had decided on a piece: seen, answered by a correction, or shown after all."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.articles.models import PendingArticle
from apps.articles.services.similarity import looks_like_spam
from apps.audit.enums import Action
from apps.audit.services import record, snapshot
from apps.core.actor import Actor
from apps.core.db import locked
from apps.core.errors import NotFound, PreconditionFailed, worded

FOLLOWED_FIELDS = ("title", "title_hash", "summary", "source_published_at", "is_suspect", "changed_after_review_at")


@transaction.atomic
def see_change(pending_id: int, *, actor: Actor, expected_version: int | None = None) -> PendingArticle:
    """Take the mark "changed by the source" off a piece; its wordings stay.  Again does nothing.

    Raises NotFound, and PreconditionFailed when the source has changed it once more since.
    """
    piece = locked(PendingArticle.objects.filter(pk=pending_id)).first()
    if piece is None:
        raise NotFound(_("There is no such piece."))
    if expected_version is not None and expected_version != piece.version:
        raise PreconditionFailed(
            worded(_("Piece %(number)s was edited in the meantime: look at it again."), number=piece.pk),
            version=piece.version,
        )
    clear_mark(piece, actor=actor)
    return piece


def follow_source(piece: PendingArticle, *, since: datetime) -> bool:
    """Nobody has decided on this locked piece or edited it any more: the newest words of its source since then stand.

    As if the editor had never come between; those that stood until now become the other wording.  The caller saves
    ``FOLLOWED_FIELDS``.  True when the words are others now.
    """
    if not piece.is_pending or piece.edited_at is not None:
        return False
    piece.changed_after_review_at = None
    # An editor's deed kept wordings too, but of no run.
    said = piece.revisions.filter(created_at__gt=since, run__isnull=False)
    newest = said.exclude(title_hash=piece.title_hash).order_by("-created_at", "-pk").first()
    if newest is None or not _is_newer(newest.source_published_at, piece.source_published_at):
        return False
    for name in ("title", "title_hash", "summary", "source_published_at"):
        theirs, ours = getattr(newest, name), getattr(piece, name)
        setattr(piece, name, theirs)
        setattr(newest, name, ours)
    newest.created_at = timezone.now()
    newest.save(update_fields=["title", "title_hash", "summary", "source_published_at", "created_at"])
    piece.is_suspect = looks_like_spam(f"{piece.title} {piece.summary}")
    return True


def _is_newer(theirs: datetime | None, ours: datetime | None) -> bool:
    """By the source's own time where both have one, else what came later."""
    return theirs > ours if theirs and ours and theirs != ours else True


def locked_piece_of(article_id: int) -> PendingArticle | None:
    """The piece of an article, to be locked before the article as everywhere."""
    return locked(PendingArticle.objects.filter(article=article_id)).first()


def clear_mark(piece: PendingArticle, *, actor: Actor) -> None:
    """On a locked piece, in its transaction."""
    if piece.changed_after_review_at is None:
        return
    before = snapshot(piece)
    piece.changed_after_review_at = None
    piece.version += 1
    piece.save(update_fields=["changed_after_review_at", "version", "updated_at"])
    record(Action.UPDATED, piece, actor=actor, old=before, new=snapshot(piece))
