"""When a source is asked next, and why: the answer stands on its page.

A source is asked at the interval that was set.  A quiet one is asked less often: after half of the mean gap between
pieces that were new to us, up to 12 hours; the gap grows while nothing comes and decays when something does.  What
arrives counts, not the dates that a feed claims.  A server that says how long its answer is good for is believed up
to a day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from apps.articles.models import Source

LONGEST_ADAPTIVE = timedelta(hours=12)
LONGEST_MAX_AGE = timedelta(hours=24)
# Weight of the newest gap in the decaying mean.
_NEWEST = 0.3
PLAN_FIELDS = ["next_poll_at", "next_poll_reason"]
ARRIVAL_FIELDS = ["last_new_at", "mean_gap_seconds", "silent_since"]


@dataclass(frozen=True, slots=True)
class Wait:
    length: timedelta
    reason: Source.WaitReason


def next_wait(source: Source, now: datetime, *, max_age: timedelta | None = None) -> Wait:
    """The longest of what was set, what was observed and what the server says."""
    wait = Wait(timedelta(seconds=source.interval_seconds), Source.WaitReason.INTERVAL)
    gap = expected_gap(source, now) if source.adaptive else None
    if gap is not None and min(gap / 2, LONGEST_ADAPTIVE) > wait.length:
        wait = Wait(min(gap / 2, LONGEST_ADAPTIVE), Source.WaitReason.ADAPTIVE)
    if max_age is not None and min(max_age, LONGEST_MAX_AGE) > wait.length:
        wait = Wait(min(max_age, LONGEST_MAX_AGE), Source.WaitReason.MAX_AGE)
    return wait


def expected_gap(source: Source, now: datetime) -> timedelta | None:
    """How long we wait for something new from this source; None while too little is known."""
    if source.mean_gap_seconds is None or source.last_new_at is None:
        return None
    return max(timedelta(seconds=source.mean_gap_seconds), now - source.last_new_at)


def plan_next(source: Source, now: datetime, *, max_age: timedelta | None = None) -> None:
    """In memory; the caller saves ``PLAN_FIELDS``.  At the set interval the timetable's step is kept."""
    wait = next_wait(source, now, max_age=max_age)
    source.next_poll_reason = wait.reason
    in_step = now < source.next_poll_at <= now + wait.length
    if wait.reason != Source.WaitReason.INTERVAL or not in_step:
        source.next_poll_at = now + wait.length


def note_arrivals(source: Source, count: int, now: datetime) -> None:
    """In memory; the caller saves ``ARRIVAL_FIELDS``.  The first answer of a source says nothing about its pace."""
    if count < 1:
        return
    if source.last_new_at is not None:
        gap = max(0.0, (now - source.last_new_at).total_seconds()) / count
        mean = gap if source.mean_gap_seconds is None else source.mean_gap_seconds * (1 - _NEWEST) + gap * _NEWEST
        source.mean_gap_seconds = int(mean)
    source.last_new_at = now
    source.silent_since = None
