"""Living processes are seen, silent ones are not."""

from __future__ import annotations

import time
from typing import Any

import orjson
import redis

from apps.core import heartbeat, keys
from apps.core import redis as core_redis


def test_a_beating_process_is_alive_until_it_resigns() -> None:
    heartbeat.beat_once("consumer")

    [process] = heartbeat.alive("consumer")
    assert (process.host, process.pid, process.boot_id) == heartbeat.identity()
    assert process.age_seconds < 5
    assert heartbeat.alive("worker") == []

    heartbeat.resign("consumer")
    assert heartbeat.alive("consumer") == []


def test_a_silent_process_is_dead_and_its_line_removed() -> None:
    line = {"host": "old", "pid": 1, "boot_id": "b", "started_at": 1.0, "seen_at": time.time() - 31}
    core_redis.client().hset(keys.heartbeats("worker"), "b", orjson.dumps(line))

    assert heartbeat.alive("worker") == []
    assert core_redis.client().hlen(keys.heartbeats("worker")) == 0


def test_the_thread_beats_and_survives_a_redis_that_is_away(settings: Any) -> None:
    heart = heartbeat.Heartbeat("beat")
    heart.start()
    deadline = time.monotonic() + 5
    while not heartbeat.alive("beat") and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(heartbeat.alive("beat")) == 1

    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    heart.stop()


def test_both_spellings_of_one_address() -> None:
    assert core_redis.broker_url("redis://h:1/2") == "redis://h:1/2"
    assert core_redis.broker_url("unix:///run/r.sock?db=3") == "redis+socket:///run/r.sock?virtual_host=3"


def test_the_pool_has_the_size_of_the_settings_and_opens_connections_ahead(settings: Any) -> None:
    core_redis._client.cache_clear()
    settings.REDIS_POOL_SIZE, settings.REDIS_POOL_MIN_IDLE = 7, 3

    assert core_redis.warm_up() == 3
    pool = core_redis.client().connection_pool
    assert isinstance(pool, redis.BlockingConnectionPool)
    assert pool.max_connections == 7
    core_redis._client.cache_clear()
