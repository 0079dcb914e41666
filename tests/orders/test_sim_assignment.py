"""Which order a SIM card belongs to (decision 28): the service, its dialog, and the pages that show it."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connections
from django.test import Client
from django.urls import reverse

from apps.audit.testing import recorded
from apps.core.actor import Actor
from apps.core.errors import Conflict, Invalid, NotFound
from apps.orders.models import Order, SimCard
from apps.orders.services import delete_order
from apps.orders.services.sim_cards import assign_card
from tests.factories.orders import OrderFactory, SimCardFactory
from tests.factories.users import UserFactory

pytestmark = pytest.mark.django_db

STAFF = Actor.command("test")
LIST = "admin:orders_simcard_changelist"
DELETED = {"deleted_at": "2026-01-01T00:00:00Z", "deleted_key": 7}


def trail() -> list[dict[str, Any]]:
    return [event for event in recorded() if event["resource_type"] == "sim_card"]


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(UserFactory(username="ops", role="operator"))
    return client


def submit(client: Client, card: SimCard, number: str, reason: str = "sold with it") -> Any:
    address = reverse("admin:orders_simcard_assign", args=[card.pk])
    return client.post(address, {"_form_submitted": "on", "order_id": number, "reason": reason})


def text_of(response: Any) -> str:
    return str(response.content.decode())


# --- the service ----------------------------------------------------------------------------------------------------
def test_a_card_goes_to_an_order_to_another_and_to_none() -> None:
    card, first, second = SimCardFactory(order=None), OrderFactory(), OrderFactory()

    for order_pk in (first.pk, second.pk, None):
        assign_card(card.pk, order_pk, actor=STAFF, reason="sold with it")
        card.refresh_from_db()
        assert card.order_id == order_pk

    assert [(event["action"], event["resource_id"], event["reason"]) for event in trail()] == [
        ("updated", str(card.pk), "sold with it")
    ] * 3
    assert [(event["old"]["order"], event["new"]["order"]) for event in trail()] == [
        (None, first.pk),
        (first.pk, second.pk),
        (second.pk, None),
    ]


def test_what_can_not_be_assigned_changes_nothing() -> None:
    order, gone = OrderFactory(), OrderFactory(**DELETED)
    card = SimCardFactory(order=order)
    before = card.updated_at

    for order_pk, error in ((order.pk, Conflict), (gone.pk, Invalid), (999_999, Invalid)):
        with pytest.raises(error):
            assign_card(card.pk, order_pk, actor=STAFF, reason="x")
    with pytest.raises(Invalid):
        assign_card(card.pk, None, actor=STAFF, reason="x" * 501)
    with pytest.raises(NotFound):
        assign_card(999_999, order.pk, actor=STAFF, reason="x")
    with pytest.raises(Conflict):
        assign_card(SimCardFactory(order=None).pk, None, actor=STAFF, reason="x")

    card.refresh_from_db()
    assert (card.order_id, card.updated_at, trail()) == (order.pk, before, [])


@pytest.mark.django_db(transaction=True)
def test_a_card_is_not_given_to_an_order_that_is_just_being_deleted() -> None:
    card, order = SimCardFactory(order=None), OrderFactory()
    start, results = threading.Barrier(2), dict[str, Any]()

    def run(name: str, deed: Any) -> None:
        start.wait(10)
        try:
            results[name] = deed()
        except Exception as error:
            results[name] = error
        finally:
            connections.close_all()

    deeds = {
        "delete": lambda: delete_order(order.pk, actor=STAFF, reason="x"),
        "assign": lambda: assign_card(card.pk, order.pk, actor=STAFF, reason="x"),
    }
    threads = [threading.Thread(target=run, args=pair) for pair in deeds.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    card.refresh_from_db()
    assert isinstance(results["delete"], Order)
    # Whichever came first, the events tell it in this order.
    if isinstance(results["assign"], Invalid):
        assert (card.order_id, trail()) == (None, [])
    else:
        assert card.order_id == order.pk
        assert [event["resource_type"] for event in recorded()][-2:] == ["sim_card", "order"]


# --- the back-office ------------------------------------------------------------------------------------------------
def test_a_card_is_assigned_by_order_number_with_a_reason(operator: Client) -> None:
    card, order = SimCardFactory(order=None), OrderFactory(order_id="ORD-SIM")

    without_reason = submit(operator, card, "ORD-SIM", reason="")
    assert (without_reason.status_code, SimCard.objects.get().order_id) == (200, None)
    done = submit(operator, card, " ORD-SIM ")

    assert "HX-Redirect" in done.headers
    assert SimCard.objects.get().order_id == order.pk
    assert [(event["actor_label"], event["reason"]) for event in trail()] == [("ops", "sold with it")]
    page = text_of(operator.get(reverse("admin:orders_simcard_change", args=[card.pk])))
    assert reverse("admin:orders_order_change", args=[order.pk]) in page
    dialog = text_of(operator.get(reverse("admin:orders_simcard_assign", args=[card.pk])))
    assert 'value="ORD-SIM"' in dialog

    submit(operator, card, "")
    assert SimCard.objects.get().order_id is None


@pytest.mark.parametrize("number", ["ORD-NONE", "ORD-GONE", "ORD"])
def test_an_unknown_number_is_told_at_its_field(operator: Client, number: str) -> None:
    OrderFactory(order_id="ORD-GONE", **DELETED)
    OrderFactory(order_id="ORD-1")
    card = SimCardFactory(order=None)

    response = submit(operator, card, number)

    assert response.status_code == 200
    assert "没有这个订单" in text_of(response)
    assert (SimCard.objects.get().order_id, trail()) == (None, [])


def test_who_may_only_look_assigns_nothing(client: Client) -> None:
    client.force_login(UserFactory(role="auditor"))
    card = SimCardFactory(order=None)
    OrderFactory(order_id="ORD-1")

    assert submit(client, card, "ORD-1").status_code == 403
    assert (SimCard.objects.get().order_id, trail()) == (None, [])
    page = text_of(client.get(reverse("admin:orders_simcard_change", args=[card.pk])))
    assert reverse("admin:orders_simcard_assign", args=[card.pk]) not in page


@pytest.mark.parametrize(
    ("permissions", "shown"), [(["view_simcard"], False), (["view_simcard", "view_simusage"], True)]
)
def test_usage_is_shown_to_those_who_may_see_it(client: Client, permissions: list[str], shown: bool) -> None:
    user = UserFactory(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client.force_login(user)

    page = text_of(client.get(reverse("admin:orders_simcard_change", args=[SimCardFactory().pk])))

    assert ("这段时间没有流量记录" in page) is shown


# --- what is deleted has no page ------------------------------------------------------------------------------------
def test_a_deleted_order_is_named_without_a_link(operator: Client) -> None:
    card = SimCardFactory(order=OrderFactory(order_id="ORD-GONE", **DELETED))
    dead = reverse("admin:orders_order_change", args=[card.order_id])

    for address in (reverse(LIST), reverse("admin:orders_simcard_change", args=[card.pk])):
        page = text_of(operator.get(address))
        assert "ORD-GONE" in page
        assert dead not in page


@pytest.mark.parametrize("gone", [False, True])
def test_an_order_leads_to_its_user_while_they_have_a_page(operator: Client, gone: bool) -> None:
    user = UserFactory(username="lin.mei", **({"deleted_at": "2026-01-01T00:00:00Z", "deleted_key": 7} if gone else {}))
    order = OrderFactory(user=user)
    link = f'href="{reverse("admin:users_user_change", args=[user.pk])}"'

    for address in (
        reverse("admin:orders_order_changelist"),
        reverse("admin:orders_order_change", args=[order.pk]),
    ):
        page = text_of(operator.get(address))
        assert "lin.mei" in page
        assert (link in page) is not gone


def test_an_order_whose_user_has_no_row_leads_nowhere(operator: Client) -> None:
    OrderFactory(user=None, user_id=987_654)

    page = text_of(operator.get(reverse("admin:orders_order_changelist")))

    assert "987654" in page
    assert reverse("admin:users_user_change", args=[987_654]) not in page
