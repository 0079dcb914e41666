"""Which processes live: each writes a short line to Redis every few seconds.

``Heartbeat("consumer").start()`` in the process; ``alive("consumer")`` anywhere.  A line older than 30 s counts as
dead.  Losing Redis only makes everybody look dead until the next beat; nothing is decided by it (lost work is
found by the hub's own rows).
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

from apps.core import keys
from apps.core import redis as core_redis

log = structlog.get_logger(__name__)

INTERVAL_SECONDS = 5.0
# Six missed beats: a stalled machine is not declared dead by one slow disk.
DEAD_AFTER_SECONDS = 30.0

KINDS = ("web", "live", "worker", "beat", "consumer")


@dataclass(frozen=True, slots=True)
class ProcessInfo:
    """One process as it last spoke.  Times are Unix seconds."""

    kind: str
    host: str
    pid: int
    boot_id: str
    started_at: float
    seen_at: float

    @property
    def age_seconds(self) -> float:
        return max(0.0, time.time() - self.seen_at)


@lru_cache(maxsize=1)
def _identity(pid: int) -> tuple[str, str, float]:
    """Host, boot id and start of this process; the pid argument renews it after a fork."""
    return socket.gethostname(), uuid.uuid4().hex, time.time()


def identity() -> tuple[str, int, str]:
    """(host, pid, boot id): the pid alone may be reused, the three together never are."""
    pid = os.getpid()
    host, boot_id, _ = _identity(pid)
    return host, pid, boot_id


def beat_once(kind: str) -> None:
    """Say "alive" now.  Raises redis.RedisError when Redis is away."""
    pid = os.getpid()
    host, boot_id, started_at = _identity(pid)
    line = {
        "host": host,
        "pid": pid,
        "boot_id": boot_id,
        "started_at": started_at,
        "seen_at": time.time(),
    }
    core_redis.client().hset(keys.heartbeats(kind), boot_id, orjson.dumps(line))


def resign(kind: str) -> None:
    """Say goodbye, so that nobody waits for this process."""
    _, boot_id, _ = _identity(os.getpid())
    core_redis.client().hdel(keys.heartbeats(kind), boot_id)


def alive(kind: str) -> list[ProcessInfo]:
    """Living processes of a kind, oldest first.  Lines of the dead are removed on the way."""
    connection = core_redis.client()
    name = keys.heartbeats(kind)
    living: list[ProcessInfo] = []
    dead: list[bytes] = []
    lines: Any = connection.hgetall(name)
    for boot_id, line in lines.items():
        process = ProcessInfo(kind=kind, **orjson.loads(line))
        if process.age_seconds > DEAD_AFTER_SECONDS:
            dead.append(boot_id)
        else:
            living.append(process)
    if dead:
        connection.hdel(name, *dead)
    return sorted(living, key=lambda process: process.started_at)


class Heartbeat:
    """A daemon thread that beats until ``stop``."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=f"heartbeat-{self.kind}", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=2)
            self._thread = None
        try:
            resign(self.kind)
        except redis.RedisError:
            log.info("heartbeat_not_resigned", kind=self.kind)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                beat_once(self.kind)
            except redis.RedisError as error:
                log.warning("heartbeat_failed", kind=self.kind, error=str(error))
            self._stop.wait(INTERVAL_SECONDS)
