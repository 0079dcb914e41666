"""When an evening is over: not by one slip of the feed, not while somebody fights, until its results stand (§3.3)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from apps.core.actor import SYSTEM, Actor, ActorKind
from apps.events import services
from apps.events.cache import freshness_of
from apps.events.clients.scoreboard import read_scoreboard
from apps.events.enums import BoutState
from apps.events.models import Bout, BoutReport, Event, LiveFeed
from tests.events.recordings import Evening, evening, poll

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 5, 2, 12, 0, tzinfo=UTC)
OPERATOR = Actor(ActorKind.USER, "7", "operator")
OPENER, MAIN = 0, 1


@pytest.fixture
def card() -> Evening:
    return evening(NOW)


def told(number: int, *, phase: str = "", bouts: dict[int, dict[str, Any]] | None = None) -> bytes:
    """The poll of this number with another phase of the event, or another ``status.type`` of bouts."""
    document = orjson.loads(poll(number))
    [event] = document["events"]
    if phase:
        event["status"]["type"] = {"state": phase}
    for place, kind in (bouts or {}).items():
        event["competitions"][place]["status"]["type"] = kind
    return orjson.dumps(document)


CANCELED = {"name": "STATUS_CANCELED", "state": "post", "completed": False}
POSTPONED = {"name": "STATUS_POSTPONED", "state": "post", "completed": False}


# --- one slip (over, says the event) ----------------------------------------------------------------------------------
def test_an_evening_is_not_over_because_the_feed_slips_once(card: Evening) -> None:
    card.play(1, 5, 7)

    card.hear(told(7, phase="post"), at=8, minutes=4)
    assert card.event.status == "live"

    card.hear(told(9), at=9, minutes=4.5)
    assert card.event.status == "completed"


def test_an_evening_is_over_when_the_feed_says_so_for_ten_minutes(card: Evening) -> None:
    """A bout that was dropped without a word stays scheduled there too."""
    card.play(1, 5, 7)
    over = told(7, phase="post")

    seen = []
    for at, minutes in ((8, 4.0), (9, 13.5), (10, 14.0)):
        card.hear(over, at=at, minutes=minutes)
        seen.append(card.event.status)

    assert seen == ["live", "live", "completed"]
    assert card.main.state == "scheduled"


def test_a_slip_that_was_taken_back_counts_from_the_beginning(card: Evening) -> None:
    card.play(1, 5, 7)
    card.hear(told(7, phase="post"), at=8, minutes=4)
    card.hear(poll(7), at=9, minutes=5)
    assert LiveFeed.objects.get().over_since is None

    card.hear(told(7, phase="post"), at=10, minutes=15)

    assert card.event.status == "live"


def test_an_evening_on_which_nobody_fought_neither_begins_nor_ends(card: Evening) -> None:
    put_off = told(1, phase="post", bouts={OPENER: POSTPONED, MAIN: POSTPONED})

    for at, minutes in ((1, 0), (2, 11), (3, 22)):
        outcome = card.hear(put_off, at=at, minutes=minutes)

    assert outcome.held == {card.opener.pk: "postponed", card.main.pk: "postponed"}
    assert (card.event.status, card.opener.state, card.main.state) == ("scheduled", "scheduled", "scheduled")


def test_a_bout_that_only_the_feed_knows_keeps_the_evening_going(card: Evening) -> None:
    third = orjson.loads(poll(9))
    strange = orjson.loads(poll(3))["events"][0]["competitions"][0] | {"id": "77009"}
    strange["competitors"][0] |= {"id": "9000009", "athlete": {"fullName": "Somebody Else"}}
    third["events"][0]["competitions"].append(strange)
    card.play(1, 5, 7)

    card.hear(orjson.dumps(third), at=9, minutes=4.5)

    assert (card.event.status, card.main.state) == ("live", "stopped")


# --- over too early ---------------------------------------------------------------------------------------------------
def test_a_completed_evening_goes_on_when_somebody_fights(card: Evening) -> None:
    Event.objects.filter(pk=card.event.pk).update(status="completed")

    card.hear(poll(3), at=3, minutes=20)

    assert (card.event.status, card.opener.state) == ("live", "in_round")


def test_what_a_person_has_ended_no_feed_begins_again(card: Evening) -> None:
    card.play(1, 3)
    services.change_event(card.event.pk, status="completed", actor=OPERATOR)

    card.hear(poll(5), at=5, minutes=2.5)
    assert (card.event.status, card.opener.round) == ("completed", 3)
    # Its results are heard on.
    assert LiveFeed.objects.get().settles_until is not None

    services.run_by_hand(card.event.pk, actor=OPERATOR, by_hand=False)
    card.hear(poll(5), at=6, minutes=3)
    assert card.event.status == "live"


def test_a_step_back_that_is_held_begins_no_evening_again(card: Evening) -> None:
    card.play(1, 5, 7, 10)
    assert card.event.status == "completed"

    outcome = card.hear(poll(8), at=11, minutes=5.5)

    assert outcome.held[card.opener.pk] == "state_fell"
    assert card.event.status == "completed"


def test_what_a_person_began_the_feed_ends(card: Evening) -> None:
    services.change_event(card.event.pk, status="live", actor=OPERATOR)

    card.play(1, 5, 7, 10)

    assert card.event.status == "completed"


# --- until its results stand ------------------------------------------------------------------------------------------
def settles() -> datetime:
    until = LiveFeed.objects.get().settles_until
    assert until is not None
    return until


def test_an_evening_is_polled_on_until_its_last_result_is_official(card: Evening) -> None:
    """The main bout's clock is in doubt: that takes three hours."""
    document = orjson.loads(poll(10))
    main = document["events"][0]["competitions"][MAIN]["status"]
    main["period"], main["displayClock"] = 3, "2:01"
    final = orjson.dumps(document)
    main["type"] = {"name": "STATUS_IN_PROGRESS", "state": "in"}
    running = orjson.dumps(document)
    card.play(1, 5, 7)
    card.hear(running, at=8, minutes=4)

    seen = []
    for at, minutes in ((9, 5), (10, 8), (11, 60), (12, 186)):
        card.hear(final, at=at, minutes=minutes)
        now = NOW + timedelta(minutes=minutes)
        event = Event.objects.with_feed().get(pk=card.event.pk)
        LiveFeed.objects.update(answered_at=now)
        event.feed.answered_at = now
        seen.append((card.main.state, card.main.time_sec, settles() > now, freshness_of(event, now)["state"]))

    assert seen == [
        ("provisional", 179, True, "current"),
        ("provisional", 179, True, "current"),
        ("provisional", 179, True, "current"),
        ("official", 179, True, "current"),
    ]
    assert settles() == NOW + timedelta(minutes=216)
    assert freshness_of(event, NOW + timedelta(minutes=217))["state"] == "final"


