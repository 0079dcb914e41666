"""Reads that join the store with what Redis knows already."""

from __future__ import annotations

from dataclasses import replace

import redis
import structlog

from apps.taskhub.hub_task import live
from apps.taskhub.hub_task.broker import queue_tails
from apps.taskhub.repositories import TaskRecord

log = structlog.get_logger(__name__)


def with_live_state(tasks: list[TaskRecord]) -> list[TaskRecord]:
    """The tasks with the newest state that Redis knows, so that nobody reads a state the recorder has yet to write.

    While Redis is away the tasks are returned as they are stored.
    """
    try:
        known = live.states([task.task_id for task in tasks])
    except redis.RedisError as error:
        log.warning("task_live_state_unknown", error=str(error))
        return tasks
    return [_newer(task, known.get(task.task_id)) for task in tasks]


def _newer(task: TaskRecord, state: live.LiveState | None) -> TaskRecord:
    if state is None or state.rank <= task.state_rank:
        return task
    return replace(
        task,
        status=state.status,
        dead_reason=state.dead_reason if state.status == "dead" else "",
        last_attempt=state.attempt,
        last_worker_name=state.worker,
        state_rank=state.rank,
    )


def queue_lengths(queues: list[str]) -> dict[str, int]:
    """Messages that wait in each queue.  Raises redis.RedisError."""
    return {queue: tail.length for queue, tail in queue_tails(queues).items()}
