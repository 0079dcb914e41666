"""Who decides on a version that is no longer the last sees both, and nothing is done (1013)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.articles.admin.versions import compared, seen_of
from apps.articles.models import Article, PendingArticle
from apps.articles.services import Edits, approve, claim, correct, edit, reject, reschedule
from apps.core.actor import Actor
from apps.taskhub.testing import queued
from tests.articles.audit_trail import trail
from tests.factories.articles import ArticleFactory, PendingArticleFactory
from tests.factories.users import UserFactory

pytestmark = pytest.mark.django_db

QUEUE = "/admin/articles/pendingarticle/"
ARTICLES = "/admin/articles/article/"


@pytest.fixture
def editor() -> Client:
    client = Client()
    client.force_login(UserFactory(role="editor"))
    client.cookies["django_language"] = "en"
    return client


@pytest.fixture
def mei() -> Actor:
    return Actor.of_user(UserFactory(username="mei", role="editor"))


def shown(row: Any) -> dict[str, Any]:
    """What the hidden fields of a dialog send that was opened on the row as it is now."""
    return {"_form_submitted": "on", "version": row.version, "seen": seen_of(row)}


# --- dialogs --------------------------------------------------------------------------------------------------------
def test_a_correction_of_a_corrected_article_shows_what_was_seen_what_stands_there_and_what_was_sent(
    editor: Client, mei: Actor
) -> None:
    article = ArticleFactory(title="Lee wins by decision", summary="Old words.")
    opened = shown(article)
    correct(article.pk, actor=mei, edits=Edits(title="Li wins by decision"), notice="The name was wrong.")
    before = trail()
    sent = {**opened, "title": "Lee wins <b>by</b> points", "summary": "Old words.", "notice": "Points, not decision."}

    answer = editor.post(f"{ARTICLES}{article.pk}/correct/", sent)

    page = answer.content.decode()
    assert (answer.status_code, "HX-Redirect" in answer.headers) == (200, False)
    assert "you saw version 1, now it is version 2. Nothing was done." in page
    assert '<del class="bjz-removed">Lee</del><ins class="bjz-added">Li</ins> wins by decision' in page
    assert "&lt;b&gt;by" in page
    assert "Old words." in page
    assert "Take theirs" in page
    assert 'value="Lee wins &lt;b&gt;by&lt;/b&gt; points"' in page
    assert 'name="version" value="2"' in page
    assert trail() == before


def test_the_same_again_on_the_new_version_is_carried_out(editor: Client, mei: Actor) -> None:
    article = ArticleFactory(title="Lee wins")
    sent = {**shown(article), "notice": "It never happened."}
    correct(article.pk, actor=mei, edits=Edits(title="Li wins"), notice="The name was wrong.")
    editor.post(f"{ARTICLES}{article.pk}/retract/", sent)
    article.refresh_from_db()
    assert article.status == Article.Status.PUBLISHED

    again = editor.post(f"{ARTICLES}{article.pk}/retract/", {**sent, **shown(article)})

    article.refresh_from_db()
    assert "HX-Redirect" in again.headers
    assert (article.status, article.notice) == (Article.Status.RETRACTED, "It never happened.")


def test_a_plan_that_was_moved_meanwhile_shows_the_three_times(editor: Client, mei: Actor) -> None:
    soon = timezone.localtime().replace(second=0, microsecond=0) + timedelta(days=1)
    article = approve(PendingArticleFactory().pk, actor=mei, publish_at=soon)
    opened = shown(article)
    reschedule(article.pk, actor=mei, publish_at=soon + timedelta(hours=1))
    before = queued()

    answer = editor.post(
        f"{ARTICLES}{article.pk}/reschedule/", {**opened, "publish_at": f"{soon + timedelta(hours=2):%Y-%m-%dT%H:%M}"}
    )

    fields = compared(Article.objects.get(pk=article.pk), opened["seen"], {"publish_at": soon + timedelta(hours=2)})
    assert [field.label for field in fields] == ["Publication planned"]
    assert f"{soon:%Y-%m-%d %H:%M}" in fields[0].seen
    assert "Publication planned" in answer.content.decode()
    assert Article.objects.get(pk=article.pk).publish_at == soon + timedelta(hours=1)
    assert queued() == before


def test_when_no_word_differs_the_dialog_says_so(editor: Client, mei: Actor) -> None:
    piece = PendingArticleFactory()
    opened = shown(piece)
    PendingArticle.objects.filter(pk=piece.pk).update(version=2)

    page = editor.post(f"{QUEUE}{piece.pk}/approve/", opened).content.decode()

    assert "The words are the same; something else was changed." in page
    assert Article.objects.count() == 0


@pytest.mark.parametrize("seen", ["", "no JSON", "[]", "7", '{"title": 7, "status": null}', "{" * 500])
def test_a_form_that_tells_nonsense_of_what_it_showed_is_answered_all_the_same(
    editor: Client, mei: Actor, seen: str
) -> None:
    piece = PendingArticleFactory(title="First")
    edit(piece.pk, actor=mei, edits=Edits(title="Second"))

    answer = editor.post(f"{QUEUE}{piece.pk}/approve/", {"_form_submitted": "on", "version": 1, "seen": seen})

    assert (answer.status_code, Article.objects.count()) == (200, 0)
    assert "now it is version 2" in answer.content.decode()


# --- many at once ---------------------------------------------------------------------------------------------------
def many(pieces: list[PendingArticle], action: str = "approve_selected", **more: Any) -> dict[str, Any]:
    sent: dict[str, Any] = {"action": action, "confirmed": "yes", "_form_submitted": "on", **more}
    sent["_selected_action"] = [piece.pk for piece in pieces]
    for piece in pieces:
        sent |= {f"version_{piece.pk}": piece.version, f"seen_{piece.pk}": seen_of(piece)}
    return sent


@pytest.mark.parametrize("action", ["approve_selected", "reject_selected"])
def test_many_are_refused_with_the_list_of_all_that_stand_in_the_way(editor: Client, mei: Actor, action: str) -> None:
    free, edited, decided, held = (PendingArticleFactory(title=f"Piece {name}") for name in "ABCD")
    sent = many([free, edited, decided, held], action, reason_code="spam")
    edit(edited.pk, actor=mei, edits=Edits(title="Piece B, edited"))
    reject(decided.pk, actor=mei, reason_code="spam")
    claim(held.pk, actor=mei)
    before = trail()

    answer = editor.post(QUEUE, sent)

    page = answer.content.decode()
    assert answer.status_code == 412
    assert "Nothing was done: 3 pieces stand in the way." in page
    assert [one.piece.pk for one in answer.context["in_the_way"]] == [edited.pk, decided.pk, held.pk]
    assert [one.can_follow for one in answer.context["in_the_way"]] == [True, False, False]
    assert [one.piece.pk for one in answer.context["chosen"]] == [free.pk]
    assert '<ins class="bjz-added">, edited</ins>' in page
    assert "decided meanwhile: rejected" in page
    assert "claimed by mei" in page
    assert trail() == before
    assert PendingArticle.objects.filter(status="pending").count() == 3


def test_the_rest_goes_on_without_them_or_with_their_new_versions(editor: Client, mei: Actor) -> None:
    first, second, third = (PendingArticleFactory() for _ in range(3))
    sent = many([first, second, third])
    for piece in (second, third):
        edit(piece.pk, actor=mei, edits=Edits(title=f"{piece.title}, edited"))
    editor.post(QUEUE, sent)
    third.refresh_from_db()

    editor.post(QUEUE, many([first, third]))

    assert sorted(Article.objects.values_list("title", flat=True)) == sorted([first.title, third.title])
    assert PendingArticle.objects.get(status="pending").pk == second.pk


def test_a_decision_on_many_costs_no_more_queries_when_many_stand_in_the_way(
    editor: Client, mei: Actor, django_assert_max_num_queries: Any
) -> None:
    pieces = [PendingArticleFactory() for _ in range(20)]
    sent = many(pieces)
    PendingArticle.objects.update(version=2)

    with django_assert_max_num_queries(16):
        assert len(editor.post(QUEUE, sent).context["in_the_way"]) == 20
