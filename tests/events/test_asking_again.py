"""Every decision of the identity desk can be taken back, and ``u`` takes back nobody else's."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.audit.testing import recorded
from apps.core.actor import Actor, ActorKind
from apps.core.errors import Conflict, NotFound, PreconditionFailed
from apps.events.services import identity
from apps.events.services.asking_again import ask_again, ask_pair_again
from apps.events.services.suggestions import suggested_pairs
from apps.fighters.models import DistinctPair, FighterMerge, UnmatchedName
from apps.fighters.services import add_alias, write_keys
from apps.users.models import User
from tests.events.test_identity import won
from tests.factories.fighters import FighterFactory, UnmatchedNameFactory
from tests.factories.users import UserFactory

pytestmark = pytest.mark.django_db
ANN = Actor(ActorKind.USER, "7", "ann")
DESK = "/admin/fighters/unmatchedname/desk/"


def asked_again(question: UnmatchedName, version: int = 2) -> UnmatchedName:
    ask_again(question.pk, actor=ANN, expected_version=version)
    question.refresh_from_db()
    return question


def is_open(question: UnmatchedName) -> bool:
    return (question.status, question.decided_by, question.decided_at, question.decision) == ("open", "", None, None)


def test_who_was_new_is_known_by_name_only_again() -> None:
    question = UnmatchedNameFactory()
    identity.confirm_new(question.pk, actor=ANN)

    assert is_open(asked_again(question))
    assert (question.version, question.fighter.is_unconfirmed) == (3, True)
    told = [(item["resource_type"], item["action"]) for item in recorded()][-2:]
    assert told == [("fighter", "restored"), ("unmatched_name", "restored")]


def test_nobody_is_asked_again() -> None:
    question = UnmatchedNameFactory(fighter=None)
    identity.dismiss_name(question.pk, actor=ANN)

    assert is_open(asked_again(question))


@pytest.mark.parametrize("was_theirs", [False, True])
def test_a_spelling_that_came_with_the_answer_goes_with_it(was_theirs: bool) -> None:
    question, person = UnmatchedNameFactory(name="Z. Reese", fighter=None), FighterFactory()
    if was_theirs:
        add_alias(person.pk, "Z. Reese", actor=ANN)
    identity.match_name(question.pk, person.pk, actor=ANN)

    assert is_open(asked_again(question))
    assert question.fighter is None
    assert list(person.aliases.values_list("name", flat=True)) == (["Z. Reese"] if was_theirs else [])


def test_a_name_that_was_matched_gets_its_bouts_back() -> None:
    question, person = UnmatchedNameFactory(), FighterFactory()
    bout, stand_in = won(question.fighter), question.fighter
    identity.match_name(question.pk, person.pk, actor=ANN)

    assert is_open(asked_again(question))
    bout.refresh_from_db()
    assert (bout.red_fighter, bout.winner_fighter) == (stand_in, stand_in)
    assert FighterMerge.objects.get().is_undone


def test_two_people_are_suggested_again() -> None:
    one, other = FighterFactory(name="Zhang Weili", name_zh=""), FighterFactory(name="Weili Zhang", name_zh="")
    write_keys([one.pk, other.pk])
    pair = identity.keep_apart(one.pk, other.pk, actor=ANN)
    assert suggested_pairs().total == 0

    ask_pair_again(pair.pk, actor=ANN)

    assert (suggested_pairs().total, DistinctPair.objects.count()) == (1, 0)
    assert recorded()[-1]["action"] == "restored"


def test_of_a_name_that_was_confirmed_long_ago_nobody_else_is_taken_for_unknown() -> None:
    # As older versions have left it: nothing is noted of the decision.
    plain, merged = (UnmatchedNameFactory(status="new", version=2) for _time in range(2))
    identity.merge_fighters(merged.fighter_id, FighterFactory().pk, actor=ANN)

    assert asked_again(plain).fighter.is_unconfirmed
    with pytest.raises(Conflict):
        asked_again(merged)


def test_what_can_not_be_taken_back_is_refused_without_trace() -> None:
    still_open, nobody = UnmatchedNameFactory(), UnmatchedNameFactory(fighter=None)
    identity.dismiss_name(nobody.pk, actor=ANN)
    moved_on = UnmatchedNameFactory()
    identity.confirm_new(moved_on.pk, actor=ANN)
    identity.merge_fighters(moved_on.fighter_id, FighterFactory().pk, actor=ANN)
    old = UnmatchedNameFactory(status="matched", fighter=FighterFactory(), version=2)
    before = recorded(), list(UnmatchedName.objects.order_by("pk").values())

    for question, version, error in (
        (still_open.pk, 1, Conflict),
        (nobody.pk, 1, PreconditionFailed),
        (moved_on.pk, 2, Conflict),
        (old.pk, 2, Conflict),
        (10**9, 1, NotFound),
    ):
        with pytest.raises(error):
            ask_again(question, actor=ANN, expected_version=version)
    with pytest.raises(NotFound):
        ask_pair_again(10**9, actor=ANN)

    assert (recorded(), list(UnmatchedName.objects.order_by("pk").values())) == before


# --- the desk ---------------------------------------------------------------------------------------------------------
@pytest.fixture
def ann(client: Client) -> Client:
    client.force_login(UserFactory(role="editor", username="ann"))
    client.cookies["django_language"] = "en"
    return client


def colleague() -> Actor:
    return Actor.of_user(UserFactory(role="editor", username="bob"))


def key_u(client: Client) -> dict[str, Any] | None:
    """The form behind the key."""
    page = client.get(DESK).content.decode()
    forms = [form for form in re.findall(r"<form.*?</form>", page, re.DOTALL) if 'data-key="u"' in form]
    if not forms:
        return None
    [form] = forms
    sent = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form))
    sent.pop("csrfmiddlewaretoken", None)
    return sent


def test_the_key_takes_back_ones_own_last_decisions_one_after_the_other(ann: Client) -> None:
    me = Actor.of_user(User.objects.get(username="ann"))
    person, question = FighterFactory(name="Zachary Reese"), UnmatchedNameFactory(name="Zach Reese")
    identity.match_name(question.pk, person.pk, actor=me)
    nobody = UnmatchedNameFactory(name="NA", fighter=None)
    identity.dismiss_name(nobody.pk, actor=me)
    pair = identity.keep_apart(FighterFactory(name="Bo A").pk, FighterFactory(name="Bo B").pk, actor=me)
    theirs = identity.merge_fighters(FighterFactory().pk, FighterFactory().pk, actor=colleague())

    told = []
    while (sent := key_u(ann)) is not None:
        answer = ann.post(DESK, sent, follow=True)
        told += [str(message) for message in answer.context["messages"]]

    assert told == [
        "Undone: Bo A ≠ Bo B.",
        "NA is asked again.",
        "Undone: Zach Reese → Zachary Reese.",
    ]
    assert not DistinctPair.objects.filter(pk=pair.pk).exists()
    assert {name.status for name in UnmatchedName.objects.all()} == {"open"}
    theirs.refresh_from_db()
    assert not theirs.is_undone


def test_ones_own_last_decision_stands_there_behind_many_of_others(ann: Client) -> None:
    nobody = UnmatchedNameFactory(fighter=None)
    identity.dismiss_name(nobody.pk, actor=Actor.of_user(User.objects.get(username="ann")))
    bob = colleague()
    for _number in range(8):
        identity.dismiss_name(UnmatchedNameFactory(fighter=None).pk, actor=bob)

    sent = key_u(ann)

    assert sent == {"deed": "ask_again", "question": str(nobody.pk), "version": "2"}
    assert len(ann.get(DESK).context["recent"]) == 6


def test_who_may_only_look_takes_nothing_back(client: Client) -> None:
    identity.dismiss_name(UnmatchedNameFactory(fighter=None).pk, actor=ANN)
    question = UnmatchedName.objects.get()
    client.force_login(UserFactory(role="auditor"))

    assert key_u(client) is None
    assert 'value="ask_again"' not in client.get(DESK).content.decode()
    sent = {"deed": "ask_again", "question": question.pk, "version": question.version}
    assert client.post(DESK, sent).status_code == 403
    question.refresh_from_db()
    assert question.status == "dismissed"


def test_a_name_is_asked_again_from_its_list(ann: Client) -> None:
    question = UnmatchedNameFactory(fighter=None)
    identity.dismiss_name(question.pk, actor=ANN)
    address = reverse("admin:fighters_unmatchedname_ask_again", args=[question.pk])

    answer = ann.post(address, {"_form_submitted": "on"}, headers={"HX-Request": "true"})

    assert "HX-Redirect" in answer.headers
    question.refresh_from_db()
    assert question.is_open
