"""What the hub keeps in Redis: the start fence, the live state and the stream of events.

One round trip to start an attempt and one to end it; both are scripts, so nothing can come between their parts.

Not promised: after Redis lost its data an attempt may start a second time (delivery is at least once), and the live
state is only a newer copy of what the recorder will write; it expires.
"""

from __future__ import annotations

import os
import time
import uuid
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson
import redis

from apps.core import keys
from apps.core import redis as core_redis
from apps.taskhub.enums import EventKind, state_rank
from apps.taskhub.hub_task.script import Script
from apps.taskhub.hub_task.streams import EVENTS

# The broker may give a message back after this long (settings.CELERY_BROKER_TRANSPORT_OPTIONS); a fence that expired
# sooner would let that delivery start the attempt again.
VISIBILITY_TIMEOUT_SECONDS = 7_200
FENCE_SECONDS = VISIBILITY_TIMEOUT_SECONDS + 86_400
# The live state bridges the seconds until the recorder has written; an hour covers a consumer that was restarted.
LIVE_STATE_SECONDS = 3_600
CANCEL_SECONDS = FENCE_SECONDS

STARTED, DUPLICATE, CANCELLED = b"started", b"duplicate", b"cancelled"

_START = """
if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'EX', ARGV[2]) and redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 'duplicate'
end
local cancelled = tonumber(redis.call('GET', KEYS[2]) or '0')
if cancelled >= tonumber(ARGV[7]) then return 'cancelled' end
redis.call('SET', KEYS[3], ARGV[3], 'EX', ARGV[4])
redis.call('XADD', KEYS[4], 'MAXLEN', '~', ARGV[5], '*', 'body', ARGV[6])
return 'started'
"""
_FINISH = """
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[3], '*', 'body', ARGV[4])
"""


@dataclass(frozen=True, slots=True)
class LiveState:
    """The newest state that Redis knows; ``rank`` orders it against the row (enums.state_rank)."""

    task_id: str
    attempt: int
    status: str
    dead_reason: str
    rank: int
    at: int
    worker: str


@lru_cache(maxsize=2)
def _connection(_process_id: int) -> redis.Redis:
    return core_redis.client()


_start, _finish = Script(_START), Script(_FINISH)


def now_micros() -> int:
    return time.time_ns() // 1000


def take_start(task_id: str, attempt: int, *, at: int, worker: str, running_seconds: int) -> bytes:
    """Take the fence of this attempt and say "started".  Raises redis.RedisError.

    STARTED exactly once per attempt; DUPLICATE for every later delivery; CANCELLED (fence taken, nothing said) when a
    person cancelled the task before.
    """
    answer: bytes = _start.run(
        [keys.task_fence(task_id, attempt), keys.task_cancel(task_id), keys.task_status(task_id), EVENTS.name],
        [
            # Names this very start: asked again because an answer was lost, it is not its own duplicate.
            f"{worker} {at}",
            FENCE_SECONDS,
            _state(task_id, attempt, "running", "", at, worker),
            running_seconds + LIVE_STATE_SECONDS,
            EVENTS.maxlen,
            orjson.dumps(
                {"kind": EventKind.STARTED, "id": task_id, "attempt": attempt, "at": at, "worker": worker},
            ),
            attempt,
        ],
    )
    return answer


def say_finished(event: dict[str, Any]) -> None:
    """Append a "finished" event and set the live state.  Raises redis.RedisError."""
    task_id = event["id"]
    state = _state(task_id, event["attempt"], event["status"], event["reason"], event["at"], event["worker"])
    _finish.run(
        [keys.task_status(task_id), EVENTS.name], [state, LIVE_STATE_SECONDS, EVENTS.maxlen, orjson.dumps(event)]
    )


def say(event: dict[str, Any]) -> None:
    """Append any other event.  Raises redis.RedisError."""
    EVENTS.publish(event)


def _state(task_id: str, attempt: int, status: str, reason: str, at: int, worker: str) -> bytes:
    return orjson.dumps([task_id, attempt, status, reason, state_rank(attempt, status), at, worker])


def states(task_ids: list[str]) -> dict[str, LiveState]:
    """Live states of those tasks that have one; one round trip.  Raises redis.RedisError."""
    if not task_ids:
        return {}
    answer: Any = _connection(os.getpid()).mget([keys.task_status(task_id) for task_id in task_ids])
    return {
        task_id: LiveState(*orjson.loads(value))
        for task_id, value in zip(task_ids, answer, strict=True)
        if value is not None
    }


def taken_fences(attempts: list[tuple[str, int]]) -> set[tuple[str, int]]:
    """Those attempts that were started at some time; one round trip.  Raises redis.RedisError."""
    if not attempts:
        return set()
    answer: Any = _connection(os.getpid()).mget([keys.task_fence(task_id, number) for task_id, number in attempts])
    return {attempt for attempt, owner in zip(attempts, answer, strict=True) if owner is not None}


def set_cancel_flag(task_id: str, *, up_to_attempt: int) -> None:
    """From now on no attempt up to this one starts, and a running one up to it sees ``is_cancelled()``.

    Later ones are not meant: name the attempt that runs or, when none does, the one that waits; then a retry that a
    person asks for afterwards starts.  Raises redis.RedisError.
    """
    _connection(os.getpid()).set(keys.task_cancel(task_id), up_to_attempt, ex=CANCEL_SECONDS)


def drop_cancel_flag(task_id: str) -> None:
    _connection(os.getpid()).delete(keys.task_cancel(task_id))


def is_cancelled(task_id: str, attempt: int) -> bool:
    flag: Any = _connection(os.getpid()).get(keys.task_cancel(task_id))
    return flag is not None and int(flag) >= attempt


def recorded_until() -> float | None:
    """Unix time up to which every event is in the database; None when no event waits.  Raises redis.RedisError.

    An acknowledged entry leaves the stream, so this is the time of the oldest one left.
    """
    oldest: Any = _connection(os.getpid()).xrange(EVENTS.name, count=1)
    return int(oldest[0][0].split(b"-")[0]) / 1000 if oldest else None


def current_epoch() -> str:
    """Names this life of Redis's data; a missing key means that the data was lost (or is new) and starts a new one.

    "" while Redis is away.
    """
    connection = _connection(os.getpid())
    try:
        known: Any = connection.get(keys.broker_epoch())
        if known is None:
            connection.set(keys.broker_epoch(), uuid.uuid4().hex, nx=True)
            known = connection.get(keys.broker_epoch())
    except redis.RedisError:
        return ""
    return known.decode() if known else ""
