"""Which live feeds are asked, how the asking goes, and what happens when it fails (decision 24, E-4, E-5, E-7)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.audit.enums import Action
from apps.audit.services import record
from apps.core.actor import Actor
from apps.core.db import locked
from apps.core.errors import Conflict, FieldError, Invalid
from apps.events.cache import forget_event
from apps.events.enums import BoutState, EventStatus
from apps.events.models import Bout, Event, EventExternalId, LiveFeed
from apps.events.querysets import EventQuerySet
from apps.events.services.changing import locked_bout, locked_event, write_bout, write_event
from apps.events.services.events import hear_again
from apps.events.services.hearing import EVENING_AT_MOST, SETTLES_FOR, SETTLES_OPEN_FOR
from apps.events.services.judging import OFFICIAL_AFTER_DOUBT
from apps.events.services.streams import ANSWERS
from apps.events.task_names import POLL_SCOREBOARD
from apps.fighters.services import provenance
from apps.taskhub.services import EnqueueOptions, enqueue_many

log = structlog.get_logger(__name__)

ALARM_AFTER_FAILURES = 3
# The tick comes every LIVE_POLL_SECONDS; a feed asked a little late must not miss the next one.
SLACK = timedelta(seconds=5)
# Nobody fights for so long: a card that is still "live" then was forgotten (E-7), unless its feed speaks on.
LIVE_AT_MOST = timedelta(hours=18)
SILENT_FOR = timedelta(hours=3)


@transaction.atomic
def follow(event_id: int, *, source: str, external_id: str, actor: Actor) -> LiveFeed:
    """Connect an event with the id a source gave it, so that it is polled while it is live.

    It takes the place of an id of this source that the event had: one was wrong.
    Raises NoSuchEvent, Invalid for an empty id, Conflict when the id belongs to another event.
    """
    external_id = external_id.strip()
    if not external_id or len(external_id) > 128:
        raise Invalid(errors=[FieldError("external_id", "invalid", _("The id of the event at the source."))])
    event = locked_event(event_id)
    known = EventExternalId.objects.filter(source=source, external_id=external_id).first()
    if known is not None and known.event_id != event.pk:
        raise Conflict(_("This id belongs to another event."))
    others = EventExternalId.objects.filter(event=event, source=source).exclude(external_id=external_id)
    replaced = list(others.values_list("external_id", flat=True))
    others.delete()
    if known is None:
        EventExternalId.objects.create(event=event, source=source, external_id=external_id)
    if known is None or replaced:
        old = {"followed_as": ", ".join(f"{source}:{one}" for one in replaced)} if replaced else None
        record(Action.CONFIGURED, event, actor=actor, old=old, new={"followed_as": f"{source}:{external_id}"})
        hear_again(event.pk)
    feed, created = LiveFeed.objects.get_or_create(event=event, defaults={"next_poll_at": timezone.now()})
    if created:
        forget_event(event.pk)
    return feed


def queue_due_polls(*, actor: Actor) -> dict[str, int]:
    """One tick: begin what has begun, end what was forgotten, settle what stands, queue one poll for each address
    that is due."""
    now = timezone.now()
    started = [event_id for event_id in _to_start(now) if _start(event_id, now, actor)]
    ended = [event_id for event_id in _forgotten(now) if _end_forgotten(event_id, now, actor)]
    settled = [bout_id for bout_id in _standing(now) if _settle(bout_id, now, actor)]
    polls = _queue_polls(now, actor)
    return {"started": len(started), "ended": len(ended), "settled": len(settled), "polls": polls}


def _to_start(now: datetime) -> list[int]:
    waiting = Event.objects.about_to_start(now, ahead=timedelta(0)).filter(feed__isnull=False)
    return list(waiting.values_list("pk", flat=True)[:200])


@transaction.atomic
def _start(event_id: int, now: datetime, actor: Actor) -> bool:
    event = locked_event(event_id)
    if event.status != EventStatus.SCHEDULED or event.is_manual:
        return False
    LiveFeed.objects.filter(event=event).update(next_poll_at=now)
    return write_event(event, {"status": EventStatus.LIVE.value}, actor=actor)


def _forgotten(now: datetime) -> list[int]:
    return list(_forgotten_events(now).values_list("pk", flat=True)[:200])


def _forgotten_events(now: datetime) -> EventQuerySet:
    return Event.objects.forgotten(now, at_most=LIVE_AT_MOST, silent_for=SILENT_FOR, whatever=EVENING_AT_MOST)


@transaction.atomic
def _end_forgotten(event_id: int, now: datetime, actor: Actor) -> bool:
    event = locked_event(event_id)
    if not _forgotten_events(now).filter(pk=event.pk).exists():
        return False
    log.error("live_event_forgotten", event_id=event.pk)
    LiveFeed.objects.filter(event=event).update(settles_until=now + SETTLES_OPEN_FOR)
    return write_event(event, {"status": EventStatus.COMPLETED.value}, actor=actor, reason="live for 18 hours")


def _standing(now: datetime) -> list[int]:
    """Results that a feed can't make official itself, because it names the evening no longer."""
    standing = Bout.objects.standing_since(now - OFFICIAL_AFTER_DOUBT, source=settings.LIVE_SOURCE)
    return list(standing.values_list("pk", flat=True)[:200])


