"""The demo: a feed of our own and the source that polls it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from apps.articles.clients.parsers import parse
from apps.articles.models import Article, PendingArticle, Source
from apps.articles.services import approve, begin_run, record_fetched, store_items
from apps.articles.services.ingest import Answer
from apps.articles.services.pieces import Arrival
from apps.articles.services.sources import queue_due_sources
from apps.articles.task_names import POLL_SOURCE
from apps.core.actor import SYSTEM
from apps.taskhub.models import Task
from apps.taskhub.services import publish_due
from apps.taskhub.testing import queued

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _demo(settings: Any) -> None:
    settings.DEMO_CONTENT = True
    settings.PUBLIC_URL = "http://127.0.0.1:8000"
    settings.ALLOWED_HOSTS = ["127.0.0.1"]


def feed(client: Client, port: int = 8000) -> Any:
    return client.get("/demo/feed.xml", headers={"Host": f"127.0.0.1:{port}"})


def take_in(body: bytes) -> None:
    source = Source.objects.get()
    items = parse("feed", body, url=source.source_url).items
    order = begin_run(source.pk, task_id="t")
    assert order is not None
    record_fetched(order.run_id, Answer(200), items=[(item.url, item.title, item.guid) for item in items])
    message = {"run_id": order.run_id, "source_id": source.pk, "url": order.url}
    store_items(
        [Arrival.from_message(message | {"position": n, "item": item.as_message()}) for n, item in enumerate(items)]
    )


def test_the_feed_is_read_whole_and_its_links_lead_to_pages(client: Client) -> None:
    items = parse("feed", feed(client).content, url="http://127.0.0.1:8000/demo/feed.xml").items

    assert len(items) == 8
    for item in items:
        assert item.published_at is not None
        page = client.get(item.url.removeprefix("http://127.0.0.1:8000"), headers={"Host": "127.0.0.1:8000"})
        assert item.title in page.content.decode()
    assert client.get("/demo/articles/today-2026-01-01", headers={"Host": "127.0.0.1"}).status_code == 200
    assert client.get("/demo/articles/no-such-piece", headers={"Host": "127.0.0.1"}).status_code == 404


def test_an_unchanged_feed_is_answered_with_304(client: Client) -> None:
    etag = feed(client).headers["ETag"]

    again = client.get("/demo/feed.xml", headers={"Host": "127.0.0.1:8000", "If-None-Match": etag})

    assert (again.status_code, again.content) == (304, b"")


def test_nothing_of_it_is_there_without_demo_content(client: Client, settings: Any) -> None:
    settings.DEMO_CONTENT = False

    assert feed(client).status_code == 404
    assert client.get("/demo/articles/scorecards-open", headers={"Host": "127.0.0.1"}).status_code == 404
    with pytest.raises(CommandError):
        call_command("demo_content")
    assert Source.objects.count() == 0


def test_the_command_makes_one_source_and_asks_for_its_first_polls(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("demo_content")
    call_command("demo_content")

    source = Source.objects.get()
    assert (source.source_url, source.is_builtin) == ("http://127.0.0.1:8000/demo/feed.xml", True)
    assert queued() == [(POLL_SOURCE, {"source_id": source.pk})] * 2
    assert capsys.readouterr().out.count("http://127.0.0.1:8000/demo/feed.xml") == 2


@pytest.mark.parametrize("is_moved", [False, True])
def test_nobody_asks_before_the_web_process_listens_and_everybody_within_a_minute(
    settings: Any, is_moved: bool
) -> None:
    """It starts after the command; a poll that finds nobody there would show a source in trouble."""
    if is_moved:
        call_command("demo_content")
        Task.objects.all().delete()
        settings.PUBLIC_URL = "http://127.0.0.1:8001"
    began = timezone.now()

    call_command("demo_content")

    first, second = Task.objects.order_by("run_at")
    assert began + timedelta(seconds=15) <= first.run_at < second.run_at <= began + timedelta(seconds=45)
    assert publish_due(began + timedelta(seconds=14)) == 0
    assert queue_due_sources(actor=SYSTEM, now=began + timedelta(seconds=59)) == 0
    assert queue_due_sources(actor=SYSTEM, now=began + timedelta(seconds=65)) == 1


def test_on_another_port_no_piece_comes_in_twice(client: Client, settings: Any) -> None:
    call_command("demo_content")
    take_in(feed(client).content)
    approve(PendingArticle.objects.earliest("id").pk, actor=SYSTEM)
    settings.PUBLIC_URL = "http://127.0.0.1:8001"

    call_command("demo_content")
    take_in(feed(client, 8001).content)

    assert Source.objects.get().source_url == "http://127.0.0.1:8001/demo/feed.xml"
    assert PendingArticle.objects.count() == 8
    addresses = [*PendingArticle.objects.values_list("source_url", flat=True), Article.objects.get().source_url]
    assert [address for address in addresses if ":8001/" not in address] == []
