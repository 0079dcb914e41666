"""A circuit breaker that all processes share: a dead server is left alone, not hammered by every worker in turn.

Closed: calls pass.  After ``FAILURES`` in a row it opens for ``pause_seconds``; then one caller at a time may try, and
each further failure doubles the pause up to ``LONGEST_PAUSE_SECONDS``.  A success closes it.  Redis away: closed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import redis
import structlog

from apps.core import keys
from apps.core import redis as core_redis

log = structlog.get_logger(__name__)

FAILURES = 5
LONGEST_PAUSE_SECONDS = 600
# Forgotten when nobody called for so long.
MEMORY_SECONDS = 3600

# Returns the milliseconds to wait, 0 when the caller may try.  Half open, the one who is let through pushes the others
# back by his own patience (ARGV[1]).
_ASK = """
local until_ms = tonumber(redis.call('HGET', KEYS[1], 'until') or 0)
if until_ms == 0 then return 0 end
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
if now < until_ms then return until_ms - now end
redis.call('HSET', KEYS[1], 'until', now + tonumber(ARGV[1]))
return 0
"""
_FAIL = """
local failures = redis.call('HINCRBY', KEYS[1], 'failures', 1)
redis.call('EXPIRE', KEYS[1], ARGV[4])
if failures < tonumber(ARGV[1]) then return 0 end
local pause = math.min(tonumber(ARGV[2]) * 2 ^ (failures - tonumber(ARGV[1])), tonumber(ARGV[3]))
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
redis.call('HSET', KEYS[1], 'until', math.floor(now + pause * 1000))
return math.floor(pause)
"""


@dataclass(frozen=True, slots=True)
class Circuit:
    """One per server that we call.  ``trial_seconds``: how long the one who tries may take."""

    name: str
    pause_seconds: float = 30.0
    trial_seconds: float = 60.0

    def wait_seconds(self) -> float:
        """0 when a call may be tried now."""
        try:
            answer = core_redis.client().eval(_ASK, 1, keys.circuit(self.name), round(self.trial_seconds * 1000))
        except redis.RedisError as error:
            log.warning("circuit_unknown", circuit=self.name, error=str(error))
            return 0.0
        return float(str(answer)) / 1000

    def succeeded(self) -> None:
        self._tell(lambda client: client.delete(keys.circuit(self.name)))

    def failed(self) -> None:
        values = (FAILURES, self.pause_seconds, LONGEST_PAUSE_SECONDS, MEMORY_SECONDS)
        self._tell(lambda client: client.eval(_FAIL, 1, keys.circuit(self.name), *values))

    def _tell(self, say: Callable[[redis.Redis], Any]) -> None:
        try:
            say(core_redis.client())
        except redis.RedisError as error:
            log.warning("circuit_unknown", circuit=self.name, error=str(error))
