"""The demo source of ``make run``: a feed that the product serves itself, so that there is something to review."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from apps.articles.enums import ParserKind
from apps.articles.models import PendingArticle, Source
from apps.articles.services.identity import url_hash
from apps.articles.services.pieces import rekey_pieces
from apps.articles.services.sources import create_source, update_source
from apps.articles.task_names import POLL_SOURCE
from apps.core.actor import Actor
from apps.core.db import locked
from apps.taskhub.services import EnqueueOptions, enqueue

ACTOR = Actor.command("demo_content")
NAME = "Bajiaozhi demo 八角志演示"
FEED_PATH = "/demo/feed.xml"
INTERVAL_SECONDS = 60
# The web process, which serves the feed, starts after these are asked for: within seconds, on a slow machine later, and
# for that one is the second.  A poll that finds nobody listening would greet a new user with a source in trouble.
FIRST_POLLS_AFTER = (timedelta(seconds=15), timedelta(seconds=40))


@transaction.atomic
def ensure_demo_source(origin: str) -> Source | None:
    """Make the demo source, or lead it to where the product listens now; ask for polls once it does listen.

    Returns the source when something changed.
    """
    now = timezone.now()
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
    elif known.url_hash == url_hash(address):
        return None
    else:
        source = _moved(known, address)
    _ask_soon(source, now)
    return source


def _ask_soon(source: Source, now: datetime) -> None:
    """The timetable's own turn comes after the first polls."""
    source.next_poll_at = now + timedelta(seconds=INTERVAL_SECONDS)
    source.save(update_fields=["next_poll_at"])
    for wait in FIRST_POLLS_AFTER:
        enqueue(POLL_SOURCE, options=EnqueueOptions(actor=ACTOR, run_at=now + wait), source_id=source.pk)


def _moved(source: Source, address: str) -> Source:
    """Another port: the pages moved too, and the pieces must not come in a second time."""
    old, new = source.source_url.removesuffix(FEED_PATH), address.removesuffix(FEED_PATH)
    for row in locked(PendingArticle.objects.filter(source=source)):
        row.raw_payload = {**row.raw_payload, "url": str(row.raw_payload.get("url", "")).replace(old, new, 1)}
        row.save(update_fields=["raw_payload"])
    rekey_pieces(source)
    return update_source(source.pk, actor=ACTOR, source_url=address)
