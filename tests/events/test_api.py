"""The public reads of events, their cache (section G), and what may be changed."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client import REGISTRY
from rest_framework.test import APIClient

from apps.audit.testing import recorded
from apps.core import cache as core_cache
from apps.core import redis as core_redis
from apps.core.actor import SYSTEM
from apps.events import services
from apps.events.models import Bout, Event
from apps.fighters.services import forget_fighters
from tests.factories.events import BoutFactory, EventFactory, LiveFeedFactory
from tests.factories.fighters import FighterFactory
from tests.factories.users import UserFactory

pytestmark = pytest.mark.django_db

LIST = "/api/v1/events"


@pytest.fixture
def anonymous() -> APIClient:
    return APIClient()


@pytest.fixture
def editor() -> APIClient:
    client = APIClient()
    client.force_authenticate(UserFactory(role="editor"))
    return client


def data(response: Any) -> Any:
    assert response.status_code < 300, response.content
    return orjson.loads(response.content)["data"]


def refused(response: Any) -> tuple[int, int, list[str]]:
    body = orjson.loads(response.content)
    assert body["data"] is None
    assert set(body["messages"]) == {"zh-hans", "en"}
    return response.status_code, body["code"], [error["field"] for error in body["errors"]]


def decided(event: Event, **values: Any) -> Bout:
    bout = BoutFactory(event=event, **values)
    Bout.objects.filter(pk=bout.pk).update(
        state="official", result="win", winner_fighter=bout.red_fighter, method="submission", round=2, time_sec=83
    )
    bout.refresh_from_db()
    return bout


# --- the list ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("path", [LIST, "/api/events"])
def test_the_list_shows_the_newest_start_first(anonymous: APIClient, path: str) -> None:
    old = EventFactory(starts_at=datetime(2026, 7, 4, 12, 0, 9, 345678, tzinfo=UTC))
    new = EventFactory(starts_at=datetime(2026, 8, 1, 14, 0, tzinfo=UTC))

    found = data(anonymous.get(path))

    assert [item["id"] for item in found["items"]] == [new.pk, old.pk]
    assert found["items"][1]["starts_at"] == "2026-07-04T12:00:09Z"
    assert found["pagination"] == {"page": 1, "page_size": 20, "total": 2, "total_pages": 1}
    assert set(found["items"][0]) == {
        "id", "org", "name", "status", "starts_at", "venue", "poster_url", "promo_video_url", "version", "updated_at",
        "freshness",
    }  # fmt: skip


def test_filters_by_organisation_day_and_status(anonymous: APIClient) -> None:
    # 23:30 in Shanghai on the first, half past midnight on the second.
    first = EventFactory(org="UFC", starts_at=datetime(2026, 8, 1, 15, 30, tzinfo=UTC))
    second = EventFactory(org="ONE", starts_at=datetime(2026, 8, 1, 16, 30, tzinfo=UTC), status="live")

    def ids(**query: str) -> list[int]:
        return [item["id"] for item in data(anonymous.get(LIST, query))["items"]]

    assert ids(org="ufc") == [first.pk]
    assert ids(date="2026-08-01") == [first.pk]
    assert ids(date="2026-08-02") == [second.pk]
    assert ids(status="live") == [second.pk]
    assert ids(org="PFL") == []
    assert ids(page="2", page_size="1") == [first.pk]
    assert ids(page="9") == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("page=0", "page"),
        ("page_size=101", "page_size"),
        ("org=" + "x" * 33, "org"),
        ("org=a%00b", "org"),
        ("date=2026-13-01", "date"),
        ("date=yesterday", "date"),
        ("date=9999-12-31", "date"),
        ("status=over", "status"),
        ("updated_since=noon", "updated_since"),
        ("limit=5", "limit"),
    ],
)
def test_wrong_parameters_are_named(anonymous: APIClient, query: str, field: str) -> None:
    assert refused(anonymous.get(f"{LIST}?{query}")) == (400, 1001, [field])


def test_updated_since_finds_what_changed(anonymous: APIClient) -> None:
    event, other = EventFactory(), EventFactory()
    long_ago = timezone.now() - timezone.timedelta(days=2)
    Event.objects.filter(pk__in=[event.pk, other.pk]).update(updated_at=long_ago)
    bout = BoutFactory(event=event)
    since = int(timezone.now().timestamp() * 1000) - 60_000
    assert data(anonymous.get(LIST, {"updated_since": since}))["items"] == []

    services.cancel_bout(bout.pk, reason="ill", actor=SYSTEM, expected_version=bout.version)

    assert [item["id"] for item in data(anonymous.get(LIST, {"updated_since": since}))["items"]] == [event.pk]


# --- the card ---------------------------------------------------------------------------------------------------
def test_the_card_is_split_and_its_bouts_are_detailed(anonymous: APIClient) -> None:
    event = EventFactory()
    main = decided(event, sequence_no=1, red_ranking="C", weight_class="")
    prelim = BoutFactory(event=event, sequence_no=2, card_segment="prelims", weight_class="Flyweight")
    nowhere = BoutFactory(event=event, sequence_no=3, card_segment="")

    card = data(anonymous.get(f"{LIST}/{event.pk}"))

    assert [bout["id"] for bout in card["bouts"]] == [main.pk, prelim.pk, nowhere.pk]
    assert [bout["id"] for bout in card["main_card"]] == [main.pk]
    assert [bout["id"] for bout in card["prelims"]] == [prelim.pk, nowhere.pk]
    first = card["main_card"][0]
    assert first["winner_id"] == main.red_fighter_id
    assert (first["method"], first["round"], first["time_sec"]) == ("submission", 2, 83)
    assert first["weight_class"] == main.red_fighter.weight_class
    assert (first["status"], first["state"]) == ("finished", "official")
    assert (first["red_fighter"]["name"], first["red_fighter"]["rank"]) == (main.red_fighter.name, "C")
    assert card["prelims"][0]["weight_class"] == "Flyweight"
    assert data(anonymous.get(f"/api/events/{event.pk}")) == card


def test_without_a_main_card_the_first_five_are_it(anonymous: APIClient) -> None:
    event = EventFactory()
    bouts = [BoutFactory(event=event, sequence_no=number, card_segment="") for number in range(1, 8)]
    Bout.objects.filter(pk=bouts[1].pk).update(state="cancelled", cancel_reason="injury")

    card = data(anonymous.get(f"{LIST}/{event.pk}"))

    assert [bout["sequence_no"] for bout in card["main_card"]] == [1, 3, 4, 5, 6]
    assert [bout["sequence_no"] for bout in card["prelims"]] == [2, 7]
    assert card["prelims"][0]["cancel_reason"] == "injury"


def test_unknown_events_and_words_are_refused(anonymous: APIClient) -> None:
    event = EventFactory()

    assert refused(anonymous.get(f"{LIST}/999"))[:2] == (404, 1006)
    assert refused(anonymous.get(f"{LIST}/abc")) == (400, 1001, ["id"])
    assert refused(anonymous.get(f"{LIST}/{event.pk}?spoilers=no")) == (400, 1001, ["spoilers"])
    assert refused(anonymous.get(f"{LIST}/{event.pk}?fields=id")) == (400, 1001, ["fields"])
    assert refused(anonymous.post(LIST, {}))[:2] == (405, 1011)


def test_an_unknown_event_keeps_nobody_waiting(anonymous: APIClient) -> None:
    """The lock of the first question must not hold up the second."""
    anonymous.get(f"{LIST}/999")

    assert not core_redis.client().exists("cache:event:detail:v1:999:lock")


def test_spoilers_can_be_hidden(anonymous: APIClient) -> None:
    event = EventFactory()
    bout = decided(event, sequence_no=1)
    running = BoutFactory(event=event, sequence_no=2)
    Bout.objects.filter(pk=running.pk).update(state="in_round", round=2)

    card = data(anonymous.get(f"{LIST}/{event.pk}?spoilers=0"))

    shown = card["bouts"][0]
    hidden = {"result": "", "winner_id": None, "method": "", "round": None, "time_sec": None, "version": None}
    assert {name: shown[name] for name in hidden} == hidden
    assert (shown["state"], shown["status"]) == ("stopped", "finished")
    assert card["bouts"][1]["state"] == "in_round"
    assert card["spoilers"] is False
    assert data(anonymous.get(f"{LIST}/{event.pk}?spoilers=1"))["bouts"][0]["winner_id"] == bout.red_fighter_id


@pytest.mark.parametrize(
    ("event", "feed", "state"),
    [
        ({"status": "completed"}, {}, "final"),
        ({"status": "live", "is_manual": True}, {}, "by_hand"),
        ({"status": "live"}, None, "no_feed"),
        ({"status": "scheduled"}, {}, "no_feed"),
        ({"status": "live"}, {"age": 20}, "current"),
        ({"status": "live"}, {"age": 400}, "late"),
        ({"status": "live"}, {"age": 20, "alarmed": True}, "late"),
        ({"status": "live"}, {}, "late"),
    ],
)
def test_every_answer_says_how_fresh_it_is(anonymous: APIClient, event: Any, feed: Any, state: str) -> None:
    row = EventFactory(**event)
    now = timezone.now()
    if feed is not None:
        answered = now - timezone.timedelta(seconds=feed["age"]) if "age" in feed else None
        LiveFeedFactory(event=row, answered_at=answered, alarmed_at=now if feed.get("alarmed") else None)

    found = data(anonymous.get(f"{LIST}/{row.pk}"))["freshness"]

    assert found["state"] == state
    assert (found["answered_at"] is not None) == (state == "late" and "age" in feed)


# --- the cache (G-1 to G-4) -----------------------------------------------------------------------------------------
def test_a_miss_costs_one_read_and_one_fill_and_a_hit_costs_none(anonymous: APIClient, monkeypatch: Any) -> None:
    event = EventFactory()
    BoutFactory.create_batch(3, event=event)
    fills: list[str] = []
    original = core_cache._fill
    monkeypatch.setattr(core_cache, "_fill", lambda *given: (fills.append(given[1]), original(*given)))

    with CaptureQueriesContext(connection) as missed:
        first = anonymous.get(f"{LIST}/{event.pk}")
    with CaptureQueriesContext(connection) as hit:
        second = anonymous.get(f"{LIST}/{event.pk}", HTTP_ACCEPT_LANGUAGE="en")

    assert (len(missed), len(hit)) == (2, 0)
    assert fills == [f"cache:event:detail:v1:{event.pk}"]
    assert data(second) == data(first)
    assert orjson.loads(second.content)["msg"] == "Success"


@pytest.mark.parametrize(("status", "seconds"), [("live", 20), ("scheduled", 120), ("completed", 120)])
def test_time_to_live_follows_the_status(anonymous: APIClient, status: str, seconds: int) -> None:
    event = EventFactory(status=status)

    anonymous.get(f"{LIST}/{event.pk}")

    assert seconds * 0.85 <= core_redis.client().ttl(f"cache:event:detail:v1:{event.pk}") <= seconds * 1.1


def test_lists_lie_under_the_customers_key_by_organisation_and_day(anonymous: APIClient) -> None:
    anonymous.get(LIST, {"org": "UFC", "date": "2026-08-01"})
    anonymous.get(LIST, {"org": "ufc", "date": "2026-08-01"})

    [key] = core_redis.client().keys("cache:events:list:v1:UFC:2026-08-01*")
    assert 50 <= core_redis.client().ttl(key) <= 66


def test_a_change_drops_card_and_every_list_and_deletes_a_second_time(
    anonymous: APIClient, editor: APIClient, django_capture_on_commit_callbacks: Any
) -> None:
    event = EventFactory(name="Before")
    lists = (LIST, f"{LIST}?status=scheduled", f"{LIST}?org=UFC")
    for path in (*lists, f"{LIST}/{event.pk}", f"{LIST}/{event.pk}?spoilers=0"):
        anonymous.get(path)
    redis = core_redis.client()

    with django_capture_on_commit_callbacks(execute=True):
        data(editor.put(f"{LIST}/{event.pk}", {"name": "After"}))

    assert not redis.exists(f"cache:event:detail:v1:{event.pk}", f"cache:event:detail:v1:{event.pk}:veiled")
    owed = {key.decode() for key in redis.zrange("cache:owed-deletes", 0, -1)}
    assert f"cache:event:detail:v1:{event.pk}" in owed
    for path in lists:
        assert data(anonymous.get(path))["items"][0]["name"] == "After"
    # What a reader that was too slow has put back goes with the second delete.
    redis.set(f"cache:event:detail:v1:{event.pk}", b'W/"x"\n{}')
    redis.zadd("cache:owed-deletes", dict.fromkeys(owed, 0))
    core_cache.carry_out_owed_deletes()
    assert data(anonymous.get(f"{LIST}/{event.pk}"))["name"] == "After"


def test_a_fighters_change_drops_the_cards_with_this_fighter(
    anonymous: APIClient, django_capture_on_commit_callbacks: Any
) -> None:
    bout, other = BoutFactory(), BoutFactory()
    for event_id in (bout.event_id, other.event_id):
        anonymous.get(f"{LIST}/{event_id}")

    with django_capture_on_commit_callbacks(execute=True):
        forget_fighters([bout.blue_fighter_id])

    assert not core_redis.client().exists(f"cache:event:detail:v1:{bout.event_id}")
    assert core_redis.client().exists(f"cache:event:detail:v1:{other.event_id}")


def test_without_redis_the_card_comes_from_the_database(
    anonymous: APIClient, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = EventFactory(name="Still here")
    labels = {"name": "events.card", "reason": "redis"}
    before = REGISTRY.get_sample_value("cache_misses_total", labels) or 0
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    monkeypatch.setattr(core_cache, "breaker", core_cache._Breaker())

    assert data(anonymous.get(f"{LIST}/{event.pk}"))["name"] == "Still here"
    assert [item["name"] for item in data(anonymous.get(LIST))["items"]] == ["Still here"]
    assert (REGISTRY.get_sample_value("cache_misses_total", labels) or 0) == before + 1


def test_an_unchanged_card_is_answered_with_304_also_after_it_was_loaded_anew(anonymous: APIClient) -> None:
    event = EventFactory(status="live")
    LiveFeedFactory(event=event, answered_at=timezone.now())
    etag = anonymous.get(f"{LIST}/{event.pk}").headers["ETag"]
    core_redis.client().flushdb()

    again = anonymous.get(f"{LIST}/{event.pk}", HTTP_IF_NONE_MATCH=etag)

    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", etag)


def test_the_card_costs_the_same_queries_for_two_and_for_twenty(anonymous: APIClient) -> None:
    counts = []
    for number in (2, 20):
        event = EventFactory()
        BoutFactory.create_batch(number, event=event)
        with CaptureQueriesContext(connection) as queries:
            assert len(data(anonymous.get(f"{LIST}/{event.pk}"))["bouts"]) == number
        counts.append(len(queries))

    assert counts == [2, 2]


# --- changing an event ------------------------------------------------------------------------------------------
def test_only_given_fields_change(editor: APIClient) -> None:
    event = EventFactory(name="Before", venue="Arena")

    card = data(editor.put(f"{LIST}/{event.pk}", {"name": " After "}))

    assert (card["name"], card["status"], card["venue"], card["version"]) == ("After", "scheduled", "Arena", 2)
    assert data(editor.put(f"{LIST}/{event.pk}", {"status": "live"}))["name"] == "After"
    assert data(editor.put(f"{LIST}/{event.pk}", {}))["version"] == 3


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ({"name": ""}, (400, 1001, ["name"])),
        ({"name": "x" * 256}, (400, 1001, ["name"])),
        ({"status": "over"}, (400, 1001, ["status"])),
        ({"name": "After", "version": 7}, (412, 1013, [])),
        ({"name": "After", "venue": "Elsewhere"}, (400, 1001, ["venue"])),
    ],
)
def test_what_is_refused_changes_nothing(editor: APIClient, body: Any, answer: Any) -> None:
    event = EventFactory(name="Before")
    before = recorded()

    assert refused(editor.put(f"{LIST}/{event.pk}", body)) == answer

    event.refresh_from_db()
    assert (event.name, event.status, event.version) == ("Before", "scheduled", 1)
    assert recorded() == before


def test_if_match_is_checked_when_it_is_sent(editor: APIClient) -> None:
    event = EventFactory()

    assert refused(editor.put(f"{LIST}/{event.pk}", {"name": "A"}, HTTP_IF_MATCH='"2"'))[:2] == (412, 1013)
    assert data(editor.put(f"{LIST}/{event.pk}", {"name": "A"}, HTTP_IF_MATCH='W/"1"'))["version"] == 2


def test_an_event_can_be_taken_back_one_step_and_is_run_by_hand_then(editor: APIClient) -> None:
    event = EventFactory(status="completed")

    assert refused(editor.put(f"{LIST}/{event.pk}", {"status": "scheduled"}))[:2] == (409, 1007)
    assert data(editor.put(f"{LIST}/{event.pk}", {"status": "live"}))["freshness"]["state"] == "by_hand"


# --- results need the version ---------------------------------------------------------------------------------------
def test_results_demand_the_version(editor: APIClient) -> None:
    bout = BoutFactory()
    path = f"/api/v1/bouts/{bout.pk}/result"
    body = {"result": "win", "winner": "red", "method": "ko_tko", "round": 1, "time_sec": 62}

    assert refused(editor.put(path, body, format="json"))[:2] == (428, 1012)
    assert refused(editor.put(path, body | {"version": 9}, format="json"))[:2] == (412, 1013)
    assert refused(editor.put(path, body | {"version": 1, "winner": ""}, format="json")) == (400, 1001, ["winner"])

    entered = data(editor.put(path, body, format="json", HTTP_IF_MATCH='"1"'))

    assert (entered["state"], entered["winner_id"], entered["version"]) == ("provisional", bout.red_fighter_id, 2)

    other = data(editor.put(path, {"result": "win", "winner": "blue", "version": 2}, format="json"))

    assert (other["winner_id"], other["method"], other["time_sec"]) == (bout.blue_fighter_id, "ko_tko", 62)


@pytest.mark.django_db(transaction=True)
def test_of_two_operators_one_is_told() -> None:
    bout = BoutFactory(red_fighter=FighterFactory(), blue_fighter=FighterFactory())
    clients = []
    for _ in range(2):
        client = APIClient()
        client.force_authenticate(UserFactory(role="operator"))
        clients.append(client)
    statuses: list[int] = []
    together = threading.Barrier(2)

    def enter(client: APIClient, winner: str) -> None:
        together.wait()
        body = {"result": "win", "winner": winner, "version": 1}
        statuses.append(client.put(f"/api/v1/bouts/{bout.pk}/result", body, format="json").status_code)
        connection.close()

    threads = [threading.Thread(target=enter, args=pair) for pair in zip(clients, ("red", "blue"), strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert sorted(statuses) == [200, 412]
    bout.refresh_from_db()
    assert (bout.version, bout.revisions.count()) == (2, 1)
