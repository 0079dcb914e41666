"""Decisions on stories and the way back from them: nothing that waits is left without a card."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, connections
from django.test import Client
from django.utils import timezone

from apps.articles.errors import ClaimedByAnother
from apps.articles.models import Article, PendingArticle, ReviewStep
from apps.articles.services import (
    approve,
    approve_many,
    cancel_plan,
    claim,
    join,
    reject,
    reject_many,
    undo_last,
)
from apps.core.actor import SYSTEM, Actor
from apps.core.errors import AppError, Conflict
from tests.articles.audit_trail import trail
from tests.factories.articles import PendingArticleFactory
from tests.factories.users import UserFactory

pytestmark = pytest.mark.django_db

QUEUE = "/admin/articles/pendingarticle/"
CONFIRMED = {"confirmed": "yes", "_form_submitted": "on"}


@pytest.fixture
def lin() -> Actor:
    return Actor.of_user(UserFactory(username="lin", role="editor"))


@pytest.fixture
def mei() -> Actor:
    return Actor.of_user(UserFactory(username="mei", role="editor"))


def story(number: int) -> list[PendingArticle]:
    """So many tellings of one story, the first of which leads it."""
    pieces = [PendingArticleFactory() for _ in range(number)]
    for piece in pieces[1:]:
        join(piece.pk, pieces[0].pk, actor=SYSTEM)
    return read_again(pieces)


def read_again(pieces: list[PendingArticle]) -> list[PendingArticle]:
    return [PendingArticle.objects.get(pk=piece.pk) for piece in pieces]


def states(pieces: list[PendingArticle]) -> list[str]:
    return [piece.status for piece in read_again(pieces)]


def cards() -> list[int]:
    return [piece.pk for piece in PendingArticle.objects.for_desk()]


def everything() -> list[dict]:
    return [*PendingArticle.objects.order_by("pk").values(), *Article.objects.order_by("pk").values()]


# --- undo leaves nothing without a card -----------------------------------------------------------------------------
def test_what_waits_again_has_a_card_though_another_piece_came_to_lead_and_was_rejected(lin: Actor, mei: Actor) -> None:
    first, second = story(2)
    approve(first.pk, actor=lin)
    third = PendingArticleFactory()
    join(third.pk, first.pk, actor=SYSTEM)
    reject(third.pk, actor=mei, reason_code="quality")

    undo_last(actor=lin)

    assert states([first, second, third]) == ["pending", "pending", "rejected"]
    assert cards() == [first.pk]


def test_an_undone_rejection_brings_the_card_back(lin: Actor, mei: Actor) -> None:
    first, second = story(2)
    reject(first.pk, actor=lin, reason_code="quality")
    reject(second.pk, actor=mei, reason_code="quality")

    undo_last(actor=lin)

    assert cards() == [first.pk]


def test_a_cancelled_plan_brings_the_card_back(lin: Actor, mei: Actor) -> None:
    first, second = story(2)
    article = approve(first.pk, actor=lin, publish_at=timezone.now() + timedelta(days=1))
    third = PendingArticleFactory()
    join(third.pk, first.pk, actor=SYSTEM)
    reject(third.pk, actor=mei, reason_code="quality")

    cancel_plan(article.pk, actor=lin)

    assert states([first, second, third]) == ["pending", "pending", "rejected"]
    assert cards() == [first.pk]


# --- many at once ---------------------------------------------------------------------------------------------------
def test_a_bulk_approval_tells_the_others_as_told_already_and_undo_brings_all_back(lin: Actor) -> None:
    first, second, third = story(3)
    alone = PendingArticleFactory()

    approve_many({first.pk: first.version, alone.pk: 1}, actor=lin)

    assert states([first, second, third, alone]) == ["approved", "rejected", "rejected", "approved"]
    assert set(PendingArticle.objects.filter(status="rejected").values_list("reject_code", flat=True)) == {"duplicate"}
    assert Article.objects.count() == 2
    assert cards() == []
    assert len(set(ReviewStep.objects.values_list("batch", flat=True))) == 1
    undo_last(actor=lin)
    assert states([first, second, third, alone]) == ["pending"] * 4
    assert cards() == [first.pk, alone.pk]


def test_two_chosen_from_one_story_are_both_published(lin: Actor) -> None:
    first, second, third = story(3)

    approve_many({first.pk: first.version, third.pk: third.version}, actor=lin)

    assert states([first, second, third]) == ["approved", "rejected", "approved"]


def test_a_bulk_approval_is_refused_as_a_whole_while_somebody_holds_another_piece_of_a_story(
    lin: Actor, mei: Actor
) -> None:
    first, second = story(2)
    alone = PendingArticleFactory()
    claim(second.pk, actor=mei)
    before, events = everything(), len(trail())

    with pytest.raises(ClaimedByAnother):
        approve_many({first.pk: first.version, alone.pk: 1}, actor=lin)

    assert everything() == before
    assert (len(trail()), ReviewStep.objects.count()) == (events, 0)


def test_undoing_a_bulk_approval_is_refused_when_somebody_went_on_with_another_piece_of_the_story(
    lin: Actor, mei: Actor
) -> None:
    first, second = story(2)
    approve_many({first.pk: first.version}, actor=lin)
    undone = ReviewStep.objects.get(pending=second)
    ReviewStep.objects.create(kind="edited", pending=second, actor_id=int(mei.id))

    with pytest.raises(Conflict):
        undo_last(actor=lin)

    undone.refresh_from_db()
    assert undone.undone_at is None
    assert states([first, second]) == ["approved", "rejected"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("many", [False, True])
def test_rejections_in_the_same_stories_at_once_do_not_wait_for_each_other_in_a_ring(many: bool) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("an in-memory database has one connection")
    pieces = [PendingArticleFactory() for _ in range(4)]
    join(pieces[3].pk, pieces[0].pk, actor=SYSTEM)
    join(pieces[2].pk, pieces[1].pk, actor=SYSTEM)
    pieces = read_again(pieces)
    # Each passes the lead on to what the other decides on; the one has the stories in this order, the other in that.
    halves = [pieces[:2], pieces[2:]] if many else [pieces[:1], pieces[3:]]
    actors = [Actor.of_user(UserFactory()) for _ in halves]
    together, outcomes = threading.Barrier(2), []

    def decide(actor: Actor, half: list[PendingArticle]) -> None:
        together.wait()
        try:
            reject_many({piece.pk: piece.version for piece in half}, actor=actor, reason_code="spam")
            outcomes.append("rejected")
        except (AppError, DatabaseError) as error:
            outcomes.append(type(error).__name__)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=decide, args=pair) for pair in zip(actors, halves, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert outcomes == ["rejected", "rejected"]
    assert cards() == ([] if many else [pieces[1].pk])


# --- the list -------------------------------------------------------------------------------------------------------
def approve_selected(client: Client, pieces: list[PendingArticle], **sent: str) -> str:
    versions = {f"version_{piece.pk}": str(piece.version) for piece in pieces}
    body = {"action": "approve_selected", "_selected_action": [piece.pk for piece in pieces], **versions, **sent}
    return client.post(QUEUE, body).content.decode()


@pytest.fixture
def editor() -> Client:
    client = Client()
    client.force_login(UserFactory(username="ed", role="editor"))
    client.cookies["django_language"] = "en"
    return client


def test_the_question_before_a_bulk_approval_names_what_is_turned_down_with_it(editor: Client) -> None:
    first, second, third = story(3)
    alone = PendingArticleFactory()

    html = approve_selected(editor, [first, third, alone])

    assert "turned down as told already" in html
    assert f"#{second.pk} {second.title}" in html
    assert html.count("another of these tells the same story") == 2


def test_a_held_piece_of_the_story_stands_in_the_way_by_name(editor: Client, mei: Actor) -> None:
    first, second = story(2)
    alone = PendingArticleFactory()
    claim(second.pk, actor=mei)

    html = approve_selected(editor, [first, alone], **CONFIRMED)

    assert "Nothing was done: one piece stands in the way." in html
    assert f"mei works on #{second.pk}, which tells the same story" in html
    assert states([first, second, alone]) == ["pending"] * 3
    approve_selected(editor, [alone], **CONFIRMED)
    assert states([first, second, alone]) == ["pending", "pending", "approved"]
