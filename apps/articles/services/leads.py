"""Which piece of a story the queue shows: the one that leads it, while it waits for review.

Whoever decides on a piece, or takes a decision back, may pass the lead on.  A story that points to a piece locks it, so
whoever may do that holds every piece that may come to lead: all at once in the order of their keys, then the stories,
both before articles.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.articles.models import PendingArticle, Story
from apps.core.db import locked
from apps.core.errors import NotFound, PreconditionFailed


@dataclass(frozen=True, slots=True)
class Gathered:
    """Pieces, the others of their stories that wait, and the stories: all locked."""

    pieces: list[PendingArticle]
    others: list[PendingArticle]
    stories: list[Story]


def with_others(pending_ids: Collection[int], *, of_stories: Collection[int] = ()) -> Gathered:
    """Lock pieces with the others of their stories, and of ``of_stories``, that wait; in the caller's transaction.

    Raises NotFound, and PreconditionFailed when a piece came into another story at this very moment.
    """
    story_of = dict(PendingArticle.objects.filter(pk__in=pending_ids).values_list("pk", "story_id"))
    stories = {key for key in story_of.values() if key is not None} | set(of_stories)
    theirs = Q(story_id__in=stories, status=PendingArticle.Status.PENDING)
    rows = {row.pk: row for row in locked(PendingArticle.objects.filter(Q(pk__in=pending_ids) | theirs))}
    if not rows.keys() >= set(pending_ids):
        raise NotFound(_("There is no such piece."))
    pieces = [rows.pop(pk) for pk in sorted(pending_ids)]
    for piece in pieces:
        if piece.story_id != story_of.get(piece.pk):
            raise PreconditionFailed(
                _("The story of this piece has just changed: look at it again."), version=piece.version
            )
    others = [row for row in rows.values() if row.story_id in stories]
    return Gathered(pieces, others, list(locked(Story.objects.filter(pk__in=stories))) if stories else [])


def pass_lead_on(stories: Iterable[Story]) -> None:
    """After a deed on pieces of these stories, all of them held: each is led by one that waits, if any does."""
    for story in stories:
        find_lead(story)


def find_lead(story: Story) -> None:
    """The present lead while it waits, else the oldest piece that does, else whoever leads now."""
    waiting = story.pieces.filter(status=PendingArticle.Status.PENDING).order_by("pk").values_list("pk", flat=True)
    keys = list(waiting[:1000])
    if story.lead_id in keys or not keys:
        return
    story.lead_id = keys[0]
    story.save(update_fields=["lead", "updated_at"])
