"""What of ours has to be settled before somebody else's row may go."""

from __future__ import annotations

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from apps.core.errors import FieldError
from apps.orders.models import Order

LISTED = 20


def open_orders_of(user_id: int) -> list[FieldError]:
    """The open orders of a user, the oldest first, ``LISTED`` at most: with one of them the user stays."""
    orders = Order.objects.open().filter(user_id=user_id).order_by("pk").values_list("order_id", "status")[:LISTED]
    return [
        FieldError(
            "orders",
            "open_order",
            format_lazy(_("Order {order_id} is still {status}."), order_id=order_id, status=status),
        )
        for order_id, status in orders
    ]
