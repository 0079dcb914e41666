"""One line in app.log for every operation of a service: what, about whom, how it ended, how long it took (A-7).

    @logged("orders.cancel", order_pk="pk", order_id="order_id", user_id="user_id")
    def cancel_order(order_pk: int, *, actor: Actor, …) -> Order: …

The keywords name fields of the line and the attributes of the returned object that fill them.  What the returned
object has not, or a refused operation that returns nothing, is filled by the argument of the same name; a field
that neither fills is left out.  A service that returns a number tells it as ``count``.

"Done" is said when it is: after the commit, also that of a transaction around the service, and not at all when that
one is rolled back.  Stands outside ``transaction.atomic``, so that the duration includes the service's own commit.
"""

from __future__ import annotations

import functools
import inspect
import time
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import structlog
from django.db import connection, transaction

from apps.core.actor import Actor
from apps.core.errors import AppError

P = ParamSpec("P")
R = TypeVar("R")

log = structlog.get_logger(__name__)


def logged(operation: str, **fields: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """For services.  Never logs values but the ids it is told to."""

    def decorate(service: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(service)

        @functools.wraps(service)
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            started = time.perf_counter()
            given = signature.bind_partial(*args, **kwargs).arguments
            known = {"operation": operation, **_who(given.get("actor"))}
            asked = {name: given[name] for name in fields if _is_told(given.get(name))}
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
            line = {**known, **asked, **_about(result, fields), "duration_ms": _since(started)}
            _after_commit(lambda: log.info("operation_done", **line))
            return result

        return run

    return decorate


def _after_commit(say: Callable[[], None]) -> None:
    if connection.in_atomic_block:
        transaction.on_commit(say)
    else:
        say()


def _about(result: Any, fields: dict[str, str]) -> dict[str, Any]:
    if isinstance(result, int):
        return {"count": result}
    found = {name: getattr(result, attribute, None) for name, attribute in fields.items()}
    return {name: value for name, value in found.items() if _is_told(value)}


def _is_told(value: Any) -> bool:
    return value is not None and value != ""


def _who(actor: Any) -> dict[str, str]:
    return {"actor_kind": actor.kind.value, "actor_id": actor.id} if isinstance(actor, Actor) else {}


def _since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 2)
