"""Public reads: walking, filters, changes for those who keep copies, rights that end, the cache and its forgetting."""

from __future__ import annotations

import base64
import threading
import time
from datetime import timedelta
from typing import Any

import orjson
import pytest
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.articles import cache
from apps.articles.models import Article
from apps.articles.services import approve, correct, reject, retract, take_offline, undo_last, update_source
from apps.articles.services.wording import Edits
from apps.core import cache as core_cache
from apps.core import redis as core_redis
from apps.core.actor import SYSTEM, Actor
from apps.core.cache import carry_out_owed_deletes
from tests.factories.articles import ArticleFactory, PendingArticleFactory, SourceFactory
from tests.factories.users import UserFactory

pytestmark = pytest.mark.django_db

LIST = "/api/v1/articles"


def data(response: Any) -> Any:
    assert response.status_code == 200, response.content
    return orjson.loads(response.content)["data"]


def ids(response: Any) -> list[int]:
    return [item["id"] for item in data(response)["items"]]


@pytest.fixture
def lin() -> Actor:
    return Actor.of_user(UserFactory(username="lin", role="editor"))


# --- walking and filters ----------------------------------------------------------------------------------------
def test_a_walk_by_cursor_meets_each_article_once_though_times_are_equal(client: Client) -> None:
    now = timezone.now()
    expected = [ArticleFactory(published_at=now - timedelta(minutes=n // 3)).pk for n in range(10)]
    expected = [
        pk for _at, pk in sorted(((now - timedelta(minutes=n // 3), pk) for n, pk in enumerate(expected)), reverse=True)
    ]
    met, cursor = [], ""
    while cursor is not None:
        with CaptureQueriesContext(connection) as queries:
            page = data(client.get(LIST, {"cursor": cursor, "page_size": 3}))
        assert len(queries) == 2
        met += [item["id"] for item in page["items"]]
        cursor = page["pagination"]["next_cursor"]

    assert met == expected


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2025-01-01T00:00:00"])
@pytest.mark.parametrize("others", [{}, {"updated_since": "0"}])
def test_a_cursor_at_the_ends_of_time_or_without_a_zone_is_none_of_ours(
    client: Client, moment: str, others: dict[str, str]
) -> None:
    cursor = base64.urlsafe_b64encode(f"{moment}|1".encode()).decode().rstrip("=")

    answer = client.get(LIST, {"cursor": cursor, **others})

    assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (400, ["cursor"])


def test_a_walk_can_begin_at_a_page(client: Client) -> None:
    ArticleFactory.create_batch(5)

    first = data(client.get(LIST, {"page_size": 2}))
    rest = ids(client.get(LIST, {"page_size": 9, "cursor": first["pagination"]["next_cursor"]}))

    assert [item["id"] for item in first["items"]] + rest == ids(client.get(LIST))


def test_filters_by_source_language_and_time(client: Client) -> None:
    chinese, english = SourceFactory(language="zh-hans"), SourceFactory(language="en")
    old = ArticleFactory(source=chinese, language="zh-hans", published_at=timezone.now() - timedelta(days=2))
    new = ArticleFactory(source=chinese, language="zh-hans")
    other = ArticleFactory(source=english, language="en")

    assert ids(client.get(LIST, {"language": "zh-hans"})) == [new.pk, old.pk]
    assert ids(client.get(LIST, {"source_id": english.pk})) == [other.pk]
    since = (timezone.now() - timedelta(days=1)).isoformat()
    assert ids(client.get(LIST, {"since": since, "language": "zh-hans"})) == [new.pk]
    assert ids(client.get(LIST, {"language": "ja"})) == []


def test_an_approved_piece_takes_the_language_of_its_source(lin: Actor) -> None:
    piece = PendingArticleFactory(source=SourceFactory(language="ja"))

    assert approve(piece.pk, actor=lin).language == "ja"


# --- changes ----------------------------------------------------------------------------------------------------
def test_those_who_keep_copies_learn_of_everything_that_changed(client: Client, lin: Actor) -> None:
    untouched = ArticleFactory()
    Article.objects.filter(pk=untouched.pk).update(updated_at=timezone.now() - timedelta(days=1))
    start = timezone.now()
    corrected, retracted, offline = (ArticleFactory() for _ in range(3))
    never_public = ArticleFactory(status="pending", published_at=None)
    correct(corrected.pk, actor=lin, edits=Edits(title="Right"), notice="Wrong name.")
    retract(retracted.pk, actor=lin, notice="It did not happen.")
    take_offline(offline.pk, actor=lin, reason="Rights.")
    undone = approve(PendingArticleFactory(title="Too early").pk, actor=lin)
    undo_last(actor=lin)

    answer = data(client.get(LIST, {"updated_since": start.isoformat()}))

    found = {item["id"]: item for item in answer["items"]}
    assert set(found) == {corrected.pk, retracted.pk, offline.pk, undone.pk}
    assert never_public.pk not in found
    assert found[corrected.pk]["title"] == "Right"
    assert (found[retracted.pk]["state"], found[retracted.pk]["notice"]) == ("retracted", "It did not happen.")
    for gone in (offline.pk, undone.pk):
        item = found[gone]
        assert item["state"] == "gone"
        assert [item[name] for name in ("title", "summary", "source_url", "notice", "published_at")] == [
            "", "", "", "", None,
        ]  # fmt: skip
    assert answer["as_of"] < timezone.now().isoformat()


def test_changes_are_walked_in_their_order(client: Client) -> None:
    ArticleFactory.create_batch(7)
    met, cursor = [], ""
    while cursor is not None:
        page = data(client.get(LIST, {"updated_since": "0", "page_size": 3, "cursor": cursor}))
        met += [item["id"] for item in page["items"]]
        cursor = page["pagination"]["next_cursor"]

    assert met == sorted(met)
    assert len(met) == 7


def test_withdrawn_rights_and_a_new_name_are_changes_of_the_articles(client: Client) -> None:
    source = SourceFactory(rights_display=True, name="Old name")
    article = ArticleFactory(source=source, cover_url="https://a.example/c.jpg")
    assert data(client.get(LIST))["items"][0]["cover_url"]
    start = timezone.now()

    update_source(source.pk, actor=SYSTEM, rights_display=False, name="New name")

    (item,) = data(client.get(LIST, {"updated_since": start.isoformat()}))["items"]
    assert (item["id"], item["cover_url"], item["source_name"]) == (article.pk, "", "New name")


# --- rights that end ----------------------------------------------------------------------------------------------
def test_a_cached_page_lives_no_longer_than_the_rights_in_it(client: Client) -> None:
    ends = timezone.now() + timedelta(seconds=1)
    source = SourceFactory(rights_display=True, rights_expires_at=ends)
    article = ArticleFactory(source=source, cover_url="https://a.example/c.jpg")
    for path in (LIST, f"{LIST}/{article.pk}"):
        assert b"c.jpg" in client.get(path).content
    assert core_redis.client().pttl(cache.LIST_KEY) <= 1000

    time.sleep(1.05)

    for path in (LIST, f"{LIST}/{article.pk}"):
        assert b"c.jpg" not in client.get(path).content


# --- one article --------------------------------------------------------------------------------------------------
def test_one_article_is_kept_answered_with_304_and_forgotten(client: Client, lin: Actor) -> None:
    article = ArticleFactory(title="First words")
    path = f"{LIST}/{article.pk}"
    first = client.get(path)

    with CaptureQueriesContext(connection) as queries:
        again = client.get(path, headers={"if-none-match": first["ETag"]})
    assert (len(queries), again.status_code, again.content) == (0, 304, b"")
    assert {response["Cache-Control"] for response in (first, again, client.get(LIST))} == {"public, no-cache"}


@pytest.mark.django_db(transaction=True)
def test_each_change_is_seen_at_once_by_list_variants_and_article(client: Client) -> None:
    lin = Actor.of_user(UserFactory())
    source = SourceFactory(language="en")
    article = approve(PendingArticleFactory(source=source, title="A").pk, actor=lin)
    paths = (LIST, f"{LIST}?page_size=5", f"{LIST}?language=en", f"{LIST}?source_id={source.pk}")

    def seen() -> set[str]:
        return {" ".join(item["title"] for item in data(client.get(path))["items"]) for path in paths}

    assert seen() == {"A"}
    correct(article.pk, actor=lin, edits=Edits(title="B"), notice="Why.")
    assert seen() == {"B"}
    assert data(client.get(f"{LIST}/{article.pk}"))["title"] == "B"
    approve(PendingArticleFactory(source=source, title="C").pk, actor=lin)
    assert seen() == {"C B"}
    undo_last(actor=lin)
    assert seen() == {"B"}
    retract(article.pk, actor=lin, notice="Wrong.")
    assert seen() == {""}
    assert data(client.get(f"{LIST}/{article.pk}"))["state"] == "retracted"


def test_a_missing_article_is_not_found_and_found_as_soon_as_it_is_there(client: Client) -> None:
    assert client.get(f"{LIST}/1").status_code == 404
    with CaptureQueriesContext(connection) as queries:
        assert client.get(f"{LIST}/1").status_code == 404
    assert len(queries) == 0


def test_moments_and_cursors_leave_nothing_in_the_cache(client: Client) -> None:
    ArticleFactory.create_batch(3)
    client.get(LIST, {"since": "2025-01-31T08:00:00Z"})
    client.get(LIST, {"cursor": "", "page_size": 1})
    client.get(LIST, {"updated_since": "0"})

    assert core_redis.client().keys("cache:articles:*") == []


def test_names_of_things_that_do_not_exist_and_odd_pages_do_not_fill_the_cache(client: Client) -> None:
    ArticleFactory()
    client.get(LIST)
    kept = {b"cache:articles:list:v1", *core_redis.client().keys("cache:articles:total:*")}
    for number in range(3):
        client.get(f"{LIST}/{10**12 + number}")
        for name in ("source_id", "fighter", "event", "page"):
            client.get(LIST, {name: 10**12 + number})
        client.get(LIST, {"page_size": 11 + number})

    redis = core_redis.client()
    more = [key for key in redis.keys("cache:articles:*") if key not in kept]
    assert [key for key in more if redis.pttl(key) > 1000] == []


def test_a_page_that_does_not_exist_still_costs_no_count(client: Client) -> None:
    ArticleFactory()
    client.get(LIST)
    with CaptureQueriesContext(connection) as queries:
        assert data(client.get(LIST, {"page": 10**12}))["items"] == []
    assert len(queries) == 1, "only what was published within the last half minute is counted"


def test_those_who_keep_copies_get_304_while_nothing_changes(client: Client) -> None:
    ArticleFactory()
    path = f"{LIST}?updated_since=2025-01-01T00:00:00Z"
    first = client.get(path)

    again = client.get(path, headers={"if-none-match": first["ETag"]})
    ArticleFactory()
    changed = client.get(path, headers={"if-none-match": first["ETag"]})

    assert (again.status_code, again.content) == (304, b"")
    assert (changed.status_code, changed["ETag"] == first["ETag"]) == (200, False)


# --- G-4 ------------------------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_a_reader_that_began_before_the_approval_can_not_leave_the_old_list_behind() -> None:
    """The reader reads the database, the approval commits and forgets, then the reader fills."""
    if connection.vendor == "sqlite":
        pytest.skip("an in-memory database has one connection")
    lin = Actor.of_user(UserFactory())
    piece = PendingArticleFactory()
    has_read, may_fill = threading.Event(), threading.Event()

    def slow_load() -> dict[str, Any]:
        found = cache.load_public_list()
        has_read.set()
        may_fill.wait(5)
        return found

    def read() -> None:
        try:
            cache._LIST.get(cache.LIST_KEY, load=slow_load)
        finally:
            connections.close_all()

    reader = threading.Thread(target=read)
    reader.start()
    has_read.wait(5)
    approve(piece.pk, actor=lin)
    may_fill.set()
    reader.join()

    assert orjson.loads(cache.public_list().body)["pagination"]["total"] == 1


@pytest.mark.django_db(transaction=True)
def test_within_a_second_of_an_approval_every_read_is_right_also_under_load(client: Client) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("an in-memory database has one connection")
    lin = Actor.of_user(UserFactory())
    pieces = [PendingArticleFactory() for _ in range(6)]
    stop, wrong, committed = threading.Event(), [], {"total": 0, "at": time.monotonic()}

    def read() -> None:
        reader = Client()
        try:
            while not stop.is_set():
                expected, since = committed["total"], time.monotonic() - committed["at"]
                total = data(reader.get(LIST))["pagination"]["total"]
                if since >= 1 and total < expected:
                    wrong.append((total, expected))
        finally:
            connections.close_all()

    def second_deletes() -> None:
        while not stop.is_set():
            carry_out_owed_deletes()
            time.sleep(0.05)

    threads = [threading.Thread(target=read) for _ in range(4)] + [threading.Thread(target=second_deletes)]
    for thread in threads:
        thread.start()
    for number, piece in enumerate(pieces, start=1):
        approve(piece.pk, actor=lin)
        committed.update(total=number, at=time.monotonic())
        time.sleep(1.15)
    stop.set()
    for thread in threads:
        thread.join()

    assert wrong == []


@pytest.mark.django_db(transaction=True)
def test_when_redis_is_away_decisions_stand_and_reads_come_from_the_database(
    client: Client, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    lin = Actor.of_user(UserFactory())
    first, second = PendingArticleFactory(), PendingArticleFactory()
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    monkeypatch.setattr(core_cache, "breaker", core_cache._Breaker())

    article = approve(first.pk, actor=lin)
    reject(second.pk, actor=lin, reason_code="spam")

    assert ids(client.get(LIST)) == [article.pk]
    assert data(client.get(f"{LIST}/{article.pk}"))["id"] == article.pk
