"""How a task type is declared.

    @hub_task(name=POLL_SOURCE, queue=Queue.DEFAULT, label=_("Poll a source"), soft_limit_seconds=60)
    def poll_source(*, source_id: int) -> dict[str, int]:
        ...

Arguments and result are plain JSON values; the function is safe to run twice (delivery is at least once; see ``once``
in services for effects that must be single).  Work is handed over by name: ``enqueue(POLL_SOURCE, source_id=3)``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from celery import current_app, shared_task
from django.conf import settings
from django.utils.functional import Promise

from apps.taskhub.enums import Queue
from apps.taskhub.errors import BadDeclaration, UnknownTask
from apps.taskhub.hub_task.celery_task import HubTask
from apps.taskhub.hub_task.definition import RetryPolicy, TaskDefinition
from apps.taskhub.hub_task.execution import current_run

__all__ = ["Queue", "RetryPolicy", "TaskDefinition", "current_run", "definition_of", "definitions", "hub_task"]

F = TypeVar("F", bound=Callable[..., Any])

_definitions: dict[str, TaskDefinition] = {}


def hub_task(
    *,
    name: str,
    soft_limit_seconds: int | None = None,
    queue: Queue = Queue.DEFAULT,
    label: str | Promise = "",
    grace_seconds: int = 30,
    retry: RetryPolicy | None = None,
) -> Callable[[F], F]:
    """Declare a task.  The function itself stays as it is and can be called directly.

    ``soft_limit_seconds`` None means settings.TASK_TIME_LIMIT_SECONDS (decisions 15, 36).  Raises BadDeclaration for a
    name that is taken, limits that are too short or too long, positional arguments.
    """

    def declare(function: F) -> F:
        definition = TaskDefinition(
            name=name,
            function=function,
            queue=queue,
            label=label or name,
            soft_limit_seconds=settings.TASK_TIME_LIMIT_SECONDS if soft_limit_seconds is None else soft_limit_seconds,
            grace_seconds=grace_seconds,
            retry=retry or RetryPolicy(),
        )
        taken = _definitions.get(name)
        if taken is not None and _place(taken.function) != _place(function):
            raise BadDeclaration(f"{name!r} is declared twice: {_place(taken.function)}, {_place(function)}")
        _definitions[name] = definition
        shared_task(
            name=name,
            base=HubTask,
            bind=True,
            definition=definition,
            soft_time_limit=definition.soft_limit_seconds,
            time_limit=definition.hard_limit_seconds,
        )(cast(Any, HubTask.run_attempt))
        return function

    return declare


def _place(function: Callable[..., Any]) -> str:
    return f"{function.__module__}.{function.__qualname__}"


def definition_of(name: str) -> TaskDefinition:
    """Raises UnknownTask."""
    try:
        return _definitions[name]
    except KeyError:
        raise UnknownTask(f"no @hub_task is named {name!r}") from None


def definitions() -> list[TaskDefinition]:
    """All declared tasks by name."""
    return [_definitions[name] for name in sorted(_definitions)]


def forget(name: str) -> None:
    """Take a declaration back: for tests that declare tasks of their own."""
    _definitions.pop(name, None)
    current_app.tasks.pop(name, None)
