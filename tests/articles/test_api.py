"""The routes of the articles app: who may, what comes back, what is refused."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client import REGISTRY
from rest_framework.test import APIClient

from apps.articles import cache
from apps.articles.models import Article, PendingArticle
from apps.articles.task_names import POLL_SOURCE
from apps.core import cache as core_cache
from apps.core import redis as core_redis
from apps.taskhub.testing import queued
from tests.articles.audit_trail import trail
from tests.factories.articles import ArticleFactory, PendingArticleFactory, SourceFactory
from tests.factories.users import UserFactory

pytestmark = pytest.mark.django_db

LIST = "/api/v1/articles"
PENDING = "/api/v1/review/pending"


@pytest.fixture
def anonymous() -> APIClient:
    return APIClient()


@pytest.fixture
def editor() -> APIClient:
    return client_of("editor")


def client_of(role: str = "") -> APIClient:
    client = APIClient()
    client.force_authenticate(UserFactory(role=role))
    return client


def data(response: Any) -> Any:
    assert response.status_code < 300, response.content
    return orjson.loads(response.content)["data"]


def refused(response: Any) -> tuple[int, int, list[str]]:
    body = orjson.loads(response.content)
    assert body["data"] is None
    assert set(body["messages"]) == {"zh-hans", "en"}
    return response.status_code, body["code"], [error["field"] for error in body["errors"]]


# --- public list ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("path", [LIST, "/api/articles"])
def test_the_public_list_shows_published_articles_newest_first(anonymous: APIClient, path: str) -> None:
    first = ArticleFactory(title="First", published_at=timezone.now() - timezone.timedelta(hours=1))
    second = ArticleFactory(title="Second")
    ArticleFactory(status=Article.Status.OFFLINE)
    ArticleFactory(status=Article.Status.PENDING)

    found = data(anonymous.get(path))

    assert [item["id"] for item in found["items"]] == [second.pk, first.pk]
    numbers = {"page": 1, "page_size": 20, "total": 2, "total_pages": 1, "next_cursor": None}
    assert found["pagination"] == numbers
    assert set(found["items"][0]) == {
        "id", "state", "source_id", "source_name", "language", "fighters", "events", "title", "summary", "source_url",
        "cover_url", "video_url", "can_play", "media_until", "published_at", "source_published_at", "updated_at",
        "corrected_at", "retracted_at", "notice",
    }  # fmt: skip


def test_pictures_and_videos_are_shown_only_with_the_right_to(anonymous: APIClient) -> None:
    media = {"cover_url": "https://a.example/c.jpg", "video_url": "https://a.example/v.mp4"}
    ArticleFactory(source=SourceFactory(rights_display=True, rights_playback=True), **media)
    ArticleFactory(source=SourceFactory(rights_display=True), **media)
    ArticleFactory(source=SourceFactory(), **media)
    ArticleFactory(source=None, **media)

    shown = [(i["cover_url"], i["video_url"], i["can_play"]) for i in reversed(data(anonymous.get(LIST))["items"])]

    assert shown == [
        ("https://a.example/c.jpg", "https://a.example/v.mp4", True),
        ("https://a.example/c.jpg", "", False),
        ("", "", False),
        ("", "", False),
    ]


def test_pages_and_the_filter_by_source(anonymous: APIClient) -> None:
    source = SourceFactory()
    ArticleFactory.create_batch(3, source=source)
    ArticleFactory()

    page = data(anonymous.get(LIST, {"source_id": source.pk, "page": 2, "page_size": 2}))
    after_last = data(anonymous.get(LIST, {"page": 9}))

    numbers = {"page": 2, "page_size": 2, "total": 3, "total_pages": 2, "next_cursor": None}
    assert (len(page["items"]), page["pagination"]) == (1, numbers)
    assert after_last["items"] == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("page=0", "page"),
        ("page=x", "page"),
        ("page=" + "9" * 30, "page"),
        ("page_size=101", "page_size"),
        ("page_size=0", "page_size"),
        ("source_id=-1", "source_id"),
        ("limit=5", "limit"),
        ("language=klingon", "language"),
        ("since=yesterday", "since"),
        ("since=2025-01-31T08:00:00", "since"),
        ("cursor=zzz", "cursor"),
        ("cursor=MjAyNS0wMS0wMXwx", "cursor"),
        ("cursor=&page=2", "page"),
        ("updated_since=", "updated_since"),
        ("updated_since=0&source_id=1", "source_id"),
    ],
)
def test_wrong_parameters_are_named(anonymous: APIClient, query: str, field: str) -> None:
    assert refused(anonymous.get(f"{LIST}?{query}")) == (400, 1001, [field])


def test_the_first_page_is_cached_under_exactly_the_customers_key(anonymous: APIClient) -> None:
    ArticleFactory()

    anonymous.get(LIST)

    redis = core_redis.client()
    assert redis.exists("cache:articles:list:v1")
    assert 100 <= redis.ttl("cache:articles:list:v1") <= 132
    anonymous.get(f"{LIST}?page_size=10")
    assert len(redis.keys("cache:articles:list:v1:0:*")) == 1


def test_a_hit_touches_no_database_and_its_envelope_is_fresh(anonymous: APIClient) -> None:
    ArticleFactory()
    first = orjson.loads(anonymous.get(LIST).content)

    with CaptureQueriesContext(connection) as queries:
        second = orjson.loads(anonymous.get(LIST, HTTP_ACCEPT_LANGUAGE="en").content)

    assert len(queries) == 0
    assert second["data"] == first["data"]
    assert second["request_id"] != first["request_id"]
    assert (first["msg"], second["msg"]) == ("成功", "Success")


def test_an_unchanged_list_is_answered_with_304(anonymous: APIClient) -> None:
    ArticleFactory()
    first = anonymous.get(LIST)
    etag = first.headers["ETag"]

    again = anonymous.get(LIST, HTTP_IF_NONE_MATCH=f'"other", {etag.removeprefix("W/")}')

    assert etag.startswith('W/"')
    assert "Accept-Language" in first.headers["Vary"]
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", etag)
    assert anonymous.get(LIST, HTTP_IF_NONE_MATCH='"other"').status_code == 200


def test_without_redis_the_list_comes_from_the_database_and_is_counted(
    anonymous: APIClient, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ArticleFactory(title="Still here")
    before = REGISTRY.get_sample_value("cache_misses_total", {"name": "articles.list", "reason": "redis"}) or 0
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    monkeypatch.setattr(core_cache, "breaker", core_cache._Breaker())

    found = data(anonymous.get(LIST))

    assert [item["title"] for item in found["items"]] == ["Still here"]
    after = REGISTRY.get_sample_value("cache_misses_total", {"name": "articles.list", "reason": "redis"})
    assert after == before + 1


def test_the_list_costs_the_same_queries_for_two_and_for_twenty(anonymous: APIClient) -> None:
    counts = []
    for number in (2, 20):
        Article.objects.all().delete()
        ArticleFactory.create_batch(number)
        core_redis.client().flushdb()
        with CaptureQueriesContext(connection) as queries:
            assert len(data(anonymous.get(LIST))["items"]) == number
        counts.append(len(queries))

    assert counts == [4, 4]


def test_other_methods_are_refused(anonymous: APIClient) -> None:
    assert refused(anonymous.post(LIST, {}))[:2] == (405, 1011)


def test_one_article(anonymous: APIClient) -> None:
    article = ArticleFactory(title="The one", content="<p>The foreign text</p>")
    hidden = ArticleFactory(status=Article.Status.OFFLINE)

    assert data(anonymous.get(f"{LIST}/{article.pk}"))["title"] == "The one"
    assert b"foreign text" not in anonymous.get(f"{LIST}/{article.pk}").content
    assert refused(anonymous.get(f"{LIST}/{hidden.pk}"))[:2] == (404, 1006)
    assert refused(anonymous.get(f"{LIST}/abc"))[:2] == (400, 1001)


# --- review -----------------------------------------------------------------------------------------------------
def test_the_queue_is_oldest_first_and_only_what_waits(editor: APIClient) -> None:
    first, second = PendingArticleFactory(title="First"), PendingArticleFactory()
    PendingArticleFactory(status="rejected")

    found = data(editor.get(PENDING))

    assert [item["id"] for item in found["items"]] == [first.pk, second.pk]
    assert found["items"][0]["source_name"] == first.source.name
    assert found["pagination"]["total"] == 2
    assert [i["id"] for i in data(editor.get(PENDING, {"source_id": second.source_id}))["items"]] == [second.pk]
    assert refused(editor.get(PENDING, {"status": "rejected"})) == (400, 1001, ["status"])


def test_the_queue_costs_the_same_queries_for_two_and_for_twenty(editor: APIClient) -> None:
    editor.get(PENDING)  # the user's permissions are read once
    counts = []
    for number in (2, 20):
        PendingArticle.objects.all().delete()
        PendingArticleFactory.create_batch(number)
        with CaptureQueriesContext(connection) as queries:
            data(editor.get(PENDING))
        counts.append(len(queries))

    assert counts == [3, 3]


def test_approve_publishes_and_the_caller_is_the_reviewer_whatever_the_query_says(editor: APIClient) -> None:
    piece = PendingArticleFactory()

    found = data(editor.post(f"/api/v1/review/{piece.pk}/approve?reviewer_id=999"))

    article = Article.objects.get()
    piece.refresh_from_db()
    assert (found["status"], found["article_id"], found["version"]) == ("approved", article.pk, 2)
    assert piece.reviewer_id == found["reviewer_id"] != 999


def test_reject_needs_a_reason(editor: APIClient) -> None:
    piece = PendingArticleFactory()
    path = f"/api/v1/review/{piece.pk}/reject"

    assert refused(editor.post(path, {})) == (400, 1001, ["reason"])
    assert refused(editor.post(path, {"reason": " "})) == (400, 1001, ["reason"])
    assert PendingArticle.objects.get().status == "pending"
    found = data(editor.post(path, {"reason": "Rumour."}))
    assert (found["status"], found["reject_reason"], found["article_id"]) == ("rejected", "Rumour.", None)


def test_the_second_decision_is_a_conflict(editor: APIClient) -> None:
    piece = PendingArticleFactory()
    data(editor.post(f"/api/v1/review/{piece.pk}/approve"))

    again = editor.post(f"/api/v1/review/{piece.pk}/approve", HTTP_ACCEPT_LANGUAGE="en")

    assert refused(again) == (409, 1007, ["status"])
    assert "approved" in orjson.loads(again.content)["msg"]
    assert refused(editor.post(f"/api/v1/review/{piece.pk}/reject", {"reason": "no"}))[:2] == (409, 1007)
    assert Article.objects.count() == 1


@pytest.mark.parametrize("header", ['"7"', 'W/"7"', "7"])
def test_a_stale_version_is_refused_in_header_or_body(editor: APIClient, header: str) -> None:
    piece = PendingArticleFactory(version=3)
    path = f"/api/v1/review/{piece.pk}/approve"

    assert refused(editor.post(path, HTTP_IF_MATCH=header))[:2] == (412, 1013)
    assert refused(editor.post(path, {"version": 2}))[:2] == (412, 1013)
    assert refused(editor.post(path, HTTP_IF_MATCH="soon"))[:2] == (400, 1001)
    assert Article.objects.count() == 0
    data(editor.post(path, HTTP_IF_MATCH='"3"'))


@pytest.mark.parametrize("action", ["approve", "reject"])
def test_a_piece_that_does_not_exist(editor: APIClient, action: str) -> None:
    body = {"reason": "no"} if action == "reject" else {}
    assert refused(editor.post(f"/api/v1/review/999/{action}", body))[:2] == (404, 1006)
    assert refused(editor.post(f"/api/v1/review/abc/{action}", body))[:2] == (400, 1001)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("review/{piece}/approve", {}),
        ("review/{piece}/reject", {"reason": "no"}),
        ("review/{piece}/claim", {}),
        ("articles/{article}/correct", {"title": "New", "notice": "Spelling."}),
        ("articles/{article}/retract", {"notice": "Wrong."}),
        ("articles/{article}/offline", {"reason": "Rights."}),
        ("takedowns", {"target_id": 1, "reason": "Rights."}),
        ("ingest/fetch", {"source_id": 1}),
    ],
)
def test_a_field_that_nobody_knows_is_refused_and_nothing_is_done(editor: APIClient, path: str, body: dict) -> None:
    piece, article = PendingArticleFactory(), ArticleFactory()
    path = "/api/v1/" + path.format(piece=piece.pk, article=article.pk)

    assert refused(editor.post(path, {**body, "publishAt": "2030-01-01"}, format="json")) == (400, 1001, ["publishAt"])

    assert set(PendingArticle.objects.values_list("version", flat=True)) == {piece.version}
    assert set(Article.objects.values_list("version", "status")) == {(article.version, "published")}
    assert (trail(), queued()) == ([], [])


def test_a_field_that_nobody_knows_inside_a_list_is_refused(editor: APIClient) -> None:
    piece = PendingArticleFactory()
    body = {"pieces": [{"id": piece.pk, "version": piece.version, "title": "New"}]}

    answer = editor.post("/api/v1/review/bulk-approve", body, format="json")

    assert refused(answer) == (400, 1001, ["pieces.0.title"])
    assert not Article.objects.exists()


# --- ingest -----------------------------------------------------------------------------------------------------
def test_fetch_now_is_accepted_and_queued(editor: APIClient) -> None:
    source = SourceFactory()

    response = editor.post("/api/v1/ingest/fetch", {"source_id": source.pk})

    assert response.status_code == 202
    assert data(response)["task_id"]
    assert queued() == [(POLL_SOURCE, {"source_id": source.pk, "url": "", "parser_kind": ""})]
    assert [event["action"] for event in trail()] == ["triggered"]


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({}, (400, 1001, ["source_id"])),
        ({"source_id": 0}, (400, 1001, ["source_id"])),
        ({"source_id": 999}, (404, 1006, [])),
        ({"source_id": "SOURCE", "url": "ftp://a.example/"}, (400, 1001, ["url"])),
    ],
)
def test_fetch_now_refuses(editor: APIClient, body: dict, refusal: tuple) -> None:
    source = SourceFactory()
    body = {name: source.pk if value == "SOURCE" else value for name, value in body.items()}

    assert refused(editor.post("/api/v1/ingest/fetch", body)) == refusal
    assert queued() == []


# --- who may ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("get", PENDING, {"editor", "auditor", "administrator"}),
        ("post", "/api/v1/review/{piece}/approve", {"editor", "administrator"}),
        ("post", "/api/v1/review/{piece}/reject", {"editor", "administrator"}),
        ("post", "/api/v1/ingest/fetch", {"editor", "operator", "administrator"}),
    ],
)
@pytest.mark.parametrize("role", [None, "", "editor", "operator", "auditor", "administrator"])
def test_who_may(method: str, path: str, allowed: set[str], role: str | None) -> None:
    piece = PendingArticleFactory()
    client = APIClient() if role is None else client_of(role)
    bodies = {"reject": {"reason": "no"}, "fetch": {"source_id": piece.source_id}}
    body = bodies.get(path.rsplit("/", 1)[-1], {})

    response = getattr(client, method)(path.format(piece=piece.pk), body)

    if role in allowed:
        assert response.status_code in {200, 202}
    else:
        assert refused(response)[:2] == ((401, 1002) if role is None else (403, 1005))
        assert PendingArticle.objects.get().status == "pending"
        assert queued() == []


def test_the_cache_module_loads_what_the_view_shows() -> None:
    ArticleFactory()

    assert cache.load_public_list()["pagination"]["total"] == 1
