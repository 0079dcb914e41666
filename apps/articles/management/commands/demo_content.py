"""Make the demo source, the product's own feed at PUBLIC_URL, and a card of invented people.

Run by ``make run``; may be run any number of times.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from apps.articles.services.demo import FEED_PATH, ensure_demo_source
from apps.core.errors import AppError
from apps.events.services import ensure_demo_card

DEFAULT_ORIGIN = "http://127.0.0.1:8000"


class Command(BaseCommand):
    help = "Make the demo source, whose feed the product serves itself, and a card of invented people (make run only)."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO_CONTENT:
            raise CommandError("未开启演示内容，不创建演示来源。 No demo source without DEMO_CONTENT.")
        origin = settings.PUBLIC_URL or DEFAULT_ORIGIN
        try:
            # Before the source: its pieces name people of the card.
            ensure_demo_card()
            changed = ensure_demo_source(origin)
        except AppError as error:
            raise CommandError(f"演示来源未创建。 The demo source was not made: {error}") from error
        if changed is not None:
            self.stdout.write(f"演示来源：{origin}{FEED_PATH}  Demo source: {origin}{FEED_PATH}")
