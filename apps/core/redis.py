"""Connections to Redis: one pool per process, and the two spellings of one address.

redis-py wants ``unix:///path?db=n`` and kombu wants ``redis+socket:///path?virtual_host=n``; both follow from
``REDIS_URL``.  Waiting is short everywhere (connect 0.2 s, answer 0.5 s), because the web process must never hang
on Redis; blocking readers use ``blocking_client``.
"""

from __future__ import annotations

import os
from functools import lru_cache
from urllib.parse import parse_qs, urlsplit

import redis
from django.conf import settings

CONNECT_TIMEOUT_SECONDS = 0.2
ANSWER_TIMEOUT_SECONDS = 0.5
# A blocking read (XREADGROUP BLOCK) waits this much longer than its own limit before the socket gives up.
BLOCKING_TIMEOUT_SECONDS = 30.0


def broker_url(url: str) -> str:
    """The address in kombu's spelling."""
    parts = urlsplit(url)
    if parts.scheme != "unix":
        return url
    number = parse_qs(parts.query).get("db", ["0"])[0]
    return f"redis+socket://{parts.path}?virtual_host={number}"


def _pool(url: str, answer_timeout: float) -> redis.ConnectionPool:
    return redis.BlockingConnectionPool.from_url(
        url,
        max_connections=settings.REDIS_POOL_SIZE,
        timeout=1,
        socket_connect_timeout=CONNECT_TIMEOUT_SECONDS,
        socket_timeout=answer_timeout,
        health_check_interval=25,
    )


@lru_cache(maxsize=4)
def _client(url: str, answer_timeout: float, process_id: int) -> redis.Redis:
    """Making one costs more than many a command: it copies its table of how answers are read."""
    # process_id is part of the key: a forked child never shares its parent's sockets.
    return redis.Redis(connection_pool=_pool(url, answer_timeout))


def client() -> redis.Redis:
    """The process's client for short commands.  Values are bytes."""
    return _client(settings.REDIS_URL, ANSWER_TIMEOUT_SECONDS, os.getpid())


def blocking_client() -> redis.Redis:
    """A client for blocking reads, with a pool of its own."""
    return _client(settings.REDIS_URL, BLOCKING_TIMEOUT_SECONDS, os.getpid())


def warm_up() -> int:
    """Open REDIS_POOL_MIN_IDLE connections ahead (decision 36).  Returns how many are idle."""
    pool = client().connection_pool
    held = [pool.get_connection() for _ in range(min(settings.REDIS_POOL_MIN_IDLE, settings.REDIS_POOL_SIZE))]
    for connection in held:
        pool.release(connection)
    return len(held)
