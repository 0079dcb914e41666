"""Server-sent events of live cards: the ASGI application of the live process.

One reader follows ``stream:live:changes`` for everybody and keeps the newest changes of each event in memory; a
listener is a cursor into them.  So a thousand listeners cost no Redis connection, no query and no queue each, and a
slow one delays nobody: it catches up, or is told to read the card anew.  The card at the beginning comes from the
same cache as the REST answer.
"""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import orjson
import redis
import structlog
from django.conf import settings
from django.db import DatabaseError, connections
from prometheus_client import Gauge
from redis import asyncio as async_redis

from apps.core.client_ip import network_of
from apps.core.errors import AppError, NotFound
from apps.core.middleware.asgi_access import Receive, Scope, Send, address_of
from apps.events import cache
from apps.events.models import Event
from apps.events.services import CHANGES

log = structlog.get_logger(__name__)

ChangeId = tuple[int, int]
Change = tuple[ChangeId, bytes, bytes | None]

HEALTH = "/healthz"
HEARTBEAT_SECONDS = 15.0
# A beat younger than this part of the pause is sent to others too.
SHARED_PART = 0.8
SILENT_BEAT = b": beat\n\n"
# Changes kept for those who come back: of one event, and when the process starts.
KEPT_PER_EVENT = 500
KEPT_EVENTS = 300
READ_AT_START = 2000
BLOCK_MILLISECONDS = 5000
# Longer than the blocking read, which would else be cut off.
SOCKET_SECONDS = 15.0
CONNECT_SECONDS = 2.0
BACK_OFF_SECONDS = 1.0
RETRY_MILLISECONDS = 3000
NOTHING: ChangeId = (0, 0)
NOT_FOUND = b'{"code":1006,"msg":"Not found."}'
INVALID = b'{"code":1001,"msg":"Only spoilers may be asked for: 0 or 1."}'
TOO_MANY = b'{"code":1008,"msg":"Too many listeners: poll the card with If-None-Match."}'
LISTENERS = Gauge("live_listeners", "Event streams this live process keeps open")

_PATH = re.compile(r"/api/(?:v1/)?events/([0-9]{1,18})/live", re.ASCII)
_ID = re.compile(r"([0-9]{1,20})-([0-9]{1,20})", re.ASCII)
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
    (b"access-control-allow-origin", b"*"),
]


@dataclass(slots=True)
class Beat:
    """What is sent when nothing happens, and the one that is being made."""

    text: bytes = SILENT_BEAT
    made_at: float = -math.inf
    making: asyncio.Task[None] | None = None


@dataclass(slots=True)
class Channel:
    """The newest changes of one event, and who waits for the next."""

    # Each as everybody sees it, and as those do who hide results; None where they see nothing of it.
    frames: deque[Change] = field(default_factory=lambda: deque(maxlen=KEPT_PER_EVENT))
    # Changes up to here are no longer kept.
    floor: ChangeId = NOTHING
    next: asyncio.Event = field(default_factory=asyncio.Event)
    used_at: float = field(default_factory=time.monotonic)
    listeners: int = 0
    # With results and without; listeners share them.
    beats: dict[bool, Beat] = field(default_factory=lambda: {True: Beat(), False: Beat()})

    def add(self, change_id: ChangeId, frame: bytes, veiled: bytes | None = None) -> None:
        if len(self.frames) == self.frames.maxlen:
            self.floor = self.frames[0][0]
        self.frames.append((change_id, frame, veiled))
        self.used_at = time.monotonic()
        woken, self.next = self.next, asyncio.Event()
        woken.set()

    def lose(self, floor: ChangeId) -> None:
        """What happened up to ``floor`` can't be told any more."""
        self.frames.clear()
        self.floor = floor
        woken, self.next = self.next, asyncio.Event()
        woken.set()

    def after(self, change_id: ChangeId) -> Iterator[Change]:
        """What came later, oldest first."""
        later: list[Change] = []
        for kept in reversed(self.frames):
            if kept[0] <= change_id:
                break
            later.append(kept)
        return reversed(later)


