"""Runs of imports: opened by a person or a command, told how far they are, closed with a report and one audit event."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import orjson
import redis
from billiard.exceptions import SoftTimeLimitExceeded
from django.db import DataError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.audit.enums import Action
from apps.audit.services import record
from apps.core import keys
from apps.core import redis as core_redis
from apps.core.actor import SYSTEM, Actor
from apps.core.db import locked
from apps.core.errors import AppError, BodyTooLarge, Conflict, Invalid, NotFound
from apps.fighters.models import ImportFilePart, ImportRun
from apps.taskhub.registry import RunFinished
from apps.taskhub.services import enqueue

MOST_UPLOADED_BYTES = 50 * 1024 * 1024
PROGRESS_SECONDS = 3_600
MOST_AUDITED = 20
# Another attempt would end the same way, so the run ends; the task tells of it as of any failure.
_HOPELESS = (SoftTimeLimitExceeded, DataError, ValueError)
_OPEN = (ImportRun.Status.QUEUED, ImportRun.Status.RUNNING)
# All names are read at once and rows are written by the hundred.
IMPORT_SECONDS = 60


@transaction.atomic
def open_run(kind: str, *, actor: Actor, file_name: str = "", is_dry_run: bool = False) -> ImportRun:
    """A run that waits for its worker."""
    return ImportRun.objects.create(
        kind=kind,
        file_name=file_name[:255],
        is_dry_run=is_dry_run,
        actor_label=actor.label[:150],
    )


def store_file(run: ImportRun, chunks: Iterable[bytes]) -> int:
    """Keep an uploaded file for the worker, piece by piece; returns its size.  Inside the caller's transaction.

    Raises BodyTooLarge beyond 50 MB (decision 25).
    """
    size = 0
    for number, content in enumerate(chunks):
        size += len(content)
        if size > MOST_UPLOADED_BYTES:
            raise BodyTooLarge(_("The file is larger than 50 MB."))
        ImportFilePart.objects.create(run=run, number=number, content=content)
    return size


def write_file(run: ImportRun, file: IO[bytes]) -> None:
    """The uploaded file, put together again."""
    for content in run.parts.order_by("number").values_list("content", flat=True).iterator(chunk_size=8):
        file.write(content)
    file.flush()


@transaction.atomic
def queue_run(
    kind: ImportRun.Kind, chunks: Iterable[bytes], *, task: str, file_name: str, actor: Actor, is_dry_run: bool
) -> ImportRun:
    """Keep an uploaded file and queue the task that imports it.  Raises BodyTooLarge, Invalid for an empty file."""
    run = open_run(kind, actor=actor, file_name=file_name, is_dry_run=is_dry_run)
    if not store_file(run, chunks):
        raise Invalid(_("The file is empty."))
    record(Action.TRIGGERED, run, actor=actor, data={"kind": kind, "file": file_name[:255], "dry_run": is_dry_run})
    # From now on the run ends with its task, also when that dies before it has begun.
    run.task_id = enqueue(task, run_id=run.pk)
    run.save(update_fields=["task_id"])
    return run


def carry_out(
    run_id: int, work: Callable[[ImportRun, Path], dict[str, Any]], *, task_id: str, actor: Actor
) -> dict[str, Any]:
    """What a worker does: ``work`` gets the run and its file and returns the report.

    A file that is no use ends the run, not the task; a run that ended is left alone.  Raises what broke the import
    otherwise: what time may heal is tried again, the rest has ended the run.
    """
    try:
        run = begin_run(run_id, task_id=task_id)
    except Conflict:
        return {"skipped": "this import has ended already"}
    try:
        with tempfile.NamedTemporaryFile(prefix="import-", suffix=Path(run.file_name).suffix) as file:
            write_file(run, file)
            report = work(run, Path(file.name))
    except AppError as error:
        fail_run(run_id, str(error), actor=actor)
        return {"run_id": run_id, "status": "failed", "error": str(error)[:200]}
    except _HOPELESS as error:
        fail_run(run_id, f"{type(error).__name__}: {error}", actor=actor)
        raise
    finish_run(run_id, report, actor=actor, audited={**report, "reasons": report["reasons"][:MOST_AUDITED]})
    return {"run_id": run_id, "status": "succeeded", "changes": report["changes"]}


def fail_dead(runs: Iterable[RunFinished], *, task: str) -> None:
    """An import whose task is dead (cancelled, its worker killed, its attempts used up) is over, begun or not.

    For a run listener of the hub: in the transaction of its recorder, so an import ends with its task or not at all.
    """
    dead = {run.task_id: run for run in runs if run.name == task and run.status == "dead"}
    if not dead:
        return
    open_runs = ImportRun.objects.filter(task_id__in=list(dead), status__in=_OPEN).order_by("pk")
    for run_id, task_id in open_runs.values_list("pk", "task_id"):
        fail_run(run_id, dead[task_id].error or dead[task_id].dead_reason, actor=SYSTEM)


@transaction.atomic
def begin_run(run_id: int, *, task_id: str = "") -> ImportRun:
    """A run that was cut off is begun again.  Raises NotFound; Conflict for one that has ended."""
    run = locked(ImportRun.objects.filter(pk=run_id)).first()
    if run is None:
        raise NotFound(_("There is no such import."))
    if run.status in (ImportRun.Status.SUCCEEDED, ImportRun.Status.FAILED):
        raise Conflict(_("This import has ended already."))
    run.status, run.started_at, run.task_id = ImportRun.Status.RUNNING, timezone.now(), task_id[:64]
    run.save(update_fields=["status", "started_at", "task_id"])
    return run


def report_progress(run_id: int, step: str, rows_done: int, *, is_dry_run: bool = False) -> None:
    """For the page of the run; not audited.

    A dry run is one transaction that is taken back, so its progress stands in Redis only; without Redis it is unseen.
    """
    if not is_dry_run:
        ImportRun.objects.filter(pk=run_id).update(step=step[:64], rows_done=rows_done)
        return
    with suppress(redis.RedisError):
        told = orjson.dumps([step[:64], rows_done])
        core_redis.client().set(keys.progress("import", run_id), told, ex=PROGRESS_SECONDS)


def progress_of(run: ImportRun) -> tuple[str, int]:
    """The step and the rows read so far."""
    if run.is_dry_run and run.status == ImportRun.Status.RUNNING:
        with suppress(redis.RedisError):
            told: Any = core_redis.client().get(keys.progress("import", run.pk))
            if told:
                step, rows_done = orjson.loads(told)
                return step, rows_done
    return run.step, run.rows_done


@transaction.atomic
def finish_run(
    run_id: int, report: dict[str, Any], *, actor: Actor, audited: dict[str, Any] | None = None
) -> ImportRun:
    """Close the run; its audit event carries the numbers and the first reasons."""
    run = _closed(run_id, ImportRun.Status.SUCCEEDED, report=report, rows_done=report.get("rows", 0))
    record(Action.IMPORTED, run, actor=actor, data=audited if audited is not None else report)
    return run


@transaction.atomic
def fail_run(run_id: int, error: str, *, actor: Actor) -> ImportRun:
    """Close the run; what it wrote before stays, and the next run goes on from there."""
    run = _closed(run_id, ImportRun.Status.FAILED, error=error[:2000])
    record(Action.IMPORTED, run, actor=actor, data={"error": error[:2000]})
    return run


def _closed(run_id: int, status: ImportRun.Status, **values: Any) -> ImportRun:
    run = locked(ImportRun.objects.filter(pk=run_id)).first()
    if run is None:
        raise NotFound(_("There is no such import."))
    for name, value in {"status": status, "finished_at": timezone.now(), **values}.items():
        setattr(run, name, value)
    run.save()
    run.parts.all().delete()
    return run
