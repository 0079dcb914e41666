"""Undo: one step back for each deed, all of a bulk decision, and not over somebody else's work."""

from __future__ import annotations

import threading

import pytest
from django.db import connection, connections

from apps.articles import cache
from apps.articles.models import Article, PendingArticle, ReviewStep
from apps.articles.services import (
    Edits,
    approve,
    approve_many,
    correct,
    edit,
    open_takedown,
    reject,
    resolve_takedown,
    retract,
    take_offline,
    undo,
    undo_last,
)
from apps.core.actor import Actor
from apps.core.errors import Conflict, NotFound
from tests.articles.audit_trail import trail
from tests.factories.articles import ArticleFactory, PendingArticleFactory
from tests.factories.users import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def lin() -> Actor:
    return Actor.of_user(UserFactory(username="lin", role="editor"))


@pytest.fixture
def mei() -> Actor:
    return Actor.of_user(UserFactory(username="mei", role="editor"))


_UNLIKE = ("version", "updated_at", "first_published_at")


def picture(model: type[PendingArticle] | type[Article]) -> list[dict]:
    rows = model.objects.order_by("pk").values()
    return [{name: value for name, value in row.items() if name not in _UNLIKE} for row in rows]


def test_an_undone_approval_waits_again_and_is_no_longer_public(lin: Actor) -> None:
    piece = PendingArticleFactory(title="First words")
    before = picture(PendingArticle)
    article = approve(piece.pk, actor=lin, edits=Edits(title="Own words"))
    assert b"Own words" in cache.encode(cache.load_public_list()).body

    undo_last(actor=lin)

    assert picture(PendingArticle) == before
    article.refresh_from_db()
    assert (article.status, article.published_at) == ("pending", None)
    assert article.first_published_at is not None
    assert cache.load_public_list()["items"] == []
    assert piece.revisions.count() == 0
    undone = [event for event in trail() if event["action"] == "undone"]
    assert {event["resource_type"] for event in undone} == {"pendingArticle", "article"}


def test_a_piece_can_be_approved_again_after_undoing_under_the_same_number(lin: Actor) -> None:
    piece = PendingArticleFactory()
    first = approve(piece.pk, actor=lin)
    undo_last(actor=lin)

    again = approve(piece.pk, actor=lin)

    assert (again.pk, again.status) == (first.pk, "published")
    assert again.version > first.version
    undo_last(actor=lin)
    assert Article.objects.get().status == "pending"


def test_an_undone_rejection_waits_again(lin: Actor) -> None:
    piece = PendingArticleFactory()
    before = picture(PendingArticle)
    reject(piece.pk, actor=lin, reason_code="spam")

    undo_last(actor=lin)

    assert picture(PendingArticle) == before


def test_an_undone_edit_brings_the_sources_words_back(lin: Actor) -> None:
    piece = PendingArticleFactory(title="The source's words")
    before = picture(PendingArticle)
    edit(piece.pk, actor=lin, edits=Edits(title="My words", summary="My summary"))
    assert piece.revisions.get().title == "The source's words"

    undo_last(actor=lin)

    assert picture(PendingArticle) == before
    assert piece.revisions.count() == 0


@pytest.mark.parametrize("deed", ["correct", "retract", "take_offline"])
def test_each_deed_on_an_article_can_be_taken_back(lin: Actor, deed: str) -> None:
    article = ArticleFactory()
    before = picture(Article)
    {
        "correct": lambda: correct(article.pk, actor=lin, edits=Edits(title="Right"), notice="Wrong name."),
        "retract": lambda: retract(article.pk, actor=lin, notice="All wrong."),
        "take_offline": lambda: take_offline(article.pk, actor=lin, reason="Later."),
    }[deed]()
    assert picture(Article) != before

    undo_last(actor=lin)

    assert picture(Article) == before


def test_steps_are_taken_back_one_after_the_other(lin: Actor) -> None:
    piece = PendingArticleFactory(title="Words")
    article = approve(piece.pk, actor=lin)
    correct(article.pk, actor=lin, edits=Edits(title="Better words"), notice="Better.")

    undo_last(actor=lin)
    assert Article.objects.get().title == "Words"
    undo_last(actor=lin)

    assert Article.objects.get().status == "pending"
    assert PendingArticle.objects.get().status == "pending"
    with pytest.raises(NotFound):
        undo_last(actor=lin)


def test_a_bulk_decision_is_undone_as_a_whole_or_not_at_all(lin: Actor, mei: Actor) -> None:
    pieces = [PendingArticleFactory() for _ in range(3)]
    articles = approve_many({piece.pk: 1 for piece in pieces}, actor=lin)
    correct(articles[1].pk, actor=mei, edits=Edits(title="Right"), notice="Wrong name.")

    with pytest.raises(Conflict):
        undo_last(actor=lin)
    assert PendingArticle.objects.filter(status="approved").count() == 3

    undo_last(actor=mei)
    undo_last(actor=lin)
    assert PendingArticle.objects.filter(status="pending").count() == 3
    assert Article.objects.filter(status="published").count() == 0


def test_nobody_undoes_over_what_another_did_since(lin: Actor, mei: Actor) -> None:
    piece = PendingArticleFactory()
    edit(piece.pk, actor=lin, edits=Edits(title="Lin's words"))
    reject(piece.pk, actor=mei, reason_code="spam")
    before = picture(PendingArticle)

    with pytest.raises(Conflict):
        undo_last(actor=lin)

    assert picture(PendingArticle) == before
    assert [event["action"] for event in trail()] == ["updated", "rejected"]


def test_each_person_undoes_their_own_last_deed(lin: Actor, mei: Actor) -> None:
    first, second = PendingArticleFactory(), PendingArticleFactory()
    reject(first.pk, actor=lin, reason_code="spam")
    reject(second.pk, actor=mei, reason_code="spam")

    undo_last(actor=lin)

    assert list(PendingArticle.objects.order_by("pk").values_list("status", flat=True)) == ["pending", "rejected"]


def test_what_had_to_go_does_not_come_back_by_undo(lin: Actor) -> None:
    piece = PendingArticleFactory()
    article = approve(piece.pk, actor=lin)
    takedown = open_takedown(article.pk, actor=lin, reason="Ours.")
    resolve_takedown(takedown.pk, actor=lin, action="offlined")

    with pytest.raises(Conflict):
        undo_last(actor=lin)

    assert Article.objects.get().status == "offline"


def test_a_step_is_undone_once_and_an_unknown_one_is_not_found(lin: Actor) -> None:
    piece = PendingArticleFactory()
    reject(piece.pk, actor=lin, reason_code="spam")
    step = ReviewStep.objects.get()
    undo(step.pk, actor=lin)

    with pytest.raises(Conflict):
        undo(step.pk, actor=lin)
    with pytest.raises(NotFound):
        undo(404, actor=lin)


@pytest.mark.django_db(transaction=True)
def test_two_undo_at_once_one_wins() -> None:
    if connection.vendor == "sqlite":
        pytest.skip("an in-memory database has one connection")
    actor = Actor.of_user(UserFactory())
    approve(PendingArticleFactory().pk, actor=actor)
    step = ReviewStep.objects.get()
    together, outcomes = threading.Barrier(2), []

    def run() -> None:
        together.wait()
        try:
            undo(step.pk, actor=actor)
            outcomes.append("undone")
        except Conflict:
            outcomes.append("refused")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["refused", "undone"]
    assert len([event for event in trail() if event["action"] == "undone"]) == 2
