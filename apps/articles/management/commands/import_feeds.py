"""``manage.py import_feeds subscriptions.opml``: sources out of a feed reader's export.

Running it twice adds nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.articles.clients.opml import Subscription, subscriptions_in
from apps.articles.enums import ParserKind
from apps.articles.models import Language
from apps.articles.services import create_source
from apps.core.actor import Actor
from apps.core.errors import AppError, Conflict, Invalid
from apps.core.time_limits import time_limit

ACTOR = Actor.command("import_feeds")
# Nobody waits for a page here.
STATEMENT_SECONDS = 60
_LANGUAGES = {"zh": "zh-hans", "zh-cn": "zh-hans", "zh-sg": "zh-hans", "zh-tw": "zh-hant", "zh-hk": "zh-hant"}


class Command(BaseCommand):
    help = "从 OPML 文件导入来源；已有的跳过。 Import sources from an OPML file; those we have are passed over."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("opml", type=Path, help="OPML 文件 / the OPML file")
        parser.add_argument("--disabled", action="store_true", help="先不启用 / add them switched off")

    def handle(self, *args: Any, opml: Path, disabled: bool, **options: Any) -> None:
        try:
            found = subscriptions_in(opml.read_bytes())
        except (OSError, Invalid) as error:
            raise CommandError(f"{opml}: {error}") from error
        added = known = refused = 0
        for subscription in found:
            try:
                with time_limit(seconds=STATEMENT_SECONDS):
                    self._add(subscription, enabled=not disabled)
                added += 1
            except Conflict:
                known += 1
            except AppError as error:
                refused += 1
                self.stderr.write(f"{subscription.url}: {error}")
        self.stdout.write(
            f"新增 {added}，已有 {known}，无效 {refused}。 Added {added}, known {known}, refused {refused}."
        )

    def _add(self, subscription: Subscription, *, enabled: bool) -> None:
        create_source(
            actor=ACTOR,
            name=subscription.name,
            source_url=subscription.url,
            parser_kind=ParserKind.FEED.value,
            language=_language(subscription.language),
            enabled=enabled,
        )


def _language(text: str) -> str:
    """Ours for what the file says: "en-gb" is "en"; what we don't know is left open."""
    wanted = _LANGUAGES.get(text, text if text in Language.values else text.partition("-")[0])
    return wanted if wanted in Language.values else ""
