"""Migrations are named, complete and go both ways (A-9); ``make migrate-check`` walks them on a scratch database."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from django.apps import apps
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.special import RunPython, RunSQL

ROOT = Path(__file__).resolve().parents[2]
OURS = [config.label for config in apps.get_app_configs() if config.name.startswith("apps.")]


def test_no_model_change_lacks_its_migration() -> None:
    """In a process of its own: tests declare models too."""
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "project.settings"}
    command = [sys.executable, "manage.py", "makemigrations", "--check", "--dry-run"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100)

    assert done.returncode == 0, done.stdout + done.stderr


def test_every_migration_has_a_name_of_its_own() -> None:
    names = [path.stem for path in (ROOT / "apps").glob("*/migrations/0*.py")]

    assert names
    assert [name for name in names if re.search(r"_auto_|_alter_.*_and_more$", name)] == []


def test_every_operation_has_a_way_back() -> None:
    loader = MigrationLoader(None, ignore_no_migrations=True)
    stuck = [
        f"{label}.{name}"
        for (label, name), migration in loader.disk_migrations.items()
        if label in OURS
        for operation in migration.operations
        if isinstance(operation, RunPython | RunSQL) and not operation.reversible
    ]

    assert stuck == []
