"""Hub tasks of the articles app.

All are safe to run twice: a poll opens its own run and items that are known are not stored again; a tick queues
only sources whose time has come; an article that no longer waits for its time is left alone.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import redis
import structlog
from billiard.exceptions import SoftTimeLimitExceeded
from django.db import InterfaceError, OperationalError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.articles import services
from apps.articles.clients.fetching import SourceAnswer, ask_source
from apps.articles.clients.parsed import ParsedFeed
from apps.articles.clients.parsers import parse
from apps.articles.errors import FeedUnreadable
from apps.articles.services import Answer, Failure, ItemProblem, RunOrder
from apps.articles.task_names import (
    GATHER_STORIES,
    POLL_DUE_SOURCES,
    POLL_SOURCE,
    PUBLISH_ARTICLE,
    PUBLISH_OVERDUE,
    SUGGEST_AGAIN,
    SUGGEST_NAMES,
    WATCH_SOURCES,
)
from apps.core.errors import AppError, Invalid, Unavailable, UpstreamFailed
from apps.taskhub.hub_task import Queue, RetryPolicy, current_run, hub_task

log = structlog.get_logger(__name__)

# What says nothing about the source: the hub tries again.
_OUR_TROUBLES = (OperationalError, InterfaceError, redis.RedisError, Unavailable, MemoryError)
# Kinds of ingest_run_errors, by value: a task knows no tables.
_FETCH, _PARSE = "fetch", "parse"
_SAMPLE_BYTES = 2000


@hub_task(
    name=POLL_DUE_SOURCES,
    queue=Queue.DEFAULT,
    label=gettext_lazy("Poll the sources that are due"),
    soft_limit_seconds=50,
    retry=RetryPolicy(max_retries=3),
)
def poll_due_sources() -> dict[str, int]:
    """Queue a poll for each source whose time has come."""
    return {"queued": services.queue_due_sources(actor=current_run.actor)}


@hub_task(
    name=POLL_SOURCE,
    queue=Queue.DEFAULT,
    label=gettext_lazy("Poll a source"),
    soft_limit_seconds=120,
    retry=RetryPolicy(max_retries=5),
)
def poll_source(*, source_id: int, url: str = "", parser_kind: str = "", turn: str = "") -> dict[str, Any]:
    """Ask one source, put what it has on the stream.

    An answer that is no use, and one that breaks us, ends the run, not the task: the source is asked again after its
    back-off, and the run says why.  Only our own troubles (database, Redis) make the hub try again.
    """
    order = services.begin_run(source_id, task_id=current_run.task_id, url=url, parser_kind=parser_kind, turn=turn)
    if order is None:
        return {"skipped": "another poll of this source or of its server is under way, or this one has had its day"}
    try:
        return _polled(order)
    except _ServerBusy as busy:
        services.put_off(order.run_id, busy.until, turn=turn)
        return {"skipped": "the server that a redirect leads to is being asked"}
    except _OUR_TROUBLES:
        raise
    except SoftTimeLimitExceeded:
        log.error("source_poll_timed_out", source_id=source_id, run_id=order.run_id)
        return _failed(order, Failure(_PARSE, _("The poll took too long.")))
    except Exception as error:  # recorded against the run and logged: no poll ends without a trace
        log.error("source_poll_broke", source_id=source_id, run_id=order.run_id, exc_info=error)
        return _failed(order, Failure(_PARSE, _("Unexpected: %(error)s") % {"error": repr(error)}))


class _ServerBusy(Exception):
    """One request at a time for each server, wherever a redirect leads."""

    def __init__(self, until: datetime) -> None:
        super().__init__(until)
        self.until = until


def _polled(order: RunOrder) -> dict[str, Any]:
    def enter(server: str) -> None:
        until = services.enter_server(order.run_id, server)
        if until is not None:
            raise _ServerBusy(until)

    now = timezone.now()
    try:
        answer = ask_source(order.url, etag=order.etag, last_modified=order.last_modified, now=now, before_server=enter)
    except (Invalid, UpstreamFailed) as error:
        return _failed(order, Failure(_FETCH, _told(error)))
    # A server that says "unchanged" without having been asked whether has said nothing.
    if answer.is_unchanged and (order.etag or order.last_modified):
        services.record_unchanged(order.run_id, http_status=answer.status, max_age=answer.max_age)
        return {"run_id": order.run_id, "status": "unchanged"}
    if not answer.is_success:
        return _failed(order, _refusal(answer))
    try:
        feed = parse(order.parser_kind, answer.body, content_type=answer.content_type, url=answer.url)
    except FeedUnreadable as error:
        return _failed(order, Failure(_PARSE, _told(error), http_status=answer.status, sample=_sample(answer)))
    return _fetched(order, answer, feed)


def _fetched(order: RunOrder, answer: SourceAnswer, feed: ParsedFeed) -> dict[str, Any]:
    services.record_fetched(
        order.run_id,
        Answer(
            http_status=answer.status,
            etag=answer.etag,
            last_modified=answer.last_modified,
            max_age=answer.max_age,
            moved_to=answer.moved_to,
        ),
        items=[(item.url, item.title, item.guid) for item in feed.items],
        problems=[ItemProblem(bad.position, bad.reason, bad.sample) for bad in feed.unusable],
    )
    services.publish_items(order, [item.as_message() for item in feed.items])
    return {"run_id": order.run_id, "status": "fetched", "items": len(feed.items), "unusable": len(feed.unusable)}


def _failed(order: RunOrder, failure: Failure) -> dict[str, Any]:
    next_poll_at = services.record_failure(order.run_id, failure)
    return {
        "run_id": order.run_id,
        "status": "failed",
        "error": failure.message,
        "next_poll_at": next_poll_at.isoformat() if next_poll_at else None,
    }


def _refusal(answer: SourceAnswer) -> Failure:
    return Failure(
        _FETCH,
        _("The server answered with status %(status)d.") % {"status": answer.status},
        http_status=answer.status,
        sample=_sample(answer),
        retry_after=answer.retry_after,
        gone=answer.is_gone,
    )


def _sample(answer: SourceAnswer) -> str:
    """The beginning of the answer, for the person who has to find out (D-6)."""
    return answer.body[:_SAMPLE_BYTES].decode("utf-8", "replace")


def _told(error: AppError) -> str:
    return str(error)


@hub_task(
    name=PUBLISH_ARTICLE,
    queue=Queue.CRITICAL,
    label=gettext_lazy("Publish a scheduled article"),
    soft_limit_seconds=30,
    retry=RetryPolicy(max_retries=5),
)
def publish_article(*, article_id: int, publish_at: str) -> dict[str, bool]:
    """Bring out an article whose time has come, unless the plan has changed."""
    planned = datetime.fromisoformat(publish_at)
    return {"published": services.publish_scheduled(article_id, planned=planned, actor=current_run.actor)}


@hub_task(
    name=PUBLISH_OVERDUE,
    queue=Queue.CRITICAL,
    label=gettext_lazy("Publish planned articles that are overdue"),
    soft_limit_seconds=50,
    retry=RetryPolicy(max_retries=1),
)
def publish_overdue() -> dict[str, int]:
    """Bring out what should be out already and has lost its own task."""
    return {"published": services.publish_overdue(actor=current_run.actor)}


@hub_task(
    name=WATCH_SOURCES,
    queue=Queue.LOW,
    label=gettext_lazy("Look for silent sources"),
    soft_limit_seconds=60,
    retry=RetryPolicy(max_retries=2),
)
def watch_sources() -> dict[str, int]:
    """Mark the sources that fell silent."""
    return {"silent": services.watch_sources()}


@hub_task(
    name=GATHER_STORIES,
    queue=Queue.DEFAULT,
    label=gettext_lazy("Find the stories of new pieces"),
    soft_limit_seconds=120,
    retry=RetryPolicy(max_retries=3),
)
def gather_stories(*, pending_ids: list[int]) -> dict[str, int]:
    """Put near-duplicates of several sources into one story."""
    return {"gathered": services.gather(pending_ids)}


@hub_task(
    name=SUGGEST_NAMES,
    queue=Queue.DEFAULT,
    label=gettext_lazy("Find whom new pieces name"),
    soft_limit_seconds=120,
    retry=RetryPolicy(max_retries=3),
)
def suggest_names(*, pending_ids: list[int]) -> dict[str, int]:
    """Suggest the fighters and events that pieces name; an editor confirms."""
    return {"suggested": services.suggest(pending_ids)}


@hub_task(
    name=SUGGEST_AGAIN,
    queue=Queue.LOW,
    label=gettext_lazy("Look again whom waiting pieces name"),
    soft_limit_seconds=120,
    retry=RetryPolicy(max_retries=2),
)
def suggest_again() -> dict[str, int]:
    """Fighters and events may have come after the pieces that name them."""
    return {"suggested": services.suggest_again()}
