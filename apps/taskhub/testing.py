"""For tests of other apps: what was queued, and running it in this process.

    assert queued() == [(POLL_SOURCE, {"source_id": 3})]
    run_queued()

The tasks run through the same start fence, outcome and recorder as in a worker; only broker and processes are left out.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from apps.core.streams import drain
from apps.taskhub.hub_task import definition_of
from apps.taskhub.hub_task.broker import headers_of
from apps.taskhub.hub_task.execution import execute
from apps.taskhub.models import Task
from apps.taskhub.services.dispatch import message_of

WORKER = "test:0"
# A task that queues itself for ever must not hang a test.
MAX_ROUNDS = 100


def queued(name: str | None = None) -> list[tuple[str, dict[str, Any]]]:
    """(name, arguments) of every task enqueued in this test, in order; of one type if ``name`` is given."""
    tasks = Task.objects.order_by("id")
    if name is not None:
        tasks = tasks.filter(name=name)
    return [(task.name, task.payload) for task in tasks]


def run_queued(*, now: datetime | None = None) -> int:
    """Run all waiting tasks that are due, and those that they queue, until none waits.  Returns how many ran."""
    ran = 0
    for _round in range(MAX_ROUNDS):
        moment = now or datetime.now(UTC)
        waiting = [task for task in Task.objects.waiting().order_by("id") if not task.run_at or task.run_at <= moment]
        if not waiting:
            return ran
        for task in waiting:
            run_task(task)
        ran += len(waiting)
        record_waiting()
    raise AssertionError(f"tasks still wait after {MAX_ROUNDS} rounds")


def run_task(task: Task) -> None:
    """Deliver the task's next attempt once."""
    execute(definition_of(task.name), headers_of(message_of(task))["hub"], dict(task.payload), worker=WORKER)


def record_waiting() -> int:
    """Let the recorder write everything that was said.  Returns the number of events."""
    from apps.taskhub.streams import RECORDER

    return drain(RECORDER)
