"""After ``migrate`` the declared schedules are brought into the database."""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.models.signals import post_migrate

from apps.scheduler.services.synchronise import synchronise

# Apps whose newest tables synchronising needs.
NEEDED = ("scheduler", "django_celery_beat", "audit")


def synchronise_after_migrate(plan: Any = None, **_kwargs: Any) -> None:
    """Not on the way back to zero, nor before the last migration.  ``flush`` sends the same signal without a plan."""
    if plan is None or _all_applied():
        synchronise()


def connect(sender: Any) -> None:
    post_migrate.connect(synchronise_after_migrate, sender=sender, dispatch_uid="scheduler.synchronise")


def _all_applied() -> bool:
    loader = MigrationLoader(connection)
    newest = {node for app in NEEDED for node in loader.graph.leaf_nodes(app)}
    return newest <= set(loader.applied_migrations)
