"""Django's ``migrate`` with a time limit of its own: making an index on a large table rightly takes minutes."""

from __future__ import annotations

from typing import Any

from django.core.management.commands.migrate import Command as DjangoMigrate

from apps.core.time_limits import time_limit

STATEMENT_SECONDS = 3600


class Command(DjangoMigrate):
    def handle(self, *args: Any, **options: Any) -> Any:
        with time_limit(seconds=STATEMENT_SECONDS, using=options["database"]):
            return super().handle(*args, **options)
