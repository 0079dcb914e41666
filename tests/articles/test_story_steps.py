"""An editor's word on the place of a piece in its story: on the version that was shown, and with a way back."""

from __future__ import annotations

import threading

import pytest
from django.db import connection, connections
from django.test import Client

from apps.articles.models import PendingArticle, ReviewStep
from apps.articles.services import approve, choose_lead, join, leave_story, reject, undo_last
from apps.core.actor import SYSTEM, Actor
from apps.core.errors import AppError, Conflict, PreconditionFailed
from tests.articles.audit_trail import trail
from tests.articles.test_story_decisions import cards, read_again, states, story
from tests.factories.articles import PendingArticleFactory
from tests.factories.users import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def lin() -> Actor:
    return Actor.of_user(UserFactory(username="lin", role="editor"))


@pytest.fixture
def mei() -> Actor:
    return Actor.of_user(UserFactory(username="mei", role="editor"))


def places() -> list[tuple]:
    return list(PendingArticle.objects.order_by("pk").values_list("pk", "story", "story__lead"))


def test_a_chosen_lead_is_taken_back(lin: Actor) -> None:
    first, second = story(2)
    before = places()
    choose_lead(second.pk, actor=lin, expected_version=second.version)
    assert cards() == [second.pk]

    [step] = undo_last(actor=lin)

    assert (step.kind, step.pending_id) == ("leading", second.pk)
    assert places() == before
    assert cards() == [first.pk]
    assert trail()[-1]["action"] == "undone"


@pytest.mark.parametrize("which", [0, 1])
def test_a_piece_that_was_taken_out_comes_back_to_its_place(lin: Actor, which: int) -> None:
    pieces = story(3)
    before = places()
    leave_story(pieces[which].pk, actor=lin, expected_version=pieces[which].version)
    assert len(cards()) == 2

    [step] = undo_last(actor=lin)

    assert (step.kind, step.pending_id) == ("apart", pieces[which].pk)
    assert places() == before
    assert cards() == [pieces[0].pk]


def test_who_has_not_seen_the_piece_come_back_decides_nothing(lin: Actor, mei: Actor) -> None:
    first, second = story(2)
    leave_story(second.pk, actor=lin)
    seen = read_again([first])[0].version
    undo_last(actor=lin)

    with pytest.raises(PreconditionFailed):
        approve(first.pk, actor=mei, expected_version=seen)

    assert states([first, second]) == ["pending", "pending"]


@pytest.mark.parametrize("arrange", [choose_lead, leave_story])
def test_a_stale_version_is_refused_and_changes_nothing(lin: Actor, arrange) -> None:
    _first, second = story(2)
    before, events = places(), len(trail())

    with pytest.raises(PreconditionFailed):
        arrange(second.pk, actor=lin, expected_version=second.version - 1)

    assert (places(), len(trail()), ReviewStep.objects.count()) == (before, events, 0)


def test_choosing_the_lead_again_is_no_step(lin: Actor) -> None:
    first, _second = story(2)

    choose_lead(first.pk, actor=lin)

    assert ReviewStep.objects.count() == 0


def test_nobody_takes_back_over_another_editors_word_on_the_story(lin: Actor, mei: Actor) -> None:
    _first, second, third = story(3)
    choose_lead(second.pk, actor=lin)
    choose_lead(third.pk, actor=mei)
    before = places()

    with pytest.raises(Conflict):
        undo_last(actor=lin)

    assert places() == before
    undo_last(actor=mei)
    undo_last(actor=lin)
    assert cards() == [_first.pk]


def test_a_former_lead_that_has_left_does_not_lead_again(lin: Actor, mei: Actor) -> None:
    first, second = story(2)
    choose_lead(second.pk, actor=lin)
    leave_story(first.pk, actor=mei)

    with pytest.raises(Conflict):
        undo_last(actor=lin)

    assert cards() == [first.pk, second.pk]


def test_a_piece_that_found_another_story_stays_there(lin: Actor) -> None:
    _first, second = story(2)
    leave_story(second.pk, actor=lin)
    join(PendingArticleFactory().pk, second.pk, actor=SYSTEM)
    before = places()

    with pytest.raises(Conflict):
        undo_last(actor=lin)

    assert places() == before


def test_steps_on_a_story_are_taken_back_one_after_the_other(lin: Actor) -> None:
    first, second, third = story(3)
    before = places()
    choose_lead(second.pk, actor=lin)
    leave_story(third.pk, actor=lin)
    approve(second.pk, actor=lin)
    reject(third.pk, actor=lin, reason_code="spam")

    for _ in range(4):
        undo_last(actor=lin)

    assert states([first, second, third]) == ["pending"] * 3
    assert places() == before


@pytest.mark.django_db(transaction=True)
def test_taking_back_beside_a_decision_on_the_story_leaves_it_with_a_card() -> None:
    if connection.vendor == "sqlite":
        pytest.skip("an in-memory database has one connection")
    lin, mei = (Actor.of_user(UserFactory()) for _ in range(2))
    first, second, third = story(3)
    leave_story(third.pk, actor=lin)
    together, outcomes = threading.Barrier(2), []

    def run(deed) -> None:
        together.wait()
        try:
            deed()
            outcomes.append("done")
        except AppError as error:
            outcomes.append(type(error).__name__)
        finally:
            connections.close_all()

    deeds = (lambda: undo_last(actor=lin), lambda: approve(first.pk, actor=mei))
    threads = [threading.Thread(target=run, args=(deed,)) for deed in deeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert outcomes == ["done", "done"]
    waiting = [piece.pk for piece in read_again([first, second, third]) if piece.is_pending]
    assert cards() == waiting
    assert waiting in ([], [third.pk])


# --- the desk -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("deed", ["lead", "apart"])
def test_the_desk_sends_the_version_of_the_other_piece_that_it_shows(deed: str) -> None:
    client = Client()
    client.force_login(UserFactory(role="editor"))
    first, second = story(2)
    PendingArticle.objects.filter(pk=second.pk).update(version=7)
    address = "/admin/articles/pendingarticle/"
    shown = client.get(f"{address}{first.pk}/preview/", headers={"X-Requested-With": "fetch"}).content.decode()
    assert f'data-deed="{deed}" data-version="7"' in shown
    before = places()

    refused = client.post(f"{address}{second.pk}/decide/", {"deed": deed, "version": second.version})

    assert refused.status_code == 412
    assert places() == before
    done = client.post(f"{address}{second.pk}/decide/", {"deed": deed, "version": 7})
    assert done.status_code == 200
    assert done.json()["undo"]["what"].endswith(second.title)
    client.post(f"{address}desk/undo/", {"step": done.json()["undo"]["step"]})
    assert places() == before
