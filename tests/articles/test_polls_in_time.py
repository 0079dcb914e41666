"""Polls that waited too long have had their day, and what was asked once elsewhere says nothing about a source."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.articles import tasks
from apps.articles.models import IngestRun, PendingArticle, Source
from apps.articles.services import FetchJob, queue_due_sources, request_fetch
from apps.articles.streams import INGESTED
from apps.articles.task_names import POLL_SOURCE
from apps.core.actor import SYSTEM
from apps.core.streams import drain
from apps.taskhub.models import Task
from apps.taskhub.testing import run_queued
from tests.articles.feeds import fixture
from tests.core.http_server import LocalServer, answer, serving
from tests.factories.articles import SourceFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def server(settings: Any) -> Iterator[LocalServer]:
    settings.FETCH_HOST_GAP_SECONDS = 0
    with serving() as server:
        settings.HTTP_ALLOWED_PRIVATE = server.allowed
        server.answers["/a.rss"] = answer(fixture("plain.rss"), ETag='"1"')
        yield server


@pytest.fixture
def source(server: LocalServer) -> Source:
    return SourceFactory(source_url=f"{server.origin}/a.rss", interval_seconds=600)


def test_after_hours_without_a_worker_a_source_is_asked_once(server: LocalServer, source: Source) -> None:
    now = timezone.now()
    for hour in range(3):
        queue_due_sources(actor=SYSTEM, now=now + timedelta(hours=hour))

    run_queued()

    assert Task.objects.filter(name=POLL_SOURCE).count() == 3
    assert len(server.requests) == 1
    assert IngestRun.objects.count() == 1


def test_a_poll_that_was_queued_before_a_failure_does_not_ask_again(server: LocalServer, source: Source) -> None:
    server.answers["/a.rss"] = answer(b"", status=500)
    queue_due_sources(actor=SYSTEM)
    waiting = Task.objects.get(name=POLL_SOURCE).payload
    tasks.poll_source(source_id=source.pk)

    assert "skipped" in tasks.poll_source(**waiting)
    assert len(server.requests) == 1


@pytest.mark.parametrize("how", ["gone", "switched off"])
def test_a_source_that_is_switched_off_is_not_asked_by_the_timetable(
    server: LocalServer, source: Source, how: str
) -> None:
    queue_due_sources(actor=SYSTEM)
    Source.objects.update(enabled=False)

    run_queued()

    assert server.requests == []
    # A person may ask all the same.
    request_fetch(source.pk, actor=SYSTEM)
    run_queued()
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "page", [answer(b"", status=410), answer(b"", status=503, Retry_After="9000"), answer(b"<html>no feed</html>")]
)
def test_a_failure_at_an_address_asked_once_is_none_of_the_source(
    server: LocalServer, source: Source, page: Any
) -> None:
    server.answers["/other"] = page
    before = Source.objects.values().get()
    request_fetch(source.pk, actor=SYSTEM, job=FetchJob(url=f"{server.origin}/other", parser_kind="feed"))

    run_queued()

    assert Source.objects.values().get() == before
    assert IngestRun.objects.get().status == "failed"


def test_pieces_of_an_address_asked_once_come_in_and_leave_the_source_as_it_is(
    server: LocalServer, source: Source
) -> None:
    server.answers["/other"] = answer(fixture("plain.rss"), ETag='"other"', Cache_Control="max-age=80000")
    before = Source.objects.values().get()
    request_fetch(source.pk, actor=SYSTEM, job=FetchJob(url=f"{server.origin}/other"))

    run_queued()
    drain(INGESTED)

    assert PendingArticle.objects.count() == 3
    assert IngestRun.objects.get().status == "succeeded"
    assert Source.objects.values().get() == before