def test_a_bout_without_a_winner_is_waited_for_longer(card: Evening) -> None:
    card.play(1, 5, 7)
    card.hear(told(9), at=9, minutes=4.5)

    assert (card.event.status, card.main.state) == ("completed", "stopped")
    assert settles() == NOW + timedelta(minutes=4.5, hours=3.5)


def test_what_stands_is_official_though_the_feed_names_the_evening_no_longer(card: Evening, settings: Any) -> None:
    settings.LIVE_SCOREBOARD_URL = ""
    card.play(1, 5, 7, 10)
    ago = datetime.now(UTC) - timedelta(hours=3, minutes=5)
    BoutReport.objects.update(since=ago)
    LiveFeed.objects.update(settles_until=ago + timedelta(hours=3, minutes=30))
    Bout.objects.filter(pk=card.main.pk).update(is_manual=True)

    assert services.queue_due_polls(actor=SYSTEM)["settled"] == 1
    assert services.queue_due_polls(actor=SYSTEM)["settled"] == 0

    for bout in (card.opener, card.main):
        bout.refresh_from_db()
    assert (card.opener.state, card.main.state) == ("official", "provisional")
    revision = card.opener.revisions.newest_first().first()
    assert revision is not None
    assert (revision.source, revision.reason) == ("espn", "stood for three hours")


@pytest.mark.parametrize(("minutes", "pace"), [(10, 25), (40, 55)])
def test_a_completed_evening_that_keeps_quiet_is_asked_slowly(card: Evening, minutes: int, pace: int) -> None:
    now = datetime.now(UTC)
    Event.objects.filter(pk=card.event.pk).update(status="completed", updated_at=now - timedelta(minutes=minutes))

    services.record_answer([card.event.pk], now=now)

    feed = LiveFeed.objects.get()
    assert feed.next_poll_at == now + timedelta(seconds=pace)


# --- called off, put off ----------------------------------------------------------------------------------------------
def test_one_word_calls_no_bout_off(card: Evening) -> None:
    called_off = told(1, bouts={OPENER: CANCELED})

    first = card.hear(called_off, at=1)
    assert (first.held[card.opener.pk], card.opener.state) == ("said_once", "scheduled")

    second = card.hear(called_off, at=2, minutes=0.5)
    assert (second.held, card.opener.state) == ({}, "cancelled")


