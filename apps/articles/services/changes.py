"""What a source changed after an editor had decided on a piece: seen, or answered by a correction."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from apps.articles.models import PendingArticle
from apps.audit.enums import Action
from apps.audit.services import record, snapshot
from apps.core.actor import Actor
from apps.core.db import locked
from apps.core.errors import NotFound, PreconditionFailed, worded


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
