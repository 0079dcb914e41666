"""When sources are asked, by whom and how often; what moved, what fell silent, where new pieces go."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.articles import tasks
from apps.articles.clients.fetching import max_age
from apps.articles.models import Article, FetchHost, IngestRun, PendingArticle, Source
from apps.articles.services import (
    Answer,
    Failure,
    approve,
    begin_run,
    queue_due_sources,
    record_failure,
    record_fetched,
    record_unchanged,
    reject,
    watch_sources,
)
from apps.articles.services.timing import next_wait, note_arrivals
from apps.articles.streams import INGESTED
from apps.articles.task_names import POLL_SOURCE
from apps.core.actor import SYSTEM
from apps.core.streams import drain
from apps.taskhub.models import Task
from apps.taskhub.testing import queued
from tests.articles.audit_trail import trail
from tests.articles.feeds import fixture
from tests.core.http_server import Answer as Page
from tests.core.http_server import LocalServer, answer, serving
from tests.factories.articles import PendingArticleFactory, SourceFactory
from tests.factories.users import UserFactory

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def server(settings: Any) -> Iterator[LocalServer]:
    with serving() as server:
        settings.HTTP_ALLOWED_PRIVATE = server.allowed
        yield server


def source_at(server: LocalServer, path: str, page: Page, **fields: Any) -> Source:
    server.answers[path] = page
    return SourceFactory(source_url=server.origin + path, **fields)


def poll(source: Source) -> dict[str, Any]:
    result = tasks.poll_source(source_id=source.pk)
    drain(INGESTED)
    source.refresh_from_db()
    return result


# --- when ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("fields", "said", "wait", "reason"),
    [
        ({}, None, timedelta(minutes=15), "interval"),
        ({"mean_gap_seconds": 600, "last_new_at": NOW}, None, timedelta(minutes=15), "interval"),
        ({"mean_gap_seconds": 4 * 3600, "last_new_at": NOW}, None, 2 * HOUR, "adaptive"),
        ({"mean_gap_seconds": 600, "last_new_at": NOW - 10 * HOUR}, None, 5 * HOUR, "adaptive"),
        ({"mean_gap_seconds": 600, "last_new_at": NOW - 999 * HOUR}, None, 12 * HOUR, "adaptive"),
        (
            {"mean_gap_seconds": 4 * 3600, "last_new_at": NOW, "adaptive": False},
            None,
            timedelta(minutes=15),
            "interval",
        ),
        ({"mean_gap_seconds": 4 * 3600, "last_new_at": NOW}, 3 * HOUR, 3 * HOUR, "max_age"),
        ({}, 999 * HOUR, 24 * HOUR, "max_age"),
        ({}, timedelta(minutes=1), timedelta(minutes=15), "interval"),
    ],
)
def test_the_wait_and_its_reason(fields: dict, said: timedelta | None, wait: timedelta, reason: str) -> None:
    found = next_wait(Source(**fields), NOW, max_age=said)

    assert (found.length, found.reason) == (wait, reason)


def test_the_mean_gap_follows_what_arrives() -> None:
    source = Source()
    note_arrivals(source, 30, NOW)
    assert (source.mean_gap_seconds, source.last_new_at) == (None, NOW)
    note_arrivals(source, 2, NOW + 4 * HOUR)
    assert source.mean_gap_seconds == 2 * 3600
    note_arrivals(source, 0, NOW + 5 * HOUR)
    assert source.last_new_at == NOW + 4 * HOUR
    note_arrivals(source, 1, NOW + 5 * HOUR)
    assert source.mean_gap_seconds == int(2 * 3600 * 0.7 + 3600 * 0.3)


@pytest.mark.parametrize(
    ("cache_control", "age", "seconds"),
    [
        ("max-age=600", "", 600),
        ("public, Max-Age=600", "100", 500),
        ("max-age=10", "100", 0),
        ("no-cache, max-age=600", "", None),
        ("no-store", "", None),
        ("max-age=soon", "", None),
        ("max-age=²", "", None),
        ("s-maxage=600", "", None),
        ("max-age=" + "9" * 40, "x", 10**8),
        ("", "", None),
    ],
)
def test_how_long_an_answer_is_good_for(cache_control: str, age: str, seconds: int | None) -> None:
    assert max_age(cache_control, age) == (None if seconds is None else timedelta(seconds=seconds))


def test_max_age_of_a_server_is_obeyed_and_shown(server: LocalServer) -> None:
    source = source_at(server, "/a.rss", answer(fixture("plain.rss"), Cache_Control="public, max-age=7200"))

    poll(source)

    wait = source.next_poll_at - timezone.now()
    assert timedelta(minutes=119) < wait <= timedelta(minutes=120)
    assert source.next_poll_reason == "max_age"
    client = Client()
    client.force_login(UserFactory(role="editor"))
    client.cookies["django_language"] = "en"
    assert "the server says its answer is good for so long" in client.get("/admin/articles/source/").content.decode()


def test_failures_say_why_the_next_poll_is_then() -> None:
    source = SourceFactory()
    run = begin_run(source.pk, task_id="1")
    record_failure(run.run_id, Failure("fetch", "500", http_status=500))
    source.refresh_from_db()
    assert source.next_poll_reason == "back_off"

    run = begin_run(source.pk, task_id="2")
    record_failure(run.run_id, Failure("fetch", "429", http_status=429, retry_after=9 * HOUR))
    source.refresh_from_db()
    assert source.next_poll_reason == "retry_after"
    assert source.enabled


# --- one at a time for each server ----------------------------------------------------------------------------------
def two_of_one_server() -> tuple[Source, Source]:
    first = SourceFactory(source_url="https://same.example/a.rss")
    return first, SourceFactory(source_url="https://SAME.example/b.rss")


def test_a_server_is_asked_by_one_poll_at_a_time() -> None:
    first, second = two_of_one_server()
    order = begin_run(first.pk, task_id="1")

    assert begin_run(second.pk, task_id="2") is None
    assert IngestRun.objects.count() == 1
    again = Task.objects.get(name=POLL_SOURCE).run_at
    assert again is not None
    assert again - timezone.now() < timedelta(seconds=5)
    record_unchanged(order.run_id, http_status=304)
    assert begin_run(second.pk, task_id="3") is not None


def test_between_two_polls_of_a_server_lies_a_gap_and_the_poll_comes_again(settings: Any) -> None:
    settings.FETCH_HOST_GAP_SECONDS = 5
    first, second = two_of_one_server()
    other = SourceFactory()
    order = begin_run(first.pk, task_id="1")
    record_fetched(order.run_id, Answer(http_status=200), items=[])
    done = timezone.now()

    assert begin_run(second.pk, task_id="2") is None
    assert begin_run(other.pk, task_id="3") is not None

    assert queued(POLL_SOURCE) == [(POLL_SOURCE, {"source_id": second.pk, "url": "", "parser_kind": "", "turn": ""})]
    again = Task.objects.get(name=POLL_SOURCE).run_at
    assert again is not None
    assert timedelta(seconds=4) < again - done < timedelta(seconds=12)
    assert begin_run(second.pk, task_id="4", now=again) is not None


def test_a_server_that_is_tired_is_left_alone_by_all_its_sources() -> None:
    first, second = two_of_one_server()
    order = begin_run(first.pk, task_id="1")
    record_failure(order.run_id, Failure("fetch", "429", http_status=429, retry_after=2 * HOUR))

    assert begin_run(second.pk, task_id="2") is None

    second.refresh_from_db()
    assert second.next_poll_reason == "host"
    assert timedelta(minutes=119) < second.next_poll_at - timezone.now() < timedelta(minutes=121)
    assert queued(POLL_SOURCE) == []


def test_a_dead_poll_does_not_hold_its_server_for_ever() -> None:
    first, second = two_of_one_server()
    begin_run(first.pk, task_id="1", now=timezone.now() - timedelta(minutes=4))

    assert begin_run(second.pk, task_id="2") is not None


def test_sources_of_one_server_are_queued_in_turns(settings: Any) -> None:
    settings.FETCH_HOST_GAP_SECONDS = 5
    _first, second = two_of_one_server()
    SourceFactory()

    assert queue_due_sources(actor=SYSTEM) == 3

    later = Task.objects.exclude(run_at=None)
    assert [task.payload["source_id"] for task in later] == [second.pk]
    assert Task.objects.filter(run_at=None).count() == 2


# --- moving -----------------------------------------------------------------------------------------------------------
def moved(server: LocalServer, path: str, status: int, target: str) -> None:
    server.answers[path] = answer(b"", status=status, Location=target)


@pytest.mark.parametrize(("status", "follows"), [(301, True), (308, True), (302, False), (307, False)])
def test_a_source_that_moved_for_good_is_asked_at_its_new_address(
    server: LocalServer, status: int, follows: bool
) -> None:
    source = source_at(server, "/old.rss", answer(b""))
    moved(server, "/old.rss", status, "/new.rss")
    server.answers["/new.rss"] = answer(fixture("plain.rss"), ETag='"1"')

    poll(source)

    assert source.source_url == server.origin + ("/new.rss" if follows else "/old.rss")
    assert PendingArticle.objects.count() == 3
    assert source.etag == '"1"'
    assert [event["reason"] for event in trail("source")] == (["301/308"] if follows else [])


def test_only_the_permanent_steps_are_kept(server: LocalServer) -> None:
    source = source_at(server, "/old.rss", answer(b""))
    moved(server, "/old.rss", 301, "/middle.rss")
    moved(server, "/middle.rss", 302, "/today.rss")
    server.answers["/today.rss"] = answer(fixture("plain.rss"))

    poll(source)

    assert source.source_url == server.origin + "/middle.rss"


def test_a_move_to_nonsense_or_to_another_source_is_not_followed(server: LocalServer) -> None:
    nonsense = source_at(server, "/old.rss", answer(b""))
    moved(server, "/old.rss", 301, "/sign-in")
    server.answers["/sign-in"] = answer(b"<h1>Sign in</h1>", Content_Type="text/html")
    taken = source_at(server, "/second.rss", answer(b""))
    SourceFactory(source_url=server.origin + "/first.rss")
    moved(server, "/second.rss", 301, "/first.rss")
    server.answers["/first.rss"] = answer(fixture("plain.rss"))

    poll(nonsense)
    poll(taken)

    assert nonsense.source_url.endswith("/old.rss")
    assert nonsense.last_fetch_status == "failed"
    assert taken.source_url.endswith("/second.rss")
    assert taken.last_fetch_status == "stored"


# --- where new pieces go ------------------------------------------------------------------------------------------
def test_a_source_can_publish_at_once(server: LocalServer) -> None:
    source = source_at(server, "/a.rss", answer(fixture("plain.rss")), arrival_policy="publish", name="Our own desk")

    poll(source)
    poll(source)

    assert Article.objects.filter(status="published").count() == 3
    assert set(PendingArticle.objects.values_list("status", "reviewer_label")) == {("approved", "Our own desk")}


def test_a_source_can_be_counted_only(server: LocalServer) -> None:
    source = source_at(server, "/a.rss", answer(fixture("plain.rss")), arrival_policy="drop")

    poll(source)

    run = IngestRun.objects.get()
    assert (run.stored_count, run.dropped_count, run.status) == (0, 3, "succeeded")
    assert PendingArticle.objects.count() == 0
    assert source.last_new_at is not None


def test_an_html_page_is_one_piece(server: LocalServer) -> None:
    page = b"<html><head><title>Fight <b>week</b> &amp; more</title></head><script>x</script></html>"
    source = source_at(server, "/page", answer(page, Content_Type="text/html"), parser_kind="page")

    poll(source)

    assert PendingArticle.objects.get().title == "Fight week & more"


# --- silence ------------------------------------------------------------------------------------------------------
def test_a_silent_source_is_said_once_and_taken_back_when_it_speaks(server: LocalServer) -> None:
    now = timezone.now()
    quiet = source_at(
        server, "/a.rss", answer(fixture("plain.rss")), mean_gap_seconds=3600, last_new_at=now - 25 * HOUR
    )
    failing = SourceFactory(failures_in_a_row=9, last_success_at=now - 25 * HOUR, last_new_at=now - 25 * HOUR)
    SourceFactory(failures_in_a_row=1, last_success_at=now - HOUR, last_new_at=now)
    slow = SourceFactory(mean_gap_seconds=3 * 86_400, last_new_at=now - 8 * 24 * HOUR)
    SourceFactory(enabled=False, mean_gap_seconds=3600, last_new_at=now - 99 * HOUR)

    assert watch_sources() == 2
    marked = set(Source.objects.exclude(silent_since=None).values_list("pk", flat=True))
    assert marked == {quiet.pk, failing.pk}
    first = Source.objects.get(pk=quiet.pk).silent_since
    assert watch_sources() == 2
    assert Source.objects.get(pk=quiet.pk).silent_since == first
    assert slow.silent_since is None

    poll(quiet)

    assert quiet.silent_since is None


# --- the screen -----------------------------------------------------------------------------------------------------
def test_the_list_of_sources_tells_pace_and_acceptance() -> None:
    source = SourceFactory(silent_since=timezone.now())
    pieces = PendingArticleFactory.create_batch(14, source=source)
    for piece in pieces[:3]:
        approve(piece.pk, actor=SYSTEM)
    reject(pieces[3].pk, actor=SYSTEM, reason_code="spam")
    PendingArticle.objects.filter(pk=pieces[13].pk).update(created_at=timezone.now() - timedelta(days=8))
    client = Client()
    client.force_login(UserFactory(role="editor"))
    client.cookies["django_language"] = "en"

    page = client.get("/admin/articles/source/").content.decode()

    for sign in ("1.9", "75% (3/4)", "silent", "the interval that was set (15 min)"):
        assert sign in page
    assert client.get(f"/admin/articles/source/{source.pk}/change/").status_code == 200


def test_hosts_are_remembered_in_lower_case() -> None:
    two_of_one_server()
    begin_run(Source.objects.last().pk, task_id="1")  # type: ignore[union-attr]

    assert list(FetchHost.objects.values_list("name", flat=True)) == ["same.example"]
