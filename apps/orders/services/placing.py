"""New orders."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from apps.audit.enums import Action
from apps.audit.services import record
from apps.core.actor import Actor
from apps.core.db import locked
from apps.core.errors import AppError, Conflict, FieldError, Invalid
from apps.core.operations import logged
from apps.orders.models import CONTROL_CHARACTERS, Order
from apps.orders.services.numbers import new_order_number
from apps.users.models import User
from apps.users.services.registration import register_user


@logged("orders.place", order_pk="pk", order_id="order_id", user_id="user_id")
@transaction.atomic
def place_order(*, user_id: int, amount: int, actor: Actor, order_id: str = "", remark: str = "") -> Order:
    """A new, pending order of an existing, active user; without ``order_id`` it gets a number of ours.

    Raises Invalid (fields named; on ``user_id`` for a user who is unknown or not active) and Conflict when the order
    number is taken.  The user's row is locked: nobody deletes them between this look and the commit.
    """
    given = order_id.strip()
    order = Order(user_id=user_id, amount=amount, order_id=given or new_order_number(), remark=checked_remark(remark))
    require_valid(order)
    _require_active_user(user_id)
    _insert(order, is_given=bool(given))
    record(Action.CREATED, order, actor=actor)
    return order


@transaction.atomic
def create_order_with_user(
    *,
    username: str,
    email: str,
    password: str,
    amount: int,
    actor: Actor,
    language: str = settings.LANGUAGE_CODE,
    order_id: str = "",
    remark: str = "",
) -> Order:
    """A new user, welcomed as any other, and their first order: all or nothing (A-6).

    Raises what ``register_user`` and ``place_order`` raise; the user's fields are named ``user.…``.
    """
    with _fields_under("user"):
        user = register_user(username=username, email=email, password=password, language=language, actor=actor)
    return place_order(user_id=user.pk, amount=amount, order_id=order_id, remark=remark, actor=actor)


def checked_remark(remark: str) -> str:
    """Without the white space around it.  Raises Invalid for control characters; line breaks and tabs may stay.

    Not a rule of the model: an order that has such a remark from before can still be paid.
    """
    if CONTROL_CHARACTERS.search(remark):
        sentence = _("Control characters are not allowed.")
        raise Invalid(errors=[FieldError("remark", "control_characters", sentence)])
    return remark.strip()


def require_valid(order: Order) -> None:
    """Raises Invalid naming every field that breaks a rule of the model."""
    try:
        order.clean_fields(exclude=["user"])
    except ValidationError as error:
        raise Invalid(
            errors=[
                FieldError(field, problem.code or "invalid", " ".join(problem.messages))
                for field, problems in error.error_dict.items()
                for problem in problems
            ]
        ) from None


def _require_active_user(user_id: int) -> None:
    user: User | None = locked(User.objects.alive().filter(pk=user_id).only("pk", "status", "deleted_at")).first()
    if user is None:
        raise Invalid(errors=[FieldError("user_id", "unknown", _("There is no such user."))])
    if not user.is_active:
        raise Invalid(errors=[FieldError("user_id", "inactive", _("This user is not active."))])


def _insert(order: Order, *, is_given: bool) -> None:
    """The unique key decides, not a look before it: two at once give one order and one Conflict."""
    if not is_given:
        # A number of ours meets no other: no savepoint to come back to.
        order.save(force_insert=True)
        return
    try:
        with transaction.atomic():
            order.save(force_insert=True)
    except IntegrityError:
        taken = _("This order number is taken.")
        raise Conflict(taken, errors=[FieldError("order_id", "taken", taken)]) from None


@contextmanager
def _fields_under(name: str) -> Iterator[None]:
    """Errors name their fields as the caller of this service knows them."""
    try:
        yield
    except AppError as error:
        error.errors = [FieldError(f"{name}.{item.field}", item.code, item.detail) for item in error.errors]
        raise
