"""Whole cards replayed minute by minute, and answers that come late, twice, never or contradict each other (§3.3)."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import orjson
import pytest
import time_machine
from django.db import transaction
from django.utils import timezone
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from apps.core.actor import SYSTEM
from apps.core.streams import drain
from apps.events import services
from apps.events.clients.scoreboard import SOURCE, read_scoreboard
from apps.events.models import Event, LiveFeed
from apps.events.services import Answer
from apps.events.services.feeds import content_hash
from apps.events.streams import ANSWERED
from apps.events.task_names import QUEUE_DUE_POLLS
from apps.taskhub.services import enqueue
from apps.taskhub.testing import run_queued
from tests.core.http_server import LocalServer, answer, serving
from tests.events.recordings import SHARED, evening, poll
from tests.events.replays import Document, Watch, disagreements, minute_by_minute, recorded, settled
from tests.factories.events import BoutFactory, EventFactory
from tests.factories.fighters import FighterFactory

NOW = datetime(2026, 9, 26, 21, 0, tzinfo=UTC)
present = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared recordings are not on this machine")
SEP_26 = ("sep26_1_prefight", "sep26_2_inround", "sep26_3_settled")


def card_of(document: Document, *, starts_at: datetime = NOW) -> Event:
    """Our card of a recorded one, followed; the names are the provider's."""
    [said] = read_scoreboard(orjson.dumps(document))
    event = EventFactory(name=said.name, starts_at=starts_at)
    for place, bout in enumerate(reversed(said.bouts), start=1):
        red, blue = (FighterFactory(name=name) for _, name in bout.athletes)
        BoutFactory(event=event, sequence_no=place, scheduled_rounds=5, red_fighter=red, blue_fighter=blue)
    services.follow(event.pk, source=SOURCE, external_id=said.external_id, actor=SYSTEM)
    return event


def answer_of(event: Event, document: Document, sequence: int) -> Answer:
    [said] = [one.as_message() for one in read_scoreboard(orjson.dumps(document))]
    body = {"event_id": event.pk, "source": SOURCE, "said": said, "hash": content_hash(said)}
    return Answer.from_message({**body, "sequence": sequence})


# --- by the real path -------------------------------------------------------------------------------------------------
@pytest.fixture
def server(settings: Any) -> Iterator[LocalServer]:
    with serving() as server:
        settings.HTTP_ALLOWED_PRIVATE = server.allowed
        settings.LIVE_SCOREBOARD_URL = f"{server.origin}/scoreboard"
        yield server


@present
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("name", "step"), [("sep26", 1), ("ufc331_final", 1), ("espnScoreboardWeekend", 4)])
def test_a_real_card_minute_by_minute_from_the_poll_to_the_public_card(
    name: str, step: int, server: LocalServer
) -> None:
    """Tick, poll over HTTP, stream, consumer, API.  The weekend's fourteen bouts have ends of our making, and only
    every fourth minute of them is heard."""
    documents = [recorded(one) for one in SEP_26] if name == "sep26" else []
    last = documents[-1] if documents else recorded(name)
    if name == "espnScoreboardWeekend":
        last = settled(last)
    began = timezone.now() - timedelta(minutes=1)
    event = card_of(last, starts_at=began)
    watch = Watch.over(event)
    public = APIClient()

    # The last answer once more some minutes later, until what it says has stood long enough.
    told = [*(documents or islice(minute_by_minute(last), 0, None, step)), last, last, last]
    for number, document in enumerate(told, start=1):
        with time_machine.travel(began + timedelta(minutes=number * step)):
            server.answers["/scoreboard"] = answer(orjson.dumps(document))
            LiveFeed.objects.update(next_poll_at=timezone.now())
            enqueue(QUEUE_DUE_POLLS)
            run_queued()
            run_queued()
            drain(ANSWERED)
            watch.look()
            shown = orjson.loads(public.get(f"/api/v1/events/{event.pk}").content)["data"]
            assert {bout["id"]: bout["state"] for bout in shown["bouts"]} == {
                bout.pk: bout.state for bout in event.bouts.all()
            }

    assert disagreements(event, last) == []
    assert set(event.bouts.values_list("state", flat=True)) == {"official"}
    assert shown["status"] == "completed"


