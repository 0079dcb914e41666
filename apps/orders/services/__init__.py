"""Verbs of orders.  Each is one transaction in which the order, its audit events and what follows commit together.

order = place_order(user_id=7, amount=12_800, actor=actor)
move_order(order.pk, Order.Status.PAID, actor=actor)
"""

from apps.orders.services.many import move_orders
from apps.orders.services.orders import change_order, change_own_order, delete_order, move_order
from apps.orders.services.placing import create_order_with_user, place_order

__all__ = [
    "change_order",
    "change_own_order",
    "create_order_with_user",
    "delete_order",
    "move_order",
    "move_orders",
    "place_order",
]
