"""Pieces that an editor enters by hand: they take the same way through review as all others."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.articles.enums import IdentityPolicy
from apps.articles.models import TITLE_LENGTH, URL_LENGTH, PendingArticle, Source
from apps.articles.services.identity import canonical_url, identity_hash, words_hash
from apps.articles.services.suggesting import queue_suggestions
from apps.articles.services.wording import SUMMARY_LENGTH, checked_line, checked_text, refusal
from apps.audit.enums import Action
from apps.audit.services import record, snapshot
from apps.core.actor import Actor
from apps.core.db import locked
from apps.core.errors import Conflict, FieldError, NotFound, worded


def enter_by_hand(
    *,
    actor: Actor,
    source_id: int,
    title: str,
    summary: str,
    source_url: str,
    cover_url: str = "",
    video_url: str = "",
) -> PendingArticle:
    """Put a piece into the queue.  Raises Invalid, NotFound for the source, Conflict for a piece that we have."""
    title = checked_line("title", title, TITLE_LENGTH)
    summary = checked_text("summary", summary, SUMMARY_LENGTH)
    for field, url in (("source_url", source_url), ("cover_url", cover_url), ("video_url", video_url)):
        _require_address(field, url, required=field == "source_url")
    try:
        return _store(actor, source_id, title, summary, source_url.strip(), cover_url.strip(), video_url.strip())
    except IntegrityError as error:
        # Somebody entered the same piece between our look and our insert.
        raise _known(PendingArticle.objects.order_by("-id").first()) from error


@transaction.atomic
def _store(
    actor: Actor, source_id: int, title: str, summary: str, source_url: str, cover_url: str, video_url: str
) -> PendingArticle:
    source = locked(Source.objects.filter(pk=source_id)).first()
    if source is None:
        raise NotFound(_("There is no such source."))
    policy = IdentityPolicy(source.identity_policy)
    now = timezone.now()
    identity = identity_hash(
        source_id=source.pk, policy=policy, url=source_url, guid="", title=title, published_at=now, text=summary
    )
    known = PendingArticle.objects.of_identities([identity]).first()
    if known is not None:
        raise _known(known)
    piece = PendingArticle.objects.create(
        source=source,
        identity_hash=identity,
        title=title,
        title_hash=words_hash(title, summary),
        summary=summary,
        source_url=canonical_url(source_url, keep_fragment=policy == IdentityPolicy.URL_FRAGMENT),
        cover_url=cover_url,
        video_url=video_url,
        source_published_at=now,
        edited_at=now,
        raw_payload={"url": source_url, "guid": "", "title": title, "entered_by": actor.label},
    )
    record(Action.CREATED, piece, actor=actor, new=snapshot(piece))
    queue_suggestions([piece.pk])
    return piece


def _require_address(field: str, url: str, *, required: bool) -> None:
    if not url.strip() and not required:
        return
    if not canonical_url(url) or len(url.strip()) > URL_LENGTH:
        raise refusal(field, "invalid", _("Enter an http or https address of at most 512 characters."))


def _known(piece: PendingArticle | None) -> Conflict:
    detail = worded(_("Piece %(number)s has this address."), number=piece.pk if piece else "")
    return Conflict(detail, errors=[FieldError("source_url", "unique", detail)])
