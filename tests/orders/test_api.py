"""Orders over HTTP: who sees and does what, and every refusal with its code and field."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.audit.testing import recorded
from apps.core.actor import SYSTEM
from apps.core.errors import Conflict
from apps.orders.models import Order
from apps.users.models import User
from apps.users.services.accounts import delete_user
from tests.factories.orders import OrderFactory
from tests.factories.users import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db
ORDERS = "/api/v1/orders"


def one(order: Order) -> str:
    return f"{ORDERS}/{order.pk}"


def refused(response: Any, status: int, code: int, *fields: str) -> None:
    body = response.json()
    assert (response.status_code, body["code"]) == (status, code), body
    assert body["data"] is None
    if fields:
        assert [error["field"] for error in body["errors"]] == list(fields)


@pytest.fixture
def customer(call):
    return call(UserFactory())


@pytest.fixture
def operator(call):
    return call(UserFactory(role="operator"))


# --- placing --------------------------------------------------------------------------------------------------------
def test_customer_places_an_order_for_themself(customer):
    response = customer.post(ORDERS, {"amount": 12_800, "remark": "two boxes"})

    assert response.status_code == 201
    data = response.json()["data"]
    assert data == {
        "id": data["id"],
        "order_id": data["order_id"],
        "user_id": customer.user.pk,
        "amount": 12_800,
        "status": "pending",
        "remark": "two boxes",
        "paid_at": None,
        "completed_at": None,
        "version": 1,
        "created_at": data["created_at"],
        "updated_at": data["updated_at"],
    }
    assert response["Location"] == f"{ORDERS}/{data['id']}"
    assert response["ETag"] == '"1"'
    assert customer.get(response["Location"]).json()["data"] == data
    assert recorded()[-1]["actor_label"] == customer.user.username


def test_customer_places_no_order_for_others(customer):
    other = UserFactory()

    refused(customer.post(ORDERS, {"amount": 1, "user_id": other.pk}), 403, 1005)
    new = {"username": "newcomer", "email": "newcomer@example.com", "password": PASSWORD}
    refused(customer.post(ORDERS, {"amount": 1, "user": new}), 403, 1005)

    assert not Order.objects.exists()
    assert not User.objects.filter(username="newcomer").exists()


def test_staff_place_for_a_user(operator):
    user = UserFactory()

    data = operator.post(ORDERS, {"amount": 1, "user_id": user.pk, "order_id": "A-1"}).json()["data"]

    assert (data["user_id"], data["order_id"]) == (user.pk, "A-1")
    refused(operator.post(ORDERS, {"amount": 1, "user_id": user.pk, "order_id": "A-1"}), 409, 1007, "order_id")


def test_staff_place_an_order_together_with_its_user(operator):
    new = {"username": "newcomer", "email": "newcomer@example.com", "password": PASSWORD}

    data = operator.post(ORDERS, {"amount": 1, "user": new}).json()["data"]

    assert User.objects.get(pk=data["user_id"]).username == "newcomer"
    refused(operator.post(ORDERS, {"amount": 1, "user": new}), 409, 1007, "user.username", "user.email")
    weak = {**new, "username": "other", "email": "other@example.com", "password": "short"}
    assert {error["field"] for error in operator.post(ORDERS, {"amount": 1, "user": weak}).json()["errors"]} == {
        "user.password"
    }
    assert User.objects.filter(username="other").count() == 0


def test_staff_say_for_whom(operator):
    refused(operator.post(ORDERS, {"amount": 1}), 400, 1001, "user_id")
    new = {"username": "newcomer", "email": "newcomer@example.com", "password": PASSWORD}
    refused(operator.post(ORDERS, {"amount": 1, "user_id": UserFactory().pk, "user": new}), 400, 1001, "user_id")


def test_order_needs_an_active_user(operator):
    refused(operator.post(ORDERS, {"amount": 1, "user_id": 987_654_321}), 400, 1001, "user_id")
    locked = UserFactory(status="locked")
    refused(operator.post(ORDERS, {"amount": 1, "user_id": locked.pk}), 400, 1001, "user_id")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "amount"),
        ({"amount": 0}, "amount"),
        ({"amount": 2**53}, "amount"),
        ({"amount": 1.5}, "amount"),
        ({"amount": "x"}, "amount"),
        ({"amount": None}, "amount"),
        ({"amount": 1, "order_id": "a b"}, "order_id"),
        ({"amount": 1, "order_id": "x" * 51}, "order_id"),
        ({"amount": 1, "remark": "x" * 501}, "remark"),
        ({"amount": 1, "remark": "\x00"}, "remark"),
        ({"amount": 1, "status": "paid"}, "status"),
        ({"amount": 1, "paid_at": "2025-01-01T00:00:00Z"}, "paid_at"),
    ],
)
def test_bad_body_is_refused_by_field(customer, body, field):
    refused(customer.post(ORDERS, body), 400, 1001, field)
    assert not Order.objects.exists()


def test_nobody_without_token(call):
    stranger = call(None)
    order = OrderFactory()

    for response in (
        stranger.get(ORDERS),
        stranger.post(ORDERS, {"amount": 1}),
        stranger.get(one(order)),
        stranger.put(one(order), {"status": "paid"}),
        stranger.delete(one(order)),
    ):
        refused(response, 401, 1002)


def test_request_sent_again_has_one_effect(customer):
    first = customer.post(ORDERS, {"amount": 1}, Idempotency_Key="k-1")
    again = customer.post(ORDERS, {"amount": 1}, Idempotency_Key="k-1")

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["data"] == again.json()["data"]
    assert again["Idempotency-Replayed"] == "true"
    assert again["ETag"] == first["ETag"]
    assert Order.objects.count() == 1
    refused(customer.post(ORDERS, {"amount": 2}, Idempotency_Key="k-1"), 422, 1014)
    assert Order.objects.count() == 1


def test_customers_reason_is_recorded(customer):
    order = OrderFactory(user=customer.user)

    response = customer.put(one(order), {"status": "cancelled", "reason": "ordered twice"})

    assert response.status_code == 200
    assert recorded()[-1]["reason"] == "ordered twice"


def test_control_characters_in_a_remark_are_refused(customer):
    order = OrderFactory(user=customer.user)

    refused(customer.post(ORDERS, {"amount": 1, "remark": "a\x01b"}), 400, 1001, "remark")
    refused(customer.put(one(order), {"remark": "a\x01b"}), 400, 1001, "remark")

    assert list(Order.objects.values_list("remark", flat=True)) == [order.remark]


# --- reading --------------------------------------------------------------------------------------------------------
def test_customers_see_their_own_orders_only(call, customer):
    mine, other = OrderFactory(user=customer.user), OrderFactory()

    listed = customer.get(ORDERS).json()["data"]["items"]

    assert [item["id"] for item in listed] == [mine.pk]
    assert customer.get(one(mine)).status_code == 200
    refused(customer.get(one(other)), 404, 1006)
    refused(customer.put(one(other), {"status": "cancelled"}), 404, 1006)
    refused(customer.delete(one(other)), 404, 1006)
    assert customer.get(ORDERS, {"user_id": other.user_id}).json()["data"]["items"] == []


def test_staff_without_the_right_are_customers(call):
    editor = call(UserFactory(role="editor"))
    other = OrderFactory()

    assert editor.get(ORDERS).json()["data"]["items"] == []
    refused(editor.get(one(other)), 404, 1006)


def test_auditor_sees_and_changes_nothing(call):
    auditor = call(UserFactory(role="auditor"))
    order = OrderFactory()

    assert auditor.get(one(order)).status_code == 200
    refused(auditor.put(one(order), {"status": "paid"}), 403, 1005)
    refused(auditor.delete(one(order)), 403, 1005)
    assert Order.objects.get(pk=order.pk).status == "pending"


def test_filters_find_and_order_is_stable(operator):
    moment = datetime(2025, 1, 31, 8, tzinfo=UTC)
    user = UserFactory()
    orders = [OrderFactory(user=user, status="paid"), OrderFactory(user=user), OrderFactory(status="paid")]
    for hours, order in enumerate(orders):
        Order.objects.filter(pk=order.pk).update(created_at=moment + timedelta(hours=hours))
    OrderFactory(deleted_at=moment, deleted_key=7)

    def found(**query: Any) -> list[int]:
        response = operator.get(ORDERS, query)
        assert response.status_code == 200, response.content
        return [orders.index(Order.objects.get(pk=item["id"])) for item in response.json()["data"]["items"]]

    assert found() == [2, 1, 0]
    assert found(user_id=user.pk) == [1, 0]
    assert found(status="paid") == [2, 0]
    assert found(user_id=user.pk, status="paid") == [0]
    assert found(order_id=orders[1].order_id) == [1]
    assert found(created_from="2025-01-31T09:00:00Z") == [2, 1]
    assert found(created_until="2025-01-31T09:00:00Z") == [0]
    assert found(created_from=int(moment.timestamp() * 1000), created_until="2025-01-31T17:00:00+08:00") == [0]
    assert found(page=2, page_size=2) == [0]
    assert found(page=9) == []


def test_cursor_walks_without_counting(operator):
    made = [OrderFactory().pk for _ in range(5)]
    seen: list[int] = []
    cursor = ""

    while cursor is not None:
        data = operator.get(ORDERS, {"cursor": cursor, "page_size": 2}).json()["data"]
        seen += [item["id"] for item in data["items"]]
        cursor = data["pagination"]["next_cursor"]

    assert seen == made[::-1]


@pytest.mark.parametrize(
    "query",
    [
        {"colour": "red"},
        {"status": "lost"},
        {"user_id": "x"},
        {"user_id": "0"},
        {"user_id": "1.5"},
        {"user_id": "1e3"},
        {"user_id": str(2**70)},
        {"created_from": "yesterday"},
        {"page": "0"},
        {"page_size": "101"},
        {"cursor": "mine"},
    ],
)
def test_bad_filter_is_refused_by_name(operator, query):
    refused(operator.get(ORDERS, query), 400, 1001, next(iter(query)))


@pytest.mark.parametrize("text", ["x", "0", "-1", "1.5", "9" * 19])
def test_bad_id_is_refused(customer, text):
    refused(customer.get(f"{ORDERS}/{text}"), 400, 1001, "id")


def test_unknown_and_deleted_orders_are_not_found(operator):
    gone = OrderFactory(deleted_at="2025-01-01T00:00:00Z", deleted_key=7)

    refused(operator.get(f"{ORDERS}/987654321"), 404, 1006)
    refused(operator.get(one(gone)), 404, 1006)


def test_copy_that_is_still_the_newest_is_not_sent_again(customer):
    order = OrderFactory(user=customer.user)
    tag = customer.get(one(order))["ETag"]

    assert customer.get(one(order), If_None_Match=tag).status_code == 304
    customer.put(one(order), {"remark": "new"})
    assert customer.get(one(order), If_None_Match=tag).status_code == 200


def test_list_costs_the_same_for_two_and_twenty(operator):
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert operator.get(ORDERS).status_code == 200
        return len(queries)

    for _ in range(2):
        OrderFactory()
    few = cost()
    for _ in range(18):
        OrderFactory()

    assert cost() == few


def test_reading_costs_two_statements(customer):
    """The token with its user, and the order."""
    order = OrderFactory(user=customer.user)

    with CaptureQueriesContext(connection) as queries:
        customer.get(one(order))

    assert len(queries) == 2


# --- changing -------------------------------------------------------------------------------------------------------
def test_status_moves_and_times_are_set_here(operator):
    order = OrderFactory()
    for wanted in ("paid", "processing", "completed"):
        response = operator.put(one(order), {"status": wanted, "reason": "as agreed"})
        assert response.status_code == 200, response.content
        assert response.json()["data"]["status"] == wanted

    data = operator.get(one(order)).json()["data"]
    assert data["version"] == 4
    assert data["paid_at"] < data["completed_at"]
    assert {event["reason"] for event in recorded()} == {"as agreed"}
    refused(operator.put(one(order), {"paid_at": "2025-01-01T00:00:00Z"}), 400, 1001, "paid_at")


def test_move_that_is_not_in_the_table_names_both_states(operator):
    order = OrderFactory()

    response = operator.put(one(order), {"status": "completed"})

    refused(response, 409, 1007, "status")
    for sentence in response.json()["messages"].values():
        assert "pending" in sentence
        assert "completed" in sentence
    refused(operator.put(one(order), {"status": "lost"}), 400, 1001, "status")


def test_second_payment_is_refused(operator):
    order = OrderFactory()

    assert operator.put(one(order), {"status": "paid"}).status_code == 200
    refused(operator.put(one(order), {"status": "paid"}), 409, 1007, "status")
    assert len(recorded()) == 1


def test_stale_version_is_refused(call, operator):
    order = OrderFactory(version=3)
    administrator = call(UserFactory(role="administrator"))

    refused(operator.put(one(order), {"remark": "x"}, If_Match='"2"'), 412, 1013)
    refused(operator.put(one(order), {"remark": "x", "version": 2}), 412, 1013)
    refused(administrator.delete(one(order), If_Match='"2"'), 412, 1013)
    refused(operator.put(one(order), {"remark": "x"}, If_Match="mine"), 400, 1001, "version")
    assert Order.objects.get(pk=order.pk).remark == ""

    response = operator.put(one(order), {"remark": "x"}, If_Match='"3"')
    assert (response.status_code, response["ETag"]) == (200, '"4"')


def test_customer_cancels_and_words_what_is_pending(customer):
    order = OrderFactory(user=customer.user)

    assert customer.put(one(order), {"remark": "red"}).json()["data"]["remark"] == "red"
    refused(customer.put(one(order), {"amount": 1}), 403, 1005)
    refused(customer.put(one(order), {"status": "paid"}), 403, 1005)
    refused(customer.delete(one(order)), 403, 1005)
    assert customer.put(one(order), {"status": "cancelled"}).json()["data"]["status"] == "cancelled"
    refused(customer.put(one(order), {"status": "cancelled"}), 409, 1007, "status")


@pytest.mark.parametrize("field", ["order_id", "user_id", "user", "completed_at", "colour"])
def test_what_never_changes_is_no_field(operator, field):
    refused(operator.put(one(OrderFactory()), {field: "x"}), 400, 1001, field)


def test_administrator_deletes(call):
    administrator = call(UserFactory(role="administrator"))
    order = OrderFactory()

    response = administrator.delete(f"{one(order)}?reason=entered+twice")

    assert (response.status_code, response.json()["data"]) == (200, None)
    refused(administrator.get(one(order)), 404, 1006)
    refused(administrator.delete(one(order)), 404, 1006)
    assert recorded()[-1]["reason"] == "entered twice"


def test_operator_does_not_delete(operator):
    order = OrderFactory()

    refused(operator.delete(one(order)), 403, 1005)
    assert Order.objects.alive().filter(pk=order.pk).exists()


# --- users with open orders -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("status", Order.OPEN)
def test_user_with_an_open_order_stays(status):
    order = OrderFactory(status=status, order_id="A-1")

    with pytest.raises(Conflict) as kept:
        delete_user(order.user_id, actor=SYSTEM, reason="asked for it")

    assert [(error.field, error.code) for error in kept.value.errors] == [("orders", "open_order")]
    assert "A-1" in str(kept.value.errors[0].detail)
    assert User.objects.alive().filter(pk=order.user_id).exists()


@pytest.mark.parametrize("status", sorted(set(Order.Status.values) - set(Order.OPEN)))
def test_user_whose_orders_are_done_may_go(status):
    order = OrderFactory(status=status)
    OrderFactory(user=order.user, deleted_at="2025-01-01T00:00:00Z", deleted_key=7)

    delete_user(order.user_id, actor=SYSTEM, reason="asked for it")

    assert not User.objects.alive().filter(pk=order.user_id).exists()


def test_refusal_over_http_lists_the_orders(call):
    administrator = call(UserFactory(role="administrator"))
    order = OrderFactory(order_id="A-1")

    response = administrator.delete(f"/api/v1/users/{order.user_id}")

    refused(response, 409, 1007, "orders")
    assert "A-1" in json.dumps(response.json()["errors"])
