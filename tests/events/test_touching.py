"""Cards that change as a whole: who asks for changes finds them, and listeners are sent to them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import orjson
import pytest
from django.utils import timezone

from apps.core import redis as core_redis
from apps.core.actor import Actor, ActorKind
from apps.events.cache import ListQuestion, load_event_list
from apps.events.models import Event
from apps.events.services import CHANGES, identity
from apps.fighters.services import edit_fighter, set_records
from apps.fighters.services.records import Tally
from tests.factories.events import BoutFactory, EventFactory
from tests.factories.fighters import FighterFactory

pytestmark = pytest.mark.django_db
ANN = Actor(ActorKind.USER, "1", "ann")


def told() -> list[tuple[str, int]]:
    """(kind, event) of everything that was announced."""
    entries: Any = core_redis.client().xrange(CHANGES.name)
    bodies = [orjson.loads(fields[b"body"]) for _, fields in entries]
    return [(body["kind"], body["event_id"]) for body in bodies]


def cards_of(fighter: Any) -> dict[str, Event]:
    """One card of each status, last changed yesterday; the one that is over took place long ago."""
    cards = {}
    for status in ("scheduled", "live", "completed"):
        starts_at = timezone.now() - timedelta(days=400 if status == "completed" else 0)
        cards[status] = EventFactory(status=status, starts_at=starts_at)
        BoutFactory(event=cards[status], red_fighter=fighter)
    EventFactory()
    Event.objects.update(updated_at=timezone.now() - timedelta(days=1))
    return cards


def test_a_renamed_fighters_cards_are_found_by_updated_since(django_capture_on_commit_callbacks: Any) -> None:
    fighter = FighterFactory()
    cards = cards_of(fighter)
    since = timezone.now() - timedelta(minutes=1)

    with django_capture_on_commit_callbacks(execute=True):
        edit_fighter(fighter.pk, actor=ANN, name="Renamed Person")

    found = load_event_list(ListQuestion(updated_since=since))["items"]
    touched = {cards["scheduled"].pk, cards["live"].pk}
    assert {item["id"] for item in found} == touched
    assert [item["version"] for item in found] == [2, 2]
    assert sorted(told()) == sorted(("reset", pk) for pk in touched)


def test_a_record_that_follows_from_a_bout_touches_no_card(django_capture_on_commit_callbacks: Any) -> None:
    fighter = FighterFactory()
    cards_of(fighter)

    with django_capture_on_commit_callbacks(execute=True):
        assert set_records({fighter.pk: Tally(3, 1, 0, 0, None)}) == 1

    assert set(Event.objects.values_list("version", flat=True)) == {1}
    assert told() == []


def test_a_merge_is_announced_to_those_who_look_at_the_card(django_capture_on_commit_callbacks: Any) -> None:
    loser, survivor = FighterFactory(), FighterFactory()
    cards = cards_of(loser)

    with django_capture_on_commit_callbacks(execute=True):
        identity.merge_fighters(loser.pk, survivor.pk, actor=ANN)

    assert {pk for kind, pk in told() if kind == "reset"} == {cards["scheduled"].pk, cards["live"].pk}
