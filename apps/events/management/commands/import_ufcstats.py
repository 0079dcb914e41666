"""``manage.py import_ufcstats DIR``: the five ufcstats tables (also gzipped, or in a zip) into our own."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from apps.core.actor import Actor
from apps.core.errors import AppError
from apps.events.clients.ufcstats import open_dataset
from apps.events.services.ufcstats import import_ufcstats
from apps.fighters.services.command_imports import run_of_command
from apps.fighters.services.imports import finish_run, report_progress

ACTOR = Actor.command("import_ufcstats")


class Command(BaseCommand):
    help = "Import events, fights, results and fighters of ufcstats; a repeated import changes nothing."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("path", metavar="DIR", help="folder or zip archive with the five tables")
        parser.add_argument("--dry-run", action="store_true", help="only report what would change")

    def handle(self, *, path: str, dry_run: bool, **options: Any) -> None:
        place = Path(path)
        if not place.exists():
            raise CommandError(_("There is no %(path)s.") % {"path": path})
        try:
            with (
                run_of_command("ufcstats", actor=ACTOR, file_name=place.name, is_dry_run=dry_run) as run,
                open_dataset(place) as dataset,
            ):
                report = import_ufcstats(
                    dataset,
                    actor=ACTOR,
                    is_dry_run=dry_run,
                    progress=lambda step, rows: report_progress(run.pk, step, rows, is_dry_run=dry_run),
                )
        except AppError as error:
            raise CommandError(str(error)) from error
        finish_run(run.pk, report.as_data(), actor=ACTOR, audited=report.for_audit())
        self.stdout.write(orjson.dumps(report.as_data(), option=orjson.OPT_INDENT_2).decode())
