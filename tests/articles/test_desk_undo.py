"""Undo at the desk: it names what it takes back, and reaches only what was done to pieces within the last hours."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.articles.models import Article, Mention, PendingArticle, ReviewStep
from apps.articles.services import Edits, approve, approve_many, edit, reject, retract, undo_at_desk, undo_last
from apps.core.actor import Actor
from apps.core.errors import Conflict, NotFound
from tests.articles.audit_trail import trail
from tests.articles.test_desk import DESK, FETCH, decide
from tests.articles.test_story_decisions import story
from tests.factories.articles import ArticleFactory, PendingArticleFactory
from tests.factories.fighters import FighterFactory
from tests.factories.users import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def lin() -> Actor:
    return Actor.of_user(UserFactory(username="lin", role="editor"))


@pytest.fixture
def desk(lin: Actor) -> Client:
    client = Client()
    client.force_login(UserFactory._meta.model.objects.get(pk=lin.id))
    client.cookies["django_language"] = "en"
    return client


def offered(desk: Client) -> Any:
    return desk.get(DESK).context["undoable"]


def undo(desk: Client, step: int | str) -> Any:
    return desk.post(f"{DESK}undo/", {"step": step}, headers=FETCH)


def test_the_desk_names_what_it_would_take_back(desk: Client) -> None:
    assert offered(desk) is None
    piece = PendingArticleFactory(title="Zhang wins")

    answer = decide(desk, piece, "reject", reason_code="spam").json()

    assert answer["undo"]["what"] == "rejected: Zhang wins"
    assert offered(desk) == answer["undo"]
    page = desk.get(DESK).content.decode()
    assert 'title="rejected: Zhang wins"' in page
    undone = undo(desk, answer["undo"]["step"]).json()
    assert undone == {"message": "Undone: rejected: Zhang wins", "piece": piece.pk}
    assert offered(desk) is None


def test_a_bulk_decision_is_named_by_its_first_piece(desk: Client, lin: Actor) -> None:
    pieces = [PendingArticleFactory(title=f"Piece {number}") for number in range(3)]
    approve_many({piece.pk: 1 for piece in pieces}, actor=lin)

    assert offered(desk)["what"] == "approved: Piece 0 and 2 others"
    assert undo(desk, offered(desk)["step"]).json()["piece"] == pieces[0].pk
    assert PendingArticle.objects.filter(status="pending").count() == 3


def test_what_was_done_elsewhere_and_long_ago_is_out_of_the_desks_reach(desk: Client, lin: Actor) -> None:
    article = ArticleFactory()
    retract(article.pk, actor=lin, notice="All wrong.")
    retraction = ReviewStep.objects.get()
    assert offered(desk) is None
    assert undo(desk, retraction.pk).status_code == 404

    reject(PendingArticleFactory().pk, actor=lin, reason_code="spam")
    rejection = ReviewStep.objects.latest("pk")
    ReviewStep.objects.filter(pk=rejection.pk).update(created_at=timezone.now() - timedelta(hours=13))
    assert offered(desk) is None
    assert undo(desk, rejection.pk).status_code == 404

    assert Article.objects.get().status == "retracted"
    assert PendingArticle.objects.get().status == "rejected"
    undo_last(actor=lin)
    undo_last(actor=lin)
    assert Article.objects.get().status == "published"


def test_a_deed_elsewhere_hides_no_deed_at_the_desk(desk: Client, lin: Actor) -> None:
    piece = PendingArticleFactory()
    reject(piece.pk, actor=lin, reason_code="spam")
    retract(ArticleFactory().pk, actor=lin, notice="All wrong.")

    undo(desk, offered(desk)["step"])

    piece.refresh_from_db()
    assert piece.status == "pending"
    assert Article.objects.get().status == "retracted"


def test_only_what_was_named_is_taken_back(desk: Client, lin: Actor) -> None:
    first, second = PendingArticleFactory(), PendingArticleFactory()
    reject(first.pk, actor=lin, reason_code="spam")
    shown = offered(desk)
    reject(second.pk, actor=lin, reason_code="spam")
    events = len(trail())

    for step in (shown["step"], "", "x"):
        refused = undo(desk, step)
        assert refused.status_code == 409
        assert refused.json()["undo"] == offered(desk)

    assert PendingArticle.objects.filter(status="rejected").count() == 2
    assert len(trail()) == events


def test_nobody_elses_step_is_in_reach(lin: Actor) -> None:
    mei = Actor.of_user(UserFactory(username="mei", role="editor"))
    reject(PendingArticleFactory().pk, actor=mei, reason_code="spam")
    step = ReviewStep.objects.get()

    with pytest.raises(NotFound):
        undo_at_desk(step.pk, actor=lin)
    reject(PendingArticleFactory().pk, actor=lin, reason_code="spam")
    with pytest.raises(Conflict):
        undo_at_desk(step.pk, actor=lin)

    assert PendingArticle.objects.filter(status="rejected").count() == 2


def test_those_who_only_look_are_offered_nothing() -> None:
    auditor = UserFactory(role="auditor")
    piece = PendingArticleFactory()
    reject(piece.pk, actor=Actor.of_user(auditor), reason_code="spam")
    client = Client()
    client.force_login(auditor)

    assert offered(client) is None


# --- words and names together ---------------------------------------------------------------------------------------
def test_saving_only_keeps_the_ticked_names_too_and_undo_takes_both_back(desk: Client) -> None:
    piece, fighter = PendingArticleFactory(title="Old title"), FighterFactory()

    sent = {"title": "My title", "summary": "My words.", "ticked": f"fighter:{fighter.pk}"}
    answer = decide(desk, piece, "edit", **sent).json()

    piece.refresh_from_db()
    assert (piece.title, piece.version) == ("My title", 2)
    assert Mention.objects.get().state == "confirmed"
    (event,) = trail()
    assert (event["old"]["names"], event["new"]["names"]) == ([], [f"fighter:{fighter.pk}"])
    undo(desk, answer["undo"]["step"])
    piece.refresh_from_db()
    assert piece.title == "Old title"
    assert not Mention.objects.exists()


def test_saving_only_with_the_same_words_saves_the_names(desk: Client) -> None:
    piece, fighter = PendingArticleFactory(), FighterFactory()

    decide(desk, piece, "edit", title=piece.title, summary=piece.summary, ticked=f"fighter:{fighter.pk}")

    assert ReviewStep.objects.get().kind == "named"
    assert Mention.objects.get().state == "confirmed"
    piece.refresh_from_db()
    assert (piece.version, piece.edited_at) == (2, None)


def test_saving_nothing_new_is_no_step(lin: Actor) -> None:
    piece = PendingArticleFactory()

    edit(piece.pk, actor=lin, edits=Edits(title=piece.title))

    assert (ReviewStep.objects.count(), trail()) == (0, [])
    piece.refresh_from_db()
    assert piece.version == 1


def test_an_approval_with_a_story_is_named_by_the_published_piece(desk: Client, lin: Actor) -> None:
    first, _second = story(2)
    approve(first.pk, actor=lin)

    assert offered(desk)["what"] == f"approved: {first.title} and 1 other"
