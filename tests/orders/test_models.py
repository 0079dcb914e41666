"""What the database itself forbids, and what it allows on purpose."""

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.orders.models import Order
from tests.factories.orders import OrderFactory, SimCardFactory, SimUsageFactory

pytestmark = pytest.mark.django_db


def test_order_number_is_free_again_after_deletion():
    order = OrderFactory(order_id="A-1")
    with pytest.raises(IntegrityError), transaction.atomic():
        OrderFactory(order_id="A-1")

    Order.objects.filter(pk=order.pk).update(deleted_at=timezone.now(), deleted_key=order.pk)

    assert list(Order.objects.alive().filter(order_id="A-1")) == []
    assert OrderFactory(order_id="A-1").pk != order.pk


def test_deletion_mark_and_key_go_together():
    order = OrderFactory()

    with pytest.raises(IntegrityError), transaction.atomic():
        Order.objects.filter(pk=order.pk).update(deleted_at=timezone.now())


@pytest.mark.parametrize("amount", [-1, 0, 2**53])
def test_amount_is_positive_and_exact_in_every_reader(amount):
    with pytest.raises(IntegrityError), transaction.atomic():
        OrderFactory(amount=amount)


def test_order_may_name_a_user_and_a_card_an_order_that_are_not_there():
    order = OrderFactory(user=None, user_id=987_654)
    card = SimCardFactory(order=None, order_id=123_456)

    listed = Order.objects.for_admin_list().get(pk=order.pk)
    assert (listed.user_id, listed.customer_name) == (987_654, None)
    assert card.order_id == 123_456


def test_usage_of_a_card_is_counted_once_a_day():
    usage = SimUsageFactory()

    with pytest.raises(IntegrityError), transaction.atomic():
        SimUsageFactory(sim_card=usage.sim_card, day=usage.day)
