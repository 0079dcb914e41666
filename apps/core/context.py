"""What surrounds a piece of work: request id, client address, run id.

Ambient on purpose (contextvars): logs, audit and task headers need it everywhere and no decision depends on it.
Who acts is *not* here; that is an argument (``core.actor``).  Always set with ``bind`` so that it is reset.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Context:
    """``request_id`` ≤ 128 characters; ``client_ip`` empty when unknown; ``run_id`` is the hub's task id."""

    request_id: str = ""
    client_ip: str = ""
    user_agent: str = ""
    method: str = ""
    path: str = ""
    run_id: str = ""
    subsystem: str = "system"


_current: ContextVar[Context] = ContextVar("bajiaozhi_context", default=Context())  # noqa: B039  # frozen


def current() -> Context:
    return _current.get()


@contextmanager
def bind(context: Context | None = None, /, **changes: Any) -> Iterator[Context]:
    """Make a context current for the block: a new one, or the present one with ``changes``."""
    value = replace(context if context is not None else _current.get(), **changes)
    token = _current.set(value)
    try:
        yield value
    finally:
        _current.reset(token)


def new_request_id() -> str:
    return str(uuid.uuid4())
