"""One line for every operation of a service (A-7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from django.db import transaction
from structlog.testing import capture_logs

from apps.core.actor import SYSTEM, Actor
from apps.core.errors import NotFound
from apps.core.operations import logged


@dataclass
class Thing:
    pk: int
    order_id: str
    user_id: int
    secret: str = "do not show"


@logged("orders.cancel", order_pk="pk", order_id="order_id", user_id="user_id")
def cancel(order_pk: int, *, actor: Actor, user_id: int = 0, remark: str = "", fail: Exception | None = None) -> Thing:
    if fail:
        raise fail
    return Thing(order_pk, "A-1", 7)


@logged("orders.cancel_all", user_id="pk", order_id="order_id")
def cancel_all(user_id: int, *, actor: Actor) -> int:
    return 3


def said(lines: list[Any]) -> list[tuple[str, str]]:
    return [(line["event"], line["operation"]) for line in lines]


def test_what_was_done_is_told_with_ids_and_duration() -> None:
    with capture_logs() as lines:
        cancel(5, actor=SYSTEM, remark="secret")

    [line] = lines
    assert line.pop("duration_ms") >= 0
    assert line == {
        "event": "operation_done",
        "log_level": "info",
        "operation": "orders.cancel",
        "order_pk": 5,
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
        cancel(5, actor=SYSTEM, fail=error)

    [line] = lines
    assert (line["event"], line["operation"]) == (event, "orders.cancel")
    assert {name: line[name] for name in more} == more
    assert "duration_ms" in line
    assert "secret" not in str(line)


def test_a_refusal_names_what_was_asked_for_each_under_its_own_name() -> None:
    with capture_logs() as lines, pytest.raises(NotFound):
        cancel(order_pk=5, user_id=8, remark="secret", actor=SYSTEM, fail=NotFound())

    [line] = lines
    assert (line["order_pk"], line["user_id"]) == (5, 8)
    assert not {"order_id", "remark", "fail"} & line.keys()


def test_a_number_is_told_as_a_count_beside_what_was_asked_for() -> None:
    with capture_logs() as lines:
        cancel_all(8, actor=SYSTEM)

    [line] = lines
    assert (line["event"], line["user_id"], line["count"]) == ("operation_done", 8, 3)
    assert "order_id" not in line


@pytest.mark.django_db(transaction=True)
def test_done_is_said_when_the_transaction_around_it_commits() -> None:
    with capture_logs() as lines, transaction.atomic():
        cancel(5, actor=SYSTEM)
        assert lines == []

    assert said(lines) == [("operation_done", "orders.cancel")]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("savepoint", [False, True])
def test_what_is_rolled_back_was_not_done(savepoint: bool) -> None:
    def roll_back() -> None:
        with transaction.atomic():
            cancel(5, actor=SYSTEM)
            transaction.set_rollback(True)

    with capture_logs() as lines:
        if savepoint:
            with transaction.atomic():
                roll_back()
        else:
            roll_back()

    assert lines == []
