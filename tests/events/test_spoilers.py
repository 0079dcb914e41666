"""Who hides results hears of none: on the card, in the stream of changes, in a fighter's profile."""

from __future__ import annotations

import time
from typing import Any

import orjson
import pytest
from django.test import Client

from apps.core import redis as core_redis
from apps.core.actor import Actor, ActorKind
from apps.events import services
from apps.events.api.listening import LiveApplication
from apps.events.cache import veiled_bout
from apps.events.enums import BoutState, Result
from apps.events.models import Bout
from apps.events.services import Ending
from tests.events.listeners import Listener, in_thread, run, until
from tests.factories.events import BoutFactory
from tests.factories.fighters import FighterFactory

pytestmark = pytest.mark.django_db(transaction=True)
ANN = Actor(ActorKind.USER, "1", "ann")
SPLIT = Ending(Result.WIN, "red", "decision_split", round=3, time_sec=300, official=True)
SUBMISSION = Ending(Result.WIN, "blue", "submission", round=2, time_sec=83, official=True)


def fresh(client: Client, path: str) -> tuple[Any, str]:
    """The answer as the database gives it, and its ETag."""
    core_redis.client().flushdb()
    answer = client.get(path)
    assert answer.status_code == 200, answer.content
    return answer.json()["data"], answer.headers["ETag"]


def amend(bout: Bout, ending: Ending = SUBMISSION) -> None:
    bout.refresh_from_db()
    # Moments are told to the second.
    time.sleep(1.1)
    services.enter_result(bout.pk, ending, actor=ANN, expected_version=bout.version, reason="Corrected")


def test_a_card_does_not_change_with_a_result_and_its_correction(client: Client) -> None:
    bout = BoutFactory(scheduled_rounds=3)
    services.step_bout(bout.pk, to=BoutState.STOPPED, in_round=3, actor=ANN, expected_version=1)
    path = f"/api/v1/events/{bout.event_id}?spoilers=0"
    card, stopped = fresh(client, path)
    services.enter_result(bout.pk, SPLIT, actor=ANN, expected_version=2)

    _, decided = fresh(client, path)
    amend(bout)
    corrected, amended = fresh(client, path)

    assert stopped == decided == amended
    assert card == corrected
    assert (card["version"], card["updated_at"]) == (None, None)
    [shown] = card["bouts"]
    assert (shown["red_fighter"]["record"], shown["blue_fighter"]["record"]) == (None, None)
    assert (shown["state"], shown["status"], shown["version"], shown["updated_at"]) == (
        "stopped",
        "finished",
        None,
        None,
    )


@pytest.mark.parametrize(
    ("states", "told"),
    [
        (["scheduled"], ("scheduled", "pending")),
        (["walkouts"], ("walkouts", "pending")),
        # A pause after the last round would tell of a decision.
        (["in_round", "between_rounds"], ("in_round", "pending")),
        (["stopped", "provisional", "official", "amended"], ("stopped", "finished")),
        (["cancelled"], ("cancelled", "pending")),
    ],
)
def test_one_word_for_all_that_would_tell(states: list[str], told: tuple[str, str]) -> None:
    for state in states:
        veiled = veiled_bout({"state": state, "status": "x"})
        assert (veiled["state"], veiled["status"]) == told


