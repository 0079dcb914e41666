"""Making users, and giving and taking their access.  Each change bumps ``version`` and commits with its audit event.

Three rules keep people from locking themselves or each other out and from rising by themselves: nobody changes their
own access, whoever is shut out shuts out nobody (``changeable``), and only a superuser touches a superuser.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.audit.enums import Action
from apps.audit.services import record, snapshot
from apps.core.actor import Actor, ActorKind
from apps.core.db import locked
from apps.core.errors import Conflict, Denied, FieldError, Invalid, NotFound, WrongCredentials
from apps.core.operations import logged
from apps.core.versions import require_version
from apps.users.enums import SessionEnd
from apps.users.models import FOLDED_USERNAME_LENGTH, TokenSession, User
from apps.users.querysets import fold
from apps.users.registry import obstacles_to_deletion
from apps.users.roles import Role
from apps.users.services.mail.content import is_address
from apps.users.services.token_sessions import close_all_token_sessions, close_one_token_session

_ACCESS_FIELDS = ["is_staff", "version", "updated_at"]


@transaction.atomic
def create_user(
    *,
    username: str,
    email: str,
    password: str,
    actor: Actor,
    language: str = settings.LANGUAGE_CODE,
    is_superuser: bool = False,
    is_demo: bool = False,
) -> User:
    """A new active user.  Raises Invalid (fields named), Conflict when the name or the address is taken."""
    user = User(
        username=username.strip(),
        email=email.strip(),
        language=language,
        is_superuser=is_superuser,
        is_staff=is_superuser,
        is_demo=is_demo,
    )
    require_valid(user, password)
    require_free(user)
    user.set_password(password)
    try:
        with transaction.atomic():
            user.save(force_insert=True)
    except IntegrityError:
        # Somebody else took it between the look and the row.
        raise taken(user) from None
    record(Action.CREATED, user, actor=actor)
    return user


@logged("users.set_status", user_id="pk")
@transaction.atomic
def set_status(user_id: int, status: str, *, actor: Actor, reason: str) -> User:
    """Let in or shut out, from the next request on.  Whoever is shut out loses their token sessions.

    Raises NotFound, Denied, Invalid, Conflict when it is so already.
    """
    if status not in User.Status.values:
        raise Invalid(errors=[FieldError("status", "invalid", _("Unknown status."))])
    user = changeable(user_id, actor)
    if user.status == status:
        raise Conflict(_("The user has this status already."))
    before = snapshot(user)
    user.status = status
    user.version += 1
    user.save(update_fields=["status", "version", "updated_at"])
    if not user.is_active:
        close_all_token_sessions(user, reason=SessionEnd.STATUS, now=timezone.now())
    record(Action.UPDATED, user, actor=actor, old=before, new=snapshot(user), reason=reason)
    return user


@logged("users.set_roles", user_id="pk")
@transaction.atomic
def set_roles(user_id: int, roles: Iterable[Role], *, actor: Actor, reason: str) -> User:
    """Exactly these roles.  Whoever has one is staff.  Raises NotFound, Denied, Conflict when it is so already."""
    user = changeable(user_id, actor)
    held = set(roles_of(user))
    wanted = set(roles)
    if held == wanted:
        raise Conflict(_("The user has exactly these roles already."))
    before = _with_roles(user, held)
    user.groups.remove(*Group.objects.filter(name__in=held - wanted))
    user.groups.add(*Group.objects.filter(name__in=wanted - held))
    user.is_staff = bool(wanted) or user.is_superuser
    user.version += 1
    user.save(update_fields=_ACCESS_FIELDS)
    action = Action.REVOKED if wanted < held else Action.GRANTED
    record(action, user, actor=actor, old=before, new=_with_roles(user, wanted), reason=reason)
    return user


@logged("users.change_own_password", user_id="pk")
@transaction.atomic
def change_own_password(user_id: int, password: str, *, proved: str, actor: Actor) -> User:
    """A new password of one's own; ``proved`` is the hash that the old one was compared with, which takes a while.

    Ends all sign-ins by token.  Raises WrongCredentials when that hash or the access are gone meanwhile, Invalid.
    """
    user: User | None = locked(User.objects.alive().filter(pk=user_id)).first()
    if user is None or not user.is_active or user.password != proved:
        raise WrongCredentials
    return _set_password(user, password, actor=actor)


@logged("users.change_password", user_id="pk")
@transaction.atomic
def change_password(user_id: int, password: str, *, actor: Actor) -> User:
    """A new password by whoever runs the system, without the old one.  Ends all sign-ins by token.

    Raises NotFound, Invalid.
    """
    return _set_password(locked_user(user_id), password, actor=actor)


def _set_password(user: User, password: str, *, actor: Actor) -> User:
    if errors := _password_errors(password, user, field="new_password"):
        raise Invalid(errors=errors)
    before = snapshot(user)
    user.set_password(password)
    user.version += 1
    user.save(update_fields=["password", "version", "updated_at"])
    close_all_token_sessions(user, reason=SessionEnd.PASSWORD, now=timezone.now())
    record(Action.PASSWORD_CHANGED, user, actor=actor, old=before, new=snapshot(user))
    return user


@logged("users.delete", user_id="pk")
@transaction.atomic
def delete_user(user_id: int, *, actor: Actor, reason: str, expected_version: int | None = None) -> User:
    """Delete softly: invisible from now on, name and address free for others.

    Raises NotFound, Denied, PreconditionFailed, and Conflict listing what has to be settled first (``registry``).
    """
    user = changeable(user_id, actor)
    require_version(user, expected_version)
    if obstacles := obstacles_to_deletion(user.pk):
        raise Conflict(_("The user can't be deleted yet: something of theirs is still open."), errors=obstacles)
    before = snapshot(user)
    now = timezone.now()
    user.deleted_at = now
    user.deleted_key = user.pk
    user.version += 1
    user.save(update_fields=["deleted_at", "deleted_key", "version", "updated_at"])
    close_all_token_sessions(user, reason=SessionEnd.DELETED, now=now)
    record(Action.DELETED, user, actor=actor, old=before, reason=reason)
    return user


@logged("users.sign_out_everywhere", user_id="pk")
@transaction.atomic
def sign_out_everywhere(user_id: int, *, actor: Actor, reason: str) -> int:
    """End every sign-in of a user, by token and in browsers.  Returns how many by token were open.

    Raises NotFound, Denied.
    """
    user = changeable(user_id, actor)
    closed = close_all_token_sessions(user, reason=SessionEnd.CLOSED_BY_STAFF, now=timezone.now())
    user.sign_in_epoch += 1
    user.save(update_fields=["sign_in_epoch"])
    record(Action.REVOKED, user, actor=actor, reason=reason, data={"ended_sign_ins": closed})
    return closed


@logged("users.end_token_session", session_id="pk", user_id="user_id")
@transaction.atomic
def end_token_session(session_id: uuid.UUID, *, actor: Actor, reason: str) -> TokenSession:
    """End one sign-in by token.  Raises NotFound, Denied, Conflict when it has ended already."""
    session = TokenSession.objects.filter(pk=session_id).first()
    if session is None:
        raise NotFound
    user = changeable(session.user_id, actor)
    if not close_one_token_session(session, reason=SessionEnd.CLOSED_BY_STAFF, now=timezone.now()):
        raise Conflict(_("This sign-in has ended already."))
    record(Action.REVOKED, user, actor=actor, reason=reason, data={"sign_in": str(session.pk)})
    return session


def roles_of(user: User) -> list[Role]:
    """The roles among the user's groups.  Uses prefetched groups."""
    names = {group.name for group in user.groups.all()}
    return [role for role in Role if role.value in names]


