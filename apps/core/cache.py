"""Cache-aside with bytes in Redis: read Redis, else the database, then fill (section G).

    LIST = CachedRead("articles.list", ttl_seconds=120)
    cached = LIST.get("cache:articles:list:v1", load=build_data)   # Cached(body, etag)
    forget("cache:articles:list:v1")                               # inside the writing transaction

``forget`` deletes on commit and again after 300 ms (G-2); the second delete is owed in a sorted set that the
consumer works off, so it survives the death of the writer.  A reader that began before the commit can't fill the
key after it: its fill needs the single-flight lock, which ``forget`` deletes too.

A key that is asked for a thousand times a second costs the web process ten trips to Redis: what it has read there it
hands out for another tenth of a second (``cached.Held``).  What the process itself forgets is gone at once.

Redis away: reads come from the database, counted in ``cache_misses_total{reason="redis"}``; what a writer could not
forget is tried again twice a second.  Not promised: a writer that dies between its commit and the deletes leaves old
values until their time to live ends, and so does Redis while it answers readers only.
"""

from __future__ import annotations

import random
import secrets
import threading
import time
from collections.abc import Callable, Hashable, Iterable
from contextlib import suppress
from typing import Any

import redis
import structlog
from django.db import transaction
from prometheus_client import Counter

from apps.core import redis as core_redis
from apps.core.cached import Cached as Cached
from apps.core.cached import decode, held
from apps.core.cached import encode as encode
from apps.core.streams import Loop

log = structlog.get_logger(__name__)

SECOND_DELETE_AFTER_SECONDS = 0.3
# How long one loader may keep the others waiting before they read the database themselves.
SINGLE_FLIGHT_SECONDS = 3.0
WAIT_FOR_LOADER_SECONDS = 1.5
FIRST_LOOK_SECONDS, LAST_LOOK_SECONDS = 0.01, 0.1
# After a failure Redis is left alone this long, so that a request waits for its time-out only now and then.
BREAKER_SECONDS = 1.0
TTL_JITTER = 0.1
# How soon a delete that Redis did not take is tried again, and for how long: nothing lives longer than that.
FORGET_AGAIN_SECONDS, FORGOTTEN_AT_LAST_SECONDS = 0.5, 600.0

_OWED_DELETES = "cache:owed-deletes"
# How far back a transaction looks for what it forgot before: imports may have thousands of hooks.
_LATEST_HOOKS = 20

HITS = Counter("cache_hits_total", "Reads answered by the cache", ["name"])
MISSES = Counter("cache_misses_total", "Reads answered by the database", ["name", "reason"])
FORGET_FAILURES = Counter("cache_forget_failures_total", "Deletes that Redis did not take")

# The value; else 1 for who may load it, 0 for who must wait.  One step: a reader who missed the key just before it was
# filled must not take the lock just after it was given back.
_TAKE = """
local found = redis.call('GET', KEYS[1])
if found then return found end
if redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end
return 0
"""

# The entry of the newest generation.
_NEWEST = """
local generation = redis.call('GET', KEYS[1]) or '0'
return redis.call('GET', ARGV[1] .. ':' .. generation .. ':' .. ARGV[2])
"""

_FILL = """
if redis.call('GET', KEYS[2]) == ARGV[1] then
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
  redis.call('DEL', KEYS[2])
  return 1
end
return 0
"""

_CARRY_OUT = """
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, 500)
for _, key in ipairs(due) do
  redis.call('DEL', key, key .. ':lock')
  redis.call('ZREM', KEYS[1], key)
end
return #due
"""


class _Breaker:
    """Remembers a failure for a moment.  Races are harmless: at worst one more request tries."""

    def __init__(self) -> None:
        self._open_until = 0.0

    @property
    def is_open(self) -> bool:
        return time.monotonic() < self._open_until

    def trip(self) -> None:
        self._open_until = time.monotonic() + BREAKER_SECONDS

    def reset(self) -> None:
        self._open_until = 0.0


breaker = _Breaker()


