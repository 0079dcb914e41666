"""One round of beat: what is due is answered, what the hub must send is sent, what hangs is found.

Every duty may be done by any number of processes at once and does one bounded batch.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import redis
import structlog
from django.db import DatabaseError, InterfaceError
from django.utils import timezone

from apps.core import context, heartbeat
from apps.scheduler.locks.lease import StandbyLease
from apps.scheduler.services import dispatch, timing, watch
from apps.scheduler.services.queueing import instance
from apps.taskhub import services as taskhub

log = structlog.get_logger(__name__)

MAX_SLEEP_SECONDS = 1.0
# Due times are whole seconds: waking just after one starts runs some milliseconds late instead of up to a second.
WAKE_AFTER_SECOND = 0.005
LEASE_NAME = "scheduler_global"


@dataclass(slots=True)
class Duty:
    """``run(now)`` every so many seconds; it returns True when more of it waits."""

    name: str
    every_seconds: float
    run: Callable[[datetime], bool]
    next_at: float = 0.0


def _answer_due(now: datetime) -> bool:
    return dispatch.answer_due(now=now) >= dispatch.BATCH


def _follow_definitions(now: datetime) -> bool:
    return timing.follow_definitions(now=now) >= timing.BATCH


def _follow_hub(now: datetime) -> bool:
    watch.follow_hub(now=now)
    return False


def duties() -> list[Duty]:
    """In the order in which a round does them: what was due under the old rules first, then the new rules."""
    return [
        Duty("answer_due", 0, _answer_due),
        Duty("follow_definitions", 0, _follow_definitions),
        Duty("publish_due", 0, lambda now: taskhub.publish_due(now) > 0),
        Duty("republish_unpublished", 2, lambda now: taskhub.republish_unpublished(now) > 0),
        Duty("check_epoch", 5, lambda now: taskhub.check_epoch(now) > 0),
        # By the database's clock, which stamps the heartbeats.  Often enough for its two looks within a minute.
        Duty("recover_orphans", 5, lambda _now: taskhub.recover_orphans() > 0),
        Duty("follow_hub", 10, _follow_hub),
    ]


class Ticker:
    """The state of one beat: its lease and when each duty is next."""

    def __init__(self) -> None:
        self.lease = StandbyLease(LEASE_NAME, instance(), purpose="beat")
        self.duties = duties()
        self._alive_at = 0.0

    def tick(self) -> float:
        """One round.  Returns how long to sleep; 0 = at once again, because a duty did a full batch.

        Raises DatabaseError or InterfaceError: the caller closes the connection.  Any other failure of a duty is
        logged and the others go on.
        """
        moment = time.monotonic()
        self._say_alive(moment)
        if not self.lease.held(moment):
            return until_next_second(time.time())
        with context.bind(context.Context(subsystem="scheduler")):
            more = [self._do(duty, moment) for duty in self.duties if moment >= duty.next_at]
        return 0.0 if any(more) else until_next_second(time.time())

    def resign(self) -> None:
        self.lease.resign()
        try:
            heartbeat.resign("beat")
        except redis.RedisError as error:
            log.info("heartbeat_not_resigned", kind="beat", error=str(error))

    def _do(self, duty: Duty, moment: float) -> bool:
        try:
            more = duty.run(timezone.now())
        except (DatabaseError, InterfaceError):
            raise
        except redis.RedisError as error:
            log.warning("beat_duty_without_redis", duty=duty.name, error=str(error))
            more = False
        except Exception:
            # A fault in one duty must not stop the others; it is logged each time until somebody looks.
            log.exception("beat_duty_failed", duty=duty.name)
            more = False
        duty.next_at = moment if more else moment + duty.every_seconds
        return more

    def _say_alive(self, moment: float) -> None:
        """From the loop itself, not from a thread: a beat that hangs is seen as dead."""
        if moment < self._alive_at:
            return
        self._alive_at = moment + heartbeat.INTERVAL_SECONDS
        try:
            heartbeat.beat_once("beat")
        except redis.RedisError as error:
            log.warning("heartbeat_failed", kind="beat", error=str(error))


def until_next_second(now: float) -> float:
    return min(MAX_SLEEP_SECONDS, 1.0 - now % 1.0 + WAKE_AFTER_SECOND)
