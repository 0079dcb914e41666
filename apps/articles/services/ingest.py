"""A run: one poll of one source, from the question to the last item stored.

    order = begin_run(source_id, task_id=…)          # None: a run of this source is under way
    …fetch and parse, outside of any transaction…
    record_fetched(order.run_id, …); publish_items(order, items)
    store_items(arrivals)                            # by the stream's consumer, any number of times

What makes losing anything impossible: the validators of a source are emptied by ``record_fetched`` and set only by
the transaction that stores the run's last item.  Whatever is lost in between (worker, stream, consumer), the next
poll asks without validators and gets everything again.  Locks are taken in the order source, run, piece.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.articles.enums import IdentityPolicy
from apps.articles.models import IngestRun, IngestRunError, Source
from apps.articles.services import hosts
from apps.articles.services.identity import host_of
from apps.articles.services.polled import (
    FAILURE_FIELDS,
    LONGEST_RETRY_AFTER,
    SUCCESS_FIELDS,
    back_off,
    follow_move,
    is_of_source,
    learn_policy,
    mark_failure,
    mark_success,
)
from apps.articles.services.timing import ARRIVAL_FIELDS, PLAN_FIELDS, note_arrivals, plan_next
from apps.articles.task_names import POLL_SOURCE
from apps.audit.enums import Action
from apps.audit.services import record, snapshot
from apps.core.actor import SYSTEM
from apps.core.db import locked, locked_by_key
from apps.core.errors import NotFound
from apps.taskhub.services import EnqueueOptions, enqueue

log = structlog.get_logger(__name__)

LONGEST_QUEUED_WAIT = timedelta(minutes=2)
_SERVER_IS_TIRED = frozenset({429, 503})
MESSAGE_LENGTH = 1024
SAMPLE_LENGTH = 2000
_RUN_FIELDS_OF_RESULT = ["status", "http_status", "error_msg", "error_count", "finished_at"]


@dataclass(frozen=True, slots=True)
class RunOrder:
    """What to ask whom.  Validators are empty unless everything of the last answer was stored."""

    run_id: int
    source_id: int
    url: str
    parser_kind: str
    etag: str
    last_modified: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The source's answer as far as the run keeps it."""

    http_status: int
    etag: str = ""
    last_modified: str = ""
    max_age: timedelta | None = None
    # The source's new address, when every step to it was permanent (301, 308).
    moved_to: str = ""


