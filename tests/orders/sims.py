"""Cards and runs for tests of the carrier's synchronisation."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.utils import timezone

from apps.core.actor import Actor
from apps.orders.services.iccids import with_check_digit
from apps.orders.task_names import DATA_SYNC
from apps.taskhub.enums import TaskStatus
from apps.taskhub.models import Task
from apps.taskhub.services import enqueue
from apps.taskhub.testing import run_queued

STAFF = Actor.command("test")


def iccid(number: int) -> str:
    return with_check_digit(f"898600{number:013d}")


def statuses(count: int, status: str = "active", *, start: int = 0) -> list[dict[str, Any]]:
    return [{"iccid": iccid(number), "status": status} for number in range(start, start + count)]


def sync(sync_type: str = "sim_status", **fields: Any) -> dict[str, Any]:
    """Run one synchronisation as the worker does.  Returns the task's result."""
    task_id = enqueue(DATA_SYNC, sync_type=sync_type, **fields)
    run_queued()
    return result_of(task_id)


def result_of(task_id: str) -> dict[str, Any]:
    task = Task.objects.get(task_id=task_id)
    assert task.status == TaskStatus.SUCCESS, task.last_error
    result: dict[str, Any] = task.result
    return result


def retry_later() -> int:
    return run_queued(now=timezone.now() + dt.timedelta(days=1))
