"""Signing in and out, whichever door was used: the time of it, its audit event, and the way out of the lock."""

from __future__ import annotations

from typing import Literal

from axes.models import AccessAttempt
from django.contrib.auth.hashers import check_password
from django.db import transaction
from django.utils import timezone

from apps.audit.enums import Action, Subsystem
from apps.audit.services import ResourceRef, observe, record, snapshot
from apps.core import context
from apps.core.actor import ANONYMOUS, Actor
from apps.core.db import locked
from apps.core.errors import NotFound
from apps.users.models import User

Door = Literal["admin", "api"]
Refusal = Literal["wrong credentials", "locked after failures", "not staff"]


def password_is_right(user: User, password: str) -> bool:
    """Compare, and store a hash of the preferred kind and cost in place of a weaker one."""
    return check_password(password, user.password, setter=lambda raw: _strengthen_hash(user, raw))


@transaction.atomic
def _strengthen_hash(user: User, password: str) -> None:
    """The instance was read a bcrypt ago: whatever the password has become since then stands."""
    before, weak = snapshot(user), user.password
    user.set_password(password)
    if not User.objects.filter(pk=user.pk, password=weak).update(password=user.password):
        user.password = _present_hash(user, password) or weak
        return
    record(
        Action.UPDATED, user, actor=Actor.of_user(user), old=before, new=snapshot(user), data={"why": "stronger hash"}
    )


def _present_hash(user: User, password: str) -> str:
    """The hash that stands in place of the one that was read, if it is of this password too: of two sign-ins at once
    the other one was first."""
    present = locked(User.objects.filter(pk=user.pk)).values_list("password", flat=True).first()
    return present if present and check_password(password, present) else ""


@transaction.atomic
def note_sign_in(user: User, *, door: Door) -> None:
    """Write down that ``user`` signed in just now."""
    user.last_login_at = timezone.now()
    user.save(update_fields=["last_login_at"])
    with context.bind(subsystem=Subsystem.AUTH.value):
        record(Action.LOGIN, user, actor=Actor.of_user(user), data={"door": door})


@transaction.atomic
def note_sign_out(user: User, *, door: Door) -> None:
    with context.bind(subsystem=Subsystem.AUTH.value):
        record(Action.LOGOUT, user, actor=Actor.of_user(user), data={"door": door})


def note_failed_sign_in(typed_name: str, *, door: Door, why: Refusal) -> None:
    """Leave a trace of a refusal, without effect on whoever tries.

    Of a name that nobody bears only the beginning is kept: people type passwords into the wrong field.
    """
    user = User.objects.named(typed_name).first() if typed_name else None
    ref = ResourceRef("user", str(user.pk), user.username) if user else ResourceRef("user", "", masked(typed_name))
    with context.bind(subsystem=Subsystem.AUTH.value):
        observe(
            Action.LOGIN_FAILED,
            ref,
            actor=ANONYMOUS,
            status="failed",
            error=why,
            data={"door": door},
        )


def masked(name: str) -> str:
    return f"{name[:2]}***" if name else "***"


@transaction.atomic
def unlock_sign_in(user_id: int, *, actor: Actor, reason: str) -> User:
    """Forget the failures counted against one person from any address.  Raises NotFound."""
    user: User | None = locked(User.objects.alive().filter(pk=user_id)).first()
    if user is None:
        raise NotFound
    forgotten, _by_model = AccessAttempt.objects.filter(username=user.username_key).delete()
    record(Action.UNLOCKED, user, actor=actor, reason=reason, data={"forgotten_failures": int(forgotten)})
    return user
