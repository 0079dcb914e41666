"""What is public, and when: publication, its schedule, corrections, retractions, taking offline.

Review and publication are two states: none of these touches the reviewed piece.  A scheduled article waits for a
delayed task of the hub; the task publishes only if the article still waits for exactly this time, so a task that
comes twice, too late or after a change of plan does nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.articles.cache import forget_public_list
from apps.articles.errors import WrongState
from apps.articles.models import Article, ArticleRevision, PendingArticle, ReviewStep
from apps.articles.services.changes import clear_mark, locked_piece_of
from apps.articles.services.finding import rewrite_title_keys, write_new_title_keys
from apps.articles.services.leads import with_others
from apps.articles.services.mentions import publish_mentions
from apps.articles.services.planning import queue_publication
from apps.articles.services.steps import LABEL_LENGTH, remember, state_of, undo
from apps.articles.services.wording import NOTICE_LENGTH, Edits, checked_notice, checked_text, refusal
from apps.audit.enums import Action
from apps.audit.services import record, snapshot
from apps.core.actor import Actor
from apps.core.db import locked
from apps.core.errors import Conflict, FieldError, NotFound, PreconditionFailed, worded

log = structlog.get_logger(__name__)

FURTHEST_AHEAD = timedelta(days=366)
# The hub's beat finds delayed tasks within seconds: whoever is later than this has no task any more.
TASK_IS_LATE_AFTER = timedelta(seconds=30)
# One run's worth; the next one comes in a minute.
MOST_OVERDUE = 200
_CARRIED = (
    "source_id", "identity_hash", "title", "summary", "content", "source_url", "cover_url", "video_url",
    "source_published_at",
)  # fmt: skip
_CAN_BE_PUBLISHED = frozenset({Article.Status.PENDING, Article.Status.OFFLINE})


def checked_time(publish_at: datetime | None) -> datetime | None:
    """Raises Invalid for a time that has passed or is more than a year ahead."""
    if publish_at is None:
        return None
    now = timezone.now()
    if publish_at <= now:
        raise refusal("publish_at", "past", _("This time has passed."))
    if publish_at > now + FURTHEST_AHEAD:
        raise refusal("publish_at", "too_far", _("At most one year ahead."))
    return publish_at


def put_into_print(
    piece: PendingArticle, *, actor: Actor, publish_at: datetime | None
) -> tuple[Article, dict[str, Any]]:
    """Make the article of an approved piece, published or scheduled; returns it and the state to undo to.

    Part of the approval's transaction.  An article whose approval was undone is used again: readers know its id.
    Raises Conflict when another article has the same identity.
    """
    article = locked(Article.objects.filter(identity_hash=piece.identity_hash)).first()
    if article is None:
        article = Article(pending=piece, published_mode=Article.PublishedMode.MANUAL)
    elif article.pending_id != piece.pk or article.status != Article.Status.PENDING:
        raise Conflict(_("An article with this address is published already."))
    else:
        article.version += 1
    old, before = (snapshot(article), state_of(article)) if article.pk else (None, None)
    for name in _CARRIED:
        setattr(article, name, getattr(piece, name))
    article.language = piece.source.language if piece.source is not None else ""
    # Undone, a new article keeps these words: lists and searches can't tell one without a title from another.
    before = before or state_of(article)
    if publish_at is None:
        _make_public(article, piece.reviewed_at or timezone.now())
    else:
        article.publish_at = publish_at
    is_new = article.pk is None
    article.save()
    if is_new:
        write_new_title_keys([article])
    else:
        rewrite_title_keys(article)
    publish_mentions(article)
    record(Action.SCHEDULED if publish_at else Action.PUBLISHED, article, actor=actor, old=old, new=snapshot(article))
    if publish_at is not None:
        queue_publication(article, actor=actor)
    forget_public_list()
    return article, before


def _make_public(article: Article, now: datetime) -> None:
    """In memory."""
    article.status = Article.Status.PUBLISHED
    article.published_at = now
    article.publish_at = None
    article.first_published_at = article.first_published_at or now


@transaction.atomic
def publish_scheduled(article_id: int, *, planned: datetime, actor: Actor, now: datetime | None = None) -> bool:
    """Publish an article whose time has come; False when it no longer waits for this time.  For the hub's task."""
    article = locked(Article.objects.filter(pk=article_id)).first()
    if article is None or not article.is_scheduled or article.publish_at != planned:
        return False
    before = snapshot(article)
    _make_public(article, now or timezone.now())
    article.version += 1
    article.save(update_fields=["status", "published_at", "publish_at", "first_published_at", "version", "updated_at"])
    record(Action.PUBLISHED, article, actor=actor, old=before, new=snapshot(article))
    # The approval can still be undone: its article was brought out by the clock, not by somebody who went on.
    article.steps.standing().filter(article_version=article.version - 1).update(article_version=article.version)
    forget_public_list()
    return True


