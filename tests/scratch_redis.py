"""The Redis of a run: its data is deleted, so it must hold none of anybody's.

``make test``, ``bench`` and ``faults`` work on REDIS_URL where a person has set it.  Nothing tells a scratch database
from one with queues in it but that the first is empty.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress

import redis

from apps.core import redis as core_redis


def refusal(also: Collection[int] = ()) -> str:
    """Why a run must not begin: the Redis database of REDIS_URL, or one of ``also`` beside it, holds data.

    "" when all of them are empty, or nobody answers (then the run will say so itself).
    """
    client = core_redis.client()
    numbers = {int(client.connection_pool.connection_kwargs.get("db") or 0), *also}
    try:
        filled = {int(name.removeprefix("db")) for name in client.info("keyspace")}
    except redis.RedisError:
        return ""
    if not (taken := sorted(numbers & filled)):
        return ""
    names = ", ".join(str(number) for number in taken)
    return (
        f"REDIS_URL 的 Redis 数据库 {names} 中有数据，本次运行会清空它，因此不开始；请指定一个空的数据库。\n"
        f"Redis database {names} of REDIS_URL holds data, which this run would delete, so it does not begin; "
        "name an empty one."
    )


@contextmanager
def emptied() -> Iterator[None]:
    """For a whole run: ends it (exit code 2) where data is, leaves no data behind."""
    if reason := refusal():
        sys.stderr.write(f"{reason}\n")
        raise SystemExit(2)
    try:
        yield
    finally:
        with suppress(redis.RedisError):
            core_redis.client().flushdb()
