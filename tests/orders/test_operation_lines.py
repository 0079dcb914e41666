"""What app.log says of the operations on orders: each once, when it is done, under the right names (A-7)."""

from __future__ import annotations

from typing import Any

import pytest
from structlog.testing import capture_logs

from apps.core.actor import Actor
from apps.core.errors import Conflict, Invalid, NotFound
from apps.orders.services import create_order_with_user, delete_order, move_order, move_orders, place_order
from tests.factories.orders import OrderFactory
from tests.factories.users import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)

STAFF = Actor.command("test")


def told(lines: list[Any], *names: str) -> list[tuple[Any, ...]]:
    found = [line for line in lines if str(line["event"]).startswith("operation_")]
    return [(line["event"], line["operation"], *(line.get(name) for name in names)) for line in found]


def test_key_and_number_of_an_order_have_names_of_their_own() -> None:
    order = OrderFactory(order_id="ORD-7")

    with capture_logs() as lines:
        move_order(order.pk, "paid", actor=STAFF)
        with pytest.raises(Conflict):
            move_order(order.pk, "paid", actor=STAFF)
        with pytest.raises(NotFound):
            delete_order(999_999, actor=STAFF)

    assert told(lines, "order_pk", "order_id", "user_id") == [
        ("operation_done", "orders.change", order.pk, "ORD-7", order.user_id),
        ("operation_refused", "orders.change", order.pk, None, None),
        ("operation_refused", "orders.delete", 999_999, None, None),
    ]


def test_a_refused_order_names_whose_it_would_have_been() -> None:
    user = UserFactory(status="locked")

    with capture_logs() as lines, pytest.raises(Invalid):
        place_order(user_id=user.pk, amount=1, order_id="ORD-7", actor=STAFF)

    assert told(lines, "order_pk", "order_id", "user_id") == [
        ("operation_refused", "orders.place", None, "ORD-7", user.pk)
    ]


def test_many_at_once_are_one_line_with_their_number() -> None:
    orders = OrderFactory.create_batch(3)

    with capture_logs() as lines:
        move_orders([order.pk for order in orders], "paid", actor=STAFF)
        with pytest.raises(Conflict):
            move_orders([order.pk for order in orders], "paid", actor=STAFF)

    assert told(lines, "count") == [
        ("operation_done", "orders.move_many", 3),
        ("operation_refused", "orders.move_many", None),
    ]


def test_a_user_who_was_rolled_back_with_their_order_was_not_registered() -> None:
    new: dict[str, Any] = {"username": "lin.mei", "email": "lin@example.com", "password": PASSWORD, "actor": STAFF}

    with capture_logs() as lines:
        with pytest.raises(Invalid):
            create_order_with_user(**new, amount=0)
        order = create_order_with_user(**new, amount=1)

    assert told(lines) == [
        ("operation_refused", "orders.place"),
        ("operation_done", "users.register"),
        ("operation_done", "orders.place"),
    ]
    assert [line[2] for line in told(lines, "user_id")[1:]] == [order.user_id] * 2
