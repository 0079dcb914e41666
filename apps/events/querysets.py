from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from django.db import models
from django.db.models.functions import Lower

from apps.events.enums import DECIDED_STATES, BoutState, EventStatus
from apps.fighters.models import Fighter

if TYPE_CHECKING:
    from apps.events.models import Bout, BoutReport, BoutRevision, Event, LiveFeed  # noqa: F401  # below

_SHOWN_OF_FIGHTERS = ("name", "name_zh", "country", "weight_class", "record", "avatar_url")
_FOLLOWED = """
SELECT r.*, b.id AS our_id, b.state AS our_state, b.is_manual AS our_is_manual, x.external_id AS known_as,
  f.event_id AS event_id, f.id AS feed_id, f.sequence AS feed_sequence, f.content_hash AS feed_hash,
  f.unmatched AS feed_unmatched, f.over_since AS feed_over_since
FROM live_feeds f
LEFT JOIN bouts b ON b.event_id = f.event_id
LEFT JOIN bout_reports r ON r.bout_id = b.id AND r.source = %s
LEFT JOIN bout_external_ids x ON x.bout_id = b.id AND x.source = %s
WHERE f.event_id IN ({events})
"""


class EventQuerySet(models.QuerySet["Event"]):
    def newest_first(self) -> Self:
        return self.order_by("-starts_at", "-id")

    def changed_since(self, moment: datetime) -> Self:
        return self.filter(updated_at__gte=moment)

    def named_like(self, text: str) -> Self:
        """Whose name contains this in any case, the newest first; for people who choose one."""
        # Our MariaDB tables compare by code point, icontains included.
        return self.alias(folded=Lower("name")).filter(folded__contains=text.lower()).newest_first()

    def for_admin_list(self) -> Self:
        return self.annotate(bout_count=models.Count("bouts")).newest_first()

    def with_feed(self) -> Self:
        return self.select_related("feed")

    def live(self) -> Self:
        return self.filter(status=EventStatus.LIVE)

    def forgotten(self, now: datetime, *, at_most: timedelta, silent_for: timedelta, whatever: timedelta) -> Self:
        """Live for longer than ``at_most``, and its feed has kept silent or said that it was over for
        ``silent_for``; longer than ``whatever``, whatever its feed says.  Not run by hand."""
        silence = now - silent_for
        silent = models.Q(feed__isnull=True) | models.Q(feed__answered_at__isnull=True)
        silent |= models.Q(feed__answered_at__lt=silence) | models.Q(feed__over_since__lt=silence)
        long_ago = models.Q(starts_at__lt=now - whatever)
        return self.live().filter(silent | long_ago, is_manual=False, starts_at__lt=now - at_most)

    def quiet_since(self, moment: datetime) -> Self:
        """Completed, and nothing has changed on the card since."""
        return self.filter(status=EventStatus.COMPLETED, updated_at__lt=moment)

    def about_to_start(self, now: datetime, ahead: timedelta) -> Self:
        """Scheduled events whose start is near or has passed within a day, not run by hand."""
        return self.filter(
            status=EventStatus.SCHEDULED,
            is_manual=False,
            starts_at__lte=now + ahead,
            starts_at__gte=now - timedelta(days=1),
        )

    def of_these_days(self, now: datetime) -> Self:
        """Not over yet, or so lately that people still look at it."""
        return self.filter(~models.Q(status=EventStatus.COMPLETED) | models.Q(starts_at__gte=now - timedelta(days=2)))

    def versions(self) -> list[tuple[int, int]]:
        """(id, version)"""
        return list(self.order_by("pk").values_list("pk", "version"))

    def live_and_next(self, now: datetime) -> Self:
        """What is live, then what comes; what should have begun within a day is not forgotten."""
        coming = models.Q(status=EventStatus.SCHEDULED, starts_at__gte=now - timedelta(days=1))
        return self.filter(coming | models.Q(status=EventStatus.LIVE)).order_by("starts_at", "id")

    def asked_for(
        self,
        *,
        org: str = "",
        status: str = "",
        starts_from: datetime | None = None,
        starts_before: datetime | None = None,
        updated_since: datetime | None = None,
    ) -> Self:
        """The public filters; what is not given does not narrow."""
        wanted = {
            "status": status,
            "starts_at__gte": starts_from,
            "starts_at__lt": starts_before,
            "updated_at__gte": updated_since,
        }
        asked = self.filter(**{name: value for name, value in wanted.items() if value})
        return asked.of_org(org) if org else asked

    def of_org(self, org: str) -> Self:
        """Without case, also where the database compares text byte by byte."""
        return self.alias(org_lower=Lower("org")).filter(org_lower=org.lower())

    def called(self, name: str) -> Self:
        """The same for the name."""
        return self.alias(name_lower=Lower("name")).filter(name_lower=name.lower())


