"""A poll from the question to the pieces: real HTTP on loopback, real stream, real database."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from django.utils import timezone

from apps.articles import tasks
from apps.articles.clients.fetching import retry_after
from apps.articles.models import IngestRun, IngestRunError, PendingArticle, PendingRevision, Source
from apps.articles.services import ITEMS
from apps.articles.streams import INGESTED
from apps.articles.task_names import POLL_DUE_SOURCES
from apps.core import redis as core_redis
from apps.core.streams import Runner, drain, ensure_group
from apps.taskhub.models import Task
from apps.taskhub.services import enqueue
from apps.taskhub.testing import run_queued
from tests.articles.feeds import fixture
from tests.core.http_server import Answer, LocalServer, answer, serving
from tests.factories.articles import SourceFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def server(settings: Any) -> Iterator[LocalServer]:
    with serving() as server:
        settings.HTTP_ALLOWED_PRIVATE = server.allowed
        yield server


def source_at(server: LocalServer, path: str, page: Answer, **fields: Any) -> Source:
    server.answers[path] = page
    return SourceFactory(source_url=server.origin + path, **fields)


def poll(source: Source) -> dict[str, Any]:
    result = tasks.poll_source(source_id=source.pk)
    drain(INGESTED)
    source.refresh_from_db()
    return result


def conditional(body: bytes, etag: str) -> Answer:
    """A server that knows its manners: 304 for those who have this version."""

    def write(handler: BaseHTTPRequestHandler) -> None:
        status = 304 if handler.headers.get("If-None-Match") == etag else 200
        handler.send_response(status)
        handler.send_header("ETag", etag)
        handler.end_headers()
        if status == 200:
            handler.wfile.write(body)

    return write


def test_a_due_source_is_polled_and_its_items_wait_for_review(server: LocalServer) -> None:
    source = source_at(server, "/plain.rss", answer(fixture("plain.rss")))
    enqueue(POLL_DUE_SOURCES)

    run_queued()
    drain(INGESTED)

    assert list(PendingArticle.objects.order_by("id").values_list("title", "source_id")) == [
        ("Bantamweight title bout moved to Shanghai", source.pk),
        ("Weigh-in results: all twelve make weight", source.pk),
        ("Referee retires after 20 years", source.pk),
    ]
    run = IngestRun.objects.get()
    assert (run.status, run.http_status, run.fetched_count, run.stored_count) == ("succeeded", 200, 3, 3)
    assert run.task_id == Task.objects.get(name="articles.poll_source").task_id


def test_the_second_poll_is_conditional_and_writes_nothing(server: LocalServer) -> None:
    source = source_at(server, "/plain.rss", conditional(fixture("plain.rss"), '"v1"'))
    poll(source)
    before = list(PendingArticle.objects.order_by("id").values())

    result = poll(source)

    assert result["status"] == "unchanged"
    assert [headers.get("if-none-match") for _, headers in server.requests] == [None, '"v1"']
    assert list(PendingArticle.objects.order_by("id").values()) == before
    assert source.last_fetch_status == "unchanged"
    assert list(IngestRun.objects.order_by("id").values_list("http_status", flat=True)) == [200, 304]


@pytest.mark.parametrize(
    "headers",
    [
        {"ETag": '"中²"', "Last_Modified": "²"},
        {"Retry_After": "²", "Age": "²", "Cache_Control": "max-age=²"},
        {"Retry_After": "Thu, 01 Jan 2026 00:00:00 +99999999999999"},
        {"Location": "javascript:1", "status": 301},
        {"Location": "http://a..b/²", "status": 308},
        {"Location": "//xn--\x80/", "status": 302},
        {"Content_Type": 'text/xml; charset="²', "status": 503},
    ],
)
def test_no_header_of_a_server_ends_a_poll_without_an_account(server: LocalServer, headers: dict[str, Any]) -> None:
    fields = {name: str(value).encode().decode("latin-1") for name, value in headers.items() if name != "status"}
    source = source_at(server, "/plain.rss", answer(fixture("plain.rss"), status=headers.get("status", 200), **fields))

    statuses = [poll(source)["status"] for _ in range(2)]

    assert statuses == (["failed"] * 2 if "status" in headers else ["fetched"] * 2)
    assert not IngestRun.objects.filter(finished_at=None).exists()


def test_unchanged_is_no_answer_to_a_question_without_validators(server: LocalServer) -> None:
    source = source_at(server, "/plain.rss", answer(status=304))

    assert poll(source)["status"] == "failed"
    assert (source.last_fetch_status, source.last_success_at) == ("failed", None)


def test_a_stream_that_was_lost_loses_no_item(server: LocalServer) -> None:
    """Redis emptied between fetch and consumption, then the server would say 304."""
    source = source_at(server, "/plain.rss", conditional(fixture("plain.rss"), '"v1"'))
    tasks.poll_source(source_id=source.pk)
    core_redis.client().flushdb()
    IngestRun.objects.update(started_at=timezone.now() - IngestRun.LEASE - timedelta(seconds=1))

    poll(source)

    assert PendingArticle.objects.count() == 3
    assert source.etag == '"v1"'
    assert list(IngestRun.objects.order_by("id").values_list("status", flat=True)) == ["failed", "succeeded"]


def test_three_polls_of_a_counting_publisher_give_four_pieces_and_one_revision(server: LocalServer) -> None:
    source = source_at(server, "/feed.json", answer(fixture("polls/1.json")))
    for number in (1, 1, 2, 2, 3, 3):
        server.answers["/feed.json"] = answer(fixture(f"polls/{number}.json"))
        poll(source)

    assert PendingArticle.objects.count() == 4
    assert PendingArticle.objects.get(source_url="https://counting.example/zh/aa1").title == "冠军首次来沪，谈及退役"
    assert list(PendingRevision.objects.values_list("title", flat=True)) == ["冠军首次来沪"]


def test_the_same_piece_in_two_feeds_waits_once(server: LocalServer) -> None:
    poll(source_at(server, "/plain.rss", answer(fixture("plain.rss"))))
    poll(source_at(server, "/wrapped.atom", answer(fixture("wrapped.atom"))))

    assert PendingArticle.objects.filter(source_url="https://courier.example/news/weigh-in").count() == 1
    assert PendingArticle.objects.count() == 4


def test_gzip_and_a_charset_only_in_the_header_are_understood(server: LocalServer) -> None:
    text = "<rss version='2.0'><channel><title>t</title><item><title>Łódź</title><link>https://a.example/1</link></item></channel></rss>"
    body = gzip.compress(text.encode("iso-8859-2"))
    source = source_at(
        server, "/z.rss", answer(body, Content_Encoding="gzip", Content_Type="application/rss+xml; charset=iso-8859-2")
    )

    poll(source)

    assert PendingArticle.objects.get().title == "Łódź"


@pytest.mark.parametrize(
    ("status", "kind", "enabled", "fetch_status"),
    [(404, "fetch", True, "failed"), (500, "fetch", True, "failed"), (410, "fetch", False, "gone")],
)
def test_a_refusal_is_kept_and_backs_off(
    server: LocalServer, status: int, kind: str, enabled: bool, fetch_status: str
) -> None:
    source = source_at(server, "/feed", answer(b"<h1>no</h1>", status=status))

    result = poll(source)

    assert result["status"] == "failed"
    assert (source.enabled, source.last_fetch_status, source.failures_in_a_row) == (enabled, fetch_status, 1)
    error = IngestRunError.objects.get()
    assert (error.kind, error.sample) == (kind, "<h1>no</h1>")
    assert (IngestRun.objects.get().status, IngestRun.objects.get().http_status) == ("failed", status)


def test_too_many_requests_waits_as_long_as_asked_and_never_switches_off(server: LocalServer) -> None:
    source = source_at(server, "/feed", answer(status=429, Retry_After="7200"))

    poll(source)

    assert source.enabled
    assert timedelta(minutes=119) < source.next_poll_at - timezone.now() <= timedelta(hours=2)


def test_a_page_in_place_of_a_feed_is_a_reading_error_with_a_sample(server: LocalServer) -> None:
    source = source_at(server, "/feed", answer(fixture("page.html")))

    poll(source)

    error = IngestRunError.objects.get()
    assert error.kind == "parse"
    assert error.sample.startswith("<!DOCTYPE html>")
    assert PendingArticle.objects.count() == 0
    assert source.etag == ""


def test_nobody_there_and_addresses_inside_are_failures_not_crashes(server: LocalServer, settings: Any) -> None:
    source = source_at(server, "/feed", answer(fixture("plain.rss")))
    settings.HTTP_ALLOWED_PRIVATE = frozenset()

    inside = poll(source)
    settings.HTTP_ALLOWED_PRIVATE = frozenset({"127.0.0.1:1"})
    nobody = poll(SourceFactory(source_url="http://127.0.0.1:1/feed"))

    assert (inside["status"], nobody["status"]) == ("failed", "failed")
    assert server.requests == []
    assert IngestRun.objects.filter(status="failed").count() == 2


def test_damaged_items_are_errors_of_the_run(server: LocalServer) -> None:
    poll(source_at(server, "/j.json", answer(fixture("jsonfeed.json"))))

    assert PendingArticle.objects.count() == 4
    assert list(IngestRunError.objects.order_by("position").values_list("kind", "position")) == [
        ("item", 4),
        ("item", 5),
    ]
    assert IngestRun.objects.get().status == "succeeded"


def test_a_second_poll_while_the_first_is_under_way_does_nothing(server: LocalServer) -> None:
    source = source_at(server, "/plain.rss", answer(fixture("plain.rss")))
    tasks.poll_source(source_id=source.pk)
    IngestRun.objects.update(task_id="another")

    assert "skipped" in tasks.poll_source(source_id=source.pk)
    assert IngestRun.objects.count() == 1


def test_a_failing_store_leaves_the_messages_for_later_and_a_good_one_acknowledges_them(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S3:6: handler fails → not acknowledged and delivered again; succeeds → acknowledged once."""
    source = source_at(server, "/plain.rss", answer(fixture("plain.rss")))
    tasks.poll_source(source_id=source.pk)
    ensure_group(INGESTED)
    redis = core_redis.client()

    def fail(arrivals: list[Any]) -> None:
        raise RuntimeError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr("apps.articles.streams.store_items", fail)
        Runner(INGESTED, block_milliseconds=1, claims=False).step()
    assert redis.xpending(ITEMS.name, "worker")["pending"] == 3
    assert PendingArticle.objects.count() == 0

    Runner(replace(INGESTED, claim_idle_seconds=0), block_milliseconds=1).step()

    assert redis.xpending(ITEMS.name, "worker")["pending"] == 0
    assert PendingArticle.objects.count() == 3


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("120", timedelta(seconds=120)),
        ("9" * 40, timedelta(seconds=10**8)),
        ("Mon, 02 Mar 2026 10:00:00 GMT", timedelta(hours=1)),
        ("Mon, 02 Mar 2026 08:00:00 GMT", None),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after(value: str, wait: timedelta | None) -> None:
    assert retry_after(value, datetime(2026, 3, 2, 9, 0, tzinfo=UTC)) == wait
