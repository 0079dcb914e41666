"""One story of many sources: what is alike, one card in the queue, the editor's lead, nothing deleted."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest
from django.db import connection, connections
from django.test import Client
from django.utils import timezone

from apps.articles.clients.parsed import ParsedItem
from apps.articles.errors import AlreadyReviewed, ClaimedByAnother, WrongState
from apps.articles.models import Article, PendingArticle, Story
from apps.articles.services import (
    Answer,
    Arrival,
    approve,
    begin_run,
    choose_lead,
    claim,
    gather,
    join,
    leave_story,
    publish_items,
    record_fetched,
    reject,
    reject_many,
    store_items,
    undo_last,
)
from apps.articles.services.similarity import Headlines, alike, looks_like_spam
from apps.articles.streams import INGESTED
from apps.articles.task_names import GATHER_STORIES
from apps.core.actor import SYSTEM, Actor
from apps.core.errors import NotFound, PreconditionFailed
from apps.core.streams import drain
from apps.taskhub.services import enqueue
from apps.taskhub.testing import queued, run_queued
from tests.articles.audit_trail import trail
from tests.factories.articles import PendingArticleFactory, SourceFactory
from tests.factories.users import UserFactory

pytestmark = pytest.mark.django_db

FIRST = "Bantamweight title bout moved to Shanghai after venue floods"
SECOND = "Bantamweight title bout moved to Shanghai"


@pytest.fixture
def lin() -> Actor:
    return Actor.of_user(UserFactory(username="lin", role="editor"))


def cards() -> list[int]:
    return [piece.pk for piece in PendingArticle.objects.for_desk()]


def told_twice() -> tuple[PendingArticle, PendingArticle]:
    first, second = PendingArticleFactory(title=FIRST), PendingArticleFactory(title=SECOND)
    gather([first.pk, second.pk])
    first.refresh_from_db()
    second.refresh_from_db()
    return first, second


# --- what is alike --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        (FIRST, SECOND, True),
        (FIRST, FIRST.upper(), True),
        ("Ｆｕｌｌ－ｗｉｄｔｈ title bout moved to Shanghai", "full-width title bout moved to Shanghai", True),
        ("The referee retires after 20 years", "Referee retires after twenty years", False),
        ("UFC 300 main card announced in full", "UFC 301 main card announced in full", False),
        ("上海站十二场对阵全部出炉，女子草量级冠军战压轴", "上海站十二场对阵全部出炉 女子草量级冠军战压轴出场", True),
        ("上海站十二场对阵全部出炉", "成都训练营七天只练地面", False),
        ("Weigh-in results from Macau", "Weigh-in results from Singapore tonight", False),
        ("", "", False),
        ("!!!", "???", False),
    ],
)
def test_headlines_are_alike_or_not(first: str, second: str, same: bool) -> None:
    assert alike(first, second) is same
    assert bool(Headlines([(1, first)]).like(second)) is (same and first != "")


def test_many_headlines_are_compared_quickly() -> None:
    many = [(number, f"Fighter {number} of camp {number % 97} signs for card {number % 31}") for number in range(5000)]
    started = time.perf_counter()
    headlines = Headlines(many)
    for number in range(100):
        assert number in headlines.like(many[number][1])
    # A bound against quadratic work, far above what it takes.
    assert time.perf_counter() - started < 20


@pytest.mark.parametrize(
    "text",
    [
        "WATCH UFC 300 Live Online FREE",
        "𝐅𝐫𝐞𝐞 𝐋𝐢𝐯𝐞 𝐒𝐭𝐫𝐞𝐚𝐦 main card",
        "ＦＲＥＥ ＬＩＶＥＳＴＲＥＡＭ ｎｏｗ",
        "f\u200bree live stream",
        "全场免费高清直播",
        "加V信看比赛",
    ],
)
def test_spam_is_seen_through_its_letters(text: str) -> None:
    assert looks_like_spam(text)


@pytest.mark.parametrize("text", [FIRST, "Free agent signs live on air", "主赛今晚直播", "Streaming rights sold", ""])
def test_news_is_not_taken_for_spam(text: str) -> None:
    assert not looks_like_spam(text)


# --- gathering ------------------------------------------------------------------------------------------------------
def test_near_duplicates_of_two_sources_are_one_card_and_both_kept() -> None:
    first, second = told_twice()

    assert first.story_id == second.story_id is not None
    assert cards() == [first.pk]
    assert PendingArticle.objects.filter(status="pending").count() == 2
    assert [event["action"] for event in trail()] == ["merged", "merged"]
    assert gather([first.pk, second.pk]) == 0
    assert Story.objects.count() == 1


def test_new_pieces_are_gathered_by_a_task_that_may_run_twice() -> None:
    source = SourceFactory()
    known = PendingArticleFactory(title=FIRST)
    order = begin_run(source.pk, task_id="1")
    assert order is not None
    item = ParsedItem(guid="", url="https://other.example/1", title=SECOND, summary="Floods.")
    record_fetched(order.run_id, Answer(http_status=200), items=[(item.url, item.title, item.guid)])
    publish_items(order, [item.as_message()])
    drain(INGESTED)
    new = PendingArticle.objects.get(source=source)
    assert queued(GATHER_STORIES) == [(GATHER_STORIES, {"pending_ids": [new.pk]})]

    run_queued()
    enqueue(GATHER_STORIES, pending_ids=[new.pk])
    run_queued()

    new.refresh_from_db()
    known.refresh_from_db()
    assert new.story_id == known.story_id is not None
    assert cards() == [known.pk]


def test_what_one_source_says_twice_is_no_story() -> None:
    first = PendingArticleFactory(title=FIRST)
    second = PendingArticleFactory(title=SECOND, source=first.source)

    assert gather([first.pk, second.pk]) == 0
    assert cards() == [first.pk, second.pk]


def test_old_news_with_the_same_words_is_another_story() -> None:
    old, new = PendingArticleFactory(title=FIRST), PendingArticleFactory(title=FIRST)
    PendingArticle.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=4))

    assert gather([new.pk]) == 0


def test_a_third_telling_joins_and_a_late_one_is_a_card_again(lin: Actor) -> None:
    first, _second = told_twice()
    third = PendingArticleFactory(title=SECOND)
    gather([third.pk])
    assert cards() == [first.pk]
    approve(first.pk, actor=lin)
    assert cards() == []

    late = PendingArticleFactory(title=SECOND)
    gather([late.pk])

    assert cards() == [late.pk]
    late.refresh_from_db()
    assert late.story_id == first.story_id


# --- deciding -------------------------------------------------------------------------------------------------------
def test_approving_the_lead_tells_the_others_as_told_already_and_undo_brings_all_back(lin: Actor) -> None:
    first, second = told_twice()

    approve(first.pk, actor=lin)

    second.refresh_from_db()
    assert (second.status, second.reject_code) == ("rejected", "duplicate")
    assert Article.objects.count() == 1
    undo_last(actor=lin)
    assert set(PendingArticle.objects.values_list("status", flat=True)) == {"pending"}
    assert cards() == [first.pk]


def test_a_story_with_a_piece_that_somebody_else_holds_is_not_decided(lin: Actor) -> None:
    first, second = told_twice()
    mei = Actor.of_user(UserFactory(username="mei", role="editor"))
    claim(second.pk, actor=mei)
    before, events = list(PendingArticle.objects.order_by("pk").values()), len(trail())

    with pytest.raises(ClaimedByAnother):
        approve(first.pk, actor=lin)

    assert list(PendingArticle.objects.order_by("pk").values()) == before
    assert (Article.objects.count(), len(trail())) == (0, events)
    approve(first.pk, actor=mei)
    assert Article.objects.count() == 1


def test_after_a_rejection_the_next_piece_leads(lin: Actor) -> None:
    first, second = told_twice()

    reject(first.pk, actor=lin, reason_code="quality")

    assert cards() == [second.pk]


def test_a_bulk_rejection_passes_the_lead_on(lin: Actor) -> None:
    first, second = told_twice()

    reject_many({first.pk: first.version}, actor=lin, reason_code="duplicate")

    assert cards() == [second.pk]


def test_the_editor_chooses_the_lead_and_takes_pieces_out(lin: Actor) -> None:
    first, second = told_twice()

    choose_lead(second.pk, actor=lin)
    assert cards() == [second.pk]
    leave_story(second.pk, actor=lin)
    assert cards() == [first.pk, second.pk]

    approve(first.pk, actor=lin)
    assert cards() == [second.pk]


def test_what_can_not_lead_or_leave_is_refused(lin: Actor) -> None:
    alone = PendingArticleFactory()
    first, _second = told_twice()
    reject(first.pk, actor=lin, reason_code="spam")
    before = trail()

    with pytest.raises(WrongState):
        choose_lead(first.pk, actor=lin)
    for number in (alone.pk, 10**9):
        with pytest.raises(NotFound):
            choose_lead(number, actor=lin)
        with pytest.raises(NotFound):
            leave_story(number, actor=lin)
    with pytest.raises(NotFound):
        join(alone.pk, 404, actor=SYSTEM)

    assert trail() == before


@pytest.mark.django_db(transaction=True)
def test_two_editors_on_one_story_at_once_publish_it_once() -> None:
    if connection.vendor == "sqlite":
        pytest.skip("an in-memory database has one connection")
    first, second = told_twice()
    actors = [Actor.of_user(UserFactory()) for _ in range(2)]
    together, outcomes = threading.Barrier(2), []

    def decide(actor: Actor, number: int) -> None:
        together.wait()
        try:
            approve(number, actor=actor)
            outcomes.append("approved")
        except AlreadyReviewed:
            outcomes.append("refused")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=decide, args=pair) for pair in zip(actors, (first.pk, second.pk), strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["approved", "refused"]
    assert Article.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_looks_for_stories_at_once_make_one_story() -> None:
    if connection.vendor == "sqlite":
        pytest.skip("an in-memory database has one connection")
    pieces = [PendingArticleFactory(title=SECOND) for _ in range(4)]
    together = threading.Barrier(2)

    def look(numbers: list[int]) -> None:
        together.wait()
        try:
            gather(numbers)
        finally:
            connections.close_all()

    halves = ([piece.pk for piece in pieces[:2]], [piece.pk for piece in pieces[2:]])
    threads = [threading.Thread(target=look, args=(half,)) for half in halves]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    stories = set(PendingArticle.objects.values_list("story_id", flat=True))
    assert None not in stories
    assert len(cards()) == len(stories) <= 2


# --- the desk -------------------------------------------------------------------------------------------------------
def test_the_desk_shows_one_card_with_the_others_beside_it() -> None:
    first, second = told_twice()
    client = Client()
    client.force_login(UserFactory(role="editor"))
    client.cookies["django_language"] = "en"

    page = client.get("/admin/articles/pendingarticle/desk/")
    preview = client.get(
        f"/admin/articles/pendingarticle/{first.pk}/preview/", headers={"X-Requested-With": "fetch"}
    ).content.decode()

    assert [(card.piece.pk, card.others) for card in page.context["cards"]] == [(first.pk, 1)]
    assert page.context["left"] == 1
    assert "1 other source" in page.content.decode()
    assert "The same story elsewhere" in preview
    assert f'data-goes-to="{second.pk}"' in preview
    for deed, expected in (("lead", [second.pk]), ("apart", [first.pk, second.pk])):
        sent = {"deed": deed, "version": second.version}
        answer = client.post(f"/admin/articles/pendingarticle/{second.pk}/decide/", sent)
        assert answer.status_code == 200
        assert cards() == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Islam Makhachev defeats Jack Della Maddalena", "Jack Della Maddalena defeats Islam Makhachev"),
        ("张伟丽击败闫晓南卫冕草量级金腰带", "闫晓南击败张伟丽卫冕草量级金腰带"),
        ("张伟丽卫冕成功 草量级金腰带留在中国", "张伟丽卫冕失败 草量级金腰带留在中国"),
        ("Jones will fight Aspinall in the summer", "Jones will not fight Aspinall in the summer"),
        ("Jones out of the main event in Las Vegas", "Aspinall out of the main event in Las Vegas"),
        ("UFC 300 preview: every bout of the card", "UFC 300 results: every bout of the card"),
        ("Morning Report", "Morning Report"),
        ("Podcast", "Podcast"),
    ],
)
def test_news_that_say_something_else_are_two_cards(one, other):
    assert not alike(one, other)
    assert not alike(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Makhachev stops Volkanovski in the first round", "Islam Makhachev stops Volkanovski in the first round"),
        ("张伟丽一回合降服对手卫冕成功", "快讯：张伟丽一回合降服对手卫冕成功"),
        ("Title bout moved to Shanghai in March", "UFC title bout moved to Shanghai in March"),
    ],
)
def test_the_same_news_in_nearly_the_same_words_is_one(one, other):
    assert alike(one, other)


def test_who_has_not_seen_the_new_piece_of_a_story_decides_nothing(lin: Actor) -> None:
    lead = PendingArticleFactory(title=FIRST)
    seen = lead.version
    late = PendingArticleFactory(title=SECOND)
    gather([late.pk])

    with pytest.raises(PreconditionFailed):
        approve(lead.pk, actor=lin, expected_version=seen)

    late.refresh_from_db()
    assert late.status == "pending"
    assert not Article.objects.exists()


def test_what_two_trusted_sources_tell_is_published_once() -> None:
    for number, title in enumerate((FIRST, SECOND)):
        source = SourceFactory(arrival_policy="publish")
        order = begin_run(source.pk, task_id=f"t{number}")
        assert order is not None
        item = ParsedItem(guid="", url=f"https://{number}.example/a", title=title, summary="")
        record_fetched(order.run_id, Answer(200), items=[(item.url, item.title, item.guid)])
        message = {"run_id": order.run_id, "source_id": source.pk, "url": order.url, "position": 0}
        store_items([Arrival.from_message(message | {"item": item.as_message()})])

    assert Article.objects.count() == 1
    assert PendingArticle.objects.filter(status="pending").count() == 1
