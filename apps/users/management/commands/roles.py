"""The table role × permission as it is, for people: ``docs/roles.md`` is what this prints."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from apps.users.roles import as_markdown

PATH = "docs/roles.md"


class Command(BaseCommand):
    help = "Print the table of roles and permissions (docs/roles.md)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        group = parser.add_mutually_exclusive_group()
        group.add_argument("--write", action="store_true", help=f"Write {PATH}")
        group.add_argument("--check", action="store_true", help=f"Fail when {PATH} is stale")

    def handle(self, *args: Any, write: bool = False, check: bool = False, **options: Any) -> None:
        text, path = as_markdown(), Path(settings.BASE_DIR) / PATH
        if write:
            path.write_text(text, encoding="utf-8")
        elif check:
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                raise CommandError(f"{PATH} is stale: run manage.py roles --write")
        else:
            self.stdout.write(text)
