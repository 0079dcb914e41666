"""Contract of orders."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from apps.core.errors import ErrorCode
from apps.users.api.tokens import pair_of
from apps.users.models import User
from tests.contract.operation import Operation, covers
from tests.factories.orders import OrderFactory
from tests.factories.users import TokenSessionFactory, UserFactory

pytestmark = pytest.mark.django_db
ORDERS, ORDER = "/api/v1/orders", "/api/v1/orders/{order_pk}"


def as_user(user: User) -> dict[str, str]:
    return {"Authorization": f"Bearer {pair_of(TokenSessionFactory(user=user)).access_token}"}


@pytest.fixture
def staff() -> dict[str, str]:
    return as_user(UserFactory(role="administrator"))


@covers("GET", ORDERS)
def test_orders_list(operation: Operation, client: Client, staff: dict[str, str]) -> None:
    OrderFactory(status="paid")

    page = operation.accepts(client.get(ORDERS, {"status": "paid"}, headers=staff))

    assert page["pagination"]["total"] == 1
    walked = operation.accepts(client.get(ORDERS, {"cursor": ""}, headers=staff))
    assert walked["items"] == page["items"]
    operation.refuses(client.get(ORDERS, {"colour": "red"}, headers=staff), code=ErrorCode.INVALID_PARAMETER)
    operation.refuses(client.get(ORDERS), code=ErrorCode.MISSING_TOKEN)


@covers("POST", ORDERS)
def test_order_placed(operation: Operation, client: Client, staff: dict[str, str]) -> None:
    user = UserFactory()

    def place(body: Any, **headers: str) -> Any:
        return client.post(ORDERS, body, content_type="application/json", headers={**staff, **headers})

    order = operation.accepts(place({"user_id": user.pk, "amount": 100, "order_id": "A-1"}), status=201)

    assert order["status"] == "pending"
    operation.refuses(place({"user_id": user.pk, "amount": 100, "order_id": "A-1"}), code=ErrorCode.CONFLICT)
    operation.refuses(place({"user_id": user.pk, "amount": 0}), code=ErrorCode.INVALID_PARAMETER)
    key = {"Idempotency-Key": "k-1"}
    operation.accepts(place({"user_id": user.pk, "amount": 100}, **key), status=201)
    operation.refuses(place({"user_id": user.pk, "amount": 101}, **key), code=ErrorCode.IDEMPOTENCY_KEY_REUSED)
    text = client.post(ORDERS, "x", content_type="text/plain", headers=staff)
    operation.refuses(text, code=ErrorCode.UNSUPPORTED_MEDIA_TYPE)


@covers("GET", ORDER)
def test_order_read(operation: Operation, client: Client, staff: dict[str, str]) -> None:
    order = OrderFactory()

    shown = operation.accepts(client.get(f"{ORDERS}/{order.pk}", headers=staff))

    assert shown["order_id"] == order.order_id
    tagged = client.get(f"{ORDERS}/{order.pk}", headers={**staff, "If-None-Match": '"1"'})
    assert tagged.status_code == 304
    operation.refuses(client.get(f"{ORDERS}/987654321", headers=staff), code=ErrorCode.NOT_FOUND)
    operation.refuses(client.get(f"{ORDERS}/x", headers=staff), code=ErrorCode.INVALID_PARAMETER)


@covers("PUT", ORDER)
def test_order_changed(operation: Operation, client: Client, staff: dict[str, str]) -> None:
    order = OrderFactory()

    def change(body: Any, **headers: str) -> Any:
        path = f"{ORDERS}/{order.pk}"
        return client.put(path, body, content_type="application/json", headers={**staff, **headers})

    assert operation.accepts(change({"status": "paid"}))["status"] == "paid"
    operation.refuses(change({"status": "paid"}), code=ErrorCode.CONFLICT)
    operation.refuses(change({"remark": "x"}, **{"If-Match": '"1"'}), code=ErrorCode.PRECONDITION_FAILED)
    operation.refuses(change({"colour": "red"}), code=ErrorCode.INVALID_PARAMETER)
    stranger = client.put(
        f"{ORDERS}/{order.pk}", {"remark": "x"}, content_type="application/json", headers=as_user(UserFactory())
    )
    operation.refuses(stranger, code=ErrorCode.NOT_FOUND)


@covers("DELETE", ORDER)
def test_order_deleted(operation: Operation, client: Client, staff: dict[str, str]) -> None:
    order = OrderFactory()

    own = client.delete(f"{ORDERS}/{order.pk}", headers=as_user(order.user))
    operation.refuses(own, code=ErrorCode.FORBIDDEN)
    assert operation.accepts(client.delete(f"{ORDERS}/{order.pk}", headers=staff)) is None
    operation.refuses(client.delete(f"{ORDERS}/{order.pk}", headers=staff), code=ErrorCode.NOT_FOUND)
