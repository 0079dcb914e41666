"""Redis Streams with consumer groups: acknowledged only after the handler's commit (decision 32, D-5).

    ITEMS = Stream("stream:ingest:fetch", maxlen=100_000)
    ITEMS.publish({"run_id": 7, "items": [...]})
    register_consumer(StreamConsumer(stream=ITEMS, group="worker", handler=store_items))

``manage.py consume`` runs every registered consumer and loop in a thread of its own; any number of such processes
share the load.  Delivery is at least once: a handler opens its own transaction and must be safe to run twice.
A message whose handler fails is tried alone, later claimed again, and after ``max_deliveries`` moved to the
dead-letter stream with its error; an entry that nobody can read goes there at once.  While the database or Redis is
away nothing is counted against a message.
Written for Redis 6.2 (no LAG in XINFO GROUPS); an acknowledged entry is deleted, so the length is the backlog.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson
import redis
import structlog
from django.db import InterfaceError, OperationalError, close_old_connections, connections

from apps.core import heartbeat
from apps.core import redis as core_redis
from apps.core.errors import Unavailable

log = structlog.get_logger(__name__)

BLOCK_MILLISECONDS = 1000
BACK_OFF_FIRST_SECONDS = 0.5
BACK_OFF_LAST_SECONDS = 10.0
# A consumer name that owns nothing and was silent this long is forgotten.
FORGET_CONSUMER_AFTER_MS = 3_600_000
# As much of an entry that is none of ours is kept and shown.
LONGEST_FOREIGN_TEXT = 2000
_BODY = b"body"

# What says "the neighbour is away", not "this message is bad".
_AWAY = (OperationalError, InterfaceError, redis.ConnectionError, redis.TimeoutError, Unavailable)


@dataclass(frozen=True, slots=True)
class Message:
    """One entry.  ``deliveries`` counts from 1."""

    id: str
    body: dict[str, Any]
    deliveries: int = 1


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that was given up, with the reason and where it came from."""

    id: str
    body: dict[str, Any]
    error: str
    deliveries: int
    original_id: str


@dataclass(frozen=True, slots=True)
class Stream:
    """A named stream.  ``maxlen`` bounds the backlog (approximately); beyond it the oldest entries are lost."""

    name: str
    maxlen: int = 1_000_000

    @property
    def dead_letter_name(self) -> str:
        return "stream:dlq:" + self.name.removeprefix("stream:")

    def publish(self, body: dict[str, Any]) -> str:
        """Append one entry.  Raises redis.RedisError when Redis is away."""
        return self.publish_many([body])[0]

    def publish_many(self, bodies: Iterable[dict[str, Any]]) -> list[str]:
        """Append entries in one round trip, all or none."""
        with core_redis.client().pipeline(transaction=True) as pipe:
            for body in bodies:
                pipe.xadd(self.name, {_BODY: orjson.dumps(body)}, maxlen=self.maxlen, approximate=True)
            return [entry_id.decode() for entry_id in pipe.execute()]

    def length(self) -> int:
        return int(core_redis.client().xlen(self.name))

    def dead_letters(self, *, count: int = 100) -> list[DeadLetter]:
        """The newest dead letters."""
        entries: Any = core_redis.client().xrevrange(self.dead_letter_name, count=count)
        return [_dead_letter(entry_id, fields) for entry_id, fields in entries]

    def replay(self, dead_id: str) -> bool:
        """Put a dead letter back into the stream.  False when it is gone."""
        connection = core_redis.client()
        entries: Any = connection.xrange(self.dead_letter_name, dead_id, dead_id)
        if not entries:
            return False
        with connection.pipeline(transaction=True) as pipe:
            pipe.xadd(self.name, {_BODY: entries[0][1].get(_BODY, b"")})
            pipe.xdel(self.dead_letter_name, dead_id)
            return bool(pipe.execute()[1])

    def discard(self, dead_id: str) -> bool:
        """Delete a dead letter for good.  False when it is gone."""
        return bool(core_redis.client().xdel(self.dead_letter_name, dead_id))