@transaction.atomic
def _settle(bout_id: int, now: datetime, actor: Actor) -> bool:
    bout = locked_bout(bout_id)
    standing = Bout.objects.standing_since(now - OFFICIAL_AFTER_DOUBT, source=settings.LIVE_SOURCE)
    if not standing.filter(pk=bout.pk).exists():
        return False
    changes = {"state": BoutState.OFFICIAL.value}
    return write_bout(bout, changes, actor=actor, source=settings.LIVE_SOURCE, reason="stood for three hours")


@transaction.atomic
def _queue_polls(now: datetime, actor: Actor) -> int:
    """Events that share an address share the poll.  Of two ticks at once the second finds nothing due."""
    if not settings.LIVE_SCOREBOARD_URL:
        return 0
    # Locked without the events that decide which are due: whoever has locked one of these waits for its feed.
    due = list(locked(LiveFeed.objects.filter(pk__in=LiveFeed.objects.due_ids(now), next_poll_at__lte=now)))
    followed = [feed.event_id for feed in sorted(due, key=lambda feed: (feed.next_poll_at, feed.pk))]
    events = Event.objects.filter(pk__in=followed).prefetch_related("external_ids").in_bulk()
    by_address: dict[str, list[int]] = {}
    for event_id in followed:
        address = _address_of(events[event_id])
        if address:
            by_address.setdefault(address, []).append(event_id)
    polls = [{"url": address, "event_ids": event_ids} for address, event_ids in by_address.items()]
    enqueue_many(POLL_SCOREBOARD, polls, options=EnqueueOptions(actor=actor))
    # The next tick must not ask again while this poll is under way; its end sets the true time.
    LiveFeed.objects.filter(pk__in=[feed.pk for feed in due]).update(next_poll_at=now + _pace(0) - SLACK)
    return len(by_address)


def _address_of(event: Event) -> str:
    """``LIVE_SCOREBOARD_URL`` with ``{event_id}`` and ``{date}`` filled in; empty when the event has no id there."""
    ids = [known.external_id for known in event.external_ids.all() if known.source == settings.LIVE_SOURCE]
    if not ids:
        return ""
    return filled_in(str(settings.LIVE_SCOREBOARD_URL).replace("{event_id}", ids[-1]), day=_day_of(event))


def filled_in(template: str, *, day: date) -> str:
    """The provider's address with a day of its own calendar for ``{date}``."""
    return template.replace("{date}", f"{day:%Y%m%d}")


def provider_day(moment: datetime) -> date:
    """Where the provider files an evening that begins then."""
    return timezone.localdate(moment, ZoneInfo(settings.LIVE_PROVIDER_ZONE))


