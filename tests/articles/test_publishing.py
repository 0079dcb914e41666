"""Publication apart from review: planned, corrected, retracted, taken offline, taken down."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection, connections
from django.utils import timezone

from apps.articles import cache
from apps.articles.errors import WrongState
from apps.articles.models import Article, PendingArticle, Takedown
from apps.articles.services import (
    Edits,
    approve,
    correct,
    enter_by_hand,
    open_takedown,
    publish_now,
    publish_scheduled,
    reschedule,
    resolve_takedown,
    retract,
    take_offline,
    undo_last,
)
from apps.articles.task_names import PUBLISH_ARTICLE
from apps.core.actor import SYSTEM, Actor
from apps.core.errors import AppError, Conflict, Invalid, NotFound, PreconditionFailed
from apps.taskhub.testing import queued, run_queued
from tests.articles.audit_trail import trail
from tests.factories.articles import ArticleFactory, PendingArticleFactory, SourceFactory, TakedownFactory
from tests.factories.users import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def lin() -> Actor:
    return Actor.of_user(UserFactory(username="lin", role="editor"))


def public() -> list[int]:
    return [item["id"] for item in cache.load_public_list()["items"]]


# --- planned ----------------------------------------------------------------------------------------------------
def test_a_planned_article_waits_for_its_time_and_is_published_by_the_hub(lin: Actor) -> None:
    planned = timezone.now() + timedelta(hours=3)

    article = approve(PendingArticleFactory().pk, actor=lin, publish_at=planned)

    assert (article.status, article.publish_at, article.published_at) == ("pending", planned, None)
    assert PendingArticle.objects.get().status == "approved"
    assert public() == []
    assert queued() == [(PUBLISH_ARTICLE, {"article_id": article.pk, "publish_at": planned.isoformat()})]
    assert run_queued() == 0

    assert run_queued(now=planned + timedelta(seconds=1)) == 1

    article.refresh_from_db()
    assert (article.status, article.publish_at) == ("published", None)
    assert public() == [article.pk]
    assert [event["action"] for event in trail("article")] == ["scheduled", "published"]


def test_a_planned_article_is_published_once_however_often_its_task_comes(lin: Actor) -> None:
    planned = timezone.now() + timedelta(hours=3)
    article = approve(PendingArticleFactory().pk, actor=lin, publish_at=planned)

    assert publish_scheduled(article.pk, planned=planned, actor=SYSTEM) is True
    first = Article.objects.get().published_at
    assert publish_scheduled(article.pk, planned=planned, actor=SYSTEM) is False

    assert Article.objects.get().published_at == first
    assert len([event for event in trail("article") if event["action"] == "published"]) == 1


def test_a_changed_plan_makes_the_old_task_harmless(lin: Actor) -> None:
    planned, later = (timezone.now() + timedelta(hours=hours) for hours in (3, 5))
    article = approve(PendingArticleFactory().pk, actor=lin, publish_at=planned)

    reschedule(article.pk, actor=lin, publish_at=later)
    run_queued(now=planned + timedelta(seconds=1))
    assert public() == []
    run_queued(now=later + timedelta(seconds=1))

    assert public() == [article.pk]


def test_undoing_a_planned_approval_leaves_nothing_to_publish(lin: Actor) -> None:
    planned = timezone.now() + timedelta(hours=3)
    approve(PendingArticleFactory().pk, actor=lin, publish_at=planned)

    undo_last(actor=lin)
    run_queued(now=planned + timedelta(seconds=1))

    assert public() == []
    assert Article.objects.get().first_published_at is None


@pytest.mark.parametrize("deed", ["publish_now", "reschedule"])
def test_a_plan_that_undo_brings_back_is_carried_out(lin: Actor, deed: str) -> None:
    planned, later = (timezone.now() + timedelta(hours=hours) for hours in (3, 5))
    article = approve(PendingArticleFactory().pk, actor=lin, publish_at=planned)
    if deed == "publish_now":
        publish_now(article.pk, actor=lin)
    else:
        reschedule(article.pk, actor=lin, publish_at=later)
    run_queued(now=planned + timedelta(seconds=1))

    undo_last(actor=lin)
    article.refresh_from_db()
    assert (article.status, article.publish_at) == ("pending", planned)
    run_queued(now=planned + timedelta(seconds=1))
    run_queued(now=later + timedelta(seconds=1))

    assert public() == [article.pk]
    published = [event for event in trail("article") if event["action"] == "published"]
    assert len(published) == (2 if deed == "publish_now" else 1)


def test_what_the_clock_published_can_still_be_undone(lin: Actor) -> None:
    planned = timezone.now() + timedelta(hours=3)
    article = approve(PendingArticleFactory().pk, actor=lin, publish_at=planned)
    publish_scheduled(article.pk, planned=planned, actor=SYSTEM)

    undo_last(actor=lin)

    assert public() == []
    assert PendingArticle.objects.get().status == "pending"


@pytest.mark.parametrize("ahead", [timedelta(seconds=-1), timedelta(days=400)])
def test_a_time_that_has_passed_or_is_too_far_is_refused(lin: Actor, ahead: timedelta) -> None:
    piece = PendingArticleFactory()

    with pytest.raises(Invalid) as error:
        approve(piece.pk, actor=lin, publish_at=timezone.now() + ahead)

    assert error.value.errors[0].field == "publish_at"
    assert PendingArticle.objects.get().status == "pending"
    assert queued() == []
    assert trail() == []


def test_a_planned_article_can_be_published_now_and_its_task_then_does_nothing(lin: Actor) -> None:
    planned = timezone.now() + timedelta(hours=3)
    article = approve(PendingArticleFactory().pk, actor=lin, publish_at=planned)

    publish_now(article.pk, actor=lin)
    first = Article.objects.get().published_at
    run_queued(now=planned + timedelta(seconds=1))

    assert Article.objects.get().published_at == first


@pytest.mark.django_db(transaction=True)
def test_two_workers_with_the_same_task_publish_once() -> None:
    if connection.vendor == "sqlite":
        pytest.skip("an in-memory database has one connection")
    planned = timezone.now() + timedelta(hours=3)
    article = approve(PendingArticleFactory().pk, actor=Actor.of_user(UserFactory()), publish_at=planned)
    together, outcomes = threading.Barrier(2), []

    def run() -> None:
        together.wait()
        try:
            outcomes.append(publish_scheduled(article.pk, planned=planned, actor=SYSTEM))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == [False, True]


# --- corrected, retracted, offline ------------------------------------------------------------------------------
def test_a_correction_keeps_the_old_words_and_tells_readers_why(lin: Actor) -> None:
    article = ArticleFactory(title="Lee wins", summary="By decision.")

    correct(article.pk, actor=lin, edits=Edits(title="Li wins"), notice="The name was wrong.", expected_version=1)

    article.refresh_from_db()
    assert (article.title, article.summary, article.notice, article.version) == (
        "Li wins",
        "By decision.",
        "The name was wrong.",
        2,
    )
    revision = article.revisions.get()
    assert (revision.version, revision.title, revision.actor_label) == (1, "Lee wins", "lin")
    (event,) = trail()
    assert (event["action"], event["reason"]) == ("corrected", "The name was wrong.")
    item = cache.load_public_list()["items"][0]
    assert (item["title"], item["notice"]) == ("Li wins", "The name was wrong.")
    assert item["corrected_at"] is not None


def test_a_retraction_leaves_the_list_and_keeps_its_notice(lin: Actor) -> None:
    article = ArticleFactory()

    retract(article.pk, actor=lin, notice="It did not happen.")

    article.refresh_from_db()
    assert (article.status, article.notice) == ("retracted", "It did not happen.")
    assert public() == []


def test_offline_and_published_again(lin: Actor) -> None:
    article = ArticleFactory()
    take_offline(article.pk, actor=lin, reason="Rights unclear.")
    assert public() == []

    publish_now(article.pk, actor=lin)

    assert public() == [article.pk]
    assert [event["action"] for event in trail()] == ["unpublished", "published"]


@pytest.mark.parametrize("status", ["pending", "offline", "retracted"])
def test_what_is_not_public_is_neither_corrected_nor_retracted(lin: Actor, status: str) -> None:
    article = ArticleFactory(status=status)
    before = list(Article.objects.values())

    for refused in (
        lambda: correct(article.pk, actor=lin, edits=Edits(title="x"), notice="y"),
        lambda: retract(article.pk, actor=lin, notice="y"),
        lambda: take_offline(article.pk, actor=lin, reason="y"),
        lambda: reschedule(article.pk, actor=lin, publish_at=timezone.now() + timedelta(hours=1)),
    ):
        with pytest.raises(WrongState):
            refused()

    assert list(Article.objects.values()) == before
    assert trail() == []


def test_a_retracted_article_is_not_simply_published_again(lin: Actor) -> None:
    article = ArticleFactory(status="retracted")

    with pytest.raises(WrongState):
        publish_now(article.pk, actor=lin)


def test_stale_versions_missing_words_and_missing_articles_are_refused(lin: Actor) -> None:
    article = ArticleFactory(version=3)
    before = list(Article.objects.values())

    with pytest.raises(PreconditionFailed):
        retract(article.pk, actor=lin, notice="y", expected_version=2)
    with pytest.raises(Invalid):
        retract(article.pk, actor=lin, notice="  ")
    with pytest.raises(Invalid):
        correct(article.pk, actor=lin, edits=Edits(title=article.title), notice="y")
    with pytest.raises(Invalid):
        correct(article.pk, actor=lin, edits=Edits(title="x" * 256), notice="y")
    with pytest.raises(NotFound):
        take_offline(404, actor=lin, reason="y")

    assert list(Article.objects.values()) == before
    assert trail() == []


# --- complaints -------------------------------------------------------------------------------------------------
def test_a_complaint_that_is_granted_hides_the_article(lin: Actor) -> None:
    article = ArticleFactory()

    takedown = open_takedown(
        article.pk, actor=lin, reason="Our picture.", complainant="Agency", evidence_url="https://a.example/1"
    )
    assert public() == [article.pk]
    resolve_takedown(takedown.pk, actor=lin, action="offlined")

    assert public() == []
    takedown.refresh_from_db()
    assert (takedown.status, takedown.action, takedown.resolved_by_label) == ("resolved", "offlined", "lin")
    assert [(event["resource_type"], event["action"]) for event in trail()] == [
        ("takedown", "created"),
        ("takedown", "updated"),
        ("article", "unpublished"),
    ]


def test_a_complaint_that_is_refused_leaves_the_article(lin: Actor) -> None:
    takedown = TakedownFactory()

    resolve_takedown(takedown.pk, actor=lin, action="rejected")

    assert public() == [takedown.article_id]


def test_a_planned_article_that_must_go_is_not_published_later(lin: Actor) -> None:
    planned = timezone.now() + timedelta(hours=3)
    article = approve(PendingArticleFactory().pk, actor=lin, publish_at=planned)
    resolve_takedown(open_takedown(article.pk, actor=lin, reason="Ours.").pk, actor=lin, action="offlined")

    run_queued(now=planned + timedelta(seconds=1))

    assert public() == []


def test_wrong_complaints_are_refused_and_nothing_is_kept(lin: Actor) -> None:
    article = ArticleFactory()
    closed = TakedownFactory(status="resolved", action="rejected")
    before = list(Takedown.objects.values())

    for refused in (
        lambda: open_takedown(article.pk, actor=lin, reason="x", target_type="event"),
        lambda: open_takedown(404, actor=lin, reason="x"),
        lambda: open_takedown(article.pk, actor=lin, reason=" "),
        lambda: open_takedown(article.pk, actor=lin, reason="x", evidence_url="javascript:alert(1)"),
        lambda: resolve_takedown(closed.pk, actor=lin, action="offlined"),
        lambda: resolve_takedown(closed.pk, actor=lin, action="burnt"),
        lambda: resolve_takedown(404, actor=lin, action="offlined"),
    ):
        with pytest.raises(AppError):
            refused()

    assert list(Takedown.objects.values()) == before
    assert len(public()) == 2
    assert trail() == []


# --- by hand ----------------------------------------------------------------------------------------------------
def test_a_piece_entered_by_hand_takes_the_way_of_all_others(lin: Actor) -> None:
    source = SourceFactory()

    piece = enter_by_hand(
        actor=lin,
        source_id=source.pk,
        title="  Two  lines\nof title ",
        summary="Words.",
        source_url="https://news.example/story?utm_source=x",
    )

    assert (piece.status, piece.title, piece.source_url) == (
        "pending",
        "Two lines of title",
        "https://news.example/story",
    )
    assert [event["action"] for event in trail()] == ["created"]
    approve(piece.pk, actor=lin)
    assert len(public()) == 1


def test_a_piece_that_we_have_is_a_conflict_and_bad_ones_are_refused(lin: Actor) -> None:
    known = PendingArticleFactory(source_url="https://news.example/story")
    good = {
        "actor": lin,
        "source_id": known.source_id,
        "title": "Title",
        "summary": "Words.",
        "source_url": "https://other.example/a",
    }

    with pytest.raises(Conflict):
        enter_by_hand(**good | {"source_url": "https://news.example/story/#top"})
    for wrong in (
        {"title": " "},
        {"summary": ""},
        {"source_url": "ftp://x.example/"},
        {"cover_url": "javascript:alert(1)"},
        {"title": "x" * 256},
    ):
        with pytest.raises(Invalid):
            enter_by_hand(**good | wrong)
    with pytest.raises(NotFound):
        enter_by_hand(**good | {"source_id": 404})

    assert PendingArticle.objects.count() == 1
    assert trail() == []


def test_a_complaint_about_a_hidden_article_keeps_it_hidden_whatever_is_undone(lin: Actor) -> None:
    article = ArticleFactory()
    take_offline(article.pk, actor=lin, reason="looking into it")
    takedown = TakedownFactory(article=article)
    resolve_takedown(takedown.pk, actor=lin, action="offlined")

    with pytest.raises(Conflict):
        undo_last(actor=lin)

    article.refresh_from_db()
    assert article.status == "offline"
