"""Tokens as text: signed claims about a ``TokenSession``.  Who may have them is decided in ``users.services``."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import Token

from apps.core.errors import InvalidToken
from apps.users.models import TokenSession

SESSION_CLAIM = "sid"


class AccessToken(Token):
    token_type = "access"  # noqa: S105
    lifetime = api_settings.ACCESS_TOKEN_LIFETIME


class RefreshToken(Token):
    token_type = "refresh"  # noqa: S105
    lifetime = api_settings.REFRESH_TOKEN_LIFETIME


@dataclass(frozen=True, slots=True)
class TokenPair:
    access_token: str
    refresh_token: str
    expires_in: int
    refresh_expires_in: int
    token_type: str = "Bearer"  # noqa: S105


def pair_of(session: TokenSession) -> TokenPair:
    """Both tokens of a session; the refresh token bears the one id that is good now."""
    access, refresh = AccessToken(), RefreshToken()
    for token in (access, refresh):
        token[api_settings.USER_ID_CLAIM] = str(session.user_id)
        token[SESSION_CLAIM] = str(session.pk)
    refresh[api_settings.JTI_CLAIM] = session.current_jti
    return TokenPair(
        access_token=str(access),
        refresh_token=str(refresh),
        expires_in=int(api_settings.ACCESS_TOKEN_LIFETIME.total_seconds()),
        refresh_expires_in=int(api_settings.REFRESH_TOKEN_LIFETIME.total_seconds()),
    )


def session_id_of(text: str | bytes) -> uuid.UUID:
    """The session an access token speaks for.  Raises InvalidToken."""
    return _session_claim(_decoded(AccessToken, text))


def refresh_claims_of(text: str) -> tuple[uuid.UUID, str]:
    """Session and id of a refresh token.  Raises InvalidToken."""
    token = _decoded(RefreshToken, text)
    return _session_claim(token), str(token[api_settings.JTI_CLAIM])


def _decoded(kind: type[Token], text: str | bytes) -> Token:
    try:
        return kind(text)  # type: ignore[arg-type]
    except TokenError as error:
        raise InvalidToken from error


def _session_claim(token: Token) -> uuid.UUID:
    try:
        return uuid.UUID(str(token.get(SESSION_CLAIM)))
    except ValueError as error:
        raise InvalidToken from error
