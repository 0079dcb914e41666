"""Placing, moving, changing and deleting orders: what is allowed, and that a refusal leaves nothing behind."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from apps.audit.testing import recorded
from apps.core.actor import SYSTEM, Actor
from apps.core.api.errors import bilingual
from apps.core.errors import AppError, Conflict, Denied, Invalid, NotFound, PreconditionFailed
from apps.orders.errors import MoveNotAllowed
from apps.orders.models import MOST_CENTS, Order
from apps.orders.services import (
    change_order,
    change_own_order,
    create_order_with_user,
    delete_order,
    move_order,
    move_orders,
    place_order,
)
from apps.orders.services.numbers import new_order_number
from apps.users.models import User
from tests.factories.orders import OrderFactory
from tests.factories.users import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db
Status = Order.Status


def state(order: Order) -> dict[str, Any]:
    return Order.objects.filter(pk=order.pk).values().get()


def fields_of(error: AppError) -> list[tuple[str, str]]:
    return [(item.field, item.code) for item in error.errors]


# --- placing --------------------------------------------------------------------------------------------------------
def test_order_is_placed_pending_with_a_number_of_ours_and_recorded():
    user = UserFactory()

    order = place_order(user_id=user.pk, amount=12_800, remark=" two boxes ", actor=SYSTEM)

    assert state(order) | {
        "user_id": user.pk,
        "amount": 12_800,
        "remark": "two boxes",
        "status": "pending",
        "version": 1,
        "paid_at": None,
        "completed_at": None,
    } == state(order)
    assert len(order.order_id) == 26
    (event,) = recorded()
    assert (event["action"], event["resource_type"], event["resource_id"]) == ("created", "order", str(order.pk))
    assert event["new"]["amount"] == 12_800


def test_numbers_of_ours_sort_by_time_and_never_repeat():
    numbers = []
    for _ in range(20):
        numbers.append(new_order_number())
        time.sleep(0.0015)

    assert numbers == sorted(numbers)
    assert len(set(numbers)) == 20
    # Whoever knows one number knows nothing of its neighbour: 16 characters are chance.
    assert len({number[10:] for number in numbers}) == 20


def test_given_number_is_kept_and_taken_once():
    user = UserFactory()
    place_order(user_id=user.pk, amount=1, order_id="A-1", actor=SYSTEM)
    events = recorded()

    with pytest.raises(Conflict) as refused:
        place_order(user_id=user.pk, amount=1, order_id="A-1", actor=SYSTEM)

    assert fields_of(refused.value) == [("order_id", "taken")]
    assert Order.objects.count() == 1
    assert recorded() == events


@pytest.mark.parametrize("amount", [1, MOST_CENTS])
def test_amounts_within_bounds_are_taken(amount):
    order = place_order(user_id=UserFactory().pk, amount=amount, actor=SYSTEM)

    assert state(order)["amount"] == amount


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"amount": 0}, "amount"),
        ({"amount": -1}, "amount"),
        ({"amount": MOST_CENTS + 1}, "amount"),
        ({"amount": "many"}, "amount"),
        ({"order_id": "has space"}, "order_id"),
        ({"order_id": "x" * 51}, "order_id"),
        ({"order_id": "-first"}, "order_id"),
        ({"remark": "x" * 501}, "remark"),
        ({"remark": "nul\x00"}, "remark"),
    ],
)
def test_bad_values_are_refused_by_name(given, field):
    with pytest.raises(Invalid) as refused:
        place_order(**{"user_id": UserFactory().pk, "amount": 1, "actor": SYSTEM, **given})

    assert [name for name, _ in fields_of(refused.value)] == [field]
    assert not Order.objects.exists()
    assert recorded() == []


@pytest.mark.parametrize(
    ("user", "code"),
    [
        (lambda: 987_654_321, "unknown"),
        (lambda: UserFactory(status="inactive").pk, "inactive"),
        (lambda: UserFactory(status="locked").pk, "inactive"),
        (lambda: UserFactory(deleted_at="2025-01-01T00:00:00Z", deleted_key=7).pk, "unknown"),
    ],
)
def test_order_needs_an_existing_active_user(user, code):
    with pytest.raises(Invalid) as refused:
        place_order(user_id=user(), amount=1, actor=SYSTEM)

    assert fields_of(refused.value) == [("user_id", code)]
    assert not Order.objects.exists()


# --- the joint transaction (A-6) ------------------------------------------------------------------------------------
NEW_USER = {"username": "newcomer", "email": "newcomer@example.com", "password": PASSWORD}


def test_order_and_user_come_together():
    order = create_order_with_user(**NEW_USER, amount=100, actor=SYSTEM)

    assert order.user == User.objects.get(username="newcomer")
    assert [(event["action"], event["resource_type"]) for event in recorded()] == [
        ("created", "user"),
        ("created", "email"),
        ("created", "order"),
    ]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "order", [{"amount": 0}, {"amount": 100, "order_id": "TAKEN"}, {"amount": 100, "remark": "x" * 501}]
)
def test_without_order_there_is_no_user_either(order):
    OrderFactory(order_id="TAKEN")
    before = (User.objects.count(), Order.objects.count(), recorded(), _tasks())

    with pytest.raises(AppError):
        create_order_with_user(**NEW_USER, **order, actor=SYSTEM)

    assert (User.objects.count(), Order.objects.count(), recorded(), _tasks()) == before


def test_refused_user_names_its_fields_under_user_and_leaves_no_order():
    UserFactory(username="newcomer", email="other@example.com")

    with pytest.raises(Conflict) as taken:
        create_order_with_user(**NEW_USER, amount=100, actor=SYSTEM)
    with pytest.raises(Invalid) as weak:
        create_order_with_user(**{**NEW_USER, "username": "other", "password": "1"}, amount=100, actor=SYSTEM)

    assert [name for name, _ in fields_of(taken.value)] == ["user.username"]
    assert {name for name, _ in fields_of(weak.value)} == {"user.password"}
    assert not Order.objects.exists()


def _tasks() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM tasks")
        return int(cursor.fetchone()[0])


# --- moves ----------------------------------------------------------------------------------------------------------
ALLOWED = {
    ("pending", "paid"),
    ("pending", "cancelled"),
    ("paid", "processing"),
    ("paid", "cancelled"),
    ("paid", "refunded"),
    ("processing", "completed"),
    ("processing", "refunded"),
    ("completed", "refunded"),
}


@pytest.mark.parametrize("present", Status.values)
@pytest.mark.parametrize("wanted", Status.values)
def test_table_of_moves(present, wanted):
    order = OrderFactory(status=present)
    before = state(order)

    if (present, wanted) in ALLOWED:
        moved = move_order(order.pk, wanted, actor=SYSTEM, reason="as agreed")
        assert (moved.status, moved.version) == (wanted, 2)
        assert state(order)["status"] == wanted
        assert (state(order)["paid_at"] is not None) == (wanted == "paid")
        assert (state(order)["completed_at"] is not None) == (wanted == "completed")
        (event,) = recorded()
        assert event["action"] == ("cancelled" if wanted == "cancelled" else "updated")
        assert event["reason"] == "as agreed"
        assert event["old"]["status"] == present
        return
    with pytest.raises(MoveNotAllowed) as refused:
        move_order(order.pk, wanted, actor=SYSTEM)
    assert fields_of(refused.value) == [("status", "move_not_allowed")]
    for sentence in bilingual(refused.value).values():
        assert present in sentence
        assert wanted in sentence
    assert state(order) == before
    assert recorded() == []


def test_refusal_is_said_in_both_languages():
    order = OrderFactory(status="completed")

    with pytest.raises(MoveNotAllowed) as refused:
        move_order(order.pk, "paid", actor=SYSTEM)

    sentences = bilingual(refused.value)
    assert sentences["en"] == "The order is completed and can't become paid."
    assert sentences["zh-hans"] != sentences["en"]


def test_state_that_does_not_exist_and_order_that_does_not_exist():
    with pytest.raises(Invalid):
        move_order(OrderFactory().pk, "lost", actor=SYSTEM)
    with pytest.raises(NotFound):
        move_order(987_654_321, "paid", actor=SYSTEM)
    gone = OrderFactory(deleted_at="2025-01-01T00:00:00Z", deleted_key=7)
    with pytest.raises(NotFound):
        move_order(gone.pk, "paid", actor=SYSTEM)


def test_stale_version_is_refused_and_changes_nothing():
    order = OrderFactory(version=3)
    before = state(order)

    with pytest.raises(PreconditionFailed):
        move_order(order.pk, "paid", actor=SYSTEM, expected_version=2)
    assert state(order) == before

    assert move_order(order.pk, "paid", actor=SYSTEM, expected_version=3).version == 4


@pytest.mark.django_db(transaction=True)
def test_of_fifty_payments_at_once_exactly_one_counts():
    """Row locks on PostgreSQL and MariaDB; SQLite lets one writer in at a time."""
    order = OrderFactory()
    callers = 50 if connection.vendor != "sqlite" else 8
    together = threading.Barrier(callers)
    outcomes: list[str] = []

    def pay() -> None:
        together.wait()
        try:
            move_order(order.pk, Status.PAID, actor=SYSTEM)
            outcomes.append("paid")
        except MoveNotAllowed:
            outcomes.append("refused")
        finally:
            connections.close_all()

    _at_once(pay, callers)

    assert sorted(outcomes) == ["paid"] + ["refused"] * (callers - 1)
    assert state(order)["version"] == 2
    assert len(recorded()) == 1


@pytest.mark.django_db(transaction=True)
def test_two_orders_with_one_number_at_once_give_one_order():
    user = UserFactory()
    callers = 4
    together = threading.Barrier(callers)
    outcomes: list[str] = []

    def place() -> None:
        together.wait()
        try:
            place_order(user_id=user.pk, amount=100, order_id="SAME", actor=SYSTEM)
            outcomes.append("placed")
        except Conflict:
            outcomes.append("taken")
        finally:
            connections.close_all()

    _at_once(place, callers)

    assert sorted(outcomes) == ["placed"] + ["taken"] * (callers - 1)
    assert Order.objects.count() == 1


def _at_once(work: Any, count: int) -> None:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# --- other changes --------------------------------------------------------------------------------------------------
def test_amount_and_remark_change_together_with_the_state_in_one_event():
    order = OrderFactory(amount=100)

    changed = change_order(order.pk, actor=SYSTEM, amount=90, remark="discount", status="paid")

    assert (changed.amount, changed.remark, changed.status, changed.version) == (90, "discount", "paid", 2)
    (event,) = recorded()
    assert set(event["changed_fields"]) == {"amount", "remark", "status", "paid_at"}


def test_amount_stays_once_it_is_paid():
    order = OrderFactory(amount=100, status="paid")

    with pytest.raises(Conflict) as refused:
        change_order(order.pk, actor=SYSTEM, amount=90)

    assert fields_of(refused.value) == [("amount", "not_pending")]
    assert state(order)["amount"] == 100


def test_change_that_changes_nothing_is_none():
    order = OrderFactory(amount=100, remark="x")

    assert change_order(order.pk, actor=SYSTEM, amount=100, remark="x ").version == 1
    assert recorded() == []


def test_one_bad_field_refuses_the_whole_change():
    order = OrderFactory()
    before = state(order)

    with pytest.raises(Invalid):
        change_order(order.pk, actor=SYSTEM, status="paid", remark="x" * 501)
    with pytest.raises(Invalid):
        change_order(order.pk, actor=SYSTEM, status="paid", reason="x" * 501)

    assert state(order) == before


def test_customer_cancels_and_words_only_what_is_pending():
    order = OrderFactory()
    actor = Actor.of_user(order.user)

    assert change_own_order(order.pk, user_id=order.user_id, actor=actor, remark="red").remark == "red"
    assert change_own_order(order.pk, user_id=order.user_id, actor=actor, status="cancelled").status == "cancelled"

    with pytest.raises(Denied):
        change_own_order(order.pk, user_id=order.user_id, actor=actor, remark="blue")


@pytest.mark.parametrize("character", ["\x01", "\x08", "\x0b", "\x0c", "\x0e", "\x1f"])
def test_remark_holds_no_control_characters(character):
    order, customer = OrderFactory(), UserFactory()
    before = state(order)

    for write in (
        lambda remark: change_order(order.pk, actor=SYSTEM, remark=remark),
        lambda remark: change_own_order(order.pk, user_id=order.user_id, actor=SYSTEM, remark=remark),
        lambda remark: place_order(user_id=customer.pk, amount=1, actor=SYSTEM, remark=remark),
    ):
        with pytest.raises(Invalid) as refusal:
            write(f"a{character}b")
        assert [(error.field, error.code) for error in refusal.value.errors] == [("remark", "control_characters")]

    assert state(order) == before
    assert not Order.objects.filter(user_id=customer.pk).exists()
    assert change_order(order.pk, actor=SYSTEM, remark="a\tb\r\nc").remark == "a\tb\r\nc"


def test_order_with_a_control_character_from_before_can_still_move():
    order = OrderFactory(remark="a\x01b")

    assert change_order(order.pk, actor=SYSTEM, status="paid").status == "paid"


@pytest.mark.parametrize(("present", "wanted"), sorted(ALLOWED - {("pending", "cancelled")}))
def test_customer_makes_no_other_move(present, wanted):
    order = OrderFactory(status=present)
    before = state(order)

    with pytest.raises(Denied):
        change_own_order(order.pk, user_id=order.user_id, actor=Actor.of_user(order.user), status=wanted)

    assert state(order) == before


def test_another_customers_order_does_not_exist():
    order, stranger = OrderFactory(), UserFactory()

    with pytest.raises(NotFound):
        change_own_order(order.pk, user_id=stranger.pk, actor=Actor.of_user(stranger), status="cancelled")


def test_deleted_order_is_gone_and_its_number_free():
    order = OrderFactory(order_id="A-1")

    delete_order(order.pk, actor=SYSTEM, reason="entered twice")

    assert not Order.objects.alive().filter(pk=order.pk).exists()
    assert (state(order)["deleted_key"], state(order)["version"]) == (order.pk, 2)
    (event,) = recorded()
    assert (event["action"], event["reason"]) == ("deleted", "entered twice")
    assert place_order(user_id=order.user_id, amount=1, order_id="A-1", actor=SYSTEM).pk != order.pk
    with pytest.raises(NotFound):
        delete_order(order.pk, actor=SYSTEM)


# --- many at once ---------------------------------------------------------------------------------------------------
def test_many_move_with_one_statement_and_one_for_their_events():
    user = UserFactory()
    orders = [OrderFactory(user=user) for _ in range(20)]

    def statements(pks: list[int]) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert move_orders(pks, "paid", actor=SYSTEM, reason="bank list") == len(pks)
        return len(queries)

    few, many = statements([order.pk for order in orders[:2]]), statements([order.pk for order in orders[2:]])

    assert few == many
    for order in orders:
        assert (state(order)["status"], state(order)["version"]) == ("paid", 2)
        assert state(order)["paid_at"] is not None
    events = recorded()
    assert [event["resource_id"] for event in events] == [str(order.pk) for order in orders]
    assert {(event["action"], event["reason"], event["new"]["status"]) for event in events} == {
        ("updated", "bank list", "paid")
    }


def test_many_move_all_or_none(monkeypatch):
    monkeypatch.setattr("apps.orders.services.many.CHUNK", 2)
    orders = [OrderFactory() for _ in range(4)]
    done = OrderFactory(status="completed", order_id="DONE-1")

    with pytest.raises(MoveNotAllowed) as refused:
        move_orders([*(order.pk for order in orders), done.pk], "paid", actor=SYSTEM)
    with pytest.raises(NotFound):
        move_orders([*(order.pk for order in orders), 987_654_321], "paid", actor=SYSTEM)

    assert "DONE-1" in str(refused.value)
    assert {state(order)["status"] for order in orders} == {"pending"}
    assert recorded() == []


@pytest.mark.parametrize(("pks", "status"), [([], "paid"), (range(1, 5_002), "paid"), ([1], "lost")])
def test_many_needs_some_not_too_many_and_a_state(pks, status):
    with pytest.raises(Invalid):
        move_orders(pks, status, actor=SYSTEM)


# --- reads ----------------------------------------------------------------------------------------------------------
def test_numbers_by_state_stop_counting():
    for _ in range(3):
        OrderFactory(status="paid")
    OrderFactory()
    OrderFactory(deleted_at="2025-01-01T00:00:00Z", deleted_key=7)

    assert Order.objects.numbers_by_status(most=2) == {
        "pending": 1,
        "paid": 2,
        "processing": 0,
        "completed": 0,
        "cancelled": 0,
        "refunded": 0,
    }
