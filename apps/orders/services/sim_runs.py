"""Following the hub: a run whose task is dead is over.

The task itself tells of most failures (``fail_run``), but not of a time limit, a worker that was lost once too often or
a cancellation between two attempts.  ``on_finished`` runs in the recorder's transaction and is safe to run twice.
"""

from __future__ import annotations

from apps.core.actor import SYSTEM
from apps.orders.models import SyncRun
from apps.orders.services.sim_sync import fail_run
from apps.orders.task_names import DATA_SYNC
from apps.taskhub.registry import RunFinished, RunListener


def on_finished(runs: list[RunFinished]) -> None:
    reasons = {run.task_id: _reason(run) for run in runs if run.name == DATA_SYNC and run.status == "dead"}
    if not reasons:
        return
    # In the order of their keys: two recorders never wait for each other.
    for run_id, task_id in SyncRun.objects.running_of(reasons).order_by("pk").values_list("pk", "task_id"):
        fail_run(run_id, error=reasons[task_id], actor=SYSTEM)


def _reason(run: RunFinished) -> str:
    return f"{run.dead_reason}: {run.error}" if run.error else run.dead_reason


LISTENER = RunListener("orders", finished=on_finished)