class ChangeReader:
    """Follows the stream of changes for all listeners of this process."""

    def __init__(self) -> None:
        self.channels: dict[int, Channel] = {}
        self.newest: ChangeId = NOTHING
        # What happened up to here is not known to this process.
        self.floor: ChangeId = NOTHING
        self._task: asyncio.Task[None] | None = None
        self._stopping = False

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        self._stopping = True
        while self._task is not None and not self._task.done():
            # Again and again: the client may take a cancellation for a time-out of its own and try once more.
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=0.5)

    @property
    def is_reading(self) -> bool:
        return self._task is not None and not self._task.done()

    def channel(self, event_id: int) -> Channel:
        found = self.channels.get(event_id)
        if found is None:
            self._forget_the_quiet()
            found = self.channels[event_id] = Channel(floor=self.floor)
        return found

    def _forget_the_quiet(self) -> None:
        """Make room; a channel somebody listens to stays.  Who comes back to a forgotten one gets the card anew."""
        unheard = [event_id for event_id, channel in self.channels.items() if not channel.listeners]
        if len(self.channels) >= KEPT_EVENTS and unheard:
            self.floor = max(self.floor, self.newest)
            del self.channels[min(unheard, key=lambda event_id: self.channels[event_id].used_at)]

    async def _run(self) -> None:
        while not self._stopping:
            client = async_redis.from_url(
                settings.REDIS_URL, socket_timeout=SOCKET_SECONDS, socket_connect_timeout=CONNECT_SECONDS
            )
            try:
                await self._follow(client)
            except (redis.RedisError, OSError) as error:
                log.warning("live_reader_failed", error=repr(error))
                await asyncio.sleep(BACK_OFF_SECONDS)
            finally:
                with suppress(redis.RedisError, OSError):
                    await client.aclose()

    async def _follow(self, client: Any) -> None:
        if self.newest == NOTHING:
            past = await client.xrevrange(CHANGES.name, count=READ_AT_START)
            if len(past) == READ_AT_START:
                self.floor = _parsed(past[-1][0])
            for entry_id, fields in reversed(past):
                self._take(entry_id, fields)
        elif await self._has_lost_some(client):
            self._lose()
        while not self._stopping:
            answer = await client.xread({CHANGES.name: _text(self.newest)}, block=BLOCK_MILLISECONDS, count=500)
            for _stream, entries in answer or ():
                for entry_id, fields in entries:
                    self._take(entry_id, fields)

    async def _has_lost_some(self, client: Any) -> bool:
        """Whether Redis may no longer have what came after our newest change: trimmed, or flushed and begun anew."""
        first = await client.xrange(CHANGES.name, count=1)
        return not first or _parsed(first[0][0]) > self.newest

    def _lose(self) -> None:
        """What was missed is not known: who listens, and who comes back, is sent to the card."""
        log.warning("live_changes_lost", newest=_text(self.newest))
        # Later than all that anybody has heard, earlier than what Redis will give an id to.
        self.newest = self.floor = (self.newest[0], self.newest[1] + 1)
        for channel in self.channels.values():
            channel.lose(self.floor)

    def _take(self, entry_id: bytes, fields: dict[bytes, bytes]) -> None:
        """An entry that is none of ours is passed over: it must not end the reading for everybody."""
        self.newest = _parsed(entry_id)
        try:
            body = orjson.loads(fields[b"body"])
            event_id = int(body.pop("event_id"))
            quiet = body.pop("quiet", False)
            change = frame(body["kind"], orjson.dumps(body), self.newest)
            veiled = None if quiet else frame(body["kind"], orjson.dumps(cache.veiled_change(body)), self.newest)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            log.warning("live_change_unreadable", entry_id=_text(self.newest), error=repr(error))
            return
        self.channel(event_id).add(self.newest, change, veiled)


