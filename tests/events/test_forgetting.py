"""What is cached of people and cards, and who forgets it when a name or a date changes (G-2)."""

from __future__ import annotations

import datetime as dt
from typing import Any

import orjson
import pytest
from django.db import transaction
from django.utils import timezone

from apps.core.actor import Actor, ActorKind
from apps.events import services
from apps.events.cache import event_card
from apps.events.clients.ufcstats import EventRow
from apps.events.models import Bout
from apps.events.services import identity
from apps.events.services.changing import write_event
from apps.events.services.ufcstats.events import upsert_events
from apps.events.services.ufcstats.report import Report
from apps.fighters.cache import profile
from apps.fighters.services import edit_fighter, provenance
from tests.factories.events import BoutFactory, EventExternalIdFactory, EventFactory
from tests.factories.fighters import FighterFactory

pytestmark = pytest.mark.django_db(transaction=True)
EDITOR = Actor(ActorKind.USER, "7", "editor")


@pytest.fixture
def bout() -> Bout:
    """Its card and the profiles of its fighters are cached."""
    event = EventFactory(name="First Night", starts_at=timezone.now() + dt.timedelta(days=9))
    bout = BoutFactory(
        event=event, red_fighter=FighterFactory(name="Old Name"), blue_fighter=FighterFactory(name="Opponent")
    )
    assert told(bout.red_fighter_id)["event_name"] == "First Night"
    assert told(bout.blue_fighter_id)["opponent_name"] == "Old Name"
    event_card(event.pk)
    return bout


def told(fighter_id: int) -> dict[str, Any]:
    """The next bout of a profile."""
    [shown] = orjson.loads(profile(fighter_id).body)["next_bouts"]
    return shown


def test_a_new_name_stands_in_the_profiles_of_opponents_and_on_cards(bout: Bout) -> None:
    version = bout.red_fighter.version
    edit_fighter(bout.red_fighter_id, name="New Name", actor=EDITOR, expected_version=version)

    assert told(bout.blue_fighter_id)["opponent_name"] == "New Name"
    [shown] = orjson.loads(event_card(bout.event_id).body)["bouts"]
    assert shown["red_fighter"]["name"] == "New Name"


def test_after_a_merge_the_opponent_fights_the_one_who_stays(bout: Bout) -> None:
    survivor = FighterFactory(name="True Name")

    identity.merge_fighters(bout.red_fighter_id, survivor.pk, actor=EDITOR)

    assert told(bout.blue_fighter_id)["opponent_name"] == "True Name"
    assert told(bout.blue_fighter_id)["opponent_id"] == survivor.pk


def test_a_new_name_or_start_of_an_event_stands_in_all_profiles(bout: Bout) -> None:
    services.change_event(bout.event_id, name="Second Night", actor=EDITOR)

    names = {told(fighter_id)["event_name"] for fighter_id in (bout.red_fighter_id, bout.blue_fighter_id)}
    assert names == {"Second Night"}

    bout.event.refresh_from_db()
    start = bout.event.starts_at + dt.timedelta(hours=1)
    with transaction.atomic():
        write_event(bout.event, {"starts_at": start}, actor=EDITOR)

    assert dt.datetime.fromisoformat(told(bout.red_fighter_id)["starts_at"]) == start


def test_an_import_that_renames_an_event_forgets_the_profiles_too(bout: Bout) -> None:
    known = EventExternalIdFactory(event=bout.event, source="ufcstats")
    day = bout.event.starts_at.date()
    row = EventRow(id=known.external_id, url="http://ufcstats.test/1", name="Third Night", date=day, location="")

    with transaction.atomic():
        upsert_events([row], Report(), source="ufcstats")

    assert told(bout.blue_fighter_id)["event_name"] == "Third Night"


def test_a_name_that_a_person_gave_an_event_is_locked(bout: Bout) -> None:
    services.change_event(bout.event_id, name="Second Night", actor=EDITOR)

    bout.event.refresh_from_db()
    assert provenance.locked_fields(bout.event) == {"name": "editor"}
