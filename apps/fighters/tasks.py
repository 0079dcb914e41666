"""Hub tasks of the fighters app.  Safe to run twice: an import that has ended is not begun again."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from apps.fighters.clients.name_lists import places, spellings
from apps.fighters.services.list_imports import run_list_import
from apps.fighters.task_names import IMPORT_LIST
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