def publish_overdue(*, actor: Actor, now: datetime | None = None) -> int:
    """Publish what should be out already because its own task was lost; returns how many.

    Each in its own transaction and under its own lock, so beside the task, or beside another such run, an article
    is brought out once.
    """
    now = now or timezone.now()
    overdue = Article.objects.planned_before(now - TASK_IS_LATE_AFTER).values_list("pk", "publish_at")
    published = 0
    for article_id, planned in overdue[:MOST_OVERDUE]:
        if planned is not None and publish_scheduled(article_id, planned=planned, actor=actor, now=now):
            published += 1
            log.warning("planned_publication_was_late", article_id=article_id, planned=planned.isoformat())
    return published


@transaction.atomic
def reschedule(article_id: int, *, actor: Actor, publish_at: datetime, expected_version: int | None = None) -> Article:
    """Another time for an article that waits.  Raises NotFound, WrongState, PreconditionFailed, Invalid."""
    checked_time(publish_at)
    article = locked_article(article_id, expected_version)
    if not article.is_scheduled:
        raise _wrong_state(article)
    return _change(article, actor, Action.SCHEDULED, ReviewStep.Kind.SCHEDULED, publish_at=publish_at)


@transaction.atomic
def cancel_plan(article_id: int, *, actor: Actor, expected_version: int | None = None) -> Article:
    """Take back the approval of an article that waits for its time: its piece stands in the queue again.

    Other times that it was given since go with it.  Raises NotFound, WrongState, PreconditionFailed; Conflict when
    something else was done with the piece, or when nobody remembers the approval.
    """
    deeds = ReviewStep.objects.standing().filter(article_id=article_id)
    together = ReviewStep.objects.filter(batch__in=deeds.exclude(batch="").values("batch"))
    # Before the article, as everywhere: its piece and those that were decided in one step with it, and their stories.
    members = (*deeds.values_list("pending_id", flat=True), *together.values_list("pending_id", flat=True))
    with_others({pk for pk in members if pk is not None})
    article = locked_article(article_id, expected_version)
    if not article.is_scheduled:
        raise _wrong_state(article)
    for step_id in list(deeds.order_by("-pk").values_list("pk", flat=True)):
        undo(step_id, actor=actor)
    cancelled = Article.objects.get(pk=article_id)
    if cancelled.is_scheduled:
        raise Conflict(_("There is nothing to undo."))
    return cancelled


@transaction.atomic
def publish_now(article_id: int, *, actor: Actor, expected_version: int | None = None) -> Article:
    """Bring out at once what is scheduled or offline.  What was retracted stays so (undo takes it back)."""
    article = locked_article(article_id, expected_version)
    if article.status not in _CAN_BE_PUBLISHED or not (article.is_scheduled or article.first_published_at):
        raise _wrong_state(article)
    now = timezone.now()
    return _change(
        article,
        actor,
        Action.PUBLISHED,
        ReviewStep.Kind.PUBLISHED,
        status=Article.Status.PUBLISHED,
        published_at=now,
        publish_at=None,
        first_published_at=article.first_published_at or now,
    )


