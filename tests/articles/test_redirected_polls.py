"""One request at a time for each server, also for the one that a redirect leads to (D-3)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.articles import tasks
from apps.articles.clients.fetching import max_age
from apps.articles.models import FetchHost, IngestRun, Source
from apps.articles.services import begin_run
from apps.articles.task_names import POLL_SOURCE
from apps.taskhub.models import Task
from tests.articles.feeds import fixture
from tests.core.http_server import LocalServer, answer, serving
from tests.factories.articles import SourceFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def server(settings: Any) -> Iterator[LocalServer]:
    """It has two names: what asks 127.0.0.1 is led to localhost."""
    settings.FETCH_HOST_GAP_SECONDS = 5
    with serving() as server:
        other = server.origin.replace("127.0.0.1", "localhost")
        settings.HTTP_ALLOWED_PRIVATE = server.allowed | {other.removeprefix("http://")}
        server.answers["/feed"] = answer(status=302, Location=f"{other}/there")
        server.answers["/there"] = answer(fixture("plain.rss"))
        yield server


@pytest.fixture
def source(server: LocalServer) -> Source:
    return SourceFactory(source_url=f"{server.origin}/feed")


def test_a_server_that_is_being_asked_is_not_asked_by_a_redirect(server: LocalServer, source: Source) -> None:
    neighbour = SourceFactory(source_url="http://localhost/other")
    assert begin_run(neighbour.pk, task_id="neighbour") is not None
    before = Source.objects.filter(pk=source.pk).values().get()

    result = tasks.poll_source(source_id=source.pk)

    assert "skipped" in result
    assert [path for path, _ in server.requests] == ["/feed"]
    # The poll comes again, and says nothing about the source.
    again = Task.objects.get(name=POLL_SOURCE)
    assert again.payload == {"source_id": source.pk, "url": "", "parser_kind": "", "turn": ""}
    assert again.run_at is not None
    assert again.run_at > timezone.now() + timedelta(seconds=1)
    assert Source.objects.filter(pk=source.pk).values().get() == before
    assert IngestRun.objects.get().source_id == neighbour.pk
    assert FetchHost.objects.get(name="127.0.0.1").busy_until is None


def test_both_servers_are_taken_and_let_go(server: LocalServer, source: Source, monkeypatch: Any) -> None:
    taken: list[str] = []

    def look(*_: Any, **__: Any) -> Any:
        taken.extend(FetchHost.objects.filter(run_id__isnull=False).order_by("name").values_list("name", flat=True))
        raise ValueError

    monkeypatch.setattr("apps.articles.tasks.parse", look)

    tasks.poll_source(source_id=source.pk)

    assert taken == ["127.0.0.1", "localhost"]
    assert FetchHost.objects.filter(run_id=None, busy_until=None, free_at__gt=timezone.now()).count() == 2


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ('max-age="60"', 60),
        ("MAX-AGE = 60", 60),
        ('private="x", max-age=60', 60),
        ('max-age="', None),
        ('max-age=60, no-cache="Set-Cookie"', 60),
        ("no-store, max-age=60", None),
    ],
)
def test_how_long_an_answer_stays_good(header: str, seconds: int | None) -> None:
    assert max_age(header, "") == (None if seconds is None else timedelta(seconds=seconds))
