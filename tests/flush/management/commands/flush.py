"""``flush`` for transactional tests: the product's own flush is refused by the triggers of the audit log."""

from __future__ import annotations

from typing import Any

from django.core.management.commands.flush import Command as DjangoFlush
from django.db import connections, transaction

from apps.audit.models import OutboxEntry
from apps.audit.services.passes import removal_pass
from tests.flush import baseline


class Command(DjangoFlush):
    def handle(self, **options: Any) -> None:
        """Make the tables what they were before the first test, all in one transaction."""
        connection = connections[options["database"]]
        with transaction.atomic(), removal_pass():
            if baseline.is_kept():
                baseline.restore(connection)
                return
            # Before the rest: on SQLite and MariaDB the pass itself is emptied along with the other tables.
            with connection.cursor() as cursor:
                cursor.execute("DELETE FROM audit_events")
            super().handle(**options)
            # post_migrate has synchronised schedules and roles again: no test did that.
            OutboxEntry.objects.all().delete()