@transaction.atomic
def correct(
    article_id: int, *, actor: Actor, edits: Edits, notice: str, expected_version: int | None = None
) -> Article:
    """Change the words of a published article and tell readers why.  What stood there is kept as a revision."""
    words, notice = edits.checked(), checked_notice(notice)
    piece = locked_piece_of(article_id)
    article = locked_article(article_id, expected_version)
    _require(article, Article.Status.PUBLISHED)
    title = article.title if words.title is None else words.title
    summary = article.summary if words.summary is None else words.summary
    if (title, summary) == (article.title, article.summary):
        raise refusal("title", "unchanged", _("Nothing was changed."))
    ArticleRevision.objects.create(
        article=article,
        version=article.version,
        title=article.title,
        summary=article.summary,
        notice=notice,
        actor_label=actor.label[:LABEL_LENGTH],
    )
    if piece is not None:
        # What the source had changed has its answer.
        clear_mark(piece, actor=actor)
    return _change(
        article,
        actor,
        Action.CORRECTED,
        ReviewStep.Kind.CORRECTED,
        reason=notice,
        title=title,
        summary=summary,
        notice=notice,
        corrected_at=timezone.now(),
    )


@transaction.atomic
def retract(article_id: int, *, actor: Actor, notice: str, expected_version: int | None = None) -> Article:
    """Say that the article was wrong: it leaves the list; its address tells readers why."""
    notice = checked_notice(notice)
    article = locked_article(article_id, expected_version)
    _require(article, Article.Status.PUBLISHED)
    return _change(
        article,
        actor,
        Action.RETRACTED,
        ReviewStep.Kind.RETRACTED,
        reason=notice,
        status=Article.Status.RETRACTED,
        notice=notice,
        retracted_at=timezone.now(),
    )


@transaction.atomic
def take_offline(article_id: int, *, actor: Actor, reason: str, expected_version: int | None = None) -> Article:
    """Hide an article from readers, without a word to them; the reason is for the audit log."""
    reason = checked_text("reason", reason, NOTICE_LENGTH)
    article = locked_article(article_id, expected_version)
    _require(article, Article.Status.PUBLISHED)
    return _change(
        article, actor, Action.UNPUBLISHED, ReviewStep.Kind.OFFLINE, reason=reason, status=Article.Status.OFFLINE
    )


def hide_for_complaint(article: Article, *, actor: Actor, reason: str) -> None:
    """D-10, in the transaction that closes the complaint, on a locked article.  No way back by undo."""
    _change(article, actor, Action.UNPUBLISHED, None, reason=reason, status=Article.Status.OFFLINE, publish_at=None)


def _change(
    article: Article,
    actor: Actor,
    action: Action,
    kind: ReviewStep.Kind | None,
    *,
    reason: str = "",
    **values: Any,
) -> Article:
    old, before = snapshot(article), state_of(article)
    for name, value in values.items():
        setattr(article, name, value)
    article.version += 1
    article.save(update_fields=[*values, "version", "updated_at"])
    if "title" in values:
        rewrite_title_keys(article)
    record(action, article, actor=actor, old=old, new=snapshot(article), reason=reason)
    if kind is not None:
        remember(kind, actor=actor, article=article, article_before=before)
    if article.is_scheduled:
        queue_publication(article, actor=actor)
    forget_public_list(recount="status" in values)
    return article


def locked_article(article_id: int, expected_version: int | None) -> Article:
    """For a change, in its transaction.  Raises NotFound, PreconditionFailed."""
    article = locked(Article.objects.filter(pk=article_id)).first()
    if article is None:
        raise NotFound(_("There is no such article."))
    if expected_version is not None and expected_version != article.version:
        raise PreconditionFailed(
            worded(_("Article %(number)s was changed in the meantime: look at it again."), number=article_id),
            version=article.version,
        )
    return article


def _require(article: Article, status: Article.Status) -> None:
    if article.status != status:
        raise _wrong_state(article)


def _wrong_state(article: Article) -> WrongState:
    state = Article.Status(article.status).label
    return WrongState(
        worded(_("Article %(number)s is %(state)s: this is not possible now."), number=article.pk, state=state),
        errors=[FieldError("status", article.status, state)],
    )
