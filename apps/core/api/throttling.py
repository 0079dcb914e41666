"""Limits per address, per user and per named scope (decision 23: one client address; IPv6 counts as /64).

``RateLimit`` is the default throttle of every view.  A view with ``throttle_scope = "login"`` has the limit of that
name (``settings.RATE_LIMITS``) per address on top.  All limits of a request are checked in one round trip to Redis by
the generic cell rate algorithm: one key each, no burst at the edge of a window, an exact Retry-After.

Redis away: everything is allowed, and counted in ``throttle_skipped_total``.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import redis
import structlog
from django.conf import settings
from prometheus_client import Counter
from rest_framework.throttling import BaseThrottle

from apps.core import keys
from apps.core import redis as core_redis
from apps.core.client_ip import client_ip, network_of

log = structlog.get_logger(__name__)

SKIPPED = Counter("throttle_skipped_total", "Requests let through because Redis did not answer")
# After a failure Redis is left alone this long, so that requests don't queue up behind its time-out.
BREAKER_SECONDS = 5.0
PERIODS = {"s": 1, "sec": 1, "second": 1, "m": 60, "min": 60, "minute": 60, "h": 3600, "hour": 3600, "day": 86_400}

# For each key: theoretical arrival time; refused when it lies more than one period ahead.  Nothing is counted
# for a refused request.  Returns the milliseconds to wait, 0 when allowed.
_TAKE = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local wait = 0
local arrival = {}
for i, key in ipairs(KEYS) do
  local limit, period = tonumber(ARGV[i * 2 - 1]), tonumber(ARGV[i * 2])
  local due = math.max(tonumber(redis.call('GET', key) or 0), now) + period / limit
  arrival[i] = due
  if due - now > period then wait = math.max(wait, due - now - period) end
end
if wait > 0 then return math.ceil(wait) end
for i, key in ipairs(KEYS) do
  redis.call('SET', key, string.format('%.3f', arrival[i]), 'PX', math.ceil(arrival[i] - now) + 1)
end
return 0
"""


@dataclass(frozen=True, slots=True)
class Rate:
    """``limit`` requests in ``seconds``."""

    limit: int
    seconds: int


@lru_cache(maxsize=32)
def parse_rate(text: str) -> Rate | None:
    """From "10/min"; None for "off".  Raises ValueError."""
    if text == "off":
        return None
    number, _, period = text.partition("/")
    if not number.isdigit() or int(number) < 1 or period not in PERIODS:
        raise ValueError(f"{text!r} is not a rate like 10/min")
    return Rate(int(number), PERIODS[period])


class RateLimit(BaseThrottle):
    """DRF throttle; ``wait`` is the time until the request would be allowed."""

    def __init__(self) -> None:
        self._wait_seconds = 0.0

    def allow_request(self, request: Any, view: Any) -> bool:
        limits = list(_limits(request, getattr(view, "throttle_scope", None)))
        self._wait_seconds = take(limits) if limits else 0.0
        return self._wait_seconds <= 0

    def wait(self) -> float:
        return self._wait_seconds


def _limits(request: Any, scope: str | None) -> Iterator[tuple[str, Rate]]:
    address = network_of(client_ip(request))
    subjects = [("address", address)]
    if request.user is not None and request.user.is_authenticated:
        subjects.append(("user", str(request.user.pk)))
    if scope is not None:
        subjects.append((scope, address))
    for name, subject in subjects:
        rate = parse_rate(settings.RATE_LIMITS[name])
        if rate is not None:
            yield keys.throttle(name, subject), rate


class _Breaker:
    def __init__(self) -> None:
        self.open_until = 0.0


breaker = _Breaker()


def take(limits: list[tuple[str, Rate]]) -> float:
    """Count one request against every limit.  Returns the seconds to wait, 0 when allowed or Redis is away."""
    if time.monotonic() < breaker.open_until:
        SKIPPED.inc()
        return 0.0
    arguments = [value for _, rate in limits for value in (rate.limit, rate.seconds * 1000)]
    try:
        waiting: Any = core_redis.client().eval(_TAKE, len(limits), *(key for key, _ in limits), *arguments)
    except redis.RedisError as error:
        breaker.open_until = time.monotonic() + BREAKER_SECONDS
        SKIPPED.inc()
        log.warning("throttle_without_redis", error=str(error))
        return 0.0
    return int(waiting) / 1000
