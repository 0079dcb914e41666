"""Interfaces of the hub's store and the implementations that the settings choose."""

from __future__ import annotations

from functools import lru_cache
from typing import cast

from django.conf import settings
from django.utils.module_loading import import_string

from apps.taskhub.repositories.base import (
    AttemptRecord,
    HourStats,
    QueueCounts,
    TaskFilter,
    TaskRecord,
    TaskRepository,
    WorkerRecord,
    WorkerRepository,
    WorkerStats,
)

__all__ = [
    "AttemptRecord",
    "HourStats",
    "QueueCounts",
    "TaskFilter",
    "TaskRecord",
    "TaskRepository",
    "WorkerRecord",
    "WorkerRepository",
    "WorkerStats",
    "task_repository",
    "worker_repository",
]


def task_repository() -> TaskRepository:
    return cast(TaskRepository, _made(settings.TASKHUB_TASK_REPOSITORY))


def worker_repository() -> WorkerRepository:
    return cast(WorkerRepository, _made(settings.TASKHUB_WORKER_REPOSITORY))


@lru_cache(maxsize=8)
def _made(path: str) -> object:
    """One instance per process: the implementations are safe in threads."""
    made: object = import_string(path)()
    return made
