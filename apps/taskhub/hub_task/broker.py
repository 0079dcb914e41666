"""Puts messages into the broker, quickly or not at all.

Publishing comes after the commit, often inside somebody's request, so it never waits long: sockets give up after
0.2 s (connect) and 0.5 s (answer), and after one failure nothing is published for 5 s.  What was not published is
still in the database; beat sends it.

The message is Celery's own (protocol 2, JSON) with ready-made headers; on Redis it is laid out as kombu lays it out and
pushed together with the "published" mark in one round trip.  Any other broker (``CELERY_BROKER_URL``) goes through
kombu's producer, and the mark follows.
"""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson
import redis
import structlog
from celery import current_app
from django.conf import settings
from kombu import Connection, Producer
from kombu.exceptions import KombuError

from apps.core import redis as core_redis
from apps.taskhub.enums import EventKind
from apps.taskhub.hub_task.live import now_micros
from apps.taskhub.hub_task.script import Script
from apps.taskhub.hub_task.streams import EVENTS

log = structlog.get_logger(__name__)

BREAKER_SECONDS = 5.0
# One pipeline: 500 messages of some 1 KB are written in a few milliseconds.
MESSAGES_PER_ROUND_TRIP = 500


@dataclass(frozen=True, slots=True)
class TaskMessage:
    """What a worker needs to run one attempt."""

    task_id: str
    name: str
    queue: str
    attempt: int
    max_retries: int
    losses: int
    soft_limit_seconds: int
    grace_seconds: int
    arguments: dict[str, Any]
    actor: list[str] | None
    request_id: str
    client_ip: str
    logical_time: float | None


class Breaker:
    """Closed: publish.  Open for BREAKER_SECONDS after a failure: don't even try."""

    def __init__(self) -> None:
        self._open_until = 0.0
        self._lock = threading.Lock()

    @property
    def is_open(self) -> bool:
        return time.monotonic() < self._open_until

    def trip(self) -> None:
        with self._lock:
            self._open_until = time.monotonic() + BREAKER_SECONDS

    def reset(self) -> None:
        with self._lock:
            self._open_until = 0.0


breaker = Breaker()

_BROKER_ERRORS = (redis.RedisError, KombuError, OSError)


def publish(messages: list[TaskMessage], *, mark: bool = True) -> bool:
    """Send the messages and mark them as published; False (and nothing raised) when the broker is away.

    ``mark`` False: the caller writes the mark itself.  False may also mean that they were sent and only the answer was
    lost; the start fence makes a second sending safe.
    """
    if breaker.is_open:
        return False
    try:
        for start in range(0, len(messages), MESSAGES_PER_ROUND_TRIP):
            _publish(messages[start : start + MESSAGES_PER_ROUND_TRIP], mark)
    except _BROKER_ERRORS as error:
        breaker.trip()
        log.warning("task_publish_failed", count=len(messages), error=str(error))
        return False
    return True


_PUSH = Script("""
redis.call('LPUSH', KEYS[1], ARGV[1])
if ARGV[2] ~= '' then redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[3], '*', 'body', ARGV[2]) end
""")


def _publish(messages: list[TaskMessage], mark: bool) -> None:
    marks = _mark(messages) if mark else b""
    if not broker_is_redis():
        _publish_by_kombu(messages, marks)
    elif len(messages) == 1:
        envelope = redis_envelope(messages[0])
        _PUSH.run([messages[0].queue, EVENTS.name], [envelope, marks, EVENTS.maxlen])
    else:
        with _client(os.getpid()).pipeline(transaction=False) as pipe:
            for queue in dict.fromkeys(message.queue for message in messages):
                pipe.lpush(queue, *(redis_envelope(message) for message in messages if message.queue == queue))
            if marks:
                pipe.xadd(EVENTS.name, {"body": marks}, maxlen=EVENTS.maxlen, approximate=True)
            pipe.execute()


def _mark(messages: list[TaskMessage]) -> bytes:
    """The event that says: beat need not send these."""
    ids = [[message.task_id, message.attempt] for message in messages]
    return orjson.dumps({"kind": EventKind.PUBLISHED, "at": now_micros(), "ids": ids})


def broker_is_redis() -> bool:
    """True when the broker is the Redis of REDIS_URL, so that one pipeline reaches both."""
    return bool(core_redis.broker_url(settings.REDIS_URL) == settings.CELERY_BROKER_URL)


