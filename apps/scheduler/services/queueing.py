"""From an execution to a task of the hub, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.core import heartbeat
from apps.core.actor import Actor
from apps.scheduler.models import TaskExecution
from apps.taskhub.enums import Queue
from apps.taskhub.services import EnqueueOptions, enqueue

SOURCE_PREFIX = "schedule:"


def queue_run(execution: TaskExecution, arguments: Mapping[str, Any], *, actor: Actor) -> None:
    """Queue the execution's task under the execution's own id, with the schedule's limits.

    Raises what the hub refuses before a row exists: UnknownTask, WrongArguments, PayloadTooLarge, Invalid.
    """
    schedule = execution.schedule
    queue = schedule.definition.queue if schedule.definition is not None else None
    options = EnqueueOptions(
        task_id=execution.execution_uid.hex,
        queue=Queue(queue) if queue in Queue.values else None,
        actor=actor,
        source=f"{SOURCE_PREFIX}{schedule.uid}",
        logical_time=execution.scheduled_at,
        max_retries=schedule.max_retries,
        soft_limit_seconds=schedule.max_duration_seconds,
        grace_seconds=schedule.timeout_grace_period,
    )
    execution.hub_task_id = enqueue(schedule.task, options=options, **arguments)


def instance() -> str:
    """This process, as executions name it."""
    host, pid, boot_id = heartbeat.identity()
    return f"{host}:{pid}:{boot_id[:8]}"
