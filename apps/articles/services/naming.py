"""Whom a piece is about, said by an editor: before the approval on the piece, afterwards on the article."""

from __future__ import annotations

from django.db import transaction

from apps.articles.cache import forget_public_list
from apps.articles.models import Article, PendingArticle, ReviewStep
from apps.articles.services.mentions import Naming, decide
from apps.articles.services.publishing import locked_article
from apps.articles.services.review import locked_for_decision
from apps.articles.services.steps import remember
from apps.audit.enums import Action
from apps.audit.services import record
from apps.core.actor import Actor
from apps.core.db import locked


@transaction.atomic
def name_piece(pending_id: int, naming: Naming, *, actor: Actor, expected_version: int | None = None) -> PendingArticle:
    """Confirm and dismiss names of a piece that waits.  Raises as ``approve``; Invalid and NotFound for the names."""
    piece = locked_for_decision(pending_id, expected_version, actor)
    named = decide(piece, naming)
    if named is not None:
        piece.version += 1
        piece.save(update_fields=["version", "updated_at"])
        record(Action.UPDATED, piece, actor=actor, old={"names": named.old}, new={"names": named.new})
        before = {"mentions": dict(named.before)}
        remember(ReviewStep.Kind.NAMED, actor=actor, piece=piece, piece_before=before)
    return piece


@transaction.atomic
def name_article(article_id: int, naming: Naming, *, actor: Actor, expected_version: int | None = None) -> Article:
    """Confirm and dismiss names of an article in any state; readers see it at once.

    Raises NotFound, PreconditionFailed, Invalid.
    """
    # Before the article, as everywhere: names are being looked for in the piece under its lock.
    list(locked(PendingArticle.objects.filter(article=article_id)).values_list("pk"))
    article = locked_article(article_id, expected_version)
    named = decide(article, naming)
    if named is not None:
        article.version += 1
        article.save(update_fields=["version", "updated_at"])
        record(Action.UPDATED, article, actor=actor, old={"names": named.old}, new={"names": named.new})
        before = {"mentions": dict(named.before)}
        remember(ReviewStep.Kind.NAMED, actor=actor, article=article, article_before=before)
        forget_public_list()
    return article
