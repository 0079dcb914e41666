"""One line for every operation of a service (A-7)."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from structlog.testing import capture_logs

from apps.core.actor import SYSTEM, Actor
from apps.core.errors import NotFound
from apps.core.operations import logged


@dataclass
class Thing:
    order_id: str
    user_id: int
    secret: str = "do not show"


@logged("orders.cancel", order_id="order_id", user_id="user_id")
def cancel(order_id: str, *, actor: Actor, fail: Exception | None = None) -> Thing:
    if fail:
        raise fail
    return Thing(order_id, 7)


def test_what_was_done_is_told_with_ids_and_duration() -> None:
    with capture_logs() as lines:
        cancel("A-1", actor=SYSTEM)

    [line] = lines
    assert line.pop("duration_ms") >= 0
    assert line == {
        "event": "operation_done",
        "log_level": "info",
        "operation": "orders.cancel",
        "order_id": "A-1",
        "user_id": 7,
        "actor_kind": "system",
        "actor_id": "system",
    }


@pytest.mark.parametrize(
    ("error", "event", "more"),
    [
        (NotFound(), "operation_refused", {"code": 1006}),
        (RuntimeError("secret"), "operation_failed", {"error": "RuntimeError"}),
    ],
)
def test_what_was_not_done_is_told_without_the_words_of_the_error(error: Exception, event: str, more: dict) -> None:
    with capture_logs() as lines, pytest.raises(type(error)):
        cancel("A-1", actor=SYSTEM, fail=error)

    [line] = lines
    assert (line["event"], line["order_id"], line["operation"]) == (event, "A-1", "orders.cancel")
    assert {name: line[name] for name in more} == more
    assert "duration_ms" in line
    assert "secret" not in str(line)