def _day_of(event: Event) -> date:
    midnight = event.starts_at.astimezone(UTC).time() == time.min
    if midnight and provenance.source_of(event, "starts_at") not in {settings.LIVE_SOURCE, provenance.MANUAL, ""}:
        # From files that know the day only.
        return event.starts_at.astimezone(UTC).date()
    return provider_day(event.starts_at)


@transaction.atomic
def record_answer(event_ids: Iterable[int], *, now: datetime) -> None:
    """The provider answered for these events.  An alarm ends."""
    feeds = list(locked(LiveFeed.objects.filter(event_id__in=list(event_ids))))
    LiveFeed.objects.filter(pk__in=[feed.pk for feed in feeds]).update(
        polled_at=now,
        answered_at=now,
        next_poll_at=now + _pace(0) - SLACK,
        failures=0,
        last_error="",
        alarmed_at=None,
    )
    # Corrections come in the first minutes; later ones are waited for at the slower pace.
    quiet = Event.objects.filter(pk__in=[feed.event_id for feed in feeds]).quiet_since(now - SETTLES_FOR)
    LiveFeed.objects.filter(event__in=list(quiet.values_list("pk", flat=True))).update(
        next_poll_at=now + timedelta(seconds=settings.LIVE_SLOW_POLL_SECONDS) - SLACK
    )
    recovered = [feed.event_id for feed in feeds if feed.alarmed_at is not None]
    if recovered:
        log.warning("live_feed_recovered", event_ids=recovered)
        forget_event(*recovered)


def record_failure(event_ids: Iterable[int], error: str, *, now: datetime) -> dict[int, int]:
    """The provider did not answer.  After the third failure in a row the pace halves and the alarm is raised.

    Returns the failures in a row by event.
    """
    return {event_id: _failed(event_id, error, now) for event_id in event_ids}


@transaction.atomic
def _failed(event_id: int, error: str, now: datetime) -> int:
    feed = locked(LiveFeed.objects.filter(event_id=event_id)).first()
    if feed is None:
        return 0
    feed.failures += 1
    feed.polled_at = now
    feed.last_error = error[:500]
    feed.next_poll_at = now + _pace(feed.failures) - SLACK
    if feed.failures >= ALARM_AFTER_FAILURES and feed.alarmed_at is None:
        feed.alarmed_at = now
        log.error("live_feed_failing", event_id=event_id, failures=feed.failures, error=feed.last_error)
        # The card says "late" from now on.
        forget_event(event_id)
    feed.save(update_fields=["failures", "polled_at", "last_error", "next_poll_at", "alarmed_at"])
    return feed.failures


def _pace(failures: int) -> timedelta:
    seconds = settings.LIVE_SLOW_POLL_SECONDS if failures >= ALARM_AFTER_FAILURES else settings.LIVE_POLL_SECONDS
    return timedelta(seconds=seconds)


def publish_answers(answers: Iterable[tuple[int, dict[str, Any]]], *, source: str, sequence: int) -> int:
    """Put what was said of each event on the stream.  ``sequence``: capture time in milliseconds.

    Raises redis.RedisError when Redis is away.
    """
    bodies = [
        {"event_id": event_id, "source": source, "sequence": sequence, "said": said, "hash": content_hash(said)}
        for event_id, said in answers
    ]
    if bodies:
        ANSWERS.publish_many(bodies)
    return len(bodies)


def content_hash(said: dict[str, Any]) -> str:
    """Of the normalised payload: the same content has the same hash, whatever its notes and links."""
    return hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).hexdigest()


def followed_as(event_ids: Iterable[int], *, source: str) -> list[tuple[int, str]]:
    """Pairs of our id and the source's, for the events among these that the source knows."""
    known = EventExternalId.objects.filter(event_id__in=list(event_ids), source=source)
    return list(known.values_list("event_id", "external_id"))
