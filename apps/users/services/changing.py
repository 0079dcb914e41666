"""What one request may change about a user, together or not at all: address, language, status and roles."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import IntegrityError, transaction

from apps.audit.enums import Action
from apps.audit.services import record, snapshot
from apps.core.actor import Actor, ActorKind
from apps.core.operations import logged
from apps.core.versions import require_version
from apps.users.models import User
from apps.users.roles import Role
from apps.users.services.accounts import (
    changeable,
    locked_user,
    require_free,
    require_valid,
    roles_of,
    set_roles,
    set_status,
    taken,
)


@logged("users.change", user_id="pk")
@transaction.atomic
def change_user(
    user_id: int,
    *,
    actor: Actor,
    expected_version: int | None = None,
    email: str | None = None,
    language: str | None = None,
    status: str | None = None,
    roles: Iterable[Role] | None = None,
    reason: str = "",
) -> User:
    """``None`` leaves a thing as it is, and so does the value that it has already.

    Everybody may change their own address and language; who may change another's is asked by the doors.  Status and
    roles follow the rules of ``accounts``: never one's own, a superuser's only by a superuser.  Raises NotFound,
    PreconditionFailed, Invalid, Denied, Conflict when the address is taken.
    """
    user = locked_user(user_id) if _is_self(user_id, actor) else changeable(user_id, actor)
    require_version(user, expected_version)
    _change_identity(user, actor=actor, email=email, language=language, reason=reason)
    if status is not None and status != user.status:
        user = set_status(user_id, status, actor=actor, reason=reason)
    if roles is not None and set(roles := list(roles)) != set(roles_of(user)):
        user = set_roles(user_id, roles, actor=actor, reason=reason)
    return user


def _change_identity(user: User, *, actor: Actor, email: str | None, language: str | None, reason: str) -> None:
    before = snapshot(user)
    if email is not None and email.strip() != user.email:
        user.email = email.strip()
        require_valid(user)
        require_free(user)
    if language is not None and language != user.language:
        user.language = language
        require_valid(user)
    after = snapshot(user)
    if after == before:
        return
    user.version += 1
    try:
        with transaction.atomic():
            user.save(update_fields=["email", "email_key", "language", "version", "updated_at"])
    except IntegrityError:
        # Somebody else took the address between the look and the row.
        raise taken(user) from None
    record(Action.UPDATED, user, actor=actor, old=before, new=after, reason=reason)


def _is_self(user_id: int, actor: Actor) -> bool:
    return actor.kind is ActorKind.USER and actor.id == str(user_id)
