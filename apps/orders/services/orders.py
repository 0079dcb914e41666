"""What becomes of an order.  Every change locks the row first, so of many at once each sees what came before."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.audit.enums import Action
from apps.audit.services import record, snapshot
from apps.core.actor import Actor
from apps.core.db import locked
from apps.core.errors import Conflict, Denied, FieldError, Invalid, NotFound
from apps.core.operations import logged
from apps.core.versions import require_version
from apps.orders.errors import MoveNotAllowed
from apps.orders.models import Order
from apps.orders.services.placing import checked_remark, require_valid

REASON_LENGTH = 500


def move_order(
    order_pk: int, status: str, *, actor: Actor, reason: str = "", expected_version: int | None = None
) -> Order:
    """Pay, process, complete, cancel or refund: whatever ``Order.MOVES`` allows.

    Raises NotFound, PreconditionFailed for a stale version, MoveNotAllowed (Conflict, both states named).  The second
    of two payments finds the order paid and is refused.
    """
    return change_order(order_pk, actor=actor, status=status, reason=reason, expected_version=expected_version)


@logged("orders.change", order_pk="pk", order_id="order_id", user_id="user_id")
@transaction.atomic
def change_order(
    order_pk: int,
    *,
    actor: Actor,
    amount: int | None = None,
    remark: str | None = None,
    status: str | None = None,
    reason: str = "",
    expected_version: int | None = None,
) -> Order:
    """Change what is given, all or nothing; ``None`` leaves a field as it is.

    The amount can be changed while the order is pending (else Conflict): afterwards it is what was paid.  Otherwise
    raises as ``move_order``, and Invalid (fields named).
    """
    order = _locked_order(order_pk, expected_version)
    _change(order, actor=actor, amount=amount, remark=remark, status=status, reason=reason)
    return order


@logged("orders.change_own", order_pk="pk", order_id="order_id", user_id="user_id")
@transaction.atomic
def change_own_order(
    order_pk: int,
    *,
    user_id: int,
    actor: Actor,
    remark: str | None = None,
    status: str | None = None,
    reason: str = "",
    expected_version: int | None = None,
) -> Order:
    """What customers may do by themselves: change the remark of a pending order, and cancel it.

    Raises NotFound for another's order; Denied for a move that is allowed but only to staff, or for a remark on what
    is no longer pending; otherwise as ``change_order``.
    """
    order = _locked_order(order_pk, expected_version, user_id=user_id)
    if status is not None:
        require_move(order, status)
        if status not in Order.CUSTOMER_MOVES.get(order.status, ()):
            raise Denied(_("Only our staff can do this to an order."))
    if remark is not None and remark != order.remark and not order.is_pending:
        raise Denied(_("The remark can be changed while the order is pending."))
    _change(order, actor=actor, remark=remark, status=status, reason=reason)
    return order


@logged("orders.delete", order_pk="pk", order_id="order_id", user_id="user_id")
@transaction.atomic
def delete_order(order_pk: int, *, actor: Actor, reason: str = "", expected_version: int | None = None) -> Order:
    """Delete softly: invisible from now on, its number free for another.  Raises NotFound, PreconditionFailed."""
    order = _locked_order(order_pk, expected_version)
    before = snapshot(order)
    order.deleted_at = timezone.now()
    order.deleted_key = order.pk
    order.version += 1
    order.save(update_fields=["deleted_at", "deleted_key", "version", "updated_at"])
    record(Action.DELETED, order, actor=actor, old=before, reason=checked_reason(reason))
    return order


def require_move(order: Order, status: str) -> None:
    """Raises Invalid for a state that does not exist, MoveNotAllowed for one that can't follow."""
    if status not in Order.Status.values:
        raise Invalid(errors=[FieldError("status", "invalid_choice", _("There is no such status."))])
    if status not in order.moves:
        raise MoveNotAllowed.between(order.status, status)


def set_status(order: Order, status: str, now: datetime) -> list[str]:
    """Give the instance its new state and the times that go with it.  Returns the names of the fields."""
    order.status = status
    if status == Order.Status.PAID:
        order.paid_at = now
        return ["status", "paid_at"]
    if status == Order.Status.COMPLETED:
        order.completed_at = now
        return ["status", "completed_at"]
    return ["status"]


def action_of(status: str | None) -> Action:
    """The deed in the audit log: cancelling has a word of its own there."""
    return Action.CANCELLED if status == Order.Status.CANCELLED else Action.UPDATED


def checked_reason(reason: str) -> str:
    reason = reason.strip()
    if len(reason) > REASON_LENGTH:
        detail = _("The reason has at most 500 characters.")
        raise Invalid(detail, errors=[FieldError("reason", "max_length", detail)])
    return reason


def _change(
    order: Order,
    *,
    actor: Actor,
    amount: int | None = None,
    remark: str | None = None,
    status: str | None = None,
    reason: str = "",
) -> None:
    before = snapshot(order)
    reason = checked_reason(reason)
    written: list[str] = []
    if amount is not None and amount != order.amount:
        _require_pending_for_amount(order)
        order.amount = amount
        written.append("amount")
    if remark is not None and remark.strip() != order.remark:
        order.remark = checked_remark(remark)
        written.append("remark")
    if status is not None:
        require_move(order, status)
        written += set_status(order, status, timezone.now())
    if not written:
        return
    require_valid(order)
    order.version += 1
    order.save(update_fields=[*written, "version", "updated_at"])
    record(action_of(status), order, actor=actor, old=before, new=snapshot(order), reason=reason)


def _require_pending_for_amount(order: Order) -> None:
    if not order.is_pending:
        sentence = _("The amount can be changed while the order is pending.")
        raise Conflict(sentence, errors=[FieldError("amount", "not_pending", sentence)])


def _locked_order(order_pk: int, expected_version: int | None, *, user_id: int | None = None) -> Order:
    orders = Order.objects.alive() if user_id is None else Order.objects.of_user(user_id)
    order = locked(orders.filter(pk=order_pk)).first()
    if order is None:
        raise NotFound(_("There is no such order."))
    require_version(order, expected_version)
    return order
