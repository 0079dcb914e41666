"""Lists that people upload (other spellings, rankings): kept, queued, carried out by a worker."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apps.core.actor import Actor
from apps.fighters.models import ImportRun
from apps.fighters.services.imports import carry_out, fail_dead, queue_run
from apps.fighters.services.rankings import import_rankings
from apps.fighters.services.spellings import import_spellings
from apps.fighters.task_names import IMPORT_LIST
from apps.taskhub.registry import RunFinished, RunListener

if TYPE_CHECKING:
    from apps.fighters.clients.name_lists import PlaceRow, SpellingRow

# Under which names the rows are kept; the commands take others too.
ALIAS_SOURCE, RANKING_SOURCE = "standard", "ufc"


def request_list_import(
    kind: ImportRun.Kind, chunks: Iterable[bytes], *, file_name: str, actor: Actor, is_dry_run: bool = True
) -> ImportRun:
    """Keep an uploaded list and queue its import.  Raises BodyTooLarge, Invalid for an empty file."""
    return queue_run(kind, chunks, task=IMPORT_LIST, file_name=file_name, actor=actor, is_dry_run=is_dry_run)


def run_list_import(
    run_id: int,
    *,
    spellings: Callable[[Path], Iterable[SpellingRow]],
    places: Callable[[Path], Iterable[PlaceRow]],
    task_id: str,
    actor: Actor,
) -> dict[str, Any]:
    """What the worker does.  As ``carry_out``."""

    def work(run: ImportRun, path: Path) -> dict[str, Any]:
        if run.kind == ImportRun.Kind.ALIASES:
            return import_spellings(spellings(path), source=ALIAS_SOURCE, is_dry_run=run.is_dry_run)
        return import_rankings(places(path), source=RANKING_SOURCE, is_dry_run=run.is_dry_run)

    return carry_out(run_id, work, task_id=task_id, actor=actor)


def on_finished(runs: list[RunFinished]) -> None:
    fail_dead(runs, task=IMPORT_LIST)


LISTENER = RunListener("fighters", finished=on_finished)