def test_the_stream_tells_nothing_of_results_and_corrections() -> None:
    bout = BoutFactory(scheduled_rounds=3)
    steps = [(BoutState.IN_ROUND, 1), (BoutState.BETWEEN_ROUNDS, 1), (BoutState.IN_ROUND, 2)]

    def evening() -> None:
        for version, (to, number) in enumerate(steps, start=1):
            services.step_bout(bout.pk, to=to, in_round=number, actor=ANN, expected_version=version)
        services.enter_result(bout.pk, SPLIT, actor=ANN, expected_version=4)
        services.enter_result(bout.pk, SUBMISSION, actor=ANN, expected_version=5, reason="Corrected")
        services.change_event(bout.event_id, status="completed", actor=ANN)

    async def story(app: LiveApplication) -> None:
        path = f"/api/v1/events/{bout.event_id}/live"
        veiled = Listener(app, path, query="spoilers=0")
        everything = Listener(app, path)
        await until(lambda: bool(veiled.events and everything.events))
        await in_thread(evening)
        await until(lambda: everything.events[-1][2].get("event", {}).get("status") == "completed")
        await until(lambda: veiled.events[-1][2].get("event", {}).get("status") == "completed")

        card = veiled.events[0][2]
        assert (card["spoilers"], card["bouts"][0]["red_fighter"]["record"]) == (False, None)
        told = [(kind, data[kind].get("state") or data[kind]["status"]) for kind, _, data in veiled.events[1:]]
        assert told == [("bout", "in_round"), ("event", "live"), ("bout", "stopped"), ("event", "completed")]
        for kind, _, data in veiled.events[1:]:
            assert data["event_version"] is data[kind]["version"] is None
        said = orjson.dumps([data for _, _, data in veiled.events])
        assert b"split" not in said
        assert b"1-0-0" not in said
        assert len([kind for kind, _, _ in everything.events if kind == "bout"]) == 5
        for listener in (veiled, everything):
            await listener.hang_up()

    run(story)


@pytest.mark.parametrize("query", ["spoilers=no", "spoilers=", "veil=1"])
def test_the_stream_refuses_what_it_does_not_know(query: str) -> None:
    event = BoutFactory().event

    async def story(app: LiveApplication) -> None:
        listener = Listener(app, f"/api/v1/events/{event.pk}/live", query=query)
        await until(lambda: listener.ended)
        assert (listener.status, orjson.loads(listener.body)["code"]) == (400, 1001)

    run(story)


def test_the_way_to_the_live_process_keeps_the_wish(client: Client, settings: Any) -> None:
    settings.LIVE_URL = "https://live.example"

    assert client.get("/api/v1/events/7/live?spoilers=0").headers["Location"] == (
        "https://live.example/api/v1/events/7/live?spoilers=0"
    )
    assert client.get("/api/v1/events/7/live?spoilers=1").headers["Location"].endswith("/live")
    assert client.get("/api/v1/events/7/live?spoilers=2").status_code == 400
    assert client.get("/api/v1/events/7/live?veil=1").status_code == 400


def test_a_profile_does_not_change_with_a_correction(client: Client) -> None:
    red = FighterFactory()
    bout, coming = BoutFactory(red_fighter=red), BoutFactory(red_fighter=red)
    services.enter_result(bout.pk, SPLIT, actor=ANN, expected_version=1)
    path = f"/api/v1/fighters/{red.pk}?spoilers=0"

    before, first = fresh(client, path)
    amend(bout)
    after, second = fresh(client, path)

    assert (before, first) == (after, second)
    assert (after["record"], after["last_bout_on"], after["version"], after["updated_at"]) == (None, None, None, None)
    [past], [following] = after["past_bouts"], after["next_bouts"]
    assert (past["id"], past["state"], past["outcome"], past["method"], past["round"], past["time_sec"]) == (
        bout.pk,
        "stopped",
        "",
        "",
        None,
        None,
    )
    assert following["id"] == coming.pk
    open_to_all, _ = fresh(client, f"/api/v1/fighters/{red.pk}")
    assert (open_to_all["record"], open_to_all["past_bouts"][0]["outcome"]) == ("0-1-0", "loss")


@pytest.mark.parametrize("path", ["/api/v1/events?spoilers=0", "/api/v1/fighters/search?q=a&spoilers=0"])
def test_where_spoilers_can_not_be_hidden_the_wish_is_refused(client: Client, path: str) -> None:
    assert client.get(path).json()["code"] == 1001


def test_a_profile_refuses_another_value(client: Client) -> None:
    path = f"/api/v1/fighters/{FighterFactory().pk}"

    assert client.get(f"{path}?spoilers=no").json()["code"] == 1001
    assert client.get(f"{path}?veil=1").json()["code"] == 1001
