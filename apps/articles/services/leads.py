"""Which piece of a story the queue shows: the one that leads it, while it waits for review.

Stories are locked after their pieces and before articles, in the order of their keys.
"""

from __future__ import annotations

from collections.abc import Iterable

from apps.articles.models import PendingArticle, Story
from apps.core.db import locked


def locked_stories(pieces: Iterable[PendingArticle], *, also: Iterable[int] = ()) -> list[Story]:
    """The stories of locked pieces, and others, locked in their turn; in the transaction of a deed on the pieces."""
    keys = {piece.story_id for piece in pieces if piece.story_id is not None} | set(also)
    return list(locked(Story.objects.filter(pk__in=keys))) if keys else []


def pass_lead_on(stories: Iterable[Story]) -> None:
    """After a deed on pieces of these locked stories: each is led by one that waits, if any does."""
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