def _dead_letter(entry_id: bytes, fields: dict[bytes, bytes]) -> DeadLetter:
    """Whoever wrote it: a letter that is none of ours is listed too, and can be thrown away."""
    deliveries = fields.get(b"deliveries", b"")
    try:
        body = _body(fields)
    except ValueError:
        body = {"unreadable": _text(fields.get(_BODY, b""))}
    return DeadLetter(
        id=entry_id.decode(),
        body=body,
        error=_text(fields.get(b"error", b"")),
        deliveries=int(deliveries) if deliveries.isdigit() else 0,
        original_id=_text(fields.get(b"original_id", b"")),
    )


def _body(fields: dict[bytes, bytes]) -> dict[str, Any]:
    """Raises ValueError for what no ``publish`` of ours has written."""
    body = orjson.loads(fields.get(_BODY, b""))
    if not isinstance(body, dict):
        raise ValueError("not an object")  # what is wrong is the entry, not our call
    return body


def _text(value: bytes) -> str:
    return value[:LONGEST_FOREIGN_TEXT].decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class StreamConsumer:
    """What to do with a stream's entries.

    ``handler`` gets up to ``batch_size`` messages and returns after its own commit.  ``linger_seconds`` waits that
    long for a batch to fill.  ``claim_idle_seconds``: a message that its owner held this long is taken over.
    """

    stream: Stream
    group: str
    handler: Callable[[list[Message]], None]
    batch_size: int = 100
    linger_seconds: float = 0.0
    max_deliveries: int = 5
    claim_idle_seconds: float = 30.0

    @property
    def name(self) -> str:
        return f"{self.stream.name}/{self.group}"


@dataclass(frozen=True, slots=True)
class Loop:
    """A chore of the consumer process.  ``run`` returns True when it should be called again at once."""

    name: str
    every_seconds: float
    run: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class StreamHealth:
    """``waiting`` entries not yet acknowledged, ``pending`` of them delivered, ``dead`` given up."""

    name: str
    waiting: int
    pending: int
    dead: int
    oldest_seconds: float


@dataclass(slots=True)
class _Registry:
    consumers: dict[str, StreamConsumer] = field(default_factory=dict)
    loops: dict[str, Loop] = field(default_factory=dict)


registry = _Registry()


def register_consumer(consumer: StreamConsumer) -> StreamConsumer:
    """Called in an app's ``streams.py``.  Raises ValueError for a name that is taken."""
    if consumer.name in registry.consumers:
        raise ValueError(f"consumer registered twice: {consumer.name}")
    registry.consumers[consumer.name] = consumer
    return consumer


def register_loop(loop: Loop) -> Loop:
    """Called in an app's ``streams.py``.  Raises ValueError for a name that is taken."""
    if loop.name in registry.loops:
        raise ValueError(f"loop registered twice: {loop.name}")
    registry.loops[loop.name] = loop
    return loop


def health(consumer: StreamConsumer) -> StreamHealth:
    """Lag of a consumer.  Raises redis.RedisError when Redis is away."""
    connection = core_redis.client()
    stream = consumer.stream.name
    with connection.pipeline(transaction=False) as pipe:
        pipe.xlen(stream)
        pipe.xrange(stream, count=1)
        pipe.xlen(consumer.stream.dead_letter_name)
        waiting, oldest, dead = pipe.execute()
    try:
        pending = connection.xpending(stream, consumer.group)["pending"]
    except redis.ResponseError:
        pending = 0
    age = time.time() - int(oldest[0][0].split(b"-")[0]) / 1000 if oldest else 0.0
    return StreamHealth(consumer.name, waiting, pending, dead, max(0.0, age))


