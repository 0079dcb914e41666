"""Asking for a synchronisation, and its run from the first page to the last (B.1, B-3, B-4, decision 28).

    request_sync(…)          → hub task data.sync
    begin_run → (page, store_batch)* → finish_run | fail_run
    request_status_sync(…)   → hub task sim.status_sync

A run belongs to its request id (without one, to its task): taken up again it goes on after the last committed batch,
finished it does nothing.  Of two attempts at one run the newer holds it (``claim``) and the older stops at its next
batch.  One audit event per run tells the counts; a card whose status really changed has its own.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import orjson
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.audit.enums import Action
from apps.audit.registry import ResourceRef
from apps.audit.services import record
from apps.core.actor import Actor
from apps.core.db import insert_unless_there, locked
from apps.core.errors import FieldError, IdempotencyKeyReused, Invalid
from apps.orders.enums import SyncType
from apps.orders.errors import CarrierNotConfigured, SyncTakenOver
from apps.orders.models import SyncRequest, SyncRun
from apps.orders.services.iccids import checked_iccids, label_of
from apps.orders.services.sim_batches import Counts, Rows, store_rows
from apps.orders.task_names import DATA_SYNC, SIM_STATUS_SYNC
from apps.taskhub.hub_task import Queue
from apps.taskhub.services import EnqueueOptions, enqueue

MAX_BATCH_SIZE = 1_000
DEFAULT_BATCH_SIZE = 500
MAX_DAYS = 366
# Enough to find out what is wrong; the count tells how many there are.
BAD_ROWS_KEPT = 50
SYNC = "sim_sync"


@dataclass(frozen=True, slots=True)
class SyncOrder:
    """What to fetch.  Days are included; None is open."""

    sync_type: SyncType
    start_date: date | None = None
    end_date: date | None = None
    batch_size: int = DEFAULT_BATCH_SIZE


@dataclass(frozen=True, slots=True)
class BadRowNote:
    page: int
    position: int
    reason: str
    sample: str


@dataclass(frozen=True, slots=True)
class Holder:
    """One attempt of a task, as ``SyncRun.claim`` names it."""

    task_id: str
    attempt: int

    def __str__(self) -> str:
        return f"{self.task_id}:{self.attempt}"

    def is_older_than(self, claim: str) -> bool:
        """Than another attempt of the same task; of two tasks nobody can tell."""
        task_id, _colon, attempt = claim.rpartition(":")
        return task_id == self.task_id and attempt.isdigit() and self.attempt < int(attempt)


# --- asking ---------------------------------------------------------------------------------------------------------
@transaction.atomic
def request_sync(order: SyncOrder, *, actor: Actor, request_id: str = "", queue: Queue | None = None) -> str:
    """Queue a synchronisation; the same request id gets the same task while it is remembered.  Returns the task's id.

    Raises Invalid (fields named), CarrierNotConfigured, IdempotencyKeyReused for the id of a request with other
    arguments.
    """
    check_order(order)
    arguments = {
        "sync_type": order.sync_type.value,
        "start_date": order.start_date.isoformat() if order.start_date else "",
        "end_date": order.end_date.isoformat() if order.end_date else "",
        "batch_size": order.batch_size,
    }
    return _queue(DATA_SYNC, arguments, label=order.sync_type, actor=actor, request_id=request_id, queue=queue)


@transaction.atomic
def request_status_sync(
    iccids: Sequence[str], *, force: bool, actor: Actor, request_id: str = "", queue: Queue | None = None
) -> str:
    """Queue the question for the state of these cards; the same request id gets the same task while it is remembered.

    Returns the task's id.  Raises Invalid (fields named), CarrierNotConfigured, IdempotencyKeyReused.
    """
    cards = checked_iccids(iccids)
    arguments = {"iccids": cards, "force_sync": force}
    return _queue(SIM_STATUS_SYNC, arguments, label=label_of(cards), actor=actor, request_id=request_id, queue=queue)


def _queue(
    name: str, arguments: dict[str, Any], *, label: str, actor: Actor, request_id: str, queue: Queue | None
) -> str:
    if not settings.CARRIER_BASE_URL:
        raise CarrierNotConfigured
    task_id = uuid.uuid4().hex
    promised = _promised(name, request_id, arguments, task_id=task_id) if request_id else task_id
    if promised == task_id:
        options = EnqueueOptions(queue=queue, actor=actor, task_id=task_id)
        enqueue(name, options=options, request_id=request_id or task_id, **arguments)
        record(Action.TRIGGERED, ResourceRef(SYNC, task_id, label), actor=actor, data=arguments)
    return promised


def _promised(name: str, request_id: str, arguments: dict[str, Any], *, task_id: str) -> str:
    """The task of this request: the given one when it is new.  The queue is no part of what was asked for."""
    digest = hashlib.sha256(orjson.dumps(arguments, option=orjson.OPT_SORT_KEYS)).hexdigest()
    request, _is_new = SyncRequest.objects.get_or_create(
        task_name=name, request_id=request_id, defaults={"digest": digest, "task_id": task_id}
    )
    if request.digest != digest:
        raise IdempotencyKeyReused
    return request.task_id


def check_order(order: SyncOrder) -> None:
    """Raises Invalid, naming every field that is wrong."""
    errors = []
    if not 1 <= order.batch_size <= MAX_BATCH_SIZE:
        errors.append(FieldError("batch_size", "out_of_range", _("A whole number from 1 to 1000.")))
    if order.start_date and order.end_date:
        if order.end_date < order.start_date:
            errors.append(FieldError("end_date", "before_start", _("The last day is before the first.")))
        elif (order.end_date - order.start_date).days >= MAX_DAYS:
            errors.append(FieldError("end_date", "too_long", _("At most 366 days.")))
    if errors:
        raise Invalid(errors=errors)


# --- the run --------------------------------------------------------------------------------------------------------
@transaction.atomic
def begin_run(order: SyncOrder, *, request_id: str, holder: Holder) -> SyncRun:
    """The run of this request, new or as its last batch left it; unless it is finished, ``holder`` has it from now on.

    It belongs to the holder's task, whose end decides about it.  Raises Invalid, IdempotencyKeyReused, SyncTakenOver
    for an attempt that comes after a later one of its own task.
    """
    check_order(order)
    fields = {
        "sync_type": order.sync_type,
        "start_date": order.start_date,
        "end_date": order.end_date,
        "batch_size": order.batch_size,
    }
    claimed = {"task_id": holder.task_id, "claim": str(holder)}
    runs = SyncRun.objects.filter(request_id=request_id)
    if not runs.exists():
        insert_unless_there(SyncRun(request_id=request_id, **fields, **claimed), unique=["request_id"])
    run = locked(runs).get()
    if any(getattr(run, name) != value for name, value in fields.items()):
        raise IdempotencyKeyReused
    if run.state == SyncRun.State.FINISHED:
        return run
    if holder.is_older_than(run.claim):
        raise SyncTakenOver
    # Also a failed one, when a person or the hub tries again: from the checkpoint, not from the start.
    run.state, run.error, run.finished_at = SyncRun.State.RUNNING, "", None
    run.task_id, run.claim = holder.task_id, str(holder)
    run.save(update_fields=["state", "error", "finished_at", "task_id", "claim", "updated_at"])
    return run


@transaction.atomic
def store_batch(
    run_id: int,
    rows: Rows,
    *,
    number: int,
    cursor: str,
    total: int = 0,
    bad: Sequence[BadRowNote] = (),
    holder: Holder,
    actor: Actor,
) -> SyncRun:
    """Page ``number`` and the checkpoint commit together; ``cursor`` is that of the page after it.

    Returns the run as it is now.  A page that is stored already is not stored again: an attempt that was delivered
    twice goes on after the pages of its twin.  Raises SyncTakenOver.
    """
    run = _held(run_id, holder)
    if run.pages >= number:
        return run
    counts = store_rows(rows, now=timezone.now(), actor=actor)
    _add(run, counts, bad)
    run.cursor, run.total = cursor, max(total, run.total)
    run.save()
    return run


def _held(run_id: int, holder: Holder) -> SyncRun:
    """The row, locked.  Raises SyncTakenOver unless this attempt may go on with it."""
    run = locked(SyncRun.objects.filter(pk=run_id)).get()
    if run.claim != str(holder) or run.state == SyncRun.State.FAILED:
        raise SyncTakenOver
    return run


def _add(run: SyncRun, counts: Counts, bad: Sequence[BadRowNote]) -> None:
    run.pages += 1
    run.seen += counts.seen + len(bad)
    run.created += counts.created
    run.changed += counts.changed
    run.duplicates += counts.duplicates
    run.bad += len(bad)
    notes = [{"page": one.page, "row": one.position, "reason": one.reason, "sample": one.sample} for one in bad]
    run.bad_rows = [*run.bad_rows, *notes][:BAD_ROWS_KEPT]


@transaction.atomic
def finish_run(run_id: int, *, holder: Holder, actor: Actor) -> SyncRun:
    """The last page is stored.  One event for the run; nothing when it is finished already.  Raises SyncTakenOver."""
    run = _held(run_id, holder)
    if run.state == SyncRun.State.FINISHED:
        return run
    run.state, run.finished_at = SyncRun.State.FINISHED, timezone.now()
    run.save(update_fields=["state", "finished_at", "updated_at"])
    record(Action.SYNCHRONISED, reference(run), actor=actor, data=summary(run))
    return run


@transaction.atomic
def fail_run(run_id: int, *, holder: Holder, error: str, actor: Actor) -> None:
    """No attempt follows this one.  What was stored stays; another try goes on from there.

    Nothing unless it is running and held by this attempt: the failure of a late one is no news.
    """
    for run in locked(SyncRun.objects.filter(pk=run_id, claim=str(holder)).running()):
        _fail(run, error, actor=actor)


@transaction.atomic
def fail_runs_of(reasons: Mapping[str, str], *, actor: Actor) -> None:
    """These tasks are dead, each for its reason, and so are the runs that still belong to them."""
    for run in locked(SyncRun.objects.filter(task_id__in=list(reasons)).running()):
        _fail(run, reasons[run.task_id], actor=actor)


def _fail(run: SyncRun, error: str, *, actor: Actor) -> None:
    run.state, run.error, run.finished_at = SyncRun.State.FAILED, error[:2000], timezone.now()
    run.save(update_fields=["state", "error", "finished_at", "updated_at"])
    record(Action.SYNCHRONISED, reference(run), actor=actor, data={**summary(run), "error": run.error})


def reference(run: SyncRun) -> ResourceRef:
    return ResourceRef(SYNC, run.task_id, run.sync_type)


def summary(run: SyncRun) -> dict[str, Any]:
    """The counts, as task result and audit event tell them."""
    return {
        "run_id": run.pk,
        "state": run.state,
        "pages": run.pages,
        "seen": run.seen,
        "created": run.created,
        "changed": run.changed,
        "unchanged": run.seen - run.created - run.changed - run.duplicates - run.bad,
        "duplicates": run.duplicates,
        "bad": run.bad,
    }
