"""Server-sent events: the application of the live process, spoken to as an ASGI server would."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import OperationalError

from apps.core import redis as core_redis
from apps.events.api import listening
from apps.events.api.listening import LiveApplication
from apps.events.models import Event
from apps.events.services import CHANGES
from tests.events.listeners import Listener, in_thread, run, until
from tests.factories.events import BoutFactory, EventFactory

pytestmark = pytest.mark.django_db(transaction=True)


def publish(event_id: int, state: str) -> None:
    CHANGES.publish({"event_id": event_id, "kind": "bout", "event_version": 2, "bout": {"id": 1, "state": state}})


def test_a_listener_gets_the_card_and_then_every_change() -> None:
    event, quiet = BoutFactory().event, EventFactory()

    async def story(app: LiveApplication) -> None:
        listener = Listener(app, f"/api/v1/events/{event.pk}/live")
        other = Listener(app, f"/api/events/{quiet.pk}/live")
        await until(lambda: bool(listener.events and other.events))
        publish(event.pk, "walkouts")
        publish(event.pk, "in_round")
        await until(lambda: len(listener.events) == 3)

        kinds = [(kind, data.get("bout", {}).get("state")) for kind, _, data in listener.events]
        assert kinds == [("card", None), ("bout", "walkouts"), ("bout", "in_round")]
        assert listener.events[0][2]["id"] == event.pk
        assert len(listener.events[0][2]["bouts"]) == 1
        assert len(other.events) == 1
        await listener.hang_up()
        await other.hang_up()
        assert app.addresses.total() == 0

    run(story)


def test_who_comes_back_gets_what_was_missed_and_nothing_twice() -> None:
    event = EventFactory()
    for state in ("walkouts", "in_round", "stopped"):
        publish(event.pk, state)

    async def story(app: LiveApplication) -> None:
        await until(lambda: event.pk in app.reader.channels and len(app.reader.channels[event.pk].frames) == 3)
        first_id = app.reader.channels[event.pk].frames[0][0]
        listener = Listener(app, f"/api/v1/events/{event.pk}/live", heard=f"{first_id[0]}-{first_id[1]}")
        await until(lambda: len(listener.events) == 2)

        assert [data["bout"]["state"] for _, _, data in listener.events] == ["in_round", "stopped"]
        await listener.hang_up()

    run(story)


def test_who_was_away_too_long_gets_the_whole_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "READ_AT_START", 2)
    event = EventFactory()
    for state in ("walkouts", "in_round", "stopped"):
        publish(event.pk, state)

    async def story(app: LiveApplication) -> None:
        await until(lambda: app.reader.newest != (0, 0))
        listener = Listener(app, f"/api/v1/events/{event.pk}/live", heard="1-0")
        await until(lambda: bool(listener.events))
        assert listener.events[0][0] == "card"
        await listener.hang_up()

    run(story)


def test_a_slow_listener_is_told_to_read_the_card_anew() -> None:
    async def story(app: LiveApplication) -> None:
        channel = app.reader.channel(7)
        for number in range(1, listening.KEPT_PER_EVENT + 11):
            channel.add((number, 0), b"x")

        assert channel.floor == (10, 0)
        assert [change[0] for change in channel.after((508, 0))] == [(509, 0), (510, 0)]

    run(story)


def test_silence_is_shown_to_be_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "HEARTBEAT_SECONDS", 0.05)
    event = EventFactory()

    async def story(app: LiveApplication) -> None:
        listener = Listener(app, f"/api/v1/events/{event.pk}/live")
        await until(lambda: listener.body.count(b"event: beat\n") >= 2)
        await listener.hang_up()

    run(story)


def test_the_beat_tells_the_version_of_which_nobody_was_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """An announcement may get lost; then the beat is what tells."""
    monkeypatch.setattr(listening, "HEARTBEAT_SECONDS", 0.05)
    event = EventFactory()
    path = f"/api/v1/events/{event.pk}/live"

    async def story(app: LiveApplication) -> None:
        listener, veiled = Listener(app, path), Listener(app, path, query="spoilers=0")
        await until(lambda: {"event_version": 1} in listener.beats and bool(veiled.beats))
        assert listener.events[0][2]["version"] == 1
        await in_thread(lambda: Event.objects.filter(pk=event.pk).update(version=2) and None)
        await until(lambda: {"event_version": 2} in listener.beats)
        assert {beat["event_version"] for beat in veiled.beats} == {None}
        assert len({beat["etag"] for beat in veiled.beats}) == 1
        for one in (listener, veiled):
            await one.hang_up()

    run(story)


def test_a_beat_is_made_once_for_all_listeners(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "HEARTBEAT_SECONDS", 0.3)
    made: list[int] = []

    def count(event_id: int, spoilers: bool) -> bytes:
        made.append(event_id)
        return b"{}"

    monkeypatch.setattr(listening, "_beat_data", count)
    path = f"/api/v1/events/{EventFactory().pk}/live"

    async def story(app: LiveApplication) -> None:
        listeners = [Listener(app, path) for _ in range(20)]
        await until(lambda: all(listener.beats for listener in listeners))
        most = max(len(listener.beats) for listener in listeners)
        assert len(made) <= most + 1
        for listener in listeners:
            await listener.hang_up()

    run(story)


def test_a_beat_without_the_database_is_a_comment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "HEARTBEAT_SECONDS", 0.05)

    def away(event_id: int, spoilers: bool) -> bytes:
        raise OperationalError

    monkeypatch.setattr(listening, "_beat_data", away)
    path = f"/api/v1/events/{EventFactory().pk}/live"

    async def story(app: LiveApplication) -> None:
        listener = Listener(app, path)
        await until(lambda: listener.body.count(b": beat\n\n") >= 2)
        await listener.hang_up()

    run(story)


@pytest.mark.parametrize("published", [0, 1])
def test_after_a_flush_of_redis_everybody_is_sent_to_the_card(published: int) -> None:
    event = EventFactory()
    path = f"/api/v1/events/{event.pk}/live"
    for state in ("walkouts", "in_round"):
        publish(event.pk, state)

    async def story(app: LiveApplication) -> None:
        await until(lambda: event.pk in app.reader.channels and len(app.reader.channels[event.pk].frames) == 2)
        first = app.reader.channels[event.pk].frames[0][0]
        listener = Listener(app, path)
        await until(lambda: bool(listener.events))
        await app.reader.stop()
        core_redis.client().delete(CHANGES.name)
        for _ in range(published):
            publish(event.pk, "official")
        app.reader._stopping = False
        await app.reader.start()

        await until(lambda: len(listener.events) == 2 + published)
        assert [kind for kind, _, _ in listener.events] == ["card", "reset", "bout"][: 2 + published]
        back = Listener(app, path, heard=f"{first[0]}-{first[1]}")
        await until(lambda: bool(back.events))
        assert back.events[0][0] == "card"
        for one in (listener, back):
            await one.hang_up()

    run(story)


def test_a_reader_that_comes_back_goes_on_where_nothing_is_lost() -> None:
    event = EventFactory()
    publish(event.pk, "walkouts")

    async def story(app: LiveApplication) -> None:
        await until(lambda: event.pk in app.reader.channels)
        listener = Listener(app, f"/api/v1/events/{event.pk}/live")
        await until(lambda: bool(listener.events))
        await app.reader.stop()
        publish(event.pk, "in_round")
        app.reader._stopping = False
        await app.reader.start()
        await until(lambda: len(listener.events) == 2)
        assert listener.events[1][0] == "bout"
        await listener.hang_up()

    run(story)


@pytest.mark.parametrize(
    ("path", "status"), [("/api/v1/events/987654/live", 404), ("/api/v1/events", 404), ("/healthz", 200)]
)
def test_other_questions_are_answered_at_once(path: str, status: int) -> None:
    async def story(app: LiveApplication) -> None:
        listener = Listener(app, path)
        await asyncio.wait_for(listener.task, 5)
        assert (listener.status, listener.ended) == (status, True)

    run(story)


def test_one_address_can_not_take_all_places(settings: Any) -> None:
    settings.LIVE_LISTENERS_PER_ADDRESS = 2
    settings.LIVE_LISTENERS = 3
    path = f"/api/v1/events/{EventFactory().pk}/live"

    async def story(app: LiveApplication) -> None:
        held = [Listener(app, path), Listener(app, path), Listener(app, path, address="10.0.0.2")]
        await until(lambda: all(listener.events for listener in held))
        refused = [Listener(app, path), Listener(app, path, address="10.0.0.3")]
        await until(lambda: all(listener.ended for listener in refused))
        # All places are taken before anybody asks whose they are.
        assert [listener.status for listener in refused] == [503, 503]

        await held[2].hang_up()
        third = Listener(app, path)
        await until(lambda: third.ended)
        assert third.status == 429
        for listener in held[:2]:
            await listener.hang_up()

    run(story)


def test_redis_may_go_and_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "BACK_OFF_SECONDS", 0.05)
    event = EventFactory()
    address = django_settings.REDIS_URL

    async def story(app: LiveApplication) -> None:
        listener = Listener(app, f"/api/v1/events/{event.pk}/live")
        await until(lambda: bool(listener.events))
        await asyncio.sleep(0.2)
        monkeypatch.setattr(listening.settings, "REDIS_URL", address)
        publish(event.pk, "in_round")
        await until(lambda: len(listener.events) == 2)
        await listener.hang_up()

    monkeypatch.setattr(listening.settings, "REDIS_URL", "redis://127.0.0.1:1/0")
    run(story)


@pytest.mark.parametrize("body", [b"<html>", b"[1]", b'{"kind": "bout"}', b'{"event_id": "x", "kind": "bout"}', None])
def test_an_unreadable_change_does_not_end_the_reading(body: bytes | None) -> None:
    event = EventFactory()

    async def story(app: LiveApplication) -> None:
        listener = Listener(app, f"/api/v1/events/{event.pk}/live")
        await until(lambda: bool(listener.events))
        core_redis.client().xadd(CHANGES.name, {"body": body} if body else {"other": "x"})
        publish(event.pk, "in_round")
        await until(lambda: len(listener.events) == 2)
        assert app.reader.is_reading
        await listener.hang_up()

    run(story)


def test_who_watches_the_process_is_told_when_nobody_reads() -> None:
    async def story(app: LiveApplication) -> None:
        await app.reader.stop()
        listener = Listener(app, "/healthz")
        await asyncio.wait_for(listener.task, 5)
        assert listener.status == 503

    run(story)


def test_addresses_of_one_subscriber_count_together(settings: Any) -> None:
    settings.LIVE_LISTENERS_PER_ADDRESS = 1
    path = f"/api/v1/events/{EventFactory().pk}/live"

    async def story(app: LiveApplication) -> None:
        first = Listener(app, path, address="2001:db8::1")
        await until(lambda: bool(first.events))
        neighbour, other = (Listener(app, path, address=text) for text in ("2001:db8::2:1", "2001:db8:0:1::1"))
        await until(lambda: neighbour.ended and bool(other.events))
        assert neighbour.status == 429
        await first.hang_up()
        await other.hang_up()

    run(story)


def test_a_channel_is_kept_while_its_first_bytes_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "KEPT_EVENTS", 1)
    event = EventFactory()

    async def story(app: LiveApplication) -> None:
        written = asyncio.Event()

        class Slow(Listener):
            async def _send(self, message: Any) -> None:
                await written.wait()
                await super()._send(message)

        listener = Slow(app, f"/api/v1/events/{event.pk}/live")
        await until(lambda: event.pk in app.reader.channels)
        app.reader.channel(event.pk + 1)
        assert event.pk in app.reader.channels
        written.set()
        publish(event.pk, "in_round")
        await until(lambda: len(listener.events) == 2)
        await listener.hang_up()

    run(story)
