"""``manage.py import_aliases FILE``: other spellings of names, as CSV or gzipped CSV."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError

from apps.core.actor import Actor
from apps.core.errors import AppError
from apps.fighters.clients.name_lists import spellings
from apps.fighters.services.command_imports import run_of_command
from apps.fighters.services.imports import finish_run
from apps.fighters.services.spellings import import_spellings

ACTOR = Actor.command("import_aliases")


class Command(BaseCommand):
    help = "Import other spellings of fighters' names; a repeated import changes nothing."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("path", metavar="FILE")
        parser.add_argument("--source", default="standard", help="under which name the rows are kept")
        parser.add_argument("--dry-run", action="store_true", help="only report what would change")

    def handle(self, *, path: str, source: str, dry_run: bool, **options: Any) -> None:
        file = Path(path)
        if not file.is_file():
            raise CommandError(f"There is no {path}.")
        try:
            with run_of_command("aliases", actor=ACTOR, file_name=file.name, is_dry_run=dry_run) as run:
                report = import_spellings(spellings(file), source=source, is_dry_run=dry_run)
        except AppError as error:
            raise CommandError(str(error)) from error
        finish_run(run.pk, report, actor=ACTOR, audited={**report, "reasons": report["reasons"][:20]})
        self.stdout.write(orjson.dumps(report, option=orjson.OPT_INDENT_2).decode())
