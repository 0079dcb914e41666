"""``Authorization: Bearer …``: one query for session and user, so that a closed session and a changed status hold
from the next request on, however long the token would still be valid.
"""

from __future__ import annotations

from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from apps.core.errors import InvalidToken
from apps.users.api.tokens import session_id_of
from apps.users.models import TokenSession, User

_SCHEME = "bearer"


class BearerAuthentication(BaseAuthentication):
    """``request.user`` becomes the user and ``request.auth`` the TokenSession.  Another scheme is left to others."""

    def authenticate(self, request: Request) -> tuple[User, TokenSession] | None:
        scheme, _, token = request.headers.get("Authorization", "").strip().partition(" ")
        if scheme.lower() != _SCHEME:
            return None
        try:
            session_id = session_id_of(token.strip())
        except InvalidToken as error:
            raise AuthenticationFailed from error
        session = TokenSession.objects.usable(timezone.now()).filter(pk=session_id).first()
        if session is None or not session.user.is_active:
            raise AuthenticationFailed
        return session.user, session

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'