def test_a_bout_that_only_the_feed_called_off_is_fought(card: Evening) -> None:
    for at in (1, 2):
        card.hear(told(1, bouts={OPENER: CANCELED}), at=at)
    assert card.opener.state == "cancelled"

    card.play(3, 5, 7)

    assert (card.opener.state, card.opener.time_sec, card.event.status) == ("provisional", 179, "live")


def test_what_a_person_called_off_stays_so(card: Evening) -> None:
    services.cancel_bout(card.opener.pk, reason="ill", actor=OPERATOR, expected_version=card.opener.version)

    outcome = card.hear(poll(3), at=3)

    assert (outcome.held[card.opener.pk], card.opener.state) == ("operator", "cancelled")


@pytest.mark.parametrize(
    ("name", "state", "unclear"),
    [
        ("STATUS_POSTPONED", "scheduled", "postponed"),
        ("STATUS_SUSPENDED", "between_rounds", "unclear"),
        ("STATUS_ABANDONED", "stopped", "unclear"),
        ("STATUS_FORFEIT", "stopped", "unclear"),
        ("STATUS_NEVER_HEARD_OF", "stopped", "unclear"),
    ],
)
def test_what_has_no_place_here_is_shown_and_not_followed(card: Evening, name: str, state: str, unclear: str) -> None:
    card.play(1, 3)
    body = told(3, bouts={OPENER: {"name": name, "state": "post", "completed": False}})
    [said] = read_scoreboard(body)
    assert (said.bouts[0].state, said.bouts[0].unclear, said.bouts[0].winners) == (state, unclear, 0)

    outcome = card.hear(body, at=4)

    assert (outcome.held[card.opener.pk], card.opener.state) == (unclear, BoutState.IN_ROUND)
    assert BoutReport.objects.get(bout=card.opener).held == unclear


def test_an_unknown_word_for_a_complete_bout_is_a_final() -> None:
    body = told(10, bouts={OPENER: {"name": "STATUS_FINAL_DECISION", "state": "post", "completed": True}})

    [said] = read_scoreboard(body)

    assert (said.bouts[0].state, said.bouts[0].winner, said.bouts[0].unclear) == ("provisional", "9000003", "")


# --- when it begins ---------------------------------------------------------------------------------------------------
def dated(number: int, begins: str) -> bytes:
    document = orjson.loads(poll(number))
    document["events"][0]["date"] = begins
    return orjson.dumps(document)


def test_an_evening_that_the_clock_began_too_early_waits_for_its_hour(card: Evening) -> None:
    """Files know the day only, so that it "began" at midnight."""
    Event.objects.filter(pk=card.event.pk).update(status="live", provenance={"*": {"source": "ufcstats"}})

    card.hear(dated(1, "2026-05-02T22:00Z"), at=1)

    assert (card.event.status, card.event.starts_at) == ("scheduled", NOW + timedelta(hours=10))
    assert card.event.provenance["starts_at"] == {"source": "espn"}


def test_an_evening_that_was_put_off_moves_to_its_new_day(card: Evening) -> None:
    Event.objects.filter(pk=card.event.pk).update(status="live")

    card.hear(dated(1, "2026-06-20T22:00Z"), at=1)

    assert (card.event.status, f"{card.event.starts_at:%m-%d}") == ("scheduled", "06-20")


def test_a_start_that_a_person_fixed_and_a_live_that_a_person_set_stay(card: Evening) -> None:
    services.edit_event(
        card.event.pk, starts_at=NOW - timedelta(minutes=5), actor=OPERATOR, expected_version=card.event.version
    )
    services.change_event(card.event.pk, status="live", actor=OPERATOR)

    card.hear(dated(1, "2026-05-02T22:00Z"), at=1)

    assert (card.event.status, card.event.starts_at) == ("live", NOW - timedelta(minutes=5))


@pytest.mark.parametrize(
    ("number", "begins", "starts_at"),
    [
        (3, "2026-05-02T11:30Z", NOW - timedelta(minutes=30)),
        # What is being fought was not put off; what lies long ago is not announced.
        (3, "2026-06-20T22:00Z", NOW),
        (1, "2026-04-20T22:00Z", NOW),
        (1, "2026-05-02T12:00:30Z", NOW),
        (1, "soon", NOW),
    ],
)
def test_a_start_is_corrected_where_it_can_be_true(
    card: Evening, number: int, begins: str, starts_at: datetime
) -> None:
    card.hear(dated(number, begins), at=number)

    assert card.event.starts_at == starts_at


def test_a_start_that_is_corrected_while_somebody_walks_in_leaves_it_live(card: Evening) -> None:
    Event.objects.filter(pk=card.event.pk).update(status="live")

    card.hear(dated(2, "2026-05-02T12:30Z"), at=2)

    assert (card.event.status, card.opener.state) == ("live", "walkouts")
