"""One line in app.log for every operation of a service: what, about whom, how it ended, how long it took (A-7).

    @logged("orders.cancel", order_id="order_id", user_id="user_id")
    def cancel_order(order_id: str, *, actor: Actor, …) -> Order: …

The keywords name fields of the line and the attributes of the returned object that fill them.  A refused operation
returns nothing: then the first argument stands in the first field.  Stands outside ``transaction.atomic``, so that
the duration includes the commit.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import structlog

from apps.core.actor import Actor
from apps.core.errors import AppError

P = ParamSpec("P")
R = TypeVar("R")

log = structlog.get_logger(__name__)


def logged(operation: str, **fields: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """For services.  Never logs values but the ids it is told to."""

    def decorate(service: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(service)
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            started = time.perf_counter()
            known = {"operation": operation, **_who(kwargs.get("actor"))}
            asked = dict(zip(fields, args, strict=False))
            try:
                result = service(*args, **kwargs)
            except AppError as error:
                log.info("operation_refused", **known, **asked, code=int(error.code), duration_ms=_since(started))
                raise
            except Exception as error:
                # With its traceback it is logged by the door.
                log.warning(
                    "operation_failed", **known, **asked, error=type(error).__name__, duration_ms=_since(started)
                )
                raise
            about = {name: getattr(result, attribute, None) for name, attribute in fields.items()}
            log.info("operation_done", **known, **about, duration_ms=_since(started))
            return result

        return run

    return decorate


def _who(actor: Any) -> dict[str, str]:
    return {"actor_kind": actor.kind.value, "actor_id": actor.id} if isinstance(actor, Actor) else {}


def _since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 2)
