"""Which sighting changes a piece: its own source's, in title or summary, once; and which item is which piece."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.articles.clients.parsed import ParsedItem
from apps.articles.models import IngestRun, PendingArticle, PendingRevision, Source
from apps.articles.services import Answer, Arrival, begin_run, record_fetched, store_items
from apps.articles.services.pieces import FLAPS_AFTER, rekey_pieces
from tests.factories.articles import SourceFactory

pytestmark = pytest.mark.django_db


def item(title: str = "Fight is on", summary: str = "All is well.", **changes: object) -> ParsedItem:
    values: dict = {"guid": "", "url": "https://news.example/1", "title": title, "summary": summary}
    return ParsedItem(**(values | changes))


def poll(source: Source, *items: ParsedItem) -> IngestRun:
    order = begin_run(source.pk, task_id="t")
    assert order is not None
    record_fetched(order.run_id, Answer(200), items=[(one.url, one.title, one.guid) for one in items])
    message = {"run_id": order.run_id, "source_id": order.source_id, "url": order.url, "parser_kind": "feed"}
    store_items(
        [
            Arrival.from_message(message | {"position": place, "item": one.as_message()})
            for place, one in enumerate(items)
        ]
    )
    return IngestRun.objects.get(pk=order.run_id)


def test_a_changed_summary_is_a_revision() -> None:
    source = SourceFactory()
    poll(source, item())

    run = poll(source, item(summary="It is CANCELLED."))

    piece = PendingArticle.objects.get()
    assert (run.revised_count, piece.summary, piece.version) == (1, "It is CANCELLED.", 2)
    assert PendingRevision.objects.get().summary == "All is well."


def test_a_changed_summary_marks_what_was_decided() -> None:
    source = SourceFactory()
    poll(source, item())
    PendingArticle.objects.update(status="approved")

    poll(source, item(summary="Retraction: all wrong."))

    piece = PendingArticle.objects.get()
    assert piece.changed_after_review_at is not None
    assert (piece.summary, PendingRevision.objects.get().summary) == ("All is well.", "Retraction: all wrong.")


def test_a_source_may_go_back_to_its_first_words_but_not_with_every_poll() -> None:
    source = SourceFactory()
    for title in ("A", "B", "A"):
        poll(source, item(title))
    assert PendingArticle.objects.get().title == "B"
    PendingRevision.objects.update(created_at=timezone.now() - timedelta(hours=2))

    poll(source, item("A"))
    poll(source, item("B"))

    piece = PendingArticle.objects.get()
    assert (piece.title, PendingRevision.objects.get().title, piece.version) == ("A", "B", 3)


def test_a_later_time_brings_first_words_back_at_once() -> None:
    source, now = SourceFactory(), timezone.now()
    for hours, title in enumerate(("A", "B", "A")):
        poll(source, item(title, published_at=now + timedelta(hours=hours)))

    assert PendingArticle.objects.get().title == "A"


def test_another_source_neither_rewrites_a_piece_nor_marks_it() -> None:
    first, other = SourceFactory(), SourceFactory(arrival_policy=Source.Arrival.DROP)
    poll(first, item("Jones retires"))
    before = PendingArticle.objects.values().get()

    run = poll(other, item("FREE BONUS casino | buy now", url="http://news.example/1?utm_source=agg"))
    PendingArticle.objects.update(status="approved")
    poll(SourceFactory(), item("Jones retires - BBC News"))

    assert run.duplicate_count == 1
    after = PendingArticle.objects.values().get()
    assert after | {"status": "pending"} == before
    assert not PendingRevision.objects.exists()


def test_spam_is_judged_with_every_wording() -> None:
    source = SourceFactory()
    poll(source, item("Main event tonight"))

    poll(source, item("Watch UFC 400 online free live stream"))

    assert PendingArticle.objects.get().is_suspect


def test_a_counter_in_a_headline_makes_a_few_revisions_and_no_more() -> None:
    source = SourceFactory()
    for watching in range(12):
        poll(source, item(f"Live: {watching} watching"))

    assert PendingRevision.objects.count() == FLAPS_AFTER
    assert PendingArticle.objects.get().version == FLAPS_AFTER + 1


@pytest.mark.parametrize(
    ("guid", "urls"),
    [
        ("post-17", ["https://a.example/x?sess=AA", "https://a.example/x?sess=BB", "https://a.example/x?_t=3"]),
        ("https://a.example/?p=123", ["https://a.example/slug-one", "https://a.example/slug-two"]),
    ],
)
def test_an_id_that_stays_makes_one_piece_of_addresses_that_do_not(guid: str, urls: list[str]) -> None:
    source = SourceFactory()
    for url in urls:
        run = poll(source, item(guid=guid, url=url), item("Another", guid="other-9", url="https://a.example/other"))

    assert PendingArticle.objects.count() == 2
    assert (run.stored_count, run.duplicate_count) == (0, 2)


def test_a_strong_id_carries_a_changed_headline_along() -> None:
    source = SourceFactory()
    poll(source, item("Old", guid="tag:a.example,2026:7", url="https://a.example/old"))

    poll(source, item("New", guid="tag:a.example,2026:7", url="https://a.example/new"))

    assert PendingArticle.objects.get().title == "New"


@pytest.mark.parametrize("guids", [("1", "1"), ("1", "2")])
def test_an_id_that_others_bear_too_makes_no_piece_of_two(guids: tuple[str, str]) -> None:
    """Numbers by place: today's first item is not yesterday's."""
    source = SourceFactory()
    poll(source, item("Yesterday", guid="1", url="https://a.example/1"))

    poll(
        source,
        item("Today", guid=guids[0], url="https://a.example/2"),
        item("Today too", guid=guids[1], url="https://a.example/3"),
    )

    assert PendingArticle.objects.count() == 3


def test_an_item_without_address_and_id_is_known_by_its_words_however_its_time_moves() -> None:
    source = SourceFactory()
    for minute in range(3):
        poll(source, item(url="", published_at=timezone.now() + timedelta(minutes=minute)))

    assert PendingArticle.objects.count() == 1


def test_what_a_source_once_showed_is_not_unlearned() -> None:
    source = SourceFactory()
    page = "https://a.example/"
    with_ids = [item(f"Headline {n}", guid=f"g{n}", url=page) for n in range(4)]
    without = [*with_ids[:3], item("Headline 3", url=page)]
    for answer in (with_ids, without, with_ids, without):
        poll(source, *answer)

    source.refresh_from_db()
    assert source.identity_policy == "title"
    assert PendingArticle.objects.count() == 4


def test_keys_follow_from_what_was_received_and_not_from_an_editors_words(django_assert_max_num_queries) -> None:
    source = SourceFactory(identity_policy="title")
    items = [item(f"Headline {n}", url="https://a.example/") for n in range(30)]
    poll(source, *items)
    PendingArticle.objects.update(title="As an editor puts it")

    with django_assert_max_num_queries(8):
        assert rekey_pieces(source) == 0
    poll(source, *items)

    assert PendingArticle.objects.count() == 30
