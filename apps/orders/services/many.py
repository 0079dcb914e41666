"""Many orders at once: one statement per chunk for the rows, one for their audit events, one transaction for all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.audit.services import Change, record_many, snapshot
from apps.core.actor import Actor
from apps.core.db import locked
from apps.core.errors import Invalid, NotFound
from apps.core.operations import logged
from apps.orders.errors import MoveNotAllowed
from apps.orders.models import Order
from apps.orders.services.orders import action_of, checked_reason, set_status

CHUNK = 500
# More at once would hold its locks too long for whoever waits behind them.
MOST_AT_ONCE = 5_000


@logged("orders.move_many")
@transaction.atomic
def move_orders(order_pks: Iterable[int], status: str, *, actor: Actor, reason: str = "") -> int:
    """Give all of these orders the state, or none of them.  Returns how many there were.

    Raises Invalid for none or too many, NotFound when one is missing, MoveNotAllowed naming the first order that
    can't take the state.
    """
    if status not in Order.Status.values:
        raise Invalid(_("There is no such status."))
    # In the order of their keys across chunks too, so that two callers can't deadlock.
    wanted = sorted(set(order_pks))
    if not wanted or len(wanted) > MOST_AT_ONCE:
        raise Invalid(_("Choose between 1 and 5,000 orders."))
    reason = checked_reason(reason)
    for start in range(0, len(wanted), CHUNK):
        _move_chunk(wanted[start : start + CHUNK], status, actor=actor, reason=reason)
    return len(wanted)


def _move_chunk(chunk: Sequence[int], status: str, *, actor: Actor, reason: str) -> None:
    orders = list(locked(Order.objects.alive().filter(pk__in=chunk)))
    if len(orders) != len(chunk):
        raise NotFound(_("One of these orders does not exist any more."))
    for order in orders:
        if status not in order.moves:
            raise MoveNotAllowed.between(order.status, status, order_id=order.order_id)
    now = timezone.now()
    changes = []
    written: list[str] = []
    for order in orders:
        before = snapshot(order)
        written = set_status(order, status, now)
        changes.append(Change(order, before, snapshot(order)))
    Order.objects.filter(pk__in=chunk).update(
        **{name: getattr(orders[0], name) for name in written}, version=F("version") + 1, updated_at=now
    )
    record_many(action_of(status), changes, actor=actor, reason=reason)
