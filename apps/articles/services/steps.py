"""The way back: each deed of an editor is remembered with what was there before, and can be taken back once.

A deed can be undone while nothing else happened to the same piece, article or story since; the second of two people
learns that it is too late.  A takedown is no such deed: what had to go does not come back by a key.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.articles.cache import forget_public_list
from apps.articles.models import Article, PendingArticle, ReviewStep, Story
from apps.articles.querysets import ReviewStepQuerySet
from apps.articles.services.changes import FOLLOWED_FIELDS, follow_source
from apps.articles.services.finding import rewrite_title_keys
from apps.articles.services.leads import pass_lead_on, with_others
from apps.articles.services.mentions import restore
from apps.articles.services.planning import queue_publication
from apps.articles.services.suggesting import queue_suggestions
from apps.audit.enums import Action
from apps.audit.services import record, snapshot
from apps.core.actor import Actor, ActorKind
from apps.core.db import locked
from apps.core.errors import Conflict, NotFound, worded

_PIECE_STATE = (
    "status", "reviewer_id", "reviewer_label", "reviewed_at", "reject_code", "reject_reason", "title", "title_hash",
    "summary", "edited_at",
)  # fmt: skip
_ARTICLE_STATE = (
    "status", "title", "summary", "published_at", "publish_at", "corrected_at", "retracted_at", "notice",
)  # fmt: skip
LABEL_LENGTH = 150
# A working day: at the desk a key must not reach what was done long ago.
UNDO_AT_DESK = dt.timedelta(hours=12)
Kind = ReviewStep.Kind
# Deeds on the place of a piece in its story.
_ARRANGING = frozenset({Kind.LEADING, Kind.APART})


def state_of(row: PendingArticle | Article) -> dict[str, Any]:
    """What undoing a deed brings back, as JSON.  Taken before the deed."""
    names = _PIECE_STATE if isinstance(row, PendingArticle) else _ARTICLE_STATE
    return {name: _as_json(getattr(row, name)) for name in names}


def remember(
    kind: ReviewStep.Kind,
    *,
    actor: Actor,
    piece: PendingArticle | None = None,
    piece_before: dict[str, Any] | None = None,
    article: Article | None = None,
    article_before: dict[str, Any] | None = None,
    batch: str = "",
) -> ReviewStep:
    """Keep the way back from what was just done; in its transaction."""
    return ReviewStep.objects.create(
        kind=kind,
        pending=piece,
        pending_before=piece_before,
        article=article,
        article_before=article_before,
        article_version=article.version if article else None,
        actor_id=person_id(actor),
        actor_label=actor.label[:LABEL_LENGTH],
        batch=batch,
    )


def person_id(actor: Actor) -> int | None:
    return int(actor.id) if actor.kind == ActorKind.USER else None


@transaction.atomic
def undo_last(*, actor: Actor) -> list[ReviewStep]:
    """Take back this person's last deed, a bulk decision as a whole.

    Raises NotFound when there is none, Conflict when something else happened since.
    """
    number = person_id(actor)
    step = ReviewStep.objects.last_of(number) if number is not None else None
    if step is None:
        raise NotFound(_("There is nothing to undo."))
    return undo(step.pk, actor=actor)


def last_at_desk(actor: Actor, *, now: dt.datetime | None = None) -> ReviewStep | None:
    """The deed that the review desk offers to take back: this person's last one on a piece, of the last 12 hours."""
    number = person_id(actor)
    since = (now or timezone.now()) - UNDO_AT_DESK
    return ReviewStep.objects.last_on_piece(number, since) if number is not None else None


@transaction.atomic
def undo_at_desk(step_id: int, *, actor: Actor, now: dt.datetime | None = None) -> list[ReviewStep]:
    """Take back the deed that the desk had named, a bulk decision as a whole.

    Raises NotFound when it offers none; Conflict when it offers another one by now, or something else happened since.
    """
    last = last_at_desk(actor, now=now)
    if last is None:
        raise NotFound(_("There is nothing to undo."))
    if last.pk != step_id:
        raise Conflict(_("This is not your last step any more: look again at what would be undone."))
    return undo(step_id, actor=actor)


@transaction.atomic
def undo(step_id: int, *, actor: Actor) -> list[ReviewStep]:
    """Take back one deed, whoever did it; of a bulk decision all or nothing.

    Raises NotFound, Conflict, and PreconditionFailed when a piece came into another story at this very moment.
    """
    named = ReviewStep.objects.filter(pk=step_id).first()
    if named is None:
        raise NotFound(_("There is nothing to undo."))
    held = _hold(ReviewStep.objects.of_one_deed(named))
    for step in held.steps:
        _require_last(step, held)
    for step in held.steps:
        _take_back(step, held, actor)
    # Whoever came to lead meanwhile may be decided, and those who wait again would be shown by nobody.
    pass_lead_on(held.stories.values())
    if held.articles:
        forget_public_list(recount=True)
    return held.steps


@dataclass(frozen=True, slots=True)
class _Held:
    """What a deed touched, all locked: pieces with the others of their stories, the stories, articles, its steps."""

    pieces: dict[int, PendingArticle]
    stories: dict[int, Story]
    articles: dict[int, Article]
    steps: list[ReviewStep]


def _hold(group: ReviewStepQuerySet) -> _Held:
    members = list(group)
    returns_to = {step.pending_before["story"] for step in members if step.kind == Kind.APART and step.pending_before}
    gathered = with_others(_known(step.pending_id for step in members), of_stories=returns_to)
    articles = locked(Article.objects.filter(pk__in=_known(step.article_id for step in members)))
    return _Held(
        pieces={row.pk: row for row in (*gathered.pieces, *gathered.others)},
        stories={story.pk: story for story in gathered.stories},
        articles={row.pk: row for row in articles},
        steps=list(locked(group)),
    )


