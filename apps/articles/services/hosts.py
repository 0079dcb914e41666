"""One poll at a time for each server, with a gap between two, however many sources it carries.

The row of the server is locked after source and run.  A poll that finds the server taken comes again a little later;
a server that answered 429 or 503 with Retry-After is left alone for that long by all its sources.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from django.conf import settings

from apps.articles.models import FetchHost, IngestRun
from apps.core.db import insert_unless_there, locked

# A poll that has not let go by then is dead: longer than its task may take.
LONGEST_POLL = timedelta(minutes=3)
USUAL_POLL = timedelta(seconds=2)
LONGEST_PAUSE = timedelta(hours=24)


def gap() -> timedelta:
    return timedelta(seconds=settings.FETCH_HOST_GAP_SECONDS)


def locked_host(name: str) -> FetchHost:
    """The row of a server, which is made when it is asked for the first time; locked until the transaction ends."""
    name = name[:253]
    host = locked(FetchHost.objects.filter(name=name)).first()
    if host is None:
        insert_unless_there(FetchHost(name=name), unique=["name"])
        host = locked(FetchHost.objects.filter(name=name)).get()
    return host


def busy_until(host: FetchHost, now: datetime) -> datetime | None:
    """When this server may be asked; None for now."""
    if host.busy_until is not None and host.busy_until > now:
        # A poll takes a moment, whatever it may take at most.
        return now + max(gap(), USUAL_POLL) * (1 + random.random())  # noqa: S311  # spreads load, guards nothing
    return host.free_at + gap() if host.free_at is not None and host.free_at > now else None


def take(host: FetchHost, run_id: int, now: datetime) -> None:
    """The server is this run's until ``let_go``.  After ``busy_until`` said None, in the same transaction."""
    host.run_id, host.busy_until = run_id, now + LONGEST_POLL
    host.save(update_fields=["run_id", "busy_until"])


def take_also(run_id: int, name: str, now: datetime) -> datetime | None:
    """A redirect leads there: take that server too, or say when it may be asked.  In a transaction."""
    host = locked_host(name)
    if host.run_id == run_id:
        return None
    until = busy_until(host, now)
    if until is None:
        take(host, run_id, now)
    return until


def let_go(run: IngestRun, now: datetime, *, pause: timedelta | None = None) -> None:
    """The answer is here, or none will come.  ``pause``: the server asked for more than the usual gap."""
    free_at = now + max(gap(), min(pause or timedelta(0), LONGEST_PAUSE))
    FetchHost.objects.filter(run_id=run.pk).update(run_id=None, busy_until=None, free_at=free_at)
