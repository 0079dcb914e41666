"""What the database itself forbids."""

import pytest
from django.db import IntegrityError, transaction

from apps.events.models import Bout, Event
from tests.factories.events import BoutExternalIdFactory, BoutFactory, EventFactory
from tests.factories.fighters import FighterFactory

pytestmark = pytest.mark.django_db


def test_winner_must_have_fought():
    bout = BoutFactory()

    with pytest.raises(IntegrityError), transaction.atomic():
        Bout.objects.filter(pk=bout.pk).update(winner_fighter=FighterFactory(), result="win")

    assert Bout.objects.filter(pk=bout.pk).update(winner_fighter=bout.blue_fighter, result="win") == 1


def test_nobody_fights_against_themselves():
    fighter = FighterFactory()

    with pytest.raises(IntegrityError), transaction.atomic():
        BoutFactory(red_fighter=fighter, blue_fighter=fighter)


def test_place_on_the_card_is_taken_once():
    bout = BoutFactory(sequence_no=1)

    with pytest.raises(IntegrityError), transaction.atomic():
        BoutFactory(event=bout.event, sequence_no=1)

    assert BoutFactory(sequence_no=1).event != bout.event


def test_unknown_status_is_refused():
    event = EventFactory()

    with pytest.raises(IntegrityError), transaction.atomic():
        Event.objects.filter(pk=event.pk).update(status="over")


@pytest.mark.parametrize(
    "impossible",
    [
        {"result": "win"},
        {"state": "official"},
        {"state": "provisional", "result": ""},
        {"result": "nearly"},
        {"state": "over"},
    ],
)
def test_results_that_contradict_themselves_are_refused(impossible):
    bout = BoutFactory()

    with pytest.raises(IntegrityError), transaction.atomic():
        Bout.objects.filter(pk=bout.pk).update(**impossible)


def test_a_winner_of_a_draw_is_refused():
    bout = BoutFactory()

    with pytest.raises(IntegrityError), transaction.atomic():
        Bout.objects.filter(pk=bout.pk).update(result="draw", winner_fighter=bout.red_fighter)

    assert Bout.objects.filter(pk=bout.pk).update(result="draw", state="official") == 1


def test_id_of_a_source_names_one_bout():
    known = BoutExternalIdFactory()

    with pytest.raises(IntegrityError), transaction.atomic():
        BoutExternalIdFactory(source=known.source, external_id=known.external_id)

    assert BoutExternalIdFactory(source="other", external_id=known.external_id).pk


@pytest.mark.parametrize(
    ("time_format", "number", "seconds"),
    [
        ("", 1, 300),
        ("3 Rnd (5-5-5)", 3, 300),
        ("1 Rnd + OT (12-3)", 1, 720),
        ("1 Rnd + OT (12-3)", 2, 180),
        ("3 Rnd (5-5-5)", 9, 300),
        ("No Time Limit", 1, 3600),
    ],
)
def test_length_of_a_round_follows_the_time_format(time_format, number, seconds):
    assert Bout(time_format=time_format).round_seconds(number) == seconds


def test_status_is_the_coarse_word_of_the_state():
    assert {state: Bout(state=state).status.value for state in Bout.State} == {
        "scheduled": "pending",
        "walkouts": "pending",
        "in_round": "pending",
        "between_rounds": "pending",
        "stopped": "pending",
        "provisional": "finished",
        "official": "finished",
        "amended": "finished",
        "cancelled": "pending",
    }
