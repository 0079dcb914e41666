"""Feeds that want to break the poll or to buy its time: it ends, with a reason, and the source's health shows it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import redis
from billiard.exceptions import SoftTimeLimitExceeded
from django.utils import timezone, translation

from apps.articles import tasks
from apps.articles.clients import feeds
from apps.articles.clients.charset import to_text
from apps.articles.clients.cleaning import MOST_TAGS, clean_html, plain_text
from apps.articles.clients.parsers import parse
from apps.articles.models import FetchHost, IngestRun, IngestRunError, Source
from apps.articles.services.ingest import begin_run
from tests.articles.feeds import fixture
from tests.core.http_server import LocalServer, answer, serving
from tests.factories.articles import SourceFactory

RSS = b"<rss><channel><title>x</title>%s</channel></rss>"


@pytest.fixture(autouse=True)
def in_english() -> Iterator[None]:
    with translation.override("en"):
        yield


@pytest.fixture
def server(settings: Any) -> Iterator[LocalServer]:
    settings.FETCH_HOST_GAP_SECONDS = 0
    with serving() as server:
        settings.HTTP_ALLOWED_PRIVATE = server.allowed
        yield server


@pytest.fixture
def source(server: LocalServer, db: None) -> Source:
    server.answers["/feed"] = answer(fixture("plain.rss"))
    return SourceFactory(source_url=f"{server.origin}/feed", interval_seconds=600)


@pytest.mark.parametrize("opening", ["<ul><li>", "<div>", "<b>", "<b><p>", "<table><td>"])
def test_depth_is_cut_before_it_costs_anything(opening: str) -> None:
    """25,000 nested lists took fifteen seconds to clean, and a feed has 2000 items."""
    markup = f"first{opening * 25_000}last"

    assert clean_html(markup).startswith("first<")
    # The parser adds some: bodies of tables, bold again in each paragraph.
    assert clean_html(markup).count(f"<{opening[1]}") <= 2 * MOST_TAGS
    assert "last" not in clean_html(markup)
    assert plain_text(markup) == plain_text(markup.replace("<", "&lt;")) == "first"


def test_a_long_piece_of_an_ordinary_kind_keeps_its_end() -> None:
    markup = "<p>word <em>word</em></p>" * 350 + "<p>the end</p>"

    assert clean_html(markup).endswith("<p>the end</p>")


def test_items_that_take_too_long_are_left_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([0.0, 1.0, 2.0, 100.0])
    monkeypatch.setattr(feeds.time, "monotonic", lambda: next(moments))

    found = parse("feed", RSS % (b"<item><title>t</title></item>" * 5), url="https://base.example/")

    assert len(found.items) == 2
    assert [(bad.position, bad.reason) for bad in found.unusable] == [
        (2, "the items before took too long to clean, the rest was left")
    ]


def test_a_page_that_opens_its_title_for_ever_has_none() -> None:
    body = b"<html>" + b"<title>" * 140_000

    assert parse("page", body, url="https://pages.example/1").items[0].title == "https://pages.example/1"


@pytest.mark.parametrize(
    "name", ["undefined", "idna", "punycode", "unicode_escape", "raw_unicode_escape", "rot13", "mbcs", "..", "aliases"]
)
def test_a_declared_codec_that_is_no_charset_is_not_used(name: str) -> None:
    body = f'<?xml version="1.0" encoding="{name}"?><a>\\u0041'.encode() + "é".encode("cp1252")

    assert to_text(body) == '<?xml version="1.0" encoding="utf-8"?><a>\\u0041é'
    assert to_text(b"\\u0041\xe9", f"text/xml; charset={name}") == "\\u0041é"


def unexpected(*_: Any, **__: Any) -> Any:
    raise UnicodeError("undefined encoding")


def too_slow(*_: Any, **__: Any) -> Any:
    raise SoftTimeLimitExceeded


@pytest.mark.parametrize("where", ["ask_source", "parse", "services.publish_items"])
@pytest.mark.parametrize(
    ("trouble", "told"),
    [(unexpected, "Unexpected: UnicodeError('undefined encoding')"), (too_slow, "The poll took too long.")],
)
def test_whatever_breaks_a_poll_is_told_and_backs_off(
    source: Source, monkeypatch: pytest.MonkeyPatch, where: str, trouble: Any, told: str
) -> None:
    monkeypatch.setattr(f"apps.articles.tasks.{where}", trouble)

    result = tasks.poll_source(source_id=source.pk)

    source.refresh_from_db()
    run = IngestRun.objects.get()
    assert (result["status"], result["error"]) == ("failed", told)
    assert (run.status, run.error_msg, run.finished_at is not None) == ("failed", told, True)
    assert list(IngestRunError.objects.values_list("kind", "message")) == [("parse", told)]
    assert (source.failures_in_a_row, source.last_fetch_status, source.last_fetch_error) == (1, "failed", told)
    assert source.next_poll_at > timezone.now() + timedelta(seconds=590)
    assert not FetchHost.objects.filter(run_id__isnull=False).exists()


def test_our_own_troubles_are_not_the_sources(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise redis.ConnectionError("away")

    monkeypatch.setattr("apps.articles.tasks.services.publish_items", away)

    with pytest.raises(redis.ConnectionError):
        tasks.poll_source(source_id=source.pk)

    source.refresh_from_db()
    assert source.failures_in_a_row == 0


def test_a_poll_whose_worker_died_counts_as_a_failure(source: Source) -> None:
    begin_run(source.pk, task_id="killed")
    later = timezone.now() + IngestRun.LEASE + timedelta(minutes=1)

    order = begin_run(source.pk, task_id="next", now=later)

    source.refresh_from_db()
    told = "The poll ended in silence: its worker died or ran out of time."
    assert order is not None
    assert (source.failures_in_a_row, source.last_fetch_status, source.last_fetch_error) == (1, "failed", told)
    # Should this one die too, the next comes after the back-off.
    assert source.next_poll_at >= later + timedelta(seconds=600)
    assert list(IngestRunError.objects.values_list("kind", "message")) == [("lost", told)]


def test_a_lost_poll_of_another_address_leaves_the_source_as_it_is(source: Source, server: LocalServer) -> None:
    before = Source.objects.values().get()
    begin_run(source.pk, task_id="killed", url=f"{server.origin}/other")

    begin_run(source.pk, task_id="killed", url=f"{server.origin}/other")

    assert Source.objects.values().get() == before
