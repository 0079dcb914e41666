"""Who is told when runs start and end.

    register_run_listener(RunListener("scheduler", started=on_started, finished=on_finished))

Called in plain sight by the recorder, inside the transaction that writes the rows: what a listener writes commits with
them or not at all.  A listener that raises keeps the events from being recorded, so it handles its own doubts.  Each
change is told once, except after a crash before the commit.  The scheduler follows its executions this way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class RunStarted:
    """An attempt began."""

    task_id: str
    name: str
    source: str
    attempt: int
    started_at: datetime
    worker_name: str


@dataclass(frozen=True, slots=True)
class RunFinished:
    """An attempt ended.  ``status`` fail: another attempt follows at ``retry_at``; success and dead are final."""

    task_id: str
    name: str
    source: str
    attempt: int
    status: str
    dead_reason: str
    started_at: datetime | None
    finished_at: datetime
    duration_ms: int | None
    error: str
    error_stack: str
    result: Any
    retry_at: datetime | None

    @property
    def is_final(self) -> bool:
        return self.status in ("success", "dead")


def _ignore(_runs: list[Any]) -> None:
    return None


@dataclass(frozen=True, slots=True)
class RunListener:
    """``started`` and ``finished`` get the changes of one batch, each non-empty."""

    name: str
    started: Callable[[list[RunStarted]], None] = _ignore
    finished: Callable[[list[RunFinished]], None] = _ignore


_listeners: dict[str, RunListener] = {}


def register_run_listener(listener: RunListener) -> RunListener:
    """Called from an app's ``ready``.  Raises ValueError for a name that is taken."""
    if listener.name in _listeners:
        raise ValueError(f"run listener registered twice: {listener.name}")
    _listeners[listener.name] = listener
    return listener


def unregister_run_listener(name: str) -> None:
    """For tests."""
    _listeners.pop(name, None)


def run_listeners() -> list[RunListener]:
    return list(_listeners.values())
