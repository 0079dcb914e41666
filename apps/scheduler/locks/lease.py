"""One process of a kind does the work, the others stand by: a lease that is kept as long as its holder asks for it."""

from __future__ import annotations

import structlog

from apps.scheduler.errors import LockUnavailable
from apps.scheduler.locks import backend
from apps.scheduler.locks.base import Lease

log = structlog.get_logger(__name__)

# A dead holder is replaced within this time; shorter than dispatch.ON_TIME, so no due time becomes late by it.
TTL_SECONDS = 10.0
RENEW_SECONDS = 3.0


class StandbyLease:
    """``held(now)`` once per round.  When the lock service is away everybody works: the lock only saves work."""

    def __init__(self, name: str, holder: str, *, purpose: str = "") -> None:
        self.name, self.holder, self.purpose = name, holder, purpose
        self._lease: Lease | None = None
        self._renew_at = 0.0
        self._is_away = False

    def held(self, now: float) -> bool:
        """Take, keep or wait for the lease.  ``now`` is a monotonic clock's."""
        if self._lease is not None and now < self._renew_at:
            return True
        try:
            self._take_or_renew()
        except LockUnavailable as error:
            if not self._is_away:
                log.warning("lock_unavailable", name=self.name, error=str(error.__cause__ or error))
            self._is_away = True
            return True
        self._is_away = False
        self._renew_at = now + RENEW_SECONDS
        return self._lease is not None

    def resign(self) -> None:
        """Give the lease back, so that a standby takes over at once."""
        lease, self._lease = self._lease, None
        if lease is None:
            return
        try:
            backend().release(lease)
        except LockUnavailable as error:
            log.info("lock_not_released", name=self.name, error=str(error.__cause__ or error))

    def _take_or_renew(self) -> None:
        if self._lease is not None and backend().renew(self._lease, ttl_seconds=TTL_SECONDS):
            return
        had = self._lease is not None
        self._lease = backend().acquire(self.name, holder=self.holder, ttl_seconds=TTL_SECONDS, purpose=self.purpose)
        if self._lease is not None:
            log.info("lock_taken", name=self.name, holder=self.holder, term=self._lease.term)
        elif had:
            log.warning("lock_lost", name=self.name, holder=self.holder)
