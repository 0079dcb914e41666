"""Cached values: their form in Redis, and those that this process read there a moment ago."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import orjson

# What a process hands out without asking again: so many values, none larger.
MOST_HELD, MOST_HELD_BYTES = 512, 128 * 1024


@dataclass(frozen=True, slots=True)
class Cached:
    """``body`` is the JSON of the envelope's ``data``; ``etag`` is weak and follows from it."""

    body: bytes
    etag: str


def encode(data: Any) -> Cached:
    """What ``get`` would return for this value."""
    body = orjson.dumps(data, option=orjson.OPT_UTC_Z)
    return Cached(body=body, etag=f'W/"{hashlib.sha256(body).hexdigest()[:24]}"')


def decode(stored: bytes) -> Cached:
    etag, _, body = stored.partition(b"\n")
    return Cached(body=body, etag=etag.decode())


class Held:
    """Values that this process read a moment ago, handed out for another ``seconds``; with 0, as it begins, none is.

    Only the web process holds any: readers who poll can't tell a tenth of a second, but who reads a card and then
    listens to its changes must not miss the one in between.  Reading takes no lock.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._values: dict[Hashable, tuple[float, Cached]] = {}
        self._lock = threading.Lock()
        self.era = 0

    def get(self, key: Hashable) -> Cached | None:
        until, value = self._values.get(key, _NOTHING_HELD)
        return value if time.monotonic() < until else None

    def keep(self, key: Hashable, value: Cached, era: int) -> None:
        """Unless something was forgotten since ``era``, before which the value may have been read."""
        if len(value.body) > MOST_HELD_BYTES or not self.seconds:
            return
        with self._lock:
            if era != self.era:
                return
            if len(self._values) >= MOST_HELD:
                self._values.clear()
            self._values[key] = (time.monotonic() + self.seconds, value)

    def drop(self) -> None:
        with self._lock:
            self.era += 1
            self._values.clear()


_NOTHING_HELD: tuple[float, Cached | None] = (0.0, None)
held = Held()
