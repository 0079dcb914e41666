"""Runs: from the question to the last item stored."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.articles.clients.parsed import ParsedItem
from apps.articles.models import Article, IngestRun, IngestRunError, PendingArticle, PendingRevision, Source
from apps.articles.services import (
    Answer,
    Arrival,
    Failure,
    ItemProblem,
    RunOrder,
    begin_run,
    record_failure,
    record_fetched,
    record_unchanged,
    store_items,
)
from apps.articles.services.polled import back_off
from apps.core.errors import Invalid, NotFound
from tests.articles.audit_trail import trail
from tests.factories.articles import ArticleFactory, IngestRunFactory, PendingArticleFactory, SourceFactory

pytestmark = pytest.mark.django_db

ANSWER = Answer(http_status=200, etag='"e1"', last_modified="Mon, 02 Mar 2026 09:00:00 GMT")


def item(number: int, **changes: object) -> ParsedItem:
    values: dict = {
        "guid": f"g{number}",
        "url": f"https://news.example/{number}?utm_source=rss",
        "title": f"Headline {number}",
        "summary": f"Summary {number}",
        "content": f"<p>Summary {number}</p>",
        "published_at": timezone.now() - timedelta(hours=number),
    }
    return ParsedItem(**(values | changes))


def begun(source: Source, **changes: object) -> RunOrder:
    order = begin_run(source.pk, **({"task_id": "t"} | changes))  # type: ignore[arg-type]
    assert order is not None
    return order


def arrivals(order: RunOrder, items: list[ParsedItem]) -> list[Arrival]:
    return [
        Arrival.from_message(
            {
                "run_id": order.run_id,
                "source_id": order.source_id,
                "url": order.url,
                "parser_kind": order.parser_kind,
                "position": position,
                "item": one.as_message(),
            }
        )
        for position, one in enumerate(items)
    ]


def fetched(source: Source, items: list[ParsedItem], *, answer: Answer = ANSWER, task_id: str = "t") -> list[Arrival]:
    order = begun(source, task_id=task_id)
    record_fetched(order.run_id, answer, items=[(one.url, one.title, one.guid) for one in items])
    return arrivals(order, items)


def polled(source: Source, items: list[ParsedItem]) -> IngestRun:
    batch = fetched(source, items)
    store_items(batch)
    return IngestRun.objects.get(pk=batch[0].run_id)


def test_items_become_pieces_with_everything_that_came() -> None:
    source = SourceFactory()
    one = item(1, cover_url="https://news.example/1.jpg", video_url="https://news.example/1.mp4", author="Lin")

    run = polled(source, [one])

    piece = PendingArticle.objects.get()
    assert (piece.title, piece.summary, piece.content) == ("Headline 1", "Summary 1", "<p>Summary 1</p>")
    assert (piece.source_id, piece.source_url) == (source.pk, "https://news.example/1")
    assert (piece.cover_url, piece.video_url) == ("https://news.example/1.jpg", "https://news.example/1.mp4")
    assert (piece.source_published_at, piece.status, piece.version) == (one.published_at, "pending", 1)
    assert piece.raw_payload["url"] == "https://news.example/1?utm_source=rss"
    assert piece.raw_payload["author"] == "Lin"
    assert (run.status, run.fetched_count, run.received_count, run.stored_count) == ("succeeded", 1, 1, 1)


def test_a_new_piece_is_in_the_audit_log_with_its_source_as_actor() -> None:
    source = SourceFactory(name="Courier")

    polled(source, [item(1)])

    event = trail()[-1]
    piece = PendingArticle.objects.get()
    assert (event["action"], event["resource_type"], event["resource_id"]) == (
        "created",
        "pendingArticle",
        str(piece.pk),
    )
    assert event["new"]["title"] == "Headline 1"
    assert "old" not in event


def test_the_same_items_again_are_counted_as_known_and_written_nowhere() -> None:
    source = SourceFactory()
    items = [item(1), item(2)]
    polled(source, items)
    before = list(PendingArticle.objects.order_by("pk").values())

    run = polled(source, items)

    assert list(PendingArticle.objects.order_by("pk").values()) == before
    assert (run.stored_count, run.duplicate_count, run.revised_count) == (0, 2, 0)


def test_messages_delivered_twice_count_once() -> None:
    source = SourceFactory()
    batch = fetched(source, [item(1), item(2)])

    store_items(batch[:1])
    store_items(batch[:1])
    unfinished = IngestRun.objects.get()
    store_items(batch)
    store_items(batch)

    assert (unfinished.status, unfinished.received_count) == ("running", 1)
    finished = IngestRun.objects.get()
    assert (finished.status, finished.received_count, finished.stored_count, finished.duplicate_count) == (
        "succeeded",
        2,
        2,
        0,
    )
    assert PendingArticle.objects.count() == 2


def test_one_address_in_two_sources_is_one_piece_of_the_first() -> None:
    first, second = SourceFactory(), SourceFactory()

    polled(first, [item(1)])
    run = polled(second, [item(1, guid="other", url="http://news.example/1#x")])

    assert PendingArticle.objects.get().source_id == first.pk
    assert run.duplicate_count == 1


def test_validators_become_valid_only_with_the_last_item() -> None:
    source = SourceFactory(etag='"old"', last_modified="old")
    batch = fetched(source, [item(1), item(2)])

    source.refresh_from_db()
    assert (source.etag, source.last_modified) == ("", "")
    store_items(batch[:1])
    source.refresh_from_db()
    assert (source.etag, source.last_fetch_status) == ("", "")
    store_items(batch[1:])
    source.refresh_from_db()
    assert (source.etag, source.last_modified) == (ANSWER.etag, ANSWER.last_modified)
    assert (source.last_fetch_status, source.failures_in_a_row) == ("stored", 0)
    assert source.last_success_at is not None
    assert (begun(source).etag, begun(source).last_modified) == (ANSWER.etag, ANSWER.last_modified)


def test_a_run_whose_stream_was_lost_is_asked_again_in_full_and_nothing_is_missing() -> None:
    source = SourceFactory()
    polled(source, [item(1)])
    lost = fetched(source, [item(1), item(2)], answer=Answer(200, '"e2"'), task_id="a")
    later = timezone.now() + IngestRun.LEASE + timedelta(seconds=1)

    order = begun(source, task_id="b", now=later)

    assert (order.etag, order.last_modified) == ("", "")
    run = IngestRun.objects.get(pk=lost[0].run_id)
    assert (run.status, run.error_count) == ("failed", 1)
    assert IngestRunError.objects.get(run=run).kind == "lost"
    record_fetched(order.run_id, Answer(200, '"e2"'), items=[(item(n).url, "x", "") for n in (1, 2)])
    store_items(arrivals(order, [item(1), item(2)]))
    assert PendingArticle.objects.count() == 2
    source.refresh_from_db()
    assert source.etag == '"e2"'


def test_items_of_a_run_given_up_are_stored_all_the_same_but_do_not_bring_back_old_validators() -> None:
    source = SourceFactory()
    old = fetched(source, [item(1)], answer=Answer(200, '"old"'), task_id="a")
    new = fetched(source, [item(2)], answer=Answer(200, '"new"'), task_id="a")

    store_items(new)
    store_items(old)

    source.refresh_from_db()
    assert source.etag == '"new"'
    assert PendingArticle.objects.count() == 2


def test_only_one_run_of_a_source_at_a_time_but_a_restarted_task_takes_its_own_over() -> None:
    source = SourceFactory()
    first = begun(source, task_id="a")

    assert begin_run(source.pk, task_id="b") is None
    again = begun(source, task_id="a")

    assert again.run_id != first.run_id
    assert IngestRun.objects.get(pk=first.run_id).status == "failed"
    assert IngestRun.objects.count() == 2


def test_an_unknown_source_is_not_found() -> None:
    with pytest.raises(NotFound):
        begin_run(404, task_id="t")


def test_another_address_than_the_sources_own_goes_without_its_validators() -> None:
    source = SourceFactory(etag='"e"', last_modified="m")

    order = begun(source, url="https://other.example/feed", parser_kind="json_feed")

    assert (order.url, order.parser_kind, order.etag, order.last_modified) == (
        "https://other.example/feed",
        "json_feed",
        "",
        "",
    )


def test_unchanged_is_a_success() -> None:
    source = SourceFactory(failures_in_a_row=3, last_fetch_error="before", etag='"e"')
    order = begun(source)

    record_unchanged(order.run_id, http_status=304)

    source.refresh_from_db()
    assert (source.last_fetch_status, source.failures_in_a_row, source.last_fetch_error) == ("unchanged", 0, "")
    assert source.etag == '"e"'
    assert (IngestRun.objects.get().status, IngestRun.objects.get().http_status) == ("succeeded", 304)


def test_an_answer_without_items_completes_the_run_at_once() -> None:
    source = SourceFactory()
    order = begun(source)

    record_fetched(order.run_id, ANSWER, items=[], problems=[ItemProblem(0, "an item without words", "{}")])

    source.refresh_from_db()
    run = IngestRun.objects.get()
    assert (run.status, run.error_count, source.etag) == ("succeeded", 1, ANSWER.etag)
    assert IngestRunError.objects.values_list("kind", "position", "message").get() == (
        "item",
        0,
        "an item without words",
    )


def test_a_failure_keeps_its_reason_and_backs_off() -> None:
    now = timezone.now()
    source = SourceFactory(interval_seconds=600)

    for failures in (1, 2, 3):
        order = begun(source, now=now)
        next_poll_at = record_failure(
            order.run_id, Failure("fetch", "no answer", http_status=500, sample="oops\x00"), now=now, jitter=lambda: 0.0
        )
        source.refresh_from_db()
        assert source.next_poll_at == next_poll_at == now + timedelta(seconds=600 * 2 ** (failures - 1))

    assert (source.failures_in_a_row, source.last_fetch_status, source.last_fetch_error) == (3, "failed", "no answer")
    assert source.enabled
    run = IngestRun.objects.order_by("pk").last()
    assert run is not None
    assert (run.status, run.http_status, run.error_msg) == ("failed", 500, "no answer")
    assert IngestRunError.objects.filter(run=run).values_list("kind", "message", "sample").get() == (
        "fetch",
        "no answer",
        "oops",
    )


@pytest.mark.parametrize(
    ("failures", "retry_after", "jitter", "wait"),
    [
        (1, None, 0.0, timedelta(minutes=15)),
        (1, None, 1.0, timedelta(minutes=22, seconds=30)),
        (3, None, 0.0, timedelta(hours=1)),
        (5000, None, 0.0, timedelta(hours=24)),
        (1, timedelta(hours=3), 0.0, timedelta(hours=3)),
        (1, timedelta(seconds=1), 0.0, timedelta(minutes=15)),
        (1, timedelta(days=99), 0.0, timedelta(days=7)),
    ],
)
def test_back_off(failures: int, retry_after: timedelta | None, jitter: float, wait: timedelta) -> None:
    source = Source(interval_seconds=900, failures_in_a_row=failures)

    assert back_off(source, retry_after, jitter=lambda: jitter) == wait


def test_only_gone_for_good_switches_a_source_off() -> None:
    source = SourceFactory()
    order = begun(source)

    assert record_failure(order.run_id, Failure("fetch", "410", http_status=410, gone=True)) is None

    source.refresh_from_db()
    assert (source.enabled, source.last_fetch_status) == (False, "gone")
    assert [(event["action"], event["old"]["enabled"], event["new"]["enabled"]) for event in trail()] == [
        ("disabled", True, False)
    ]


def test_an_edited_headline_is_a_revision_and_no_second_piece() -> None:
    source = SourceFactory()
    morning, evening = timezone.now() - timedelta(hours=9), timezone.now()
    polled(source, [item(1, title="Champion in town", published_at=morning)])

    run = polled(source, [item(1, title="Champion in town, talks retirement", summary="More.", published_at=evening)])

    piece = PendingArticle.objects.get()
    assert (piece.title, piece.summary, piece.version) == ("Champion in town, talks retirement", "More.", 2)
    assert list(PendingRevision.objects.values_list("title", "summary", "run_id")) == [
        ("Champion in town", "Summary 1", run.pk)
    ]
    assert (run.stored_count, run.revised_count, run.duplicate_count) == (0, 1, 0)
    event = trail()[-1]
    assert (event["action"], event["old"]["title"], event["new"]["title"]) == (
        "revised",
        "Champion in town",
        "Champion in town, talks retirement",
    )


def test_two_headlines_that_stay_in_the_feed_side_by_side_make_one_revision_for_ever() -> None:
    source = SourceFactory()
    old = item(1, title="First words", published_at=timezone.now() - timedelta(hours=2))
    new = item(1, title="Later words", published_at=timezone.now())

    for _ in range(3):
        polled(source, [new, old, new])
        polled(source, [old, new])

    assert PendingArticle.objects.get().title == "Later words"
    assert PendingArticle.objects.get().version == 1
    assert list(PendingRevision.objects.values_list("title", flat=True)) == ["First words"]


def test_without_times_the_later_answer_is_newer_and_within_one_the_first_item() -> None:
    source = SourceFactory()
    polled(source, [item(1, title="Top", published_at=None), item(1, title="Below", published_at=None)])
    assert PendingArticle.objects.get().title == "Top"

    polled(source, [item(1, title="Next day", published_at=None)])

    assert PendingArticle.objects.get().title == "Next day"
    assert sorted(PendingRevision.objects.values_list("title", flat=True)) == ["Below", "Top"]


@pytest.mark.parametrize("status", ["approved", "rejected"])
def test_a_headline_edited_after_the_decision_leaves_the_piece_as_decided_and_marks_it(status: str) -> None:
    source = SourceFactory()
    polled(source, [item(1)])
    PendingArticle.objects.update(status=status)

    polled(source, [item(1, title="Other words", published_at=timezone.now())])

    piece = PendingArticle.objects.get()
    assert (piece.title, piece.status) == ("Headline 1", status)
    assert piece.changed_after_review_at is not None
    assert PendingRevision.objects.get().title == "Other words"


def test_an_address_that_does_not_fit_is_an_error_of_the_run_and_the_rest_is_stored() -> None:
    source = SourceFactory()

    run = polled(source, [item(1), item(2, url="https://news.example/" + "x" * 600)])

    assert PendingArticle.objects.count() == 1
    assert (run.status, run.error_count, run.stored_count) == ("succeeded", 1, 1)
    assert IngestRunError.objects.values_list("kind", "position").get() == ("item", 1)


def test_items_without_address_are_pieces_too() -> None:
    source = SourceFactory()
    items = [item(1, url=""), item(2, url="", guid=""), item(3, url="", guid="", published_at=None)]

    polled(source, items)
    polled(source, items)

    assert PendingArticle.objects.count() == 3


def test_a_source_that_turns_out_to_need_fragments_gives_its_pieces_new_identities() -> None:
    source = SourceFactory()
    monday = item(1, url="https://diary.example/day#a1")
    polled(source, [monday])
    article = ArticleFactory(pending=PendingArticle.objects.get(), source=source)

    polled(source, [monday, item(2, url="https://diary.example/day#b2"), item(3, url="https://diary.example/day#c3")])

    source.refresh_from_db()
    assert source.identity_policy == "url_fragment"
    assert sorted(PendingArticle.objects.values_list("source_url", flat=True)) == [
        "https://diary.example/day#a1",
        "https://diary.example/day#b2",
        "https://diary.example/day#c3",
    ]
    piece = PendingArticle.objects.get(title="Headline 1")
    article.refresh_from_db()
    assert (article.identity_hash, article.source_url) == (piece.identity_hash, piece.source_url)


def test_items_of_an_unknown_run_are_left() -> None:
    run = IngestRunFactory()
    order = RunOrder(run.pk + 1, run.source_id, run.source_url, "feed", "", "")

    store_items(arrivals(order, [item(1)]))

    assert PendingArticle.objects.count() == 0


@pytest.mark.parametrize("missing", ["run_id", "source_id", "url", "item", "position"])
def test_a_message_without_its_parts_is_an_error(missing: str) -> None:
    body = {"run_id": 1, "source_id": 2, "url": "https://a.example", "position": 0, "item": item(1).as_message()}
    Arrival.from_message(body)

    with pytest.raises(Invalid):
        Arrival.from_message({name: value for name, value in body.items() if name != missing})
    with pytest.raises(Invalid):
        Arrival.from_message(body | {"source_id": 0})
    for field, number in (("position", 10**12), ("position", -1), ("run_id", 2**63), ("source_id", float("inf"))):
        with pytest.raises(Invalid):
            Arrival.from_message(body | {field: number})


def test_a_piece_that_another_consumer_stored_in_between_is_found_at_the_second_look(monkeypatch) -> None:
    from apps.articles.services import storing

    source = SourceFactory()
    batch = fetched(source, [item(1), item(2)])
    look = storing.known_pieces
    looks: list[int] = []

    def look_before_the_other_inserts(sightings: dict) -> dict:
        known = look(sightings)
        if not looks:
            PendingArticleFactory(source=source, identity_hash=next(iter(sightings)), title="Headline 1")
        looks.append(1)
        return known

    monkeypatch.setattr(storing, "known_pieces", look_before_the_other_inserts)

    store_items(batch)

    assert len(looks) == 2
    assert PendingArticle.objects.count() == 2
    assert Article.objects.count() == 0
