"""The card of invented people that `make run` brings."""

from __future__ import annotations

import pytest
from django.utils import timezone

from apps.articles.api.demo import PIECES
from apps.events.cache import load_event_card
from apps.events.enums import BoutState
from apps.events.models import Bout, Event
from apps.events.services import ensure_demo_card, step_bout
from apps.events.services.demo import ACTOR
from apps.fighters.models import Fighter
from tests.factories.fighters import FighterFactory

pytestmark = pytest.mark.django_db


def test_a_card_that_can_be_run_by_hand_is_made_once() -> None:
    event = ensure_demo_card()

    assert ensure_demo_card() is None
    assert event is not None
    assert event.starts_at > timezone.now()
    assert (Event.objects.count(), Bout.objects.count(), Fighter.objects.count()) == (1, 4, 8)
    card = load_event_card(event.pk)
    assert card["main_card"][0]["red_fighter"]["name_zh"] == "唐若溪"
    last = event.bouts.order_by("-sequence_no")[0]
    step_bout(last.pk, to=BoutState.WALKOUTS, actor=ACTOR, expected_version=last.version)


def test_where_somebody_has_entered_people_nobody_is_invented() -> None:
    FighterFactory()

    assert ensure_demo_card() is None
    assert Event.objects.count() == 0


def test_pieces_of_the_demo_feed_name_people_of_the_card() -> None:
    ensure_demo_card()
    words = " ".join(f"{piece.title} {piece.summary}" for piece in PIECES)

    named = {name for pair in Fighter.objects.values_list("name", "name_zh") for name in pair if name in words}
    assert named == {"Marek Dubrowny", "Chen Lifeng", "唐若溪"}
