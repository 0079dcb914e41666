"""``manage.py messages``: read all sentences, keep their translations, compile; ``--check`` only looks."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from apps.core.management.catalogues import Book, books, contradictions


class Command(BaseCommand):
    help = "Brings the Chinese message catalogues up to date; --check fails when one is not."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "names", nargs="*", help="Only these catalogues: apps by name, 'project' for the top-level one"
        )
        parser.add_argument("--check", action="store_true", help="Change nothing; list what is missing, empty or stale")

    def handle(self, *args: Any, **options: Any) -> None:
        chosen = self._chosen(options["names"])
        if options["check"]:
            self._check(chosen)
        else:
            self._write(chosen)

    def _chosen(self, names: list[str]) -> list[Book]:
        everything = books(settings.BASE_DIR)
        unknown = set(names) - {book.name for book in everything}
        if unknown:
            raise CommandError(f"no such catalogue: {', '.join(sorted(unknown))}")
        return [book for book in everything if not names or book.name in names]

    def _check(self, chosen: list[Book]) -> None:
        problems = [problem for book in chosen for problem in book.problems()] + contradictions(chosen)
        for problem in problems:
            self.stderr.write(problem)
        if problems:
            raise CommandError(f"{len(problems)} problems in the message catalogues; run: manage.py messages")
        self.stdout.write("The message catalogues are complete.")

    def _write(self, chosen: list[Book]) -> None:
        for book in chosen:
            changed = book.write()
            empty = book.empty()
            state = "changed" if changed else "unchanged"
            self.stdout.write(f"{book.name}: {len(book.found())} sentences, {len(empty)} without translation, {state}")
            for msgid in empty:
                self.stdout.write(f"    {msgid!r}")