class CachedRead:
    """One kind of cached read.  ``ttl_seconds`` is a mean: each entry gets ± 10 % so that they don't end together."""

    def __init__(self, name: str, *, ttl_seconds: int) -> None:
        self.name = name
        self.ttl_seconds = ttl_seconds

    def get(
        self,
        key: str,
        load: Callable[[], Any],
        *,
        ttl_seconds: int | None = None,
        at_most: Callable[[Any], float | None] | None = None,
    ) -> Cached:
        """The cached bytes, or those of ``load()`` (any value orjson can write).  ``load``'s errors pass through.

        ``at_most`` tells of a loaded value how many seconds it may live at most (something in it ends by itself).
        """
        known = held.get(key)
        if known is not None:
            HITS.labels(self.name).inc()
            return known
        if breaker.is_open:
            MISSES.labels(self.name, "redis").inc()
            return encode(load())
        try:
            return self._read_through(key, load, ttl_seconds or self.ttl_seconds, at_most)
        except redis.RedisError as error:
            breaker.trip()
            MISSES.labels(self.name, "redis").inc()
            log.warning("cache_unavailable", cache=self.name, error=str(error))
            return encode(load())

    def of_generation(self, kind: str, before: str, after: str, load: Callable[[], Any]) -> Cached:
        """As ``get`` with the key ``{before}:{generation(kind)}:{after}``; a hit costs one round trip, not two."""
        known = held.get((before, after))
        if known is not None:
            HITS.labels(self.name).inc()
            return known
        if not breaker.is_open:
            era = held.era
            try:
                found: Any = core_redis.client().eval(_NEWEST, 1, _generation_key(kind), before, after)
            except redis.RedisError:
                breaker.trip()
            else:
                if found is not None:
                    return self._hit((before, after), found, era)
        return self.get(f"{before}:{generation(kind)}:{after}", load)

    def _read_through(
        self, key: str, load: Callable[[], Any], ttl_seconds: float, at_most: Callable[[Any], float | None] | None
    ) -> Cached:
        connection = core_redis.client()
        era = held.era
        found: Any = connection.get(key)
        if found is None:
            return self._load_once(connection, key, load, ttl_seconds, at_most)
        return self._hit(key, found, era)

    def _hit(self, key: Hashable, found: bytes, era: int) -> Cached:
        HITS.labels(self.name).inc()
        value = decode(found)
        held.keep(key, value, era)
        return value

    def _load_once(
        self,
        connection: redis.Redis,
        key: str,
        load: Callable[[], Any],
        ttl_seconds: float,
        at_most: Callable[[Any], float | None] | None,
    ) -> Cached:
        token = secrets.token_bytes(8)
        lock = f"{key}:lock"
        found = _value_or_turn(connection, key, lock, token)
        if isinstance(found, Cached):
            HITS.labels(self.name).inc()
            return found
        if not found:
            MISSES.labels(self.name, "busy").inc()
            return encode(load())
        MISSES.labels(self.name, "empty").inc()
        try:
            loaded = load()
        except Exception:
            # Nobody shall wait for a value that does not come, for example of a thing that does not exist.
            with suppress(redis.RedisError):
                connection.delete(lock)
            raise
        value = encode(loaded)
        limit = at_most(loaded) if at_most is not None else None
        _fill(connection, key, lock, token, value, ttl_seconds, limit)
        return value


def _value_or_turn(connection: redis.Redis, key: str, lock: str, token: bytes) -> Cached | bool:
    """What another reader has loaded; else True with the lock in our hands, or False when we waited in vain."""
    deadline = time.monotonic() + WAIT_FOR_LOADER_SECONDS
    pause = FIRST_LOOK_SECONDS
    while True:
        found: Any = connection.eval(_TAKE, 2, key, lock, token, int(SINGLE_FLIGHT_SECONDS * 1000))
        if isinstance(found, bytes):
            return decode(found)
        if found or time.monotonic() >= deadline:
            return bool(found)
        # Ever more seldom: hundreds who wait must not take the processor from the one who loads.
        time.sleep(pause)
        pause = min(pause * 1.5, LAST_LOOK_SECONDS)


def _fill(
    connection: redis.Redis, key: str, lock: str, token: bytes, value: Cached, ttl_seconds: float, limit: float | None
) -> None:
    """Keep the value unless somebody forgot the key since we began.  A failing fill is only logged (G-1)."""
    lives = ttl_seconds * (1 + random.uniform(-TTL_JITTER, TTL_JITTER))  # noqa: S311  # spreads load, guards nothing
    if limit is not None:
        lives = min(lives, limit)
    milliseconds = max(1, int(lives * 1000))
    try:
        connection.eval(_FILL, 2, key, lock, token, value.etag.encode() + b"\n" + value.body, milliseconds)
    except redis.RedisError as error:
        breaker.trip()
        log.warning("cache_fill_failed", error=str(error))