@dataclass(frozen=True, slots=True)
class ItemProblem:
    position: int
    message: str
    sample: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a run ended without items.  ``gone``: the source said 410, it will not be asked again by itself."""

    kind: str
    message: str
    http_status: int | None = None
    sample: str = ""
    retry_after: timedelta | None = None
    gone: bool = False


@transaction.atomic
def begin_run(
    source_id: int,
    *,
    task_id: str,
    url: str = "",
    parser_kind: str = "",
    turn: str = "",
    now: datetime | None = None,
) -> RunOrder | None:
    """Open a run, unless another one of this source is under way.  A run that outlived its lease is ended as lost.

    ``turn`` is the time that the timetable set when it queued this poll.  When the source has another by now (a later
    poll was queued, a back-off or a person's change came in between) or was switched off, the poll has had its day.

    A task that is started again after its worker died takes its own earlier run for lost.  When the server is being
    asked for another source, the poll is queued again for a little later and None returned.  Raises NotFound.
    """
    now = now or timezone.now()
    source = _locked_source(source_id)
    if turn and not (source.enabled and datetime.fromisoformat(turn) == source.next_poll_at):
        return None
    for run in IngestRun.objects.of_source(source_id).filter(status=IngestRun.Status.RUNNING).order_by("id"):
        if run.started_at and run.started_at > now - IngestRun.LEASE and run.task_id != task_id:
            return None
        _end_as_lost(run, source, now)
    asked = url or source.source_url
    host = hosts.locked_host(host_of(asked))
    until = hosts.busy_until(host, now)
    if until is not None:
        _postpone(source, until, now, url=url, parser_kind=parser_kind, turn=turn)
        return None
    run = IngestRun.objects.create(
        source=source,
        source_url=asked,
        parser_kind=parser_kind or source.parser_kind,
        status=IngestRun.Status.RUNNING,
        task_id=task_id,
        started_at=now,
    )
    hosts.take(host, run.pk, now)
    known = run.source_url == source.source_url
    return RunOrder(
        run_id=run.pk,
        source_id=source.pk,
        url=run.source_url,
        parser_kind=run.parser_kind,
        etag=source.etag if known else "",
        last_modified=source.last_modified if known else "",
    )


@transaction.atomic
def enter_server(run_id: int, name: str, *, now: datetime | None = None) -> datetime | None:
    """A redirect leads to another server: it is this run's from now on.  When it is being asked: until when to wait."""
    return hosts.take_also(run_id, name, now or timezone.now())


@transaction.atomic
def put_off(run_id: int, until: datetime, *, turn: str = "", now: datetime | None = None) -> None:
    """The server it was led to is busy: the run never was, and the poll comes again."""
    now = now or timezone.now()
    source, run = _locked_source_and_run(run_id)
    hosts.let_go(run, now)
    url = "" if is_of_source(run, source) else run.source_url
    kind = "" if run.parser_kind == source.parser_kind else run.parser_kind
    _postpone(source, max(until, now + hosts.gap()), now, url=url, parser_kind=kind, turn=turn)
    run.delete()


def _postpone(source: Source, until: datetime, now: datetime, *, url: str, parser_kind: str, turn: str) -> None:
    """A short wait is the task's, a long one the timetable's."""
    if until - now > LONGEST_QUEUED_WAIT and not url:
        source.next_poll_at, source.next_poll_reason = until, Source.WaitReason.HOST
        source.save(update_fields=PLAN_FIELDS)
        return
    enqueue(
        POLL_SOURCE,
        options=EnqueueOptions(run_at=until),
        source_id=source.pk,
        url=url,
        parser_kind=parser_kind,
        turn=turn,
    )


def _end_as_lost(run: IngestRun, source: Source, now: datetime) -> None:
    """Counted against the source: what kills its polls each time must not look healthy, nor be tried ever as often."""
    hosts.let_go(run, now)
    message = _lost_message(run)
    IngestRunError.objects.create(run=run, kind=IngestRunError.Kind.LOST, message=message)
    run.status = IngestRun.Status.FAILED
    run.error_msg = message
    run.error_count += 1
    run.finished_at = now
    run.save(update_fields=_RUN_FIELDS_OF_RESULT)
    log.warning("ingest_run_lost", run_id=run.pk, source_id=run.source_id, fetched=run.fetched_count)
    if is_of_source(run, source):
        mark_failure(source, message, now)
        source.next_poll_at = now + back_off(source, None, jitter=random.random)
        source.next_poll_reason = Source.WaitReason.BACK_OFF
        source.save(update_fields=[*FAILURE_FIELDS, *PLAN_FIELDS])


def _lost_message(run: IngestRun) -> str:
    if run.http_status is None:
        return _("The poll ended in silence: its worker died or ran out of time.")
    return _("%(missing)d of %(all)d items did not arrive") % {
        "missing": run.fetched_count - run.received_count,
        "all": run.fetched_count,
    }


@transaction.atomic
def record_unchanged(
    run_id: int, *, http_status: int, max_age: timedelta | None = None, now: datetime | None = None
) -> None:
    """The source says that nothing is new (304)."""
    now = now or timezone.now()
    source, run = _locked_source_and_run(run_id)
    hosts.let_go(run, now)
    run.http_status = http_status
    _succeed(run, now)
    run.save(update_fields=_RUN_FIELDS_OF_RESULT)
    if not is_of_source(run, source):
        return
    plan_next(source, now, max_age=max_age)
    mark_success(source, Source.FetchStatus.UNCHANGED, now)
    source.save(update_fields=[*PLAN_FIELDS, *SUCCESS_FIELDS])


@transaction.atomic
def record_fetched(
    run_id: int,
    answer: Answer,
    *,
    items: Sequence[tuple[str, str, str]],
    problems: Iterable[ItemProblem] = (),
    now: datetime | None = None,
) -> IdentityPolicy:
    """The answer was read: keep how many items must arrive, and forget the validators until they have.

    ``items`` are (address, title, id) of each, from which the identity policy of the source is learned; it is returned.
    A run without items is complete at once.
    """
    now = now or timezone.now()
    source, run = _locked_source_and_run(run_id)
    hosts.let_go(run, now)
    follow_move(source, run, answer.moved_to)
    run.http_status = answer.http_status
    run.etag, run.last_modified = answer.etag, answer.last_modified
    run.fetched_count = len(items)
    run.error_count += _keep_problems(run, problems)
    run.save(update_fields=["http_status", "etag", "last_modified", "fetched_count", "error_count"])
    if is_of_source(run, source):
        source.etag = source.last_modified = ""
        source.newest_run_id = run.pk
        source.last_fetch_at = now
        plan_next(source, now, max_age=answer.max_age)
        source.save(update_fields=["etag", "last_modified", "newest_run_id", "last_fetch_at", *PLAN_FIELDS])
        learn_policy(source, items)
    if run.is_complete:
        complete_run(run, source, now)
    return IdentityPolicy(source.identity_policy)


def _keep_problems(run: IngestRun, problems: Iterable[ItemProblem]) -> int:
    rows = [
        IngestRunError(
            run=run,
            kind=IngestRunError.Kind.ITEM,
            position=problem.position,
            message=problem.message[:MESSAGE_LENGTH],
            sample=problem.sample[:SAMPLE_LENGTH],
        )
        for problem in problems
    ]
    IngestRunError.objects.bulk_create(rows)
    return len(rows)


@transaction.atomic
def record_failure(
    run_id: int,
    failure: Failure,
    *,
    now: datetime | None = None,
    jitter: Callable[[], float] = random.random,
) -> datetime | None:
    """End a run without items and say when to ask again; None when the source is gone (410) and was switched off.

    A failure at another address than the source's own changes nothing of the source.
    """
    now = now or timezone.now()
    source, run = _locked_source_and_run(run_id)
    hosts.let_go(run, now, pause=failure.retry_after if failure.http_status in _SERVER_IS_TIRED else None)
    before = snapshot(source)
    message = failure.message[:MESSAGE_LENGTH]
    IngestRunError.objects.create(
        run=run, kind=failure.kind, message=message, sample=failure.sample[:SAMPLE_LENGTH].replace("\x00", "")
    )
    run.status = IngestRun.Status.FAILED
    run.http_status = failure.http_status
    run.error_msg = message
    run.error_count += 1
    run.finished_at = now
    run.save(update_fields=_RUN_FIELDS_OF_RESULT)
    if not is_of_source(run, source):
        log.warning("source_poll_failed", source_id=source.pk, run_id=run.pk, error=message, gone=False)
        return source.next_poll_at
    mark_failure(source, message, now)
    if failure.gone:
        source.last_fetch_status = Source.FetchStatus.GONE
        source.enabled = False
    else:
        wait = back_off(source, failure.retry_after, jitter=jitter)
        asked = failure.retry_after is not None and wait == min(failure.retry_after, LONGEST_RETRY_AFTER)
        source.next_poll_at = now + wait
        source.next_poll_reason = Source.WaitReason.RETRY_AFTER if asked else Source.WaitReason.BACK_OFF
    source.save(update_fields=[*FAILURE_FIELDS, "enabled", *PLAN_FIELDS])
    if failure.gone:
        record(Action.DISABLED, source, actor=SYSTEM, old=before, new=snapshot(source), reason=message)
    log.warning("source_poll_failed", source_id=source.pk, run_id=run.pk, error=message, gone=failure.gone)
    return None if failure.gone else source.next_poll_at


def complete_run(run: IngestRun, source: Source, now: datetime, *, counts: Sequence[str] = ()) -> None:
    """The last item is stored: the run succeeded and its validators become valid, unless a newer answer exists.

    ``counts`` are columns of the run that the caller has changed, written along.
    """
    _succeed(run, now)
    run.save(update_fields=[*_RUN_FIELDS_OF_RESULT, *counts])
    log.info("ingest_run_complete", run_id=run.pk, source_id=source.pk, stored=run.stored_count)
    if not is_of_source(run, source):
        return
    note_arrivals(source, run.stored_count + run.dropped_count, now)
    mark_success(source, Source.FetchStatus.STORED, now)
    changed = [*ARRIVAL_FIELDS, *SUCCESS_FIELDS]
    if source.newest_run_id == run.pk:
        source.etag, source.last_modified = run.etag, run.last_modified
        changed += ["etag", "last_modified"]
    source.save(update_fields=changed)


def _succeed(run: IngestRun, now: datetime) -> None:
    """In memory."""
    run.status = IngestRun.Status.SUCCEEDED
    run.error_msg = ""
    run.finished_at = now


def _locked_source(source_id: int) -> Source:
    found = locked_by_key(Source, [source_id])
    if not found:
        raise NotFound(_("There is no such source."))
    return found[0]


def _locked_source_and_run(run_id: int) -> tuple[Source, IngestRun]:
    source = locked(Source.objects.filter(pk__in=IngestRun.objects.filter(pk=run_id).values("source_id"))).get()
    return source, locked_by_key(IngestRun, [run_id])[0]
