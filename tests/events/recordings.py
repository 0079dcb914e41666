"""Recorded evenings: our own small one everywhere, the shared ones where they are present."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from apps.core.actor import SYSTEM
from apps.events import services
from apps.events.clients.scoreboard import SOURCE, read_scoreboard
from apps.events.models import Bout, Event
from apps.events.services import Answer, Outcome
from apps.events.services.feeds import content_hash
from tests.factories.events import BoutFactory, EventFactory
from tests.factories.fighters import FighterFactory

EVENING = Path(__file__).resolve().parents[1] / "fixtures" / "live" / "evening"
SHARED = Path(os.environ.get("SHARED_DATA", Path(__file__).resolve().parents[3] / "shared" / "data")) / "live_espn"
FIRST_POLL_MS = 1_777_000_000_000


def poll(number: int) -> bytes:
    """The answer of this number of our own evening."""
    [path] = EVENING.glob(f"{number:02}_*.json")
    return path.read_bytes()


@dataclass
class Evening:
    """Our card of the recorded evening, followed."""

    event: Event
    main: Bout
    opener: Bout
    now: datetime

    def hear(self, body: bytes, *, at: int, minutes: float = 0.0) -> Outcome:
        """Apply an answer that was captured as the ``at``-th, ``minutes`` after the beginning."""
        said = next(event for event in read_scoreboard(body) if event.external_id == "77").as_message()
        message = {
            "event_id": self.event.pk,
            "source": SOURCE,
            "sequence": FIRST_POLL_MS + at * 30_000,
            "said": said,
            "hash": content_hash(said),
        }
        outcome = services.apply_answer(Answer.from_message(message), now=self.now + timedelta(minutes=minutes))
        for row in (self.event, self.main, self.opener):
            row.refresh_from_db()
        return outcome

    def play(self, *numbers: int) -> None:
        """Hear these polls in the order of their numbers, half a minute apart."""
        for number in numbers:
            self.hear(poll(number), at=number, minutes=number / 2)


def evening(now: datetime, external_id: str = "77") -> Evening:
    event = EventFactory(name="Test Night", starts_at=now)
    main = BoutFactory(
        event=event,
        sequence_no=1,
        scheduled_rounds=3,
        red_fighter=FighterFactory(name="An Jing"),
        # Accent and order differ from the feed's spelling.
        blue_fighter=FighterFactory(name="Kovac Bela"),
    )
    opener = BoutFactory(
        event=event,
        sequence_no=2,
        scheduled_rounds=3,
        card_segment="prelims",
        red_fighter=FighterFactory(name="Tomas OReilly"),
        blue_fighter=FighterFactory(name="Zhao Hai"),
    )
    services.follow(event.pk, source=SOURCE, external_id=external_id, actor=SYSTEM)
    return Evening(event, main, opener, now)
