"""Decisions of the editors.  Each is one transaction: piece, article, way back, audit event, forgetting of the list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.articles.errors import AlreadyReviewed
from apps.articles.models import Article, PendingArticle, PendingRevision, RejectReason, ReviewStep
from apps.articles.services.claims import CLAIM_FIELDS, drop_claim, require_free
from apps.articles.services.identity import words_hash
from apps.articles.services.leads import Gathered, pass_lead_on, with_others
from apps.articles.services.mentions import Naming, decide
from apps.articles.services.publishing import checked_time, put_into_print
from apps.articles.services.steps import LABEL_LENGTH, person_id, remember, state_of
from apps.articles.services.suggesting import queue_suggestions
from apps.articles.services.wording import Edits, refusal
from apps.audit.enums import Action
from apps.audit.services import record, snapshot
from apps.core.actor import Actor
from apps.core.db import locked
from apps.core.errors import FieldError, Invalid, NotFound, PreconditionFailed, worded

REASON_LENGTH = 500
# More at once would hold locks too long; a page of the admin shows 100.
BULK_LIMIT = 200
_DECISION = [
    "status", "reviewer_id", "reviewer_label", "reviewed_at", "reject_code", "reject_reason", "version", "updated_at",
    *CLAIM_FIELDS,
]  # fmt: skip
_WORDS = ["title", "title_hash", "summary", "edited_at", "version", "updated_at"]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a piece is turned down: a kind from the list, and words; ``other`` needs words."""

    text: str = ""
    code: str = ""

    def checked(self) -> Reason:
        text, code = self.text.strip(), self.code or RejectReason.OTHER.value
        if code not in RejectReason.values:
            raise refusal("reason_code", "invalid_choice", _("Choose a reason from the list."))
        if not text and code == RejectReason.OTHER:
            raise refusal("reason", "required", _("Say why the piece is rejected."))
        if len(text) > REASON_LENGTH:
            raise refusal("reason", "max_length", _("The reason has at most 500 characters."))
        return Reason(text, code)

    def told(self) -> str:
        """For the audit log."""
        return self.text or str(RejectReason(self.code).label)


@transaction.atomic
def approve(
    pending_id: int,
    *,
    actor: Actor,
    expected_version: int | None = None,
    edits: Edits | None = None,
    publish_at: datetime | None = None,
    naming: Naming | None = None,
) -> Article:
    """Publish a piece, with the editor's own words if given, now or at the time that is given.

    Readers are told of the fighters and events that were confirmed, before or with ``naming``; of suggestions that
    nobody confirmed they are not.

    The other pieces of its story that wait are turned down as told already, and come back when this is undone; while
    somebody else holds one of them nothing is decided.
    Raises NotFound, AlreadyReviewed and ClaimedByAnother (Conflict), PreconditionFailed for a stale version, Invalid
    for words that can't stand and for a time that has passed.
    """
    words = (edits or Edits()).checked()
    when = checked_time(publish_at)
    gathered = with_others([pending_id])
    (piece,) = gathered.pieces
    _require_undecided(piece, expected_version, actor)
    _require_free(gathered.others, actor)
    if naming is not None:
        _name(piece, naming, actor)
    batch = uuid4().hex if gathered.others else ""
    article = _approve(piece, actor, words=words, publish_at=when, batch=batch)
    _reject_others(gathered, actor, batch)
    return article


@transaction.atomic
def edit(
    pending_id: int,
    *,
    actor: Actor,
    edits: Edits,
    naming: Naming | None = None,
    expected_version: int | None = None,
) -> PendingArticle:
    """Give the piece an editor's words, and say whom it names; undone together.

    The source's headline is kept as a revision.  Errors as ``approve``.
    """
    words = edits.checked()
    piece = locked_for_decision(pending_id, expected_version, actor)
    before, state = snapshot(piece), state_of(piece)
    named = None if naming is None else decide(piece, naming)
    is_reworded = _reword(piece, words)
    if not is_reworded and named is None:
        return piece
    piece.version += 1
    piece.save(update_fields=_WORDS)
    after = snapshot(piece)
    if named is not None:
        before, after = before | {"names": named.old}, after | {"names": named.new}
        state |= {"mentions": dict(named.before)}
    record(Action.UPDATED, piece, actor=actor, old=before, new=after)
    if is_reworded:
        queue_suggestions([piece.pk])
    kind = ReviewStep.Kind.EDITED if is_reworded else ReviewStep.Kind.NAMED
    remember(kind, actor=actor, piece=piece, piece_before=state)
    return piece


@transaction.atomic
def reject(
    pending_id: int, *, actor: Actor, reason: str = "", reason_code: str = "", expected_version: int | None = None
) -> PendingArticle:
    """Turn a piece down.  Raises Invalid without a reason, otherwise as ``approve``."""
    why = Reason(reason, reason_code).checked()
    gathered = with_others([pending_id])
    (piece,) = gathered.pieces
    _require_undecided(piece, expected_version, actor)
    rejected = _reject(piece, actor, why)
    pass_lead_on(gathered.stories)
    return rejected


@transaction.atomic
def approve_many(versions: Mapping[int, int], *, actor: Actor) -> list[Article]:
    """Publish all of these or none.  ``versions`` maps each piece to the version that was seen: one that is decided,
    claimed, edited or missing by now refuses the whole.

    As with ``approve`` the pieces of their stories that were not chosen are turned down as told already; of two that
    were chosen from one story both are published.
    """
    gathered = _gathered_undecided(versions, actor)
    _require_free(gathered.others, actor)
    batch = uuid4().hex
    articles = [_approve(piece, actor, batch=batch) for piece in gathered.pieces]
    _reject_others(gathered, actor, batch)
    return articles


