"""Sign-ins by token: opened with the password, prolonged by the refresh token, closed by whoever has the right.

A refresh token is good for one use.  The swap of ``current_jti`` is one UPDATE with the old value in its condition,
so of two users of the same token exactly one gets through, on every database.  The other one shows that somebody has
a copy: the session is closed for both.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import NoReturn, cast

import structlog
from django.conf import settings
from django.db import transaction

from apps.audit.enums import Action
from apps.audit.services import record
from apps.core.actor import SYSTEM
from apps.core.db import locked
from apps.core.errors import InvalidToken, WrongCredentials
from apps.users.enums import SessionEnd
from apps.users.models import TokenSession, User
from apps.users.querysets import TokenSessionQuerySet
from apps.users.services.login_lock import forget_failures
from apps.users.services.sign_in import note_sign_in, note_sign_out

log = structlog.get_logger(__name__)


@transaction.atomic
def open_token_session(user: User, *, client_ip: str, user_agent: str, now: datetime) -> TokenSession:
    """After a right password: a new session, and the failures counted until now are forgotten.

    Raises WrongCredentials when password or access have changed since the password was compared, which takes a while:
    "sign out everywhere" ends this sign-in too.
    """
    present: User | None = locked(User.objects.alive().filter(pk=user.pk)).first()
    if present is None or not present.is_active or _credentials_of(present) != _credentials_of(user):
        raise WrongCredentials
    forget_failures(user, client_ip)
    session = TokenSession.objects.create(
        user=user,
        current_jti=_new_jti(),
        client_ip=client_ip,
        user_agent=user_agent[:255],
        refreshed_at=now,
        expires_at=_expiry(now),
    )
    note_sign_in(user, door="api")
    return session


def _credentials_of(user: User) -> tuple[str, int]:
    """What a sign-in that is under way relies on."""
    return user.password, user.sign_in_epoch


def refresh_token_session(session_id: uuid.UUID, *, jti: str, now: datetime) -> TokenSession:
    """Use up the refresh token ``jti`` and prolong its session.

    Raises InvalidToken: unknown, closed or expired session, a user who may not act, or a token used before; the last
    closes the session.
    """
    session = TokenSession.objects.usable(now).filter(pk=session_id).first()
    if session is None or not session.user.is_active:
        raise InvalidToken
    following = _new_jti()
    swapped = TokenSession.objects.open().filter(pk=session_id, current_jti=jti)
    if not swapped.update(current_jti=following, refreshed_at=now, expires_at=_expiry(now)):
        _refuse_reuse(session, now=now)
    session.current_jti = following
    session.expires_at = _expiry(now)
    return session


def _refuse_reuse(session: TokenSession, *, now: datetime) -> NoReturn:
    with transaction.atomic():
        if _close(TokenSession.objects.open().filter(pk=session.pk), reason=SessionEnd.REUSED, now=now):
            record(
                Action.REVOKED,
                session.user,
                actor=SYSTEM,
                reason="a refresh token came twice",
                data={"sign_in": str(session.pk)},
            )
    log.warning("refresh_token_reused", user_id=session.user_id, session=str(session.pk))
    raise InvalidToken


@transaction.atomic
def close_token_session(session: TokenSession, *, now: datetime) -> None:
    """Signing out.  A second time changes nothing."""
    if _close(TokenSession.objects.open().filter(pk=session.pk), reason=SessionEnd.SIGNED_OUT, now=now):
        note_sign_out(session.user, door="api")


def close_one_token_session(session: TokenSession, *, reason: SessionEnd, now: datetime) -> bool:
    """For the services that end a sign-in, inside their transaction.  False: it was closed already."""
    return bool(_close(TokenSession.objects.open().filter(pk=session.pk), reason=reason, now=now))


def close_all_token_sessions(user: User, *, reason: SessionEnd, now: datetime) -> int:
    """For the services that take away a user's access, inside their transaction.  Returns how many were open."""
    return _close(TokenSession.objects.open().filter(user=user), reason=reason, now=now)


def _close(sessions: TokenSessionQuerySet, *, reason: SessionEnd, now: datetime) -> int:
    return sessions.update(revoked_at=now, revoked_reason=reason.value)


def _expiry(now: datetime) -> datetime:
    """A client that stays away longer signs in again."""
    return now + cast(timedelta, settings.SIMPLE_JWT["REFRESH_TOKEN_LIFETIME"])


def _new_jti() -> str:
    return uuid.uuid4().hex
