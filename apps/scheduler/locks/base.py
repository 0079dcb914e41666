"""Named locks with an expiry: the one interface behind ``settings.LOCK_BACKEND`` (decision 18).

    lease = backend().acquire("scheduler_global", holder="host:1:abc", ttl_seconds=10)
    if lease is not None: ...
    backend().renew(lease, ttl_seconds=10)       # False: it is lost
    backend().release(lease)

A holder that is paused longer than the expiry does not know that it lost the lock.  So a lock only saves work; what
must happen once is made single by a unique row.  ``term`` grows with every change of holder.
"""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Lease:
    """A lock as its holder has it.  Only who knows the token may renew or release it."""

    name: str
    holder: str
    token: uuid.UUID
    term: int


class LockBackend(ABC):
    """Every method raises LockUnavailable when the service behind it does not answer."""

    @abstractmethod
    def acquire(self, name: str, *, holder: str, ttl_seconds: float, purpose: str = "") -> Lease | None:
        """Take a free or expired lock, without waiting; None when somebody holds it."""

    @abstractmethod
    def renew(self, lease: Lease, *, ttl_seconds: float) -> bool:
        """Start the time to live anew.  False when the lock expired or went to somebody else."""

    @abstractmethod
    def release(self, lease: Lease) -> bool:
        """Give the lock back.  False when it was not ours any more; then nothing changes."""

    @abstractmethod
    def holder_of(self, name: str) -> str | None:
        """Who holds the lock now; None when it is free."""