class Runner:
    """Drives one consumer.  ``step`` is one read (or claim) and its handling; ``run`` repeats it until stopped."""

    def __init__(
        self, consumer: StreamConsumer, *, block_milliseconds: int = BLOCK_MILLISECONDS, claims: bool = True
    ) -> None:
        self.consumer = consumer
        self.block_milliseconds = block_milliseconds
        self.claims = claims
        host, pid, boot_id = heartbeat.identity()
        self.owner = f"{host}-{pid}-{boot_id[:8]}"
        self._next_claim = 0.0

    def run(self, stop: threading.Event) -> None:
        back_off = BACK_OFF_FIRST_SECONDS
        while not stop.is_set():
            close_old_connections()
            try:
                self.step(stop)
                back_off = BACK_OFF_FIRST_SECONDS
            except Exception as error:  # noqa: BLE001  # a consumer outlives every error; _survive logs it
                _survive(self.consumer.name, error)
                stop.wait(back_off)
                back_off = min(back_off * 2, BACK_OFF_LAST_SECONDS)
        connections.close_all()

    def step(self, stop: threading.Event | None = None) -> int:
        """Take over what dead consumers left, else read on.  Returns how many messages were handled."""
        messages: list[Message] = []
        if self.claims and time.monotonic() >= self._next_claim:
            messages = self._claim()
            if not messages:
                self._next_claim = time.monotonic() + self.consumer.claim_idle_seconds / 3
        if not messages:
            messages = self._read()
        if messages:
            self._handle(messages, stop or threading.Event())
        return len(messages)

    def _read(self) -> list[Message]:
        answer = self._read_group(self.consumer.batch_size, self.block_milliseconds)
        missing = self.consumer.batch_size - len(answer)
        if answer and missing and self.consumer.linger_seconds:
            time.sleep(self.consumer.linger_seconds)
            answer += self._read_group(missing, None)
        return [message for entry_id, fields in answer if (message := self._readable(entry_id, fields, 1))]

    def _readable(self, entry_id: bytes, fields: dict[bytes, bytes], deliveries: int) -> Message | None:
        """The message of an entry.  What can't be read once never can: it is given up alone, its neighbours go on."""
        try:
            return Message(entry_id.decode(), _body(fields), deliveries)
        except ValueError as error:
            raw = fields.get(_BODY) or orjson.dumps({_text(name): _text(value) for name, value in fields.items()})
            self._give_up(entry_id.decode(), raw, f"unreadable: {error!r}", deliveries)
            return None

    def _read_group(self, count: int, block: int | None) -> list[Any]:
        consumer = self.consumer
        try:
            answer: Any = core_redis.blocking_client().xreadgroup(
                consumer.group, self.owner, {consumer.stream.name: ">"}, count=count, block=block
            )
        except redis.ResponseError as error:
            if not str(error).startswith("NOGROUP"):
                raise
            ensure_group(consumer)
            return []
        return list(answer[0][1]) if answer else []

    def _claim(self) -> list[Message]:
        """Messages that their owner held too long.  Those tried too often go to the dead letters."""
        consumer, connection = self.consumer, core_redis.client()
        idle = int(consumer.claim_idle_seconds * 1000)
        try:
            answer: Any = connection.xautoclaim(
                consumer.stream.name, consumer.group, self.owner, min_idle_time=idle, count=consumer.batch_size
            )
            self._forget_old_owners(connection)
        except redis.ResponseError as error:
            if not str(error).startswith("NOGROUP"):
                raise
            ensure_group(consumer)
            return []
        entries = [(entry_id, fields) for entry_id, fields in answer[1] if fields]
        claimed = [self._claimed(connection, entry_id, fields) for entry_id, fields in entries]
        return [message for message in claimed if message is not None]

    def _claimed(self, connection: redis.Redis, entry_id: bytes, fields: dict[bytes, bytes]) -> Message | None:
        detail: Any = connection.xpending_range(
            self.consumer.stream.name, self.consumer.group, min=entry_id, max=entry_id, count=1
        )
        deliveries = detail[0]["times_delivered"] if detail else 1
        return self._readable(entry_id, fields, deliveries)

    def _forget_old_owners(self, connection: redis.Redis) -> None:
        consumer = self.consumer
        owners: Any = connection.xinfo_consumers(consumer.stream.name, consumer.group)
        for owner in owners:
            if owner["pending"] == 0 and owner["idle"] > FORGET_CONSUMER_AFTER_MS:
                connection.xgroup_delconsumer(consumer.stream.name, consumer.group, owner["name"])

    def _handle(self, messages: list[Message], stop: threading.Event) -> None:
        """The whole batch at once; if that fails, each message alone, so that one bad message harms only itself."""
        try:
            self._call(messages, stop)
        except _AWAY:
            raise
        except Exception as error:  # noqa: BLE001  # recorded against the message, in the log and the dead letter
            if len(messages) == 1:
                self._failed(messages[0], error)
                return
            log.warning("stream_batch_failed", consumer=self.consumer.name, error=repr(error), count=len(messages))
            for message in messages:
                self._handle([message], stop)

    def _call(self, messages: list[Message], stop: threading.Event) -> None:
        """Handle and acknowledge.  While a neighbour is away the batch waits here: nobody else gets it sooner."""
        back_off = BACK_OFF_FIRST_SECONDS
        while True:
            try:
                self.consumer.handler(messages)
                break
            except _AWAY as error:
                _survive(self.consumer.name, error)
                if stop.wait(back_off) or back_off >= BACK_OFF_LAST_SECONDS:
                    raise
                back_off *= 2
        self._acknowledge(messages)

    def _acknowledge(self, messages: list[Message]) -> None:
        ids = [message.id for message in messages]
        with core_redis.client().pipeline(transaction=True) as pipe:
            pipe.xack(self.consumer.stream.name, self.consumer.group, *ids)
            pipe.xdel(self.consumer.stream.name, *ids)
            pipe.execute()

    def _failed(self, message: Message, error: Exception) -> None:
        """Leave it pending for a later claim, or give it up."""
        consumer = self.consumer
        log.error(
            "stream_message_failed",
            consumer=consumer.name,
            message_id=message.id,
            deliveries=message.deliveries,
            error=repr(error),
            exc_info=error,
        )
        if message.deliveries >= consumer.max_deliveries:
            self._give_up(message.id, orjson.dumps(message.body), repr(error)[:2000], message.deliveries)

    def _give_up(self, message_id: str, body: bytes, error: str, deliveries: int) -> None:
        """Move it to the dead letters, in one step."""
        consumer = self.consumer
        with core_redis.client().pipeline(transaction=True) as pipe:
            fields: Any = {_BODY: body, "error": error, "deliveries": deliveries, "original_id": message_id}
            pipe.xadd(consumer.stream.dead_letter_name, fields)
            pipe.xack(consumer.stream.name, consumer.group, message_id)
            pipe.xdel(consumer.stream.name, message_id)
            pipe.execute()
        log.error("stream_message_dead", consumer=consumer.name, message_id=message_id, error=error)


