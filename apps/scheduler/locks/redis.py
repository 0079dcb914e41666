"""Locks in Redis: SET NX PX with a random token, renewed and released by comparing it.  Lost with Redis' memory."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import redis

from apps.core import keys
from apps.core import redis as core_redis
from apps.scheduler.errors import LockUnavailable
from apps.scheduler.locks.base import Lease, LockBackend

# The term lives beside the lock, without expiry: a later holder's is always larger.
_ACQUIRE = """
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], 'token', ARGV[1], 'holder', ARGV[2], 'purpose', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return redis.call('INCR', KEYS[2])
"""
_RENEW = """
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""
_RELEASE = """
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
"""


class RedisLocks(LockBackend):
    def acquire(self, name: str, *, holder: str, ttl_seconds: float, purpose: str = "") -> Lease | None:
        token = uuid.uuid4()
        names = [keys.lock(name), keys.lock_term(name)]
        milliseconds = int(ttl_seconds * 1000)
        term = self._ask(lambda client: client.eval(_ACQUIRE, 2, *names, token.hex, holder, purpose, milliseconds))
        return Lease(name, holder, token, int(term)) if term else None

    def renew(self, lease: Lease, *, ttl_seconds: float) -> bool:
        name, milliseconds = keys.lock(lease.name), int(ttl_seconds * 1000)
        return bool(self._ask(lambda client: client.eval(_RENEW, 1, name, lease.token.hex, milliseconds)))

    def release(self, lease: Lease) -> bool:
        name = keys.lock(lease.name)
        return bool(self._ask(lambda client: client.eval(_RELEASE, 1, name, lease.token.hex)))

    def holder_of(self, name: str) -> str | None:
        holder = self._ask(lambda client: client.hget(keys.lock(name), "holder"))
        return holder.decode() if holder is not None else None

    @staticmethod
    def _ask(command: Callable[[Any], Any]) -> Any:
        try:
            return command(core_redis.client())
        except redis.RedisError as error:
            raise LockUnavailable from error
