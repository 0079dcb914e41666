"""What a profile tells of bouts to come and of past ones."""

from __future__ import annotations

import pytest

from apps.events.services.profile import next_bouts, past_bouts
from tests.factories.events import BoutFactory, EventFactory
from tests.factories.fighters import FighterFactory

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("status", "state", "is_next", "is_past"),
    [
        ("scheduled", "scheduled", True, False),
        ("live", "in_round", True, False),
        ("live", "stopped", False, False),
        ("live", "cancelled", False, False),
        ("live", "official", False, True),
        # Taken from the card without a word, or never fought.
        ("completed", "scheduled", False, False),
        ("completed", "stopped", False, False),
        ("completed", "official", False, True),
    ],
)
def test_what_is_next_and_what_is_past(status: str, state: str, is_next: bool, is_past: bool) -> None:
    fighter = FighterFactory()
    decided = {"result": "draw"} if state == "official" else {}
    BoutFactory(event=EventFactory(status=status), red_fighter=fighter, state=state, **decided)

    assert (bool(next_bouts(fighter.pk)), bool(past_bouts(fighter.pk))) == (is_next, is_past)
