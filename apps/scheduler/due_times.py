"""When is a schedule due?  Pure arithmetic over rules; no database, no clock.

    rule = CronRule("30 2 * * *", ZoneInfo("Europe/Berlin"))
    rule.next_after(moment)          # the next due time in UTC, or None when there is none

Due times follow from the rule and the last *due* time, never from "now", so they do not drift.

Summer time as classic cron (decision 19), by cronsim: an entry with fixed minute and hour is due once per local day
(a time inside the gap moves to its end, a repeated time counts once); an entry whose minute or hour starts with ``*``
follows elapsed time.  Day of month and day of week: either of them, unless one starts with ``*``.

Not promised: fields for seconds, and that django-celery-beat's own beat would choose the same times.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Protocol
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from django.utils.translation import gettext_lazy as _

from apps.scheduler.errors import BadRule

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SHORTEST_INTERVAL = timedelta(seconds=1)


class Rule(Protocol):
    """Times at which something is due."""

    def after(self, moment: datetime) -> Iterator[datetime]:
        """Due times later than ``moment``, ascending, in UTC."""


# What cronsim says, in sentences of ours.
_FAULTS = {
    "Bad minute": _("The cron rule can't be understood: look at the minute."),
    "Bad hour": _("The cron rule can't be understood: look at the hour."),
    "Bad day-of-month": _("The cron rule can't be understood, or is never due: look at the day of the month."),
    "Bad month": _("The cron rule can't be understood: look at the month."),
    "Bad day-of-week": _("The cron rule can't be understood: look at the day of the week."),
}


def next_after(rule: Rule, moment: datetime) -> datetime | None:
    """The first due time later than ``moment``; None when there is none."""
    return next(rule.after(moment), None)


def upcoming(rule: Rule, moment: datetime, *, count: int) -> list[datetime]:
    return list(islice(rule.after(moment), count))


@dataclass(frozen=True, slots=True)
class CronRule:
    """Five cron fields, read in a time zone."""

    expression: str
    zone: ZoneInfo

    def __post_init__(self) -> None:
        if len(self.expression.split()) != 5:
            raise BadRule(_("A cron rule has five fields: minute, hour, day of month, month, day of week."))
        try:
            CronSim(self.expression, EPOCH)
        except CronSimError as error:
            sentence = _FAULTS.get(str(error), _("The cron rule can't be understood."))
            raise BadRule(sentence) from error

    def after(self, moment: datetime) -> Iterator[datetime]:
        for local in CronSim(self.expression, moment.astimezone(self.zone)):
            due = local.astimezone(UTC)
            # Asked during the second of two equal local hours, cronsim starts with the first one: that has passed.
            if due > moment:
                yield due


@dataclass(frozen=True, slots=True)
class IntervalRule:
    """Every so often, counted from an anchor: restarts and slow runs don't shift it."""

    every: timedelta
    anchor: datetime = EPOCH

    def __post_init__(self) -> None:
        if self.every < SHORTEST_INTERVAL:
            raise BadRule(_("An interval is at least one second."))

    def after(self, moment: datetime) -> Iterator[datetime]:
        due = self.anchor
        try:
            if moment >= self.anchor:
                due += ((moment - self.anchor) // self.every + 1) * self.every
            while True:
                yield due
                due += self.every
        except OverflowError:
            # The next one is after the year 9999.
            return


@dataclass(frozen=True, slots=True)
class ClockedRule:
    """Once, at a moment."""

    at: datetime

    def after(self, moment: datetime) -> Iterator[datetime]:
        if self.at > moment:
            yield self.at


@dataclass(frozen=True, slots=True)
class BoundedRule:
    """Another rule between a first and a last moment (both may be absent, both inclusive)."""

    rule: Rule
    start: datetime | None = None
    end: datetime | None = None

    def after(self, moment: datetime) -> Iterator[datetime]:
        if self.start is not None and moment < self.start:
            # Due times are whole seconds at the finest, so this keeps one that falls on the start itself.
            moment = self.start - timedelta(microseconds=1)
        for due in self.rule.after(moment):
            if self.end is not None and due > self.end:
                return
            yield due


@dataclass(slots=True)
class Passed:
    """Due times up to now: those that are late as one span, those still on time one by one.

    ``is_complete`` False: there were more than the limit, ``next_due`` has passed too.
    """

    on_time: list[datetime] = field(default_factory=list)
    first_late: datetime | None = None
    before_last_late: datetime | None = None
    last_late: datetime | None = None
    late_count: int = 0
    next_due: datetime | None = None
    is_complete: bool = True

    def add_late(self, due: datetime) -> None:
        self.first_late = self.first_late or due
        self.before_last_late, self.last_late = self.last_late, due
        self.late_count += 1


def passed(rule: Rule, first: datetime, now: datetime, *, tolerance: timedelta, limit: int) -> Passed:
    """Walk the rule from ``first``, which is due, to now.  A due time older than ``tolerance`` is late."""
    result = Passed()
    times = rule.after(first)
    due: datetime | None = first
    walked = 0
    while due is not None and due <= now and walked < limit:
        if due < now - tolerance:
            result.add_late(due)
        else:
            result.on_time.append(due)
        due = next(times, None)
        walked += 1
    result.next_due = due
    result.is_complete = due is None or due > now
    return result