def ensure_group(consumer: StreamConsumer) -> None:
    """Create stream and group where they are missing, from the stream's beginning: nothing published is skipped."""
    try:
        core_redis.client().xgroup_create(consumer.stream.name, consumer.group, id="0", mkstream=True)
    except redis.ResponseError as error:
        if "BUSYGROUP" not in str(error):
            raise


def run_loop(loop: Loop, stop: threading.Event) -> None:
    """Repeat a chore until stopped; an error is logged and the chore tried again later."""
    back_off = BACK_OFF_FIRST_SECONDS
    while not stop.is_set():
        close_old_connections()
        try:
            more = loop.run()
            back_off = BACK_OFF_FIRST_SECONDS
        except Exception as error:  # noqa: BLE001  # a loop outlives every error; _survive logs it
            _survive(loop.name, error)
            stop.wait(back_off)
            back_off = min(back_off * 2, BACK_OFF_LAST_SECONDS)
            continue
        if not more:
            stop.wait(loop.every_seconds)
    connections.close_all()


def _survive(name: str, error: Exception) -> None:
    """A consumer outlives everything.  A connection that failed is thrown away, the next use opens a new one."""
    log.warning("consumer_step_failed", consumer=name, error=repr(error), exc_info=not isinstance(error, _AWAY))
    if isinstance(error, OperationalError | InterfaceError):
        connections.close_all()


def drain(consumer: StreamConsumer) -> int:
    """Handle everything that waits, in this thread.  For tests and for commands that must not leave work behind."""
    ensure_group(consumer)
    runner = Runner(consumer, block_milliseconds=1, claims=False)
    handled = 0
    while count := runner.step():
        handled += count
    return handled