def _require_last(step: ReviewStep, held: _Held) -> None:
    """Nobody went on from this step: the rows are locked, so nobody does so now."""
    if step.undone_at is not None:
        raise Conflict(_("This has been undone already."))
    later = ReviewStep.objects.standing().filter(pk__gt=step.pk)
    if step.pending_id and later.filter(pending_id=step.pending_id).exists():
        raise _went_on(step)
    if step.article_id and held.articles[step.article_id].version != step.article_version:
        raise Conflict(worded(_("Something else was done with article %(number)s since."), number=step.article_id))
    if step.kind in _ARRANGING and not _may_rearrange(step, held):
        raise _went_on(step)


def _went_on(step: ReviewStep) -> Conflict:
    return Conflict(worded(_("Something else was done with piece %(number)s since."), number=step.pending_id))


def _take_back(step: ReviewStep, held: _Held, actor: Actor) -> None:
    piece, article = held.pieces.get(step.pending_id or 0), held.articles.get(step.article_id or 0)
    if step.kind in _ARRANGING:
        _rearrange(step, held, actor)
    elif piece is not None and step.pending_before is not None:
        _restore_piece(piece, step.pending_before, step, actor)
    if article is not None and step.article_before is not None:
        _restore_article(article, step.article_before, step, actor)
    step.undone_at = timezone.now()
    step.undone_by_label = actor.label[:LABEL_LENGTH]
    step.save(update_fields=["undone_at", "undone_by_label"])


def _may_rearrange(step: ReviewStep, held: _Held) -> bool:
    """Whether the piece still stands alone, or still leads the story in which the former lead stands too."""
    piece, before = held.pieces[step.pending_id or 0], step.pending_before or {}
    if step.kind == Kind.APART:
        return piece.story_id is None
    story = held.stories.get(piece.story_id or 0)
    if story is None or story.lead_id not in (piece.pk, before["lead"]):
        return False
    return before["lead"] is None or story.pieces.filter(pk=before["lead"]).exists()


def _rearrange(step: ReviewStep, held: _Held, actor: Actor) -> None:
    piece, before = held.pieces[step.pending_id or 0], step.pending_before or {}
    old = snapshot(piece)
    if step.kind == Kind.LEADING:
        _lead(held.stories[piece.story_id or 0], before["lead"])
    else:
        _rejoin(piece, held.stories[before["story"]], held)
        if before["led"]:
            _lead(held.stories[before["story"]], piece.pk)
    record(Action.UNDONE, piece, actor=actor, old=old, new=snapshot(piece), data={"step": step.kind})


def _lead(story: Story, piece_id: int | None) -> None:
    story.lead_id = piece_id
    story.save(update_fields=["lead", "updated_at"])


def _rejoin(piece: PendingArticle, story: Story, held: _Held) -> None:
    """Whoever has looked at the story without this piece has not seen this version of it."""
    for row in held.pieces.values():
        if row.story_id == story.pk:
            row.version += 1
            row.save(update_fields=["version", "updated_at"])
    piece.story = story
    piece.version += 1
    piece.save(update_fields=["story", "version", "updated_at"])


def _restore_piece(piece: PendingArticle, before: dict[str, Any], step: ReviewStep, actor: Actor) -> None:
    old = snapshot(piece)
    changed = _put_back(piece, before)
    if changed:
        # The source's headline stands again: it is no other headline of this piece any more.
        piece.revisions.filter(title_hash=piece.title_hash).delete()
        if follow_source(piece, since=step.created_at):
            queue_suggestions([piece.pk])
        changed += FOLLOWED_FIELDS
    piece.save(update_fields=[*dict.fromkeys(changed), "version", "updated_at"])
    record(Action.UNDONE, piece, actor=actor, old=old, new=snapshot(piece), data={"step": step.kind})


def _restore_article(article: Article, before: dict[str, Any], step: ReviewStep, actor: Actor) -> None:
    old = snapshot(article)
    article.save(update_fields=[*_put_back(article, before), "version", "updated_at"])
    if article.title != old["title"]:
        rewrite_title_keys(article)
    earlier = article.steps.standing().filter(pk__lt=step.pk, article_version=article.version - 2)
    earlier.update(article_version=article.version)
    if article.is_scheduled:
        # The task of this plan has run meanwhile, or found another plan and is gone.
        queue_publication(article, actor=actor)
    record(Action.UNDONE, article, actor=actor, old=old, new=snapshot(article), data={"step": step.kind})


def _put_back(row: PendingArticle | Article, before: dict[str, Any]) -> list[str]:
    """In memory, but for the names.  Returns the fields that have other values now and are to be saved."""
    if "mentions" in before:
        restore(row, before["mentions"])
    fields = [name for name in before if name != "mentions"]
    for name in fields:
        value = before[name]
        setattr(row, name, None if value is None else _field(row, name).to_python(value))
    row.version += 1
    return fields


def _field(row: models.Model, name: str) -> models.Field[Any, Any]:
    field = row._meta.get_field(name)
    assert isinstance(field, models.Field)
    return field


def _as_json(value: Any) -> Any:
    return value.isoformat() if isinstance(value, dt.datetime) else value


def _known(keys: Iterable[int | None]) -> set[int]:
    return {key for key in keys if key is not None}
