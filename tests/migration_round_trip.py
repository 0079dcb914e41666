"""Every migration there and back, twice, on a scratch database of the chosen server (A-9).

python -m tests.migration_round_trip
"""

from __future__ import annotations

import os
import sys

import django
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

# Django's own record of what was applied stays at zero.
KEPT = {"django_migrations"}


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    old_name = str(connection.settings_dict["NAME"])
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        for turn in ("first", "second"):
            to_zero()
            if left := leftovers():
                print(f"{turn} way back left tables: {', '.join(left)}")
                return 1
            call_command("migrate", verbosity=0, interactive=False)
            if pending():
                print(f"{turn} way forth left migrations unapplied")
                return 1
            print(f"{turn} turn on {connection.vendor}: head → zero → head")
    finally:
        connection.creation.destroy_test_db(old_name, verbosity=0)
    return 0


def to_zero() -> None:
    """Unapply app by app; what depends on one goes with it."""
    for app in sorted({app for app, _ in MigrationExecutor(connection).loader.applied_migrations}):
        loader = MigrationExecutor(connection).loader
        if any(applied_app == app for applied_app, _ in loader.applied_migrations):
            call_command("migrate", app, "zero", verbosity=0, interactive=False)


def leftovers() -> list[str]:
    return sorted(set(connection.introspection.table_names()) - KEPT)


def pending() -> bool:
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


if __name__ == "__main__":
    sys.exit(main())
