"""Locks in the table ``task_locks``: the default.  One statement each, timed by the database's clock."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db import DatabaseError, InterfaceError
from django.db.models import DateTimeField, ExpressionWrapper, F
from django.db.models.functions import Now

from apps.scheduler.errors import LockUnavailable
from apps.scheduler.locks.base import Lease, LockBackend
from apps.scheduler.models import TaskLock


def _expiry(ttl_seconds: float) -> ExpressionWrapper:
    return ExpressionWrapper(Now() + timedelta(seconds=ttl_seconds), output_field=DateTimeField())


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except (DatabaseError, InterfaceError) as error:
        raise LockUnavailable from error


class DatabaseLocks(LockBackend):
    def acquire(self, name: str, *, holder: str, ttl_seconds: float, purpose: str = "") -> Lease | None:
        # Each statement is its own transaction: two first users in one of them would be a deadlock on MariaDB.
        token = uuid.uuid4()
        values = {
            "holder_id": holder,
            "token": token,
            "purpose": purpose,
            "acquired_at": Now(),
            "expires_at": _expiry(ttl_seconds),
            "updated_at": Now(),
        }
        with _answering():
            free = TaskLock.objects.free().filter(lock_key=name)
            if not free.update(term=F("term") + 1, released_at=None, **values):
                self._make_first(name, values)
            mine = TaskLock.objects.filter(lock_key=name, token=token)
            term = mine.values_list("term", flat=True).first()
        return Lease(name, holder, token, term) if term is not None else None

    def renew(self, lease: Lease, *, ttl_seconds: float) -> bool:
        with _answering():
            held = TaskLock.objects.held_with(lease.name, lease.token)
            return bool(held.update(expires_at=_expiry(ttl_seconds), updated_at=Now()))

    def release(self, lease: Lease) -> bool:
        with _answering():
            held = TaskLock.objects.held_with(lease.name, lease.token)
            return bool(held.update(released_at=Now(), updated_at=Now()))

    def holder_of(self, name: str) -> str | None:
        with _answering():
            return TaskLock.objects.held(name).values_list("holder_id", flat=True).first()

    @staticmethod
    def _make_first(name: str, values: dict[str, Any]) -> None:
        """Make the row of a name that was never used; nothing when it exists, also when another was just faster."""
        if not TaskLock.objects.filter(lock_key=name).exists():
            TaskLock.objects.bulk_create([TaskLock(lock_key=name, **values)], ignore_conflicts=True)