class BoutQuerySet(models.QuerySet["Bout"]):
    def in_card_order(self) -> Self:
        return self.order_by("event_id", "sequence_no")

    def decided_of(self, fighter_ids: Iterable[int]) -> models.QuerySet[Any, tuple[Any, ...]]:
        """(red, blue, result, winner, start of the event) of every decided bout of these fighters."""
        ids = list(fighter_ids)
        return (
            self.filter(models.Q(red_fighter__in=ids) | models.Q(blue_fighter__in=ids), state__in=DECIDED_STATES)
            .order_by()
            .values_list("red_fighter_id", "blue_fighter_id", "result", "winner_fighter_id", "event__starts_at")
        )

    def corners_of(self, fighter_ids: Iterable[int]) -> models.QuerySet[Any, tuple[int, int, int]]:
        """(event, red, blue) of every bout of these fighters."""
        ids = list(fighter_ids)
        fought = self.filter(models.Q(red_fighter__in=ids) | models.Q(blue_fighter__in=ids))
        return fought.order_by().values_list("event_id", "red_fighter_id", "blue_fighter_id")

    def corners_on(self, event_ids: Iterable[int]) -> models.QuerySet[Any, tuple[int, int, int]]:
        """(event, red, blue) of every bout on these cards."""
        on = self.filter(event__in=list(event_ids))
        return on.order_by().values_list("event_id", "red_fighter_id", "blue_fighter_id")

    def standing_since(self, moment: datetime, *, source: str) -> Self:
        """Provisional results of completed, lately followed events of which the source has said the same since."""
        return self.filter(
            event__status=EventStatus.COMPLETED,
            event__feed__settles_until__gt=moment,
            state=BoutState.PROVISIONAL,
            is_manual=False,
            reports__source=source,
            reports__since__lte=moment,
            reports__winner_fighter_id=models.F("winner_fighter_id"),
        )

    def counting(self) -> Self:
        """Without second rows of a bout that a person has put aside."""
        return self.filter(duplicate_of__isnull=True)

    def with_corners(self) -> Self:
        return self.select_related("red_fighter", "blue_fighter")

    def with_shown_corners(self) -> list[Bout]:
        """Bouts and as much of their fighters as a card shows: two plain queries, faster than one that joins all."""
        rows: list[Bout] = list(self)
        ids = {fighter_id for bout in rows for fighter_id in (bout.red_fighter_id, bout.blue_fighter_id)}
        fighters = Fighter.objects.filter(pk__in=ids).only(*_SHOWN_OF_FIGHTERS).in_bulk()
        for bout in rows:
            bout.red_fighter, bout.blue_fighter = fighters[bout.red_fighter_id], fighters[bout.blue_fighter_id]
        return rows

    def for_board(self) -> list[Bout]:
        """The bouts of a card with what the sources say and what was done to them: three queries."""
        rows = self.counting().with_corners().select_related("winner_fighter")
        return list(rows.prefetch_related("reports__winner_fighter", "revisions").in_card_order())

    def for_admin_list(self) -> Self:
        return (
            self.select_related("event", "red_fighter", "blue_fighter", "winner_fighter")
            .defer("scores", "provenance", "event__segments", "event__provenance")
            .order_by("-event__starts_at", "event_id", "sequence_no")
        )


class FeedQuerySet(models.QuerySet["LiveFeed"]):
    def due_ids(self, now: datetime, *, at_most: int = 500) -> list[int]:
        """Feeds whose time has come, longest waiting first: of live events, and of those that have just ended."""
        wanted = models.Q(event__status=EventStatus.LIVE) | models.Q(settles_until__gt=now)
        due = self.filter(wanted, next_poll_at__lte=now).order_by("next_poll_at", "pk")
        return list(due.values_list("pk", flat=True)[:at_most])


class BoutReportQuerySet(models.QuerySet["BoutReport"]):
    def followed(self, event_ids: Collection[int], source: str) -> models.query.RawQuerySet[Any]:
        """What a source said of followed events, beside what we have: each bout (``our_id``, ``our_state``,
        ``our_is_manual``; None on an empty card), the report about it (``pk`` None where there is none) and its id
        there (``known_as``); once for each such id.  ``event_id`` and the ``feed_…`` are the same for all of a card.

        One statement that needs no compiling: it is read for every answer of a live feed.
        """
        statement = _FOLLOWED.format(events=", ".join(["%s"] * len(event_ids)))
        return self.raw(statement, [source, source, *event_ids])


class BoutRevisionQuerySet(models.QuerySet["BoutRevision"]):
    def newest_first(self) -> Self:
        return self.order_by("-version", "-pk")