@transaction.atomic
def reject_many(
    versions: Mapping[int, int], *, actor: Actor, reason: str = "", reason_code: str = ""
) -> list[PendingArticle]:
    """Turn down all of these or none; ``versions`` as for ``approve_many``."""
    why = Reason(reason, reason_code).checked()
    gathered = _gathered_undecided(versions, actor)
    batch = uuid4().hex
    rejected = [_reject(piece, actor, why, batch=batch) for piece in gathered.pieces]
    pass_lead_on(gathered.stories)
    return rejected


def _require_free(others: Iterable[PendingArticle], actor: Actor) -> None:
    for other in others:
        require_free(other, actor, timezone.now())


def _reject_others(gathered: Gathered, actor: Actor, batch: str) -> None:
    """The story is told: whatever else of it waits, waits no more."""
    for other in gathered.others:
        _reject(other, actor, Reason(code=RejectReason.DUPLICATE), batch=batch)
    pass_lead_on(gathered.stories)


def _approve(
    piece: PendingArticle,
    actor: Actor,
    *,
    words: Edits | None = None,
    publish_at: datetime | None = None,
    batch: str = "",
) -> Article:
    before, state = snapshot(piece), state_of(piece)
    if words is not None and _reword(piece, words):
        piece.save(update_fields=_WORDS)
    _decide(piece, PendingArticle.Status.APPROVED, actor)
    record(Action.APPROVED, piece, actor=actor, old=before, new=snapshot(piece))
    article, article_before = put_into_print(piece, actor=actor, publish_at=publish_at)
    remember(
        ReviewStep.Kind.SCHEDULED if publish_at else ReviewStep.Kind.APPROVED,
        actor=actor,
        piece=piece,
        piece_before=state,
        article=article,
        article_before=article_before,
        batch=batch,
    )
    return article


def _name(piece: PendingArticle, naming: Naming, actor: Actor) -> None:
    """With the approval, whose undoing leaves the names as they were confirmed: nobody reads them meanwhile."""
    named = decide(piece, naming)
    if named is not None:
        record(Action.UPDATED, piece, actor=actor, old={"names": named.old}, new={"names": named.new})


def _reject(piece: PendingArticle, actor: Actor, why: Reason, *, batch: str = "") -> PendingArticle:
    before, state = snapshot(piece), state_of(piece)
    piece.reject_code, piece.reject_reason = why.code, why.text
    _decide(piece, PendingArticle.Status.REJECTED, actor)
    record(Action.REJECTED, piece, actor=actor, old=before, new=snapshot(piece), reason=why.told())
    remember(ReviewStep.Kind.REJECTED, actor=actor, piece=piece, piece_before=state, batch=batch)
    return piece


def _reword(piece: PendingArticle, words: Edits) -> bool:
    """In memory, but for the source's headline, which is kept.  False when these are the words that stand there."""
    title = piece.title if words.title is None else words.title
    summary = piece.summary if words.summary is None else words.summary
    if (title, summary) == (piece.title, piece.summary):
        return False
    new_hash = words_hash(title, summary)
    if new_hash != piece.title_hash and not piece.revisions.filter(title_hash=piece.title_hash).exists():
        PendingRevision.objects.create(
            pending=piece,
            title=piece.title,
            title_hash=piece.title_hash,
            summary=piece.summary,
            source_published_at=piece.source_published_at,
        )
    piece.title, piece.summary, piece.title_hash = title, summary, new_hash
    piece.edited_at = timezone.now()
    return True


def _decide(piece: PendingArticle, status: PendingArticle.Status, actor: Actor) -> None:
    piece.status = status
    piece.reviewer_id = person_id(actor)
    piece.reviewer_label = actor.label[:LABEL_LENGTH]
    piece.reviewed_at = timezone.now()
    piece.version += 1
    drop_claim(piece)
    piece.save(update_fields=_DECISION)


def locked_for_decision(pending_id: int, expected_version: int | None, actor: Actor) -> PendingArticle:
    """For a deed on a piece that waits, in its transaction.  Raises as ``approve``."""
    piece = locked(PendingArticle.objects.filter(pk=pending_id)).first()
    if piece is None:
        raise NotFound(_("There is no such piece."))
    _require_undecided(piece, expected_version, actor)
    return piece


def _gathered_undecided(versions: Mapping[int, int], actor: Actor) -> Gathered:
    if not versions or len(versions) > BULK_LIMIT:
        raise Invalid(_("Choose between 1 and 200 pieces."))
    gathered = with_others(versions)
    for piece in gathered.pieces:
        _require_undecided(piece, versions[piece.pk], actor)
    return gathered


def _require_undecided(piece: PendingArticle, expected_version: int | None, actor: Actor) -> None:
    """The state first: whoever comes second learns that it is decided, not merely that it changed."""
    number = piece.pk
    if not piece.is_pending:
        state = PendingArticle.Status(piece.status).label
        raise AlreadyReviewed(
            worded(_("Piece %(number)s is %(state)s already."), number=number, state=state),
            errors=[FieldError("status", piece.status, state)],
        )
    require_free(piece, actor, timezone.now())
    if expected_version is not None and expected_version != piece.version:
        raise PreconditionFailed(
            worded(_("Piece %(number)s was edited in the meantime: look at it again."), number=number),
            version=piece.version,
        )
