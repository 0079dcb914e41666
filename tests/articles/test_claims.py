"""Who works on a piece: 15 minutes, taking over, and what others may not do meanwhile."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.articles.errors import AlreadyReviewed, ClaimedByAnother
from apps.articles.models import Article, PendingArticle
from apps.articles.services import Edits, approve, approve_many, claim, edit, reject, release
from apps.core.actor import Actor
from apps.core.errors import ErrorCode
from tests.articles.audit_trail import trail
from tests.factories.articles import PendingArticleFactory
from tests.factories.users import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def lin() -> Actor:
    return Actor.of_user(UserFactory(username="lin", role="editor"))


@pytest.fixture
def mei() -> Actor:
    return Actor.of_user(UserFactory(username="mei", role="editor"))


def test_a_claim_names_the_person_and_ends_after_fifteen_minutes(lin: Actor) -> None:
    piece = PendingArticleFactory()
    now = timezone.now()

    claim(piece.pk, actor=lin, now=now)

    piece.refresh_from_db()
    assert (piece.claimed_by_id, piece.claimed_by_label) == (int(lin.id), "lin")
    assert piece.claimant(now + timedelta(minutes=14, seconds=59)) == "lin"
    assert piece.claimant(now + timedelta(minutes=15)) == ""
    assert piece.version == 1
    (event,) = trail()
    assert (event["action"], event["actor_label"]) == ("claimed", "lin")


def test_while_it_holds_nobody_else_decides_or_edits(lin: Actor, mei: Actor) -> None:
    piece, free = PendingArticleFactory(), PendingArticleFactory()
    claim(piece.pk, actor=lin)
    before = trail()

    for refused in (
        lambda: approve(piece.pk, actor=mei),
        lambda: reject(piece.pk, actor=mei, reason="no"),
        lambda: edit(piece.pk, actor=mei, edits=Edits(title="Other words")),
        lambda: claim(piece.pk, actor=mei),
        lambda: release(piece.pk, actor=mei),
        lambda: approve_many({piece.pk: 1, free.pk: 1}, actor=mei),
    ):
        with pytest.raises(ClaimedByAnother) as error:
            refused()
        assert error.value.code == ErrorCode.CONFLICT
        assert "lin" in str(error.value)

    assert Article.objects.count() == 0
    assert set(PendingArticle.objects.values_list("status", flat=True)) == {"pending"}
    assert trail() == before


def test_whoever_claimed_decides_and_the_claim_is_gone(lin: Actor) -> None:
    piece = PendingArticleFactory()
    claim(piece.pk, actor=lin)

    approve(piece.pk, actor=lin, expected_version=1)

    piece.refresh_from_db()
    assert (piece.status, piece.claimed_by_id, piece.claimed_until) == ("approved", None, None)


def test_a_claim_can_be_taken_over_and_the_log_says_from_whom(lin: Actor, mei: Actor) -> None:
    piece = PendingArticleFactory()
    claim(piece.pk, actor=lin)

    claim(piece.pk, actor=mei, take_over=True)

    piece.refresh_from_db()
    assert piece.claimed_by_label == "mei"
    assert trail()[-1]["data"] == {"taken_over_from": "lin"}
    with pytest.raises(ClaimedByAnother):
        approve(piece.pk, actor=lin)


def test_a_claim_that_ran_out_is_no_hindrance(lin: Actor, mei: Actor) -> None:
    piece = PendingArticleFactory()
    claim(piece.pk, actor=lin, now=timezone.now() - timedelta(minutes=16))

    approve(piece.pk, actor=mei)

    assert Article.objects.count() == 1


def test_releasing_gives_the_piece_free_and_twice_does_nothing(lin: Actor, mei: Actor) -> None:
    piece = PendingArticleFactory()
    claim(piece.pk, actor=lin)

    release(piece.pk, actor=lin)
    release(piece.pk, actor=lin)

    claim(piece.pk, actor=mei)
    assert [event["action"] for event in trail()] == ["claimed", "released", "claimed"]


def test_what_is_decided_can_not_be_claimed(lin: Actor) -> None:
    piece = PendingArticleFactory(status="rejected")

    with pytest.raises(AlreadyReviewed):
        claim(piece.pk, actor=lin, take_over=True)
