"""``manage.py import_rankings FILE``: weekly ranking lists, as CSV or gzipped CSV."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError

from apps.core.actor import Actor
from apps.core.errors import AppError
from apps.fighters.clients.name_lists import places
from apps.fighters.services.command_imports import run_of_command
from apps.fighters.services.imports import finish_run
from apps.fighters.services.rankings import import_rankings

ACTOR = Actor.command("import_rankings")


class Command(BaseCommand):
    help = "Import weekly ranking lists; a repeated import changes nothing."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("path", metavar="FILE")
        parser.add_argument("--source", default="ufc", help="under which name the rows are kept")
        parser.add_argument("--dry-run", action="store_true", help="only report what would change")

    def handle(self, *, path: str, source: str, dry_run: bool, **options: Any) -> None:
        file = Path(path)
        if not file.is_file():
            raise CommandError(f"There is no {path}.")
        try:
            with run_of_command("rankings", actor=ACTOR, file_name=file.name, is_dry_run=dry_run) as run:
                report = import_rankings(places(file), source=source, is_dry_run=dry_run)
        except AppError as error:
            raise CommandError(str(error)) from error
        finish_run(run.pk, report, actor=ACTOR, audited={**report, "reasons": report["reasons"][:20]})
        self.stdout.write(orjson.dumps(report, option=orjson.OPT_INDENT_2).decode())