class _Forgetting:
    """What one transaction forgets: dropped in one round trip after its commit."""

    def __init__(self) -> None:
        self.keys: dict[str, None] = {}
        self.generations: dict[str, None] = {}

    def __call__(self) -> None:
        try:
            self.carry_out()
            breaker.reset()
        except redis.RedisError as error:
            breaker.trip()
            lost = [*self.keys, *self.generations]
            FORGET_FAILURES.inc(len(lost))
            log.error("cache_forget_failed", keys=lost, error=str(error))
            _unfinished.add(self)
        finally:
            # After Redis: what was read there before is not held again.
            held.drop()

    def carry_out(self) -> None:
        """Raises redis.RedisError.  Twice does no harm."""
        with core_redis.client().pipeline(transaction=True) as pipe:
            if self.keys:
                pipe.delete(*self.keys, *(f"{key}:lock" for key in self.keys))
                pipe.zadd(_OWED_DELETES, dict.fromkeys(self.keys, time.time() + SECOND_DELETE_AFTER_SECONDS))
            for name in self.generations:
                pipe.incr(_generation_key(name))
            pipe.execute()


class _Unfinished:
    """What Redis did not take, tried again until it does or until every old value has ended by itself.

    A thread that ends with its work; whatever the process owes when it dies ends with the time to live.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owed = _Forgetting()
        self._until = 0.0
        self._runs = False

    def add(self, lost: _Forgetting) -> None:
        with self._lock:
            self._owed.keys.update(lost.keys)
            self._owed.generations.update(lost.generations)
            self._until = time.monotonic() + FORGOTTEN_AT_LAST_SECONDS
            if self._runs:
                return
            self._runs = True
        threading.Thread(target=self._work, name="cache-forget", daemon=True).start()

    def _work(self) -> None:
        while True:
            time.sleep(FORGET_AGAIN_SECONDS)
            with self._lock:
                owed, until, self._owed = self._owed, self._until, _Forgetting()
            try:
                owed.carry_out()
            except redis.RedisError:
                with self._lock:
                    self._owed.keys.update(owed.keys)
                    self._owed.generations.update(owed.generations)
                    owed = self._owed if time.monotonic() < until else _Forgetting()
                    self._owed = owed
            with self._lock:
                if not self._owed.keys and not self._owed.generations:
                    self._runs = False
                    return


_unfinished = _Unfinished()


def forget(*names: str, generations: Iterable[str] = ()) -> None:
    """Drop keys when the current transaction commits, and again 300 ms later.  Never fails the caller (G-3).

    ``generations``: as ``raise_generation`` does it.
    """
    wanted = list(generations)
    if not names and not wanted:
        return
    known = _forgetting_of_this_transaction()
    forgetting = known or _Forgetting()
    forgetting.keys.update(dict.fromkeys(names))
    forgetting.generations.update(dict.fromkeys(wanted))
    if known is None:
        transaction.on_commit(forgetting)


def _forgetting_of_this_transaction() -> _Forgetting | None:
    """What was forgotten before under the same savepoints: it stands or falls with what is forgotten now."""
    connection = transaction.get_connection()
    here = set(connection.savepoint_ids)
    for savepoints, hook, _robust in reversed(connection.run_on_commit[-_LATEST_HOOKS:]):
        if isinstance(hook, _Forgetting) and savepoints == here:
            return hook
    return None


def generation(name: str) -> int:
    """Number that is part of every variant's key.  0 when Redis is away or empty."""
    if breaker.is_open:
        return 0
    try:
        return int(core_redis.client().get(_generation_key(name)) or 0)
    except redis.RedisError:
        breaker.trip()
        return 0


def raise_generation(name: str) -> None:
    """Make every variant unreachable when the transaction commits; they end by their time to live, no key scan."""
    forget(generations=[name])


def _generation_key(name: str) -> str:
    return f"cache:{name}:generation"


def carry_out_owed_deletes() -> bool:
    """Delete what is due a second time.  True when there may be more."""
    return bool(core_redis.client().eval(_CARRY_OUT, 1, _OWED_DELETES, time.time()))


SECOND_DELETE = Loop(name="cache.second_delete", every_seconds=0.1, run=carry_out_owed_deletes)
