"""The demo source of ``make run``: a feed that the product serves itself, so that there is something to review."""

from __future__ import annotations

from django.db import transaction

from apps.articles.enums import ParserKind
from apps.articles.models import PendingArticle, Source
from apps.articles.services.identity import url_hash
from apps.articles.services.pieces import rekey_pieces
from apps.articles.services.sources import create_source, request_fetch, update_source
from apps.core.actor import Actor
from apps.core.db import locked

ACTOR = Actor.command("demo_content")
NAME = "Bajiaozhi demo 八角志演示"
FEED_PATH = "/demo/feed.xml"
# Short, so that a first poll that came before the web process costs a minute and no more.
INTERVAL_SECONDS = 60


@transaction.atomic
def ensure_demo_source(origin: str) -> Source | None:
    """Make the demo source and ask for its first poll, or lead it to where the product listens now.

    Returns the source when something changed.
    """
    address = origin.rstrip("/") + FEED_PATH
    known = locked(Source.objects.filter(is_builtin=True)).first()
    if known is None:
        source = create_source(
            actor=ACTOR,
            name=NAME,
            source_url=address,
            parser_kind=ParserKind.FEED.value,
            interval_seconds=INTERVAL_SECONDS,
            is_builtin=True,
        )
        request_fetch(source.pk, actor=ACTOR)
        return source
    if known.url_hash == url_hash(address):
        return None
    return _moved(known, address)


def _moved(source: Source, address: str) -> Source:
    """Another port: the pages moved too, and the pieces must not come in a second time."""
    old, new = source.source_url.removesuffix(FEED_PATH), address.removesuffix(FEED_PATH)
    for row in locked(PendingArticle.objects.filter(source=source)):
        row.raw_payload = {**row.raw_payload, "url": str(row.raw_payload.get("url", "")).replace(old, new, 1)}
        row.save(update_fields=["raw_payload"])
    rekey_pieces(source)
    return update_source(source.pk, actor=ACTOR, source_url=address)
