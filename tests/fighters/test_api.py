"""The public reads: cache, ETag, forgetting, redirects, refusals (F-1, F-4, F-5, G-1 to G-4)."""

import datetime as dt

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.core import redis as core_redis
from apps.core.actor import Actor, ActorKind
from apps.fighters import services
from apps.fighters.models import Fighter
from apps.fighters.services import write_keys
from tests.factories.fighters import FighterFactory, FighterUpdateFactory

EDITOR = Actor(ActorKind.USER, "7", "editor")
SEARCH = "/api/v1/fighters/search"


def one(fighter_id):
    return f"/api/v1/fighters/{fighter_id}"


def known(name, **fields):
    fighter = FighterFactory(name=name, **fields)
    write_keys([fighter.pk])
    return fighter


@pytest.mark.django_db
def test_a_search_asks_the_database_once_and_fills_once(client):
    known("Zhang Weili")
    with CaptureQueriesContext(
        connection,
    ) as first:
        answer = client.get(SEARCH, {"q": "weili"})
    with CaptureQueriesContext(connection) as second:
        again = client.get(SEARCH, {"q": " WEILI "})

    assert len(first) == 2  # keys, then the fighters they belong to
    assert len(second) == 0
    assert again.json()["data"] == answer.json()["data"]
    assert len(list(core_redis.client().scan_iter("cache:fighter:search:v1:*"))) == 1


@pytest.mark.django_db
def test_keys_of_the_cache_hold_no_typed_text(client):
    client.get(SEARCH, {"q": "evil\r\nSET x 1"})

    (key,) = core_redis.client().scan_iter("cache:fighter:search:v1:*")
    assert b"evil" not in key
    assert key.rpartition(b":")[2].isalnum()


@pytest.mark.django_db
def test_nothing_typed_costs_neither_query_nor_key(client, django_assert_num_queries):
    with django_assert_num_queries(0):
        answers = [client.get(SEARCH, {"q": typed}).json()["data"] for typed in ("", "  ", "%", "'")]

    assert answers == [{"items": []}] * 4
    assert list(core_redis.client().scan_iter("cache:fighter:search:v1:*")) == []


@pytest.mark.django_db
def test_what_is_known_is_not_sent_again(client):
    fighter = known("Zhang Weili")
    for path, query in ((SEARCH, {"q": "weili"}), (one(fighter.pk), {})):
        etag = client.get(path, query).headers["ETag"]
        repeated = client.get(path, query, headers={"If-None-Match": etag})
        assert (repeated.status_code, repeated.content) == (304, b"")


@pytest.mark.django_db
@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_only_reading_is_offered(client, method):
    fighter = known("Zhang Weili")

    assert getattr(client, method)(SEARCH).status_code in {401, 405}
    assert getattr(client, method)(one(fighter.pk)).status_code in {401, 405}
    assert Fighter.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_change_forgets_profile_and_searches(client):
    fighter = known("Weili Zhang")
    assert client.get(one(fighter.pk)).json()["data"]["name"] == "Weili Zhang"
    assert client.get(SEARCH, {"q": "magnum"}).json()["data"]["items"] == []

    services.edit_fighter(fighter.pk, actor=EDITOR, name="Zhang Weili", nickname="Magnum")

    assert client.get(one(fighter.pk)).json()["data"]["name"] == "Zhang Weili"
    assert len(client.get(SEARCH, {"q": "magnum"}).json()["data"]["items"]) == 1
    services.add_update(fighter.pk, "Signed.", actor=EDITOR)
    assert client.get(one(fighter.pk)).json()["data"]["updates"][0]["content"] == "Signed."


@pytest.mark.django_db
def test_without_redis_the_database_answers(client, monkeypatch):
    fighter = known("Zhang Weili")

    def refuse():
        raise core_redis.redis.ConnectionError("away")

    monkeypatch.setattr(core_redis, "client", refuse)

    assert client.get(one(fighter.pk)).json()["data"]["name"] == "Zhang Weili"
    assert len(client.get(SEARCH, {"q": "weili"}).json()["data"]["items"]) == 1


@pytest.mark.django_db
def test_a_profile_has_thirty_updates_newest_first_and_the_country_in_chinese(client):
    fighter = known("Zhang Weili", country="China")
    now = timezone.now()
    for days in range(31):
        FighterUpdateFactory(fighter=fighter, content=str(days), published_at=now - dt.timedelta(days=days))

    data = client.get(one(fighter.pk)).json()["data"]

    assert [update["content"] for update in data["updates"]] == [str(days) for days in range(30)]
    assert data["country_zh"] == "中国"


@pytest.mark.django_db
def test_an_old_address_leads_to_whom_the_fighter_was_merged_into(client):
    kept = known("Zhang Weili")
    old = FighterFactory(merged_into=kept)

    answer = client.get(f"/api/fighters/{old.pk}")

    assert (answer.status_code, answer.headers["Location"]) == (301, f"/api/fighters/{kept.pk}")
    assert client.get(answer.headers["Location"]).json()["data"]["name"] == "Zhang Weili"


@pytest.mark.django_db
@pytest.mark.parametrize(("path", "status"), [("0", 400), ("x", 400), ("1e3", 400), ("-1", 400), ("99999", 404)])
def test_ids_that_are_none(client, path, status):
    assert client.get(one(path)).status_code == status


@pytest.mark.django_db
def test_128_characters_are_searched_and_129_refused(client):
    assert client.get(SEARCH, {"q": "张" * 128}).status_code == 200
    answer = client.get(SEARCH, {"q": "张" * 129})

    assert (answer.status_code, answer.json()["code"]) == (400, 1001)