def locked_user(user_id: int) -> User:
    """The row, locked.  Raises NotFound."""
    user: User | None = locked(User.objects.alive().filter(pk=user_id)).first()
    if user is None:
        raise NotFound
    return user


def changeable(user_id: int, actor: Actor) -> User:
    """The row, locked, if this actor may change its access.  Raises NotFound, Denied.

    The actor's own row is locked with it, in the order of the keys: of two who shut each other out at once the first
    does, and the second has no access left.  So nobody locks one of the two rows before.
    """
    if actor.kind is not ActorKind.USER:
        return locked_user(user_id)
    if actor.id == str(user_id):
        raise Denied(_("Nobody changes their own access: ask somebody else."))
    both = {user.pk: user for user in locked(User.objects.alive().filter(pk__in=[user_id, int(actor.id)]))}
    user: User | None = both.get(user_id)
    acting: User | None = both.get(int(actor.id))
    if user is None:
        raise NotFound
    if acting is None or not acting.is_active or not acting.is_staff:
        raise Denied(_("Your own access has just been taken away."))
    if user.is_superuser and not acting.is_superuser:
        raise Denied(_("Only a superuser may change a superuser."))
    return user


def require_valid(user: User, password: str | None = None) -> None:
    """Raises Invalid, every field named."""
    errors: list[FieldError] = []
    try:
        user.clean_fields(exclude=["password", "username_key", "email_key"])
    except ValidationError as error:
        errors += [
            FieldError(field, problem.code or "invalid", " ".join(problem.messages))
            for field, problems in error.error_dict.items()
            for problem in problems
        ]
    # Compatibility folding may make eighteen characters of one.
    if len(fold(user.username)) > FOLDED_USERNAME_LENGTH:
        errors.append(FieldError("username", "max_length", _("This is too long.")))
    if not any(error.field == "email" for error in errors) and not is_address(user.email):
        errors.append(FieldError("email", "invalid", _("This is not an e-mail address.")))
    if user.language not in dict(settings.LANGUAGES):
        errors.append(FieldError("language", "invalid_choice", _("Unknown language.")))
    if password is not None:
        errors += _password_errors(password, user)
    if errors:
        raise Invalid(errors=errors)


def _password_errors(password: str, user: User, *, field: str = "password") -> list[FieldError]:
    try:
        validate_password(password, user)
    except ValidationError as error:
        problems = error.error_list
        return [FieldError(field, problem.code or "invalid", problem.messages[0]) for problem in problems]
    return []


def require_free(user: User) -> None:
    """Raises Conflict naming what another living user has."""
    if (conflict := taken(user)).errors:
        raise conflict


def taken(user: User) -> Conflict:
    """The refusal of a name or an address that somebody has, with those fields that are taken at present."""
    others = User.objects.exclude(pk=user.pk) if user.pk else User.objects.all()
    errors = [
        FieldError(field, "taken", sentence)
        for field, name, sentence in (
            ("username", user.username, _("This user name is taken.")),
            ("email", user.email, _("This e-mail address is taken.")),
        )
        if others.named(name).exists()
    ]
    return Conflict(_("This user name or e-mail address is taken."), errors=errors)


def _with_roles(user: User, roles: Iterable[Role]) -> dict[str, Any]:
    return {**snapshot(user), "roles": sorted(role.value for role in roles)}
