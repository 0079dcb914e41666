"""The consumer's end of a run: items from the stream become pieces, exactly once, in one transaction per batch."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

import structlog
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.articles.enums import IdentityPolicy
from apps.articles.models import URL_LENGTH, IngestRun, IngestRunError, PendingArticle, Source
from apps.articles.services.identity import canonical_url
from apps.articles.services.ingest import complete_run
from apps.articles.services.pieces import Arrival, Piece, actor_of, known_pieces, new_piece, pieces_of, save_pieces
from apps.articles.services.review import approve
from apps.articles.services.stories import gather
from apps.articles.task_names import GATHER_STORIES, SUGGEST_NAMES
from apps.core.db import locked_by_key
from apps.core.errors import Conflict
from apps.taskhub.services import enqueue_each

log = structlog.get_logger(__name__)

_COUNTS = [
    "received", "received_count", "stored_count", "dropped_count", "revised_count", "duplicate_count", "error_count",
]  # fmt: skip


def store_items(arrivals: Sequence[Arrival]) -> None:
    """Store a batch.  Safe to run twice with the same items, beside other consumers, and in any order."""
    try:
        _store(arrivals, timezone.now())
    except IntegrityError:
        # Another consumer stored one of these pieces between our look and our insert: now we see it.
        _store(arrivals, timezone.now())


@transaction.atomic
def _store(arrivals: Sequence[Arrival], now: datetime) -> None:
    sources = {source.pk: source for source in locked_by_key(Source, {item.source_id for item in arrivals})}
    runs = {run.pk: run for run in locked_by_key(IngestRun, {item.run_id for item in arrivals})}
    fresh = [arrival for arrival in _in_order(arrivals) if _receive(arrival, runs, sources)]
    usable = [arrival for arrival in fresh if _fits(arrival, runs[arrival.run_id])]
    _store_pieces(usable, runs, sources, now)
    for run in runs.values():
        if run.is_complete and run.status != IngestRun.Status.SUCCEEDED:
            complete_run(run, sources[run.source_id], now, counts=_COUNTS)
        else:
            run.save(update_fields=_COUNTS)


def _in_order(arrivals: Iterable[Arrival]) -> list[Arrival]:
    return sorted(arrivals, key=lambda arrival: (arrival.run_id, arrival.position))


def _receive(arrival: Arrival, runs: dict[int, IngestRun], sources: dict[int, Source]) -> bool:
    """Mark the arrival in its run.  False when it was stored before, or when its run or source no longer exists."""
    run = runs.get(arrival.run_id)
    if run is None or run.source_id != arrival.source_id or arrival.source_id not in sources:
        log.warning("ingest_item_without_run", run_id=arrival.run_id, source_id=arrival.source_id)
        return False
    if run.has_received(arrival.position):
        return False
    run.receive(arrival.position)
    return True


def _fits(arrival: Arrival, run: IngestRun) -> bool:
    if len(canonical_url(arrival.url, keep_fragment=True)) <= URL_LENGTH:
        return True
    message = _("The address is longer than %(limit)d characters.") % {"limit": URL_LENGTH}
    IngestRunError.objects.create(
        run=run, kind=IngestRunError.Kind.ITEM, position=arrival.position, message=message, sample=arrival.url
    )
    run.error_count += 1
    return False


def _store_pieces(
    arrivals: Sequence[Arrival], runs: dict[int, IngestRun], sources: dict[int, Source], now: datetime
) -> None:
    policies = {source.pk: IdentityPolicy(source.identity_policy) for source in sources.values()}
    sightings = pieces_of(arrivals, policies)
    pieces: dict[str, Piece] = known_pieces(sightings)
    for identity, seen in sightings.items():
        for arrival in seen:
            run = runs[arrival.run_id]
            piece = pieces.get(identity)
            if piece is None and sources[arrival.source_id].arrival_policy == Source.Arrival.DROP:
                run.dropped_count += 1
            elif piece is None:
                pieces[identity] = new_piece(identity, arrival, policies[arrival.source_id])
                run.stored_count += 1
            elif piece.show(arrival, now):
                run.revised_count += 1
            else:
                run.duplicate_count += 1
    save_pieces(pieces.values(), sources)
    _publish_at_once([piece.row for piece in pieces.values() if piece.is_new], sources)
    _queue_the_rest(pieces.values())


def _queue_the_rest(pieces: Collection[Piece]) -> None:
    """Comparing headlines and looking for names take longer than storing: the stream does not wait for them."""
    new = [piece.row.pk for piece in pieces if piece.is_new]
    worded = [piece.row.pk for piece in pieces if piece.is_new or piece.is_changed]
    wanted = [(GATHER_STORIES, new), (SUGGEST_NAMES, worded)]
    enqueue_each([(name, {"pending_ids": ids}) for name, ids in wanted if ids])


def _publish_at_once(rows: Sequence[PendingArticle], sources: dict[int, Source]) -> None:
    """Pieces of sources that are trusted so far; what another source tells too waits for a person."""
    trusted = {pk for pk, source in sources.items() if source.arrival_policy == Source.Arrival.PUBLISH}
    wanted = [row for row in rows if row.source_id in trusted]
    if not wanted:
        return
    ids = [row.pk for row in wanted]
    gather(ids)
    told = set(PendingArticle.objects.filter(pk__in=ids, story__isnull=False).values_list("pk", flat=True))
    for row in wanted:
        if row.pk not in told:
            _publish(row, sources[row.source_id or 0])


def _publish(row: PendingArticle, source: Source) -> None:
    """The source acts as reviewer; what looks like spam or can't be published waits for a person."""
    if row.is_suspect:
        return
    try:
        approve(row.pk, actor=actor_of(source))
    except Conflict:
        log.warning("arrival_not_published", pending_id=row.pk, source_id=source.pk)
