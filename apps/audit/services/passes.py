"""Removing events: the triggers of ``audit_events`` refuse it unless a pass is open in the same transaction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction

from apps.audit.models import RemovalPass


@contextmanager
def removal_pass() -> Iterator[None]:
    """Open the pass for the block.  It never becomes visible to another transaction: it is gone before the commit."""
    with transaction.atomic():
        RemovalPass.objects.create(pk=1)
        yield
        RemovalPass.objects.all().delete()
