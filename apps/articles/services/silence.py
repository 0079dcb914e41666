"""The worst failure of a source is silence: it is said once, and taken back when something comes."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.utils import timezone

from apps.articles.models import Source
from apps.core.db import locked

log = structlog.get_logger(__name__)

# One failure is no alarm: a day of them is.
FAILING_FOR = timedelta(hours=24)
# Nothing new for three of its usual gaps, and never sooner than a day.
GAPS = 3
SHORTEST = timedelta(hours=24)
# A source of which too little is known.
UNKNOWN = timedelta(days=14)


@transaction.atomic
def watch_sources(*, now: datetime | None = None) -> int:
    """Mark the sources that fell silent, say so once for each, and clear those that speak again.

    Returns how many are silent.  Any number may run this at once.
    """
    now = now or timezone.now()
    silent = 0
    for source in locked(Source.objects.filter(enabled=True)):
        reason = silence_of(source, now)
        silent += bool(reason)
        if bool(reason) == (source.silent_since is not None):
            continue
        source.silent_since = now if reason else None
        source.save(update_fields=["silent_since"])
        if reason:
            log.warning("source_silent", source_id=source.pk, source=source.name, reason=reason)
    Source.objects.filter(enabled=False, silent_since__isnull=False).update(silent_since=None)
    return silent


def silence_of(source: Source, now: datetime) -> str:
    """``failing``, ``quiet``, or empty."""
    if source.failures_in_a_row and (source.last_success_at or source.created_at) <= now - FAILING_FOR:
        return "failing"
    since = source.last_new_at or source.created_at
    if source.mean_gap_seconds is None:
        return "quiet" if since <= now - UNKNOWN else ""
    return "quiet" if since <= now - max(SHORTEST, GAPS * timedelta(seconds=source.mean_gap_seconds)) else ""
