"""An evening through real processes: a provider on loopback, beat, worker, consumer, the public API and the stream."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.utils import timezone

from apps.events.models import BoutRevision
from tests.core.http_server import LocalServer, answer, serving
from tests.events.recordings import Evening, evening, poll
from tests.faults.processes import wait_until
from tests.flows.processes import Product

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600), pytest.mark.django_db(transaction=True)]

# A new winner is visible within 35 s after the provider shows it (E-4).
VISIBLE_SECONDS = 35
PATH = "/scoreboard"


@dataclass
class Night:
    product: Product
    server: LocalServer
    card: Evening

    @property
    def address(self) -> str:
        return f"{self.product.address.url}/api/v1/events/{self.card.event.pk}"

    def show(self, number: int) -> None:
        self.server.answers[PATH] = answer(poll(number))

    def read(self) -> dict[str, Any]:
        found: dict[str, Any] = httpx.get(self.address, timeout=10).json()["data"]
        return found

    def until(self, seen: Callable[[dict[str, Any]], bool], what: str, seconds: float = VISIBLE_SECONDS) -> float:
        began = time.monotonic()
        wait_until(lambda: seen(self.read()), seconds=seconds, what=what, every_seconds=0.5)
        return time.monotonic() - began


class Stream:
    """Listens in a thread, as a browser does."""

    def __init__(self, address: str, heard: str = "") -> None:
        self.events: list[tuple[str, str, Any]] = []
        self._address, self._heard = address, heard
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        # The stream ends with its process.
        with suppress(httpx.TransportError):
            self._hear()

    def _hear(self) -> None:
        headers = {"Last-Event-ID": self._heard} if self._heard else {}
        with httpx.stream("GET", self._address, headers=headers, timeout=60, follow_redirects=True) as lines:
            fields: dict[str, str] = {}
            for line in lines.iter_lines():
                name, _, value = line.partition(": ")
                if line:
                    fields[name] = value
                elif "id" in fields:
                    # A beat has none: it only tells which version stands.
                    self.events.append((fields["event"], fields["id"], json.loads(fields["data"])))
                if not line:
                    fields = {}

    def bout_states(self) -> list[str]:
        return [data["bout"]["state"] for kind, _, data in self.events if kind == "bout"]


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Night]:
    with serving() as server:
        server.answers[PATH] = answer(poll(1))
        environment = {
            "HTTP_ALLOWED_PRIVATE": next(iter(server.allowed)),
            "LIVE_SCOREBOARD_URL": server.origin + PATH,
        }
        with Product(tmp_path, **environment) as product:
            yield Night(product, server, evening(timezone.now()))


def test_an_evening_from_the_provider_to_the_listeners(night: Night, tell: Callable[[str], None]) -> None:
    night.product.start()
    night.until(lambda card: card["status"] == "live", "the event has gone live", 90)
    stream = Stream(f"{night.product.address.live_url}/api/v1/events/{night.card.event.pk}/live")
    wait_until(lambda: bool(stream.events), seconds=20, what="the card on the stream")

    night.show(5)
    started = night.until(lambda card: card["prelims"][0]["state"] == "in_round", "the third round")
    night.show(7)
    won = night.until(lambda card: card["prelims"][0]["winner_id"] is not None, "the winner")
    wait_until(
        lambda: stream.bout_states() == ["in_round", "provisional"], seconds=5, what="both changes on the stream"
    )

    # The provider dies, the consumer is killed and comes back: nothing is lost, nothing stands twice.
    night.product.kill("consumer")
    night.show(10)
    time.sleep(2)
    night.product.start()
    ended = night.until(lambda card: card["status"] == "completed", "the end of the evening", 90)
    assert night.read()["main_card"][0]["winner_id"] == night.card.main.blue_fighter_id
    assert BoutRevision.objects.filter(bout=night.card.opener).count() == 2

    # Who comes back to the stream hears only what was missed.
    heard = next(change for kind, change, _ in stream.events if kind == "bout")
    again = Stream(f"{night.product.address.live_url}/api/v1/events/{night.card.event.pk}/live", heard)
    wait_until(lambda: len(again.events) >= 3, seconds=20, what="what was missed")
    assert "card" not in [kind for kind, _, _ in again.events]
    tell(f"live: round visible after {started:.1f} s, winner after {won:.1f} s, end after {ended:.1f} s")
