"""Celery's side of a hub task: the class whose ``run`` carries out an attempt."""

from __future__ import annotations

import os
import socket
from functools import lru_cache
from typing import Any

from celery import Task

from apps.taskhub.errors import BadDeclaration
from apps.taskhub.hub_task.definition import TaskDefinition
from apps.taskhub.hub_task.execution import execute

_main_process_id: list[int] = []


def be_main_process() -> None:
    """Called once in the worker's main process before it forks: children name it, not themselves, as the worker."""
    _main_process_id[:] = [os.getpid()]
    worker_label.cache_clear()


@lru_cache(maxsize=1)
def worker_label() -> str:
    """Host and main process of this worker, as shown on attempts."""
    return f"{socket.gethostname()}:{_main_process_id[0] if _main_process_id else os.getpid()}"


class HubTask(Task):
    """Celery's side of a hub task.  Never called with ``delay``: messages come from ``enqueue`` only."""

    Request = "apps.taskhub.hub_task.worker_request:HubRequest"
    abstract = True
    definition: TaskDefinition
    acks_late = True
    ignore_result = True
    # HubRequest answers a lost child itself; Celery's own retry would go round the ledger.
    retry_on_worker_lost = False
    reject_on_worker_lost = False

    def run_attempt(self, **arguments: Any) -> str:
        headers = getattr(self.request, "hub", None)
        if headers is None:
            raise BadDeclaration(f"{self.name} was sent past enqueue(): it has no row")
        return execute(self.definition, headers, arguments, worker=worker_label())