# --- what the net does to answers -------------------------------------------------------------------------------------
FRAMES = [orjson.loads(poll(number)) for number in (1, 2, 3, 4, 5, 6, 7, 9, 10, 11)]
LAST = FRAMES[-1]
numbers = st.integers(min_value=0, max_value=len(FRAMES) - 1)


def _flip(document: Document) -> None:
    for bout in document["events"][0]["competitions"]:
        for competitor in bout["competitors"]:
            competitor["winner"] = not competitor.get("winner")


def _both_win(document: Document) -> None:
    for bout in document["events"][0]["competitions"]:
        for competitor in bout["competitors"]:
            competitor["winner"] = True


def _no_status(document: Document) -> None:
    for bout in document["events"][0]["competitions"]:
        bout["status"] = {}


def _far_round(document: Document) -> None:
    for bout in document["events"][0]["competitions"]:
        bout["status"]["period"] = 9


def _long_clock(document: Document) -> None:
    for bout in document["events"][0]["competitions"]:
        bout["status"]["displayClock"] = "59:59"


def _strangers(document: Document) -> None:
    for bout in document["events"][0]["competitions"]:
        bout["competitors"][0]["athlete"]["fullName"] = "Somebody Else"


def _three_stand(document: Document) -> None:
    for bout in document["events"][0]["competitions"]:
        bout["competitors"].append({"id": "9", "athlete": {"fullName": "The Third"}})


def _one_is_missing(document: Document) -> None:
    document["events"][0]["competitions"].pop()


def _all_are_missing(document: Document) -> None:
    document["events"][0]["competitions"].clear()


def _over(document: Document) -> None:
    document["events"][0]["status"] = {"type": {"state": "post"}}


harms = st.sampled_from(
    [
        *(_flip, _both_win, _no_status, _far_round, _long_clock),
        *(_strangers, _three_stand, _one_is_missing, _all_are_missing, _over),
    ]
)


def replay(deliveries: list[tuple[int, Document]], parts: list[int]) -> None:
    """Deliver answers (captured as the n-th, content) in batches of these sizes, then the last one until it stands."""
    with transaction.atomic():
        _replay(deliveries, parts)
        # Ids of bouts belong to one event: the next evening has the same.
        transaction.set_rollback(True)


def _replay(deliveries: list[tuple[int, Document]], parts: list[int]) -> None:
    event = evening(NOW).event
    watch = Watch.over(event)
    waiting = [answer_of(event, document, number) for number, document in deliveries]
    for length in [*parts, len(waiting)]:
        services.apply_answers(waiting[:length], now=NOW)
        del waiting[:length]
        watch.look()
    # As long as a doubtful clock is waited for.
    for number, hours in enumerate((0, 4, 8)):
        services.apply_answer(answer_of(event, LAST, 1_000 + number), now=NOW + timedelta(hours=hours))
        watch.look()
    event.refresh_from_db()
    # All at one moment: how far the clock may have run since is not to be told.
    assert disagreements(event, LAST, clock_is_certain=False) == []
    assert set(event.bouts.values_list("state", flat=True)) <= {"official", "amended"}
    assert event.status == "completed"


few = hypothesis_settings(max_examples=25, deadline=None)


@pytest.mark.django_db
@few
@given(order=st.lists(numbers, max_size=14), parts=st.lists(st.integers(1, 5), max_size=4))
def test_late_repeated_and_lost_answers_end_as_those_in_order(order: list[int], parts: list[int]) -> None:
    replay([(number + 1, FRAMES[number]) for number in order], parts)


@pytest.mark.django_db
@few
@given(
    order=st.lists(st.tuples(numbers, st.none() | harms), max_size=10), parts=st.lists(st.integers(1, 5), max_size=3)
)
def test_answers_that_contradict_each_other_do_no_lasting_harm(order: list[tuple[int, Any]], parts: list[int]) -> None:
    deliveries = []
    for place, (number, harm) in enumerate(order, start=1):
        document = copy.deepcopy(FRAMES[number])
        if harm is not None:
            harm(document)
        deliveries.append((place, document))

    replay(deliveries, parts)