class LiveApplication:
    """``GET /api/v1/events/{id}/live``, and ``/healthz`` for those who watch this process."""

    def __init__(self) -> None:
        self.reader = ChangeReader()
        self.addresses: Counter[str] = Counter()
        self._closing = asyncio.Event()
        # Called when the server starts and stops this process.
        self.on_start: Callable[[], None] = lambda: None
        self.on_stop: Callable[[], None] = lambda: None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self.reader.start()
                self.on_start()
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                self._closing.set()
                await self.reader.stop()
                self.on_stop()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == HEALTH:
            alive = self.reader.is_reading
            await _plain(send, 200 if alive else 503, b'{"status":"ok"}' if alive else b'{"status":"unavailable"}')
            return
        found = _PATH.fullmatch(scope["path"])
        if found is None or scope["method"] != "GET":
            await _plain(send, 404 if found is None else 405, NOT_FOUND)
            return
        spoilers = _wants_spoilers(scope)
        if spoilers is None:
            await _plain(send, 400, INVALID)
            return
        address = network_of(address_of(scope))
        if self.addresses.total() >= settings.LIVE_LISTENERS:
            await _plain(send, 503, TOO_MANY, retry_after=True)
            return
        if self.addresses[address] >= settings.LIVE_LISTENERS_PER_ADDRESS:
            await _plain(send, 429, TOO_MANY, retry_after=True)
            return
        self.addresses[address] += 1
        LISTENERS.inc()
        try:
            await self._listen(int(found.group(1)), spoilers, _last_heard(scope), receive, send)
        finally:
            LISTENERS.dec()
            self.addresses[address] -= 1
            if not self.addresses[address]:
                del self.addresses[address]

    async def _listen(
        self, event_id: int, spoilers: bool, heard: ChangeId | None, receive: Receive, send: Send
    ) -> None:
        # Before the card is read: a change in between is heard twice rather than never.
        position = self.reader.newest
        try:
            card = await asyncio.to_thread(_card, event_id, spoilers)
        except NotFound:
            await _plain(send, 404, NOT_FOUND)
            return
        channel = self.reader.channel(event_id)
        # At once: a channel that nobody listens to may be forgotten while the first bytes are on their way.
        channel.listeners += 1
        gone = asyncio.ensure_future(_until_disconnected(receive))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            if heard is not None and channel.floor <= heard <= position:
                position = heard
                await _write(send, b"retry: %d\n\n" % RETRY_MILLISECONDS)
            else:
                await _write(send, b"retry: %d\n" % RETRY_MILLISECONDS + frame("card", card, position))
            await self._follow(event_id, channel, spoilers, position, gone, send)
        except OSError:
            pass  # the listener has gone while we wrote
        finally:
            channel.listeners -= 1
            gone.cancel()

    async def _follow(
        self,
        event_id: int,
        channel: Channel,
        spoilers: bool,
        position: ChangeId,
        gone: asyncio.Future[None],
        send: Send,
    ) -> None:
        quiet_since = time.monotonic()
        while not gone.done() and not self._closing.is_set():
            waiting = channel.next
            if channel.floor > position:
                position = self.reader.newest
                await _write(send, frame("reset", b"{}", position))
                quiet_since = time.monotonic()
            for change_id, everything, veiled in channel.after(position):
                position = change_id
                one = everything if spoilers else veiled
                if one is not None:
                    await _write(send, one)
                    quiet_since = time.monotonic()
            # Changes that this listener does not see are silence too.
            left = quiet_since + HEARTBEAT_SECONDS - time.monotonic()
            if left <= 0:
                await _write(send, await self._beat(event_id, channel, spoilers))
                quiet_since = time.monotonic()
            elif waiting is channel.next:
                await self._changed(waiting, gone, left)
        if not gone.done():
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _changed(self, waiting: asyncio.Event, gone: asyncio.Future[None], seconds: float) -> None:
        """Until something happens, at most so long."""
        change = asyncio.ensure_future(waiting.wait())
        both: set[asyncio.Future[Any]] = {change, gone}
        await asyncio.wait(both, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        change.cancel()

    async def _beat(self, event_id: int, channel: Channel, spoilers: bool) -> bytes:
        """Asked for once per event and beat, however many listen."""
        beat = channel.beats[spoilers]
        if time.monotonic() - beat.made_at >= HEARTBEAT_SECONDS * SHARED_PART:
            if beat.making is None:
                beat.making = asyncio.create_task(_make_beat(beat, event_id, spoilers))
            # One listener who goes must not end it for the others.
            await asyncio.shield(beat.making)
        return beat.text


def route_of(path: str) -> str:
    """What a path belongs to, for the measures."""
    return "api/v1/events/<event_id>/live" if _PATH.fullmatch(path) else path if path == HEALTH else "unmatched"


def frame(kind: str, data: bytes, change_id: ChangeId) -> bytes:
    """One event as it goes over the wire; JSON has no line breaks of its own."""
    return b"".join((b"id: ", _text(change_id).encode(), b"\nevent: ", kind.encode(), b"\ndata: ", data, b"\n\n"))


def _card(event_id: int, spoilers: bool) -> bytes:
    """Raises NotFound.  In a thread: a miss asks the database, whose connection is not kept."""
    try:
        return cache.event_card(event_id, spoilers=spoilers).body
    finally:
        connections.close_all()


async def _make_beat(beat: Beat, event_id: int, spoilers: bool) -> None:
    try:
        beat.text = b"event: beat\ndata: %b\n\n" % await asyncio.to_thread(_beat_data, event_id, spoilers)
    except (AppError, DatabaseError, redis.RedisError, OSError) as error:
        # The line is open all the same; how far the card is can't be told now.
        log.warning("live_beat_without_version", event_id=event_id, error=repr(error))
        beat.text = SILENT_BEAT
    finally:
        beat.made_at, beat.making = time.monotonic(), None


def _beat_data(event_id: int, spoilers: bool) -> bytes:
    """How far the card is, so that who has missed a change reads it anew; the ETag where a version would tell."""
    try:
        if not spoilers:
            return orjson.dumps({"event_version": None, "etag": cache.event_card(event_id, spoilers=False).etag})
        version = Event.objects.filter(pk=event_id).values_list("version", flat=True).first()
        return orjson.dumps({"event_version": version})
    finally:
        connections.close_all()


async def _until_disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _write(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def _plain(send: Send, status: int, body: bytes, *, retry_after: bool = False) -> None:
    headers = [(b"content-type", b"application/json"), (b"access-control-allow-origin", b"*")]
    if retry_after:
        headers.append((b"retry-after", b"5"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _wants_spoilers(scope: Scope) -> bool | None:
    """As ``spoilers`` of the card; None for another value and for questions that nobody knows."""
    asked = parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
    if any(name != "spoilers" or value not in {"0", "1"} for name, value in asked):
        return None
    return not asked or asked[-1][1] == "1"


def _last_heard(scope: Scope) -> ChangeId | None:
    for name, value in scope["headers"]:
        if name.lower() == b"last-event-id" and _ID.fullmatch(value.decode("latin-1").strip()):
            return _parsed(value.strip())
    return None


def _parsed(entry_id: bytes) -> ChangeId:
    milliseconds, _, number = entry_id.partition(b"-")
    return int(milliseconds), int(number)


def _text(change_id: ChangeId) -> str:
    return f"{change_id[0]}-{change_id[1]}"
