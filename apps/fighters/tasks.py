"""Hub tasks of the fighters app.  Safe to run twice: an import that has ended is not begun or ended again."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.fighters.clients.name_lists import places, spellings
from apps.fighters.services.command_imports import close_lost_runs
from apps.fighters.services.list_imports import run_list_import
from apps.fighters.task_names import CLOSE_LOST_IMPORTS, IMPORT_LIST
from apps.taskhub.hub_task import Queue, RetryPolicy, current_run, hub_task


@hub_task(
    name=IMPORT_LIST,
    queue=Queue.LOW,
    label=_("Import a list of names"),
    retry=RetryPolicy(max_retries=2),
)
def import_list(*, run_id: int) -> dict[str, Any]:
    """Carry out an import of spellings or rankings that somebody uploaded."""
    return run_list_import(
        run_id, spellings=spellings, places=places, task_id=current_run.task_id, actor=current_run.actor
    )


@hub_task(
    name=CLOSE_LOST_IMPORTS,
    queue=Queue.LOW,
    label=_("End imports whose command is gone"),
    soft_limit_seconds=60,
    retry=RetryPolicy(max_retries=0),
)
def close_lost_imports() -> dict[str, int]:
    """Imports of commands that were killed; those of workers end with their task."""
    return {"closed": close_lost_runs(actor=current_run.actor, now=timezone.now())}
