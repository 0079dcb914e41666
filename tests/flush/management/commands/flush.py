"""``flush`` for transactional tests: the product's own flush is refused by the triggers of the audit log."""

from __future__ import annotations

from typing import Any

from django.core.management.commands.flush import Command as DjangoFlush
from django.db import connections, transaction

from apps.audit.models import OutboxEntry
from apps.audit.services.passes import removal_pass


class Command(DjangoFlush):
    def handle(self, **options: Any) -> None:
        """Empty audit_events under a pass, then everything else, all in one transaction."""
        with transaction.atomic(), removal_pass():
            # Before the rest: on SQLite and MariaDB the pass itself is emptied along with the other tables.
            with connections[options["database"]].cursor() as cursor:
                cursor.execute("DELETE FROM audit_events")
            super().handle(**options)
            # post_migrate has synchronised schedules and roles again: no test did that.
            OutboxEntry.objects.all().delete()
