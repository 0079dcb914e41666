"""What a source changed after the decision: seen by an editor, or answered by a correction."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from apps.articles.models import PendingArticle
from apps.articles.services import Edits, approve, correct, see_change
from apps.core.actor import Actor
from apps.core.errors import NotFound, PreconditionFailed
from tests.articles.audit_trail import trail
from tests.factories.articles import PendingArticleFactory
from tests.factories.users import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def lin() -> Actor:
    return Actor.of_user(UserFactory(username="lin", role="editor"))


def changed(**values: object) -> PendingArticle:
    return PendingArticleFactory(changed_after_review_at=timezone.now(), **values)


def marked() -> bool:
    return PendingArticle.objects.get().changed_after_review_at is not None


def test_who_has_seen_a_change_takes_the_mark_off(lin: Actor) -> None:
    piece = changed(status="approved")

    seen = see_change(piece.pk, actor=lin, expected_version=piece.version)

    assert not marked()
    assert seen.version == piece.version + 1
    assert [event["action"] for event in trail()] == ["updated"]
    see_change(piece.pk, actor=lin)
    assert len(trail()) == 1


def test_a_change_that_came_meanwhile_is_not_taken_for_seen(lin: Actor) -> None:
    piece = changed(status="approved", version=3)

    with pytest.raises(PreconditionFailed):
        see_change(piece.pk, actor=lin, expected_version=2)
    with pytest.raises(NotFound):
        see_change(piece.pk + 1, actor=lin)

    assert marked()
    assert trail() == []


def test_a_correction_answers_what_the_source_had_changed(lin: Actor) -> None:
    article = approve(PendingArticleFactory(title="Lee wins").pk, actor=lin)
    PendingArticle.objects.update(changed_after_review_at=timezone.now())

    correct(article.pk, actor=lin, edits=Edits(title="Li wins"), notice="The name was wrong.")

    assert not marked()


def test_the_page_offers_it_only_where_something_was_changed() -> None:
    client = Client()
    client.force_login(UserFactory(role="editor"))
    client.cookies["django_language"] = "en"
    piece = changed(status="approved")
    page = f"/admin/articles/pendingarticle/{piece.pk}/change/"
    assert "Change seen" in client.get(page).content.decode()
    dialog = f"/admin/articles/pendingarticle/{piece.pk}/see_change/"
    headers = {"HX-Request": "true"}
    assert client.get(dialog, headers=headers).status_code == 200

    answer = client.post(dialog, {"_form_submitted": "on", "version": piece.version}, headers=headers)

    assert "HX-Redirect" in answer.headers
    assert not marked()
    assert "Change seen" not in client.get(page).content.decode()
