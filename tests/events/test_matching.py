"""Which bout and which fighters a source means: by its ids, by names, by confirmed spellings (§3.3, §3.4)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from apps.core.actor import Actor, ActorKind
from apps.events.clients.scoreboard import SOURCE
from apps.events.models import Bout
from apps.fighters.models import Fighter, FighterExternalId
from apps.fighters.services import add_alias, keep_ids
from tests.events.recordings import Evening, evening, poll
from tests.factories.fighters import FighterFactory

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 5, 2, 12, 0, tzinfo=UTC)
EDITOR = Actor(ActorKind.USER, "7", "editor")


@pytest.fixture
def card() -> Evening:
    return evening(NOW)


def named(number: int, *names: str, **athlete: Any) -> bytes:
    """The poll of this number in which the fighters of the opener are called otherwise."""
    document = orjson.loads(poll(number))
    for competitor, name in zip(document["events"][0]["competitions"][0]["competitors"], names, strict=False):
        competitor["athlete"]["fullName"] = name
        competitor.update(athlete)
    return orjson.dumps(document)


def test_a_bout_is_found_by_a_confirmed_spelling(card: Evening) -> None:
    add_alias(card.opener.blue_fighter_id, "Zhao the Tiger", actor=EDITOR)

    outcome = card.hear(named(3, "Zhao the Tiger"), at=3)

    assert (outcome.unmatched, outcome.held, card.opener.state) == (0, {}, "in_round")


def test_a_known_bout_is_followed_by_a_confirmed_spelling(card: Evening) -> None:
    card.play(1)
    FighterExternalId.objects.all().delete()
    add_alias(card.opener.blue_fighter_id, "Zhao the Tiger", actor=EDITOR)

    outcome = card.hear(named(7, "Zhao the Tiger"), at=7)

    assert outcome.held == {}
    assert card.opener.winner_fighter_id == card.opener.blue_fighter_id


def test_once_matched_a_fighter_is_known_by_the_id_though_renamed(card: Evening) -> None:
    card.play(1)
    kept = FighterExternalId.objects.filter(source=SOURCE)
    assert dict(kept.values_list("external_id", "fighter_id")) == {
        "9000001": card.main.red_fighter_id,
        "9000002": card.main.blue_fighter_id,
        "9000003": card.opener.blue_fighter_id,
        "9000004": card.opener.red_fighter_id,
    }
    Fighter.objects.filter(pk=card.opener.blue_fighter_id).update(name="Zhao Da Hai")

    card.hear(poll(3), at=3)

    assert card.opener.state == "in_round"


def test_another_id_under_a_strange_name_is_a_stranger_still(card: Evening) -> None:
    card.play(1)
    add_alias(FighterFactory(name="Somebody").pk, "Somebody Else", actor=EDITOR)

    outcome = card.hear(named(3, "Somebody Else", id="9009999"), at=3)

    assert outcome.held == {card.opener.pk: "strange_fighters"}


def test_the_id_of_a_fighter_who_was_replaced_is_no_match(card: Evening) -> None:
    card.play(1)
    Bout.objects.filter(pk=card.opener.pk).update(blue_fighter=FighterFactory(name="The Substitute"))

    outcome = card.hear(poll(3), at=3)

    assert outcome.held[card.opener.pk] == "strange_fighters"


def test_an_id_that_somebody_has_stays_theirs(card: Evening) -> None:
    other = FighterFactory()
    keep_ids({"9000003": other.pk, "": other.pk}, source=SOURCE)

    card.play(1)

    assert FighterExternalId.objects.get(source=SOURCE, external_id="9000003").fighter_id == other.pk
    assert not FighterExternalId.objects.filter(external_id="").exists()
    # Both names are his: the id that contradicts them is a question of identity, not of this bout.
    card.hear(poll(3), at=3)
    assert card.opener.state == "in_round"
