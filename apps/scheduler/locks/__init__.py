"""The lock backend that the setting ``LOCK_BACKEND`` names."""

from __future__ import annotations

from django.conf import settings
from django.utils.module_loading import import_string

from apps.scheduler.locks.base import Lease, LockBackend

BACKENDS = {
    "database": "apps.scheduler.locks.database.DatabaseLocks",
    "redis": "apps.scheduler.locks.redis.RedisLocks",
}

__all__ = ["BACKENDS", "Lease", "LockBackend", "backend"]


def backend(name: str = "") -> LockBackend:
    """The chosen backend, or the one named."""
    made: LockBackend = import_string(BACKENDS[name or settings.LOCK_BACKEND])()
    return made
