"""Following the hub: a run whose task is dead is over, and so is a question for single cards.

The task itself tells of most failures (``fail_run``), but not of a time limit, a worker that was lost once too often or
a cancellation between two attempts.  ``on_finished`` runs in the recorder's transaction and is safe to run twice.
"""

from __future__ import annotations

from apps.core.actor import SYSTEM
from apps.orders.services.sim_cards import note_question_failed
from apps.orders.services.sim_sync import fail_runs_of
from apps.orders.task_names import DATA_SYNC, SIM_STATUS_SYNC
from apps.taskhub.registry import RunFinished, RunListener


def on_finished(runs: list[RunFinished]) -> None:
    dead = [run for run in runs if run.status == "dead"]
    if reasons := {run.task_id: _reason(run) for run in dead if run.name == DATA_SYNC}:
        fail_runs_of(reasons, actor=SYSTEM)
    for run in dead:
        if run.name == SIM_STATUS_SYNC:
            note_question_failed(run.task_id, error=_reason(run), actor=SYSTEM)


def _reason(run: RunFinished) -> str:
    return f"{run.dead_reason}: {run.error}" if run.error else run.dead_reason


LISTENER = RunListener("orders", finished=on_finished)
