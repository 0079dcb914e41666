"""Near-duplicates of several sources become one story: one card in the queue, all pieces kept.

The lead is the piece that the queue shows; it waits for review as long as any piece of the story does.  Approving the
lead decides the others as told already; after its rejection the next piece leads.  Pieces of one source are never
gathered: what a source says twice is its own matter of identity.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.articles.errors import WrongState
from apps.articles.models import PendingArticle, ReviewStep, Story
from apps.articles.services.leads import find_lead, with_others
from apps.articles.services.similarity import Headlines
from apps.articles.services.steps import remember
from apps.audit.enums import Action
from apps.audit.services import record, snapshot
from apps.core.actor import SYSTEM, Actor
from apps.core.db import locked
from apps.core.errors import NotFound, PreconditionFailed, worded

# Pieces further apart in time are different news, however alike they sound.
WINDOW = timedelta(days=3)
MOST_COMPARED = 20_000


def gather(pending_ids: Sequence[int]) -> int:
    """Look for the stories of new pieces; returns how many found one.  Safe to run twice and beside others."""
    pieces = list(PendingArticle.objects.for_stories().filter(pk__in=pending_ids, story=None))
    if not pieces:
        return 0
    around = PendingArticle.objects.for_stories().filter(
        created_at__gte=min(piece.created_at for piece in pieces) - WINDOW,
        created_at__lte=max(piece.created_at for piece in pieces) + WINDOW,
    )
    known = {piece.pk: piece for piece in around.order_by("-id")[:MOST_COMPARED]}
    headlines = Headlines((pk, piece.title) for pk, piece in known.items())
    return sum(_found_story(piece, headlines, known) for piece in sorted(pieces, key=lambda piece: piece.pk))


def _found_story(piece: PendingArticle, headlines: Headlines, known: dict[int, PendingArticle]) -> bool:
    for key in headlines.like(piece.title):
        other = known[int(str(key))]
        apart = abs(other.created_at - piece.created_at)
        if other.pk != piece.pk and other.source_id != piece.source_id and apart <= WINDOW:
            return join(piece.pk, other.pk, actor=SYSTEM)
    return False


@transaction.atomic
def join(pending_id: int, other_id: int, *, actor: Actor) -> bool:
    """Put a piece into the story of another.  False when it has one already.  Raises NotFound."""
    both = PendingArticle.objects.filter(pk__in=(pending_id, other_id))
    stories = {key for key in both.values_list("story_id", flat=True) if key is not None}
    # All that are written to are locked at once, in the order of their keys: two looks at once must not wait in a ring.
    theirs = Q(story_id__in=stories, status=PendingArticle.Status.PENDING)
    rows = {row.pk: row for row in locked(PendingArticle.objects.filter(Q(pk__in=(pending_id, other_id)) | theirs))}
    if not {pending_id, other_id} <= rows.keys():
        raise NotFound(_("There is no such piece."))
    piece, other = rows.pop(pending_id), rows[other_id]
    if piece.story_id is not None:
        return False
    if other.story_id is None:
        older = min(piece, other, key=lambda row: row.pk)
        _enter(other, Story.objects.create(lead=older), actor)
    story = locked(Story.objects.filter(pk=other.story_id or 0)).get()
    _enter(piece, story, actor)
    # Whoever decides on one of them decides on all: who has not seen the new one has not seen this version.
    told = PendingArticle.objects.filter(pk__in=[row.pk for row in rows.values() if row.story_id == story.pk])
    told.filter(status=PendingArticle.Status.PENDING).update(version=F("version") + 1, updated_at=timezone.now())
    find_lead(story)
    return True


@transaction.atomic
def choose_lead(pending_id: int, *, actor: Actor, expected_version: int | None = None) -> PendingArticle:
    """This piece stands for its story in the queue; again does nothing.

    Raises NotFound, WrongState for a piece that does not wait, PreconditionFailed for a stale version.
    """
    piece, story = _locked_with_story(pending_id, expected_version)
    if not piece.is_pending:
        raise WrongState(_("Only a piece that waits for review can lead its story."))
    if story.lead_id == piece.pk:
        return piece
    before, former = snapshot(piece), story.lead_id
    story.lead = piece
    story.save(update_fields=["lead", "updated_at"])
    record(Action.UPDATED, piece, actor=actor, old=before, new=snapshot(piece), data={"leads_story": story.pk})
    remember(ReviewStep.Kind.LEADING, actor=actor, piece=piece, piece_before={"lead": former})
    return piece


@transaction.atomic
def leave_story(pending_id: int, *, actor: Actor, expected_version: int | None = None) -> PendingArticle:
    """This piece is another story.  Raises NotFound when it stands in none, PreconditionFailed for a stale version."""
    piece, story = _locked_with_story(pending_id, expected_version)
    before, way_back = snapshot(piece), {"story": story.pk, "led": story.lead_id == piece.pk}
    piece.story = None
    piece.version += 1
    piece.save(update_fields=["story", "version", "updated_at"])
    record(Action.UPDATED, piece, actor=actor, old=before, new=snapshot(piece))
    remember(ReviewStep.Kind.APART, actor=actor, piece=piece, piece_before=way_back)
    find_lead(story)
    return piece


def _enter(piece: PendingArticle, story: Story, actor: Actor) -> None:
    before = snapshot(piece)
    piece.story = story
    piece.version += 1
    piece.save(update_fields=["story", "version", "updated_at"])
    record(Action.MERGED, piece, actor=actor, old=before, new=snapshot(piece))


def _locked_with_story(pending_id: int, expected_version: int | None) -> tuple[PendingArticle, Story]:
    gathered = with_others([pending_id])
    (piece,) = gathered.pieces
    if not gathered.stories:
        raise NotFound(_("This piece stands in no story."))
    if expected_version is not None and expected_version != piece.version:
        raise PreconditionFailed(
            worded(_("Piece %(number)s was edited in the meantime: look at it again."), number=piece.pk),
            version=piece.version,
        )
    return piece, gathered.stories[0]


def stories_of(pieces: Iterable[PendingArticle]) -> dict[int, int]:
    """How many pieces each story has, for a page of cards in one query."""
    keys = {piece.story_id for piece in pieces if piece.story_id is not None}
    return Story.objects.sizes(keys) if keys else {}
