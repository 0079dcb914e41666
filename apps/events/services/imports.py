"""Imports of ufcstats that people upload: kept, queued, carried out by a worker, reported on their page."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apps.core.actor import Actor
from apps.events.services.ufcstats import import_ufcstats
from apps.events.task_names import IMPORT_FILES
from apps.fighters.models import ImportRun
from apps.fighters.services.imports import carry_out, fail_dead, queue_run, report_progress
from apps.taskhub.registry import RunFinished, RunListener

if TYPE_CHECKING:
    from apps.events.clients.ufcstats import Dataset

OpenDataset = Callable[[Path], AbstractContextManager["Dataset"]]


def request_import(chunks: Iterable[bytes], *, file_name: str, actor: Actor, is_dry_run: bool = True) -> ImportRun:
    """Keep an uploaded archive and queue its import.  Raises BodyTooLarge, Invalid for an empty file."""
    return queue_run(
        ImportRun.Kind.UFCSTATS, chunks, task=IMPORT_FILES, file_name=file_name, actor=actor, is_dry_run=is_dry_run
    )


def run_import(run_id: int, *, open_dataset: OpenDataset, task_id: str, actor: Actor) -> dict[str, Any]:
    """What the worker does.  As ``carry_out``."""

    def work(run: ImportRun, path: Path) -> dict[str, Any]:
        with open_dataset(path) as dataset:
            report = import_ufcstats(
                dataset,
                actor=actor,
                is_dry_run=run.is_dry_run,
                progress=lambda step, rows: report_progress(run.pk, step, rows, is_dry_run=run.is_dry_run),
            )
        return report.as_data()

    return carry_out(run_id, work, task_id=task_id, actor=actor)


def on_finished(runs: list[RunFinished]) -> None:
    fail_dead(runs, task=IMPORT_FILES)


LISTENER = RunListener("events", finished=on_finished)
