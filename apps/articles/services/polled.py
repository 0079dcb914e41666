"""What a poll says of its source: health, when to ask again, its address, and how its items are told apart.

Everything here works on a source that the caller has locked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog

from apps.articles.enums import IdentityPolicy
from apps.articles.models import URL_LENGTH, IngestRun, Source
from apps.articles.services.identity import canonical_url, policy_seen_in, url_hash
from apps.articles.services.pieces import rekey_pieces
from apps.audit.enums import Action
from apps.audit.services import record, snapshot
from apps.core.actor import SYSTEM

log = structlog.get_logger(__name__)

LONGEST_BACK_OFF = timedelta(hours=24)
LONGEST_RETRY_AFTER = timedelta(days=7)
SUCCESS_FIELDS = ["failures_in_a_row", "last_fetch_at", "last_success_at", "last_fetch_error", "last_fetch_status"]
FAILURE_FIELDS = ["failures_in_a_row", "last_fetch_at", "last_fetch_error", "last_fetch_status"]


def is_of_source(run: IngestRun, source: Source) -> bool:
    """Another address that was asked once says nothing about the source: neither its health nor its timetable."""
    return run.source_url == source.source_url


def mark_failure(source: Source, message: str, now: datetime) -> None:
    """In memory; the caller saves ``FAILURE_FIELDS``."""
    source.failures_in_a_row += 1
    source.last_fetch_at = now
    source.last_fetch_error = message
    source.last_fetch_status = Source.FetchStatus.FAILED


def mark_success(source: Source, status: Source.FetchStatus, now: datetime) -> None:
    """In memory; the caller saves ``SUCCESS_FIELDS``."""
    source.failures_in_a_row = 0
    source.last_fetch_at = source.last_success_at = now
    source.last_fetch_error = ""
    source.last_fetch_status = status


def back_off(source: Source, retry_after: timedelta | None, *, jitter: Callable[[], float]) -> timedelta:
    """Twice the wait after each failure up to a day, plus up to half of it so that hosts' feeds drift apart.

    Never shorter than the interval or than what the server asked for; never for ever.
    """
    interval = timedelta(seconds=source.interval_seconds)
    # The exponent is bounded: 2 ** 5000 is no number of seconds.
    doubled = interval * (1 << min(source.failures_in_a_row - 1, 20))
    wait = max(interval, min(doubled, LONGEST_BACK_OFF)) * (1 + jitter() / 2)
    return max(wait, min(retry_after, LONGEST_RETRY_AFTER)) if retry_after else wait


def follow_move(source: Source, run: IngestRun, moved_to: str) -> None:
    """Keep the new address of a source that has moved for good; what it answered there was read before."""
    if not moved_to or run.source_url != source.source_url or moved_to == source.source_url:
        return
    if not canonical_url(moved_to) or len(moved_to) > URL_LENGTH or _is_taken(source, moved_to):
        log.warning("source_move_refused", source_id=source.pk, moved_to=moved_to[:URL_LENGTH])
        return
    before = snapshot(source)
    source.source_url = run.source_url = moved_to
    source.url_hash = url_hash(moved_to)
    source.save(update_fields=["source_url", "url_hash", "updated_at"])
    run.save(update_fields=["source_url"])
    record(Action.UPDATED, source, actor=SYSTEM, old=before, new=snapshot(source), reason="301/308")


def _is_taken(source: Source, address: str) -> bool:
    return Source.objects.filter(url_hash=url_hash(address)).exclude(pk=source.pk).exists()


def learn_policy(source: Source, items: Sequence[tuple[str, str, str]]) -> None:
    """Only from the address towards the words: what was seen once stays true of a source."""
    learned = policy_seen_in(items)
    order = list(IdentityPolicy)
    if learned is None or order.index(learned) <= order.index(IdentityPolicy(source.identity_policy)):
        return
    source.identity_policy = learned
    source.save(update_fields=["identity_policy"])
    rekey_pieces(source)
    log.info("source_identity_policy_learned", source_id=source.pk, policy=learned.value)