@lru_cache(maxsize=2)
def _client(_process_id: int) -> redis.Redis:
    return core_redis.client()


@lru_cache(maxsize=1)
def _origin(process_id: int) -> str:
    return f"{process_id}@{socket.gethostname()}"


def headers_of(message: TaskMessage) -> dict[str, Any]:
    """Celery's protocol 2 headers, and ours under ``hub``."""
    return {
        "lang": "py",
        "task": message.name,
        "id": message.task_id,
        "root_id": message.task_id,
        "parent_id": None,
        "group": None,
        "eta": None,
        "expires": None,
        "retries": 0,
        "timelimit": [message.soft_limit_seconds + message.grace_seconds, message.soft_limit_seconds],
        "argsrepr": "()",
        # Never the arguments: Celery writes this text into its own log.
        "kwargsrepr": "{}",
        "origin": _origin(os.getpid()),
        "ignore_result": True,
        "hub": {
            "id": message.task_id,
            "attempt": message.attempt,
            "retries": message.max_retries,
            "losses": message.losses,
            "soft": message.soft_limit_seconds,
            "grace": message.grace_seconds,
            "actor": message.actor,
            "request": message.request_id,
            "ip": message.client_ip,
            "logical": message.logical_time,
            "sent": time.time(),
        },
    }


def _body(message: TaskMessage) -> bytes:
    return orjson.dumps([[], message.arguments, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}])


def redis_envelope(message: TaskMessage) -> bytes:
    """The message as kombu's Redis transport writes it (a test has kombu read it back)."""
    return orjson.dumps(
        {
            "body": _body(message).decode(),
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": headers_of(message),
            "properties": {
                "correlation_id": message.task_id,
                "reply_to": "",
                "delivery_mode": 2,
                "delivery_info": {"exchange": "", "routing_key": message.queue},
                "priority": 0,
                "body_encoding": None,
                "delivery_tag": str(uuid.uuid4()),
            },
        }
    )


@lru_cache(maxsize=64)
def _producer(_process_id: int, _thread_id: int) -> Producer:
    connection = Connection(
        settings.CELERY_BROKER_URL,
        connect_timeout=core_redis.CONNECT_TIMEOUT_SECONDS,
        transport_options={
            "socket_connect_timeout": core_redis.CONNECT_TIMEOUT_SECONDS,
            "socket_timeout": core_redis.ANSWER_TIMEOUT_SECONDS,
        },
    )
    return Producer(connection, auto_declare=False)


def _publish_by_kombu(messages: list[TaskMessage], marks: bytes) -> None:
    producer = _producer(os.getpid(), threading.get_ident())
    for message in messages:
        _send_by_kombu(producer, message)
    if marks:
        _client(os.getpid()).xadd(EVENTS.name, {"body": marks}, maxlen=EVENTS.maxlen, approximate=True)


def _send_by_kombu(producer: Producer, message: TaskMessage) -> None:
    producer.publish(
        _body(message),
        exchange="",
        routing_key=message.queue,
        headers=headers_of(message),
        content_type="application/json",
        content_encoding="utf-8",
        correlation_id=message.task_id,
        delivery_mode=2,
        declare=[current_app.amqp.queues[message.queue]],
        retry=False,
    )


@dataclass(frozen=True, slots=True)
class QueueTail:
    """The oldest message that waits in a queue: ``sent_at`` None when nothing waits."""

    length: int
    sent_at: float | None


def queue_tails(queues: list[str]) -> dict[str, QueueTail]:
    """Length and oldest message of each queue.  Raises redis.RedisError; {} when the broker is not Redis."""
    if not broker_is_redis():
        return {}
    with _client(os.getpid()).pipeline(transaction=False) as pipe:
        for queue in queues:
            pipe.llen(queue)
            pipe.lindex(queue, -1)
        answers: list[Any] = pipe.execute()
    return {queue: QueueTail(answers[2 * i], _sent_at(answers[2 * i + 1])) for i, queue in enumerate(queues)}


def _sent_at(envelope: bytes | None) -> float | None:
    """When a waiting message was sent; 0 for one that is not ours: of its age nothing is known."""
    if envelope is None:
        return None
    hub = orjson.loads(envelope).get("headers", {}).get("hub") or {}
    return float(hub.get("sent", 0.0))
