"""Which feeds are asked, how often, and what happens when the provider fails (decision 24, E-4, E-5, E-7)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from apps.audit.testing import recorded
from apps.core.actor import SYSTEM
from apps.core.errors import Conflict, Invalid
from apps.core.streams import drain
from apps.events import services, tasks
from apps.events.errors import NoSuchEvent
from apps.events.models import Event, LiveFeed
from apps.events.services import ANSWERS
from apps.events.streams import ANSWERED
from apps.events.task_names import POLL_SCOREBOARD, QUEUE_DUE_POLLS
from apps.taskhub.services import enqueue
from apps.taskhub.testing import queued, run_queued
from tests.core.http_server import LocalServer, answer, serving
from tests.events.recordings import Evening, evening, poll
from tests.factories.events import EventExternalIdFactory, EventFactory, LiveFeedFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def server(settings: Any) -> Iterator[LocalServer]:
    with serving() as server:
        settings.HTTP_ALLOWED_PRIVATE = server.allowed
        settings.LIVE_SCOREBOARD_URL = f"{server.origin}/scoreboard"
        yield server


@pytest.fixture
def card() -> Evening:
    return evening(timezone.now() - timedelta(minutes=1))


def tick() -> dict[str, int]:
    return services.queue_due_polls(actor=SYSTEM)


def one_round(server: LocalServer, number: int) -> None:
    """A tick, its poll, and the consumer."""
    server.answers["/scoreboard"] = answer(poll(number))
    LiveFeed.objects.update(next_poll_at=timezone.now())
    enqueue(QUEUE_DUE_POLLS)
    run_queued()
    run_queued()
    drain(ANSWERED)


@pytest.mark.django_db(transaction=True)
def test_from_the_providers_answer_to_the_public_card(server: LocalServer, card: Evening) -> None:
    public = APIClient()
    path = f"/api/v1/events/{card.event.pk}"

    one_round(server, 3)
    shown = orjson.loads(public.get(path).content)["data"]
    assert (shown["status"], shown["prelims"][0]["state"]) == ("live", "in_round")
    assert shown["freshness"]["state"] == "current"

    one_round(server, 10)

    shown = orjson.loads(public.get(path).content)["data"]
    assert shown["status"] == "completed"
    assert shown["prelims"][0]["winner_id"] == card.opener.blue_fighter_id


def test_only_live_events_are_polled(server: LocalServer) -> None:
    now = timezone.now()
    for status, hours in (("live", -1), ("scheduled", 2), ("completed", -5)):
        event = EventFactory(status=status, starts_at=now + timedelta(hours=hours))
        EventExternalIdFactory(event=event)
        LiveFeedFactory(event=event, next_poll_at=now)

    assert tick() == {"started": 0, "ended": 0, "settled": 0, "polls": 1}

    [(_, payload)] = queued(POLL_SCOREBOARD)
    assert payload["event_ids"] == [Event.objects.get(status="live").pk]


def test_events_of_one_address_share_a_poll_and_a_template_parts_them(server: LocalServer, settings: Any) -> None:
    for number in (1, 2):
        event = EventFactory(status="live")
        EventExternalIdFactory(event=event, external_id=f"6{number}")
        LiveFeedFactory(event=event, next_poll_at=timezone.now())
    assert tick()["polls"] == 1

    settings.LIVE_SCOREBOARD_URL = f"{server.origin}/board?event={{event_id}}&day={{date}}"
    LiveFeed.objects.update(next_poll_at=timezone.now())
    assert tick()["polls"] == 2

    assert {payload["url"].split("event=")[1][:2] for _, payload in queued(POLL_SCOREBOARD)[1:]} == {"61", "62"}


@pytest.mark.parametrize(
    ("starts_at", "origin", "day"),
    [
        # 22:00 in New York, the next day in London and Shanghai.
        ("2026-08-02T02:00:00Z", "espn", "20260801"),
        ("2026-08-02T02:00:00Z", "", "20260801"),
        ("2026-08-01T14:00:00Z", "espn", "20260801"),
        # Eight in the evening in New York, which somebody has said; and files that know the day only.
        ("2026-08-01T00:00:00Z", "espn", "20260731"),
        ("2026-08-01T00:00:00Z", "ufcstats", "20260801"),
    ],
)
def test_the_day_in_the_address_is_the_providers(
    server: LocalServer, settings: Any, starts_at: str, origin: str, day: str
) -> None:
    settings.LIVE_SCOREBOARD_URL = f"{server.origin}/board?dates={{date}}"
    origins = {"*": {"source": origin}} if origin else {}
    event = EventFactory(status="completed", starts_at=datetime.fromisoformat(starts_at), provenance=origins)
    EventExternalIdFactory(event=event)
    now = timezone.now()
    LiveFeedFactory(event=event, next_poll_at=now, settles_until=now + timedelta(hours=1))

    tick()

    [(_, payload)] = queued(POLL_SCOREBOARD)
    assert payload["url"].endswith(f"dates={day}")


def test_an_event_goes_live_when_its_time_has_come(card: Evening) -> None:
    EventFactory(starts_at=timezone.now())  # nobody follows it
    by_hand = EventFactory(starts_at=timezone.now(), is_manual=True)
    LiveFeedFactory(event=by_hand)

    assert tick()["started"] == 1

    card.event.refresh_from_db()
    by_hand.refresh_from_db()
    assert (card.event.status, by_hand.status) == ("live", "scheduled")


@pytest.mark.parametrize(
    ("hours", "answered", "over", "ended"),
    [
        (19, None, None, 1),
        (19, 4, None, 1),
        (17, 4, None, 0),
        # The feed speaks on: somebody fights, or it began later than we knew.
        (19, 0, None, 0),
        (19, 0, 1, 0),
        (19, 0, 4, 1),
        (49, 0, None, 1),
    ],
)
def test_a_forgotten_live_event_is_ended(
    card: Evening, hours: int, answered: int | None, over: int | None, ended: int
) -> None:
    now = timezone.now()
    Event.objects.filter(pk=card.event.pk).update(status="live", starts_at=now - timedelta(hours=hours))
    LiveFeed.objects.update(
        answered_at=None if answered is None else now - timedelta(hours=answered, minutes=1),
        over_since=None if over is None else now - timedelta(hours=over),
    )

    assert tick()["ended"] == ended

    card.event.refresh_from_db()
    assert card.event.status == ("completed" if ended else "live")
    # Whoever has forgotten it hears of its results still.
    assert (LiveFeed.objects.get().settles_until is not None) == bool(ended)


def test_without_an_address_nobody_is_asked(card: Evening, settings: Any) -> None:
    settings.LIVE_SCOREBOARD_URL = ""

    assert tick()["polls"] == 0
    assert queued(POLL_SCOREBOARD) == []


def test_a_poll_that_is_under_way_is_not_queued_again(server: LocalServer, card: Evening) -> None:
    assert [tick()["polls"], tick()["polls"]] == [1, 0]


def pace() -> float:
    feed = LiveFeed.objects.get()
    assert feed.polled_at is not None
    assert feed.next_poll_at is not None
    return (feed.next_poll_at - feed.polled_at).total_seconds()


@pytest.mark.parametrize(
    "body",
    [answer(b"", status=503), answer(b"{}"), answer(b"<html>"), answer(orjson.dumps({"events": []}))],
    ids=["503", "no events", "html", "our event is absent"],
)
def test_repeated_failures_slow_the_polls_and_raise_the_alarm(server: LocalServer, card: Evening, body: Any) -> None:
    tick()
    server.answers["/scoreboard"] = body
    paces, alarms = [], []
    for _ in range(4):
        tasks.poll_scoreboard(url=f"{server.origin}/scoreboard", event_ids=[card.event.pk])
        paces.append(pace())
        alarms.append(LiveFeed.objects.get().alarmed_at is not None)

    # Five seconds early, so that the tick of this moment finds them due.
    assert paces == [25, 25, 55, 55]
    assert alarms == [False, False, True, True]
    shown = orjson.loads(APIClient().get(f"/api/v1/events/{card.event.pk}").content)["data"]
    assert shown["freshness"]["state"] == "late"

    server.answers["/scoreboard"] = answer(poll(3))
    tasks.poll_scoreboard(url=f"{server.origin}/scoreboard", event_ids=[card.event.pk])

    feed = LiveFeed.objects.get()
    assert (pace(), feed.failures, feed.alarmed_at, feed.last_error) == (25, 0, None, "")


def test_a_failure_harms_no_bout_and_the_next_poll_goes_on(server: LocalServer, card: Evening) -> None:
    one_round(server, 3)
    server.answers["/scoreboard"] = answer(b"", status=500)
    tasks.poll_scoreboard(url=f"{server.origin}/scoreboard", event_ids=[card.event.pk])
    assert ANSWERS.length() == 0

    one_round(server, 5)

    card.opener.refresh_from_db()
    assert (card.opener.state, card.opener.round) == ("in_round", 3)


# --- following --------------------------------------------------------------------------------------------------
def test_following_twice_changes_nothing() -> None:
    event = EventFactory()

    first = services.follow(event.pk, source="espn", external_id=" 600 ", actor=SYSTEM)
    second = services.follow(event.pk, source="espn", external_id="600", actor=SYSTEM)

    assert first.pk == second.pk
    assert list(event.external_ids.values_list("source", "external_id")) == [("espn", "600")]


def test_a_wrong_id_is_replaced_and_the_next_answer_counts() -> None:
    event = EventFactory()
    EventExternalIdFactory(event=event, source="ufcstats", external_id="600")
    services.follow(event.pk, source="espn", external_id="60", actor=SYSTEM)
    LiveFeed.objects.update(content_hash="of the wrong event")

    services.follow(event.pk, source="espn", external_id="600", actor=SYSTEM)

    known = set(event.external_ids.values_list("source", "external_id"))
    assert known == {("espn", "600"), ("ufcstats", "600")}
    assert LiveFeed.objects.get().content_hash == ""
    told = [item for item in recorded() if item["action"] == "configured"][-1]
    assert (told["old"], told["new"]) == ({"followed_as": "espn:60"}, {"followed_as": "espn:600"})


def test_an_id_belongs_to_one_event() -> None:
    known = EventExternalIdFactory(external_id="600")
    other = EventFactory()

    with pytest.raises(Conflict):
        services.follow(other.pk, source=known.source, external_id="600", actor=SYSTEM)
    with pytest.raises(Invalid):
        services.follow(other.pk, source="espn", external_id="  ", actor=SYSTEM)
    with pytest.raises(NoSuchEvent):
        services.follow(999, source="espn", external_id="601", actor=SYSTEM)

    assert not LiveFeed.objects.filter(event=other).exists()


def test_settling_feeds_are_polled_until_their_time_is_over(server: LocalServer) -> None:
    now: datetime = timezone.now()
    for minutes in (-1, 10):
        event = EventFactory(status="completed")
        EventExternalIdFactory(event=event)
        LiveFeedFactory(event=event, next_poll_at=now, settles_until=now + timedelta(minutes=minutes))

    assert tick()["polls"] == 1
