"""Signing in by token, and the password."""

from __future__ import annotations

from dataclasses import asdict

from django.contrib.auth import authenticate, logout
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.core.api import request_actor
from apps.core.client_ip import client_ip
from apps.core.errors import ErrorCode, TooMany, WrongCredentials
from apps.users.api.serializers import PasswordSerializer, RefreshSerializer, SignInSerializer, TokenPairSerializer
from apps.users.api.tokens import pair_of, refresh_claims_of
from apps.users.models import TokenSession, User
from apps.users.services.accounts import change_own_password
from apps.users.services.login_lock import retry_after_seconds
from apps.users.services.token_sessions import close_token_session, open_token_session, refresh_token_session


class TokenView(APIView):
    """Sign in with user name or e-mail address and password."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_scope = "login"
    error_codes = (ErrorCode.WRONG_CREDENTIALS,)

    @extend_schema(operation_id="auth_token", request=SignInSerializer, responses=TokenPairSerializer, tags=["auth"])
    def post(self, request: Request) -> Response:
        given = SignInSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        user = _authenticated(request, **given.validated_data)
        session = open_token_session(
            user,
            client_ip=client_ip(request),
            user_agent=request.headers.get("User-Agent", ""),
            now=timezone.now(),
        )
        return Response(asdict(pair_of(session)))


def _authenticated(request: Request, *, username: str, password: str) -> User:
    """Raises WrongCredentials, and TooMany while the name is locked for this address."""
    django_request = request._request
    user = authenticate(django_request, username=username, password=password)
    if user is not None:
        return user
    if getattr(django_request, "axes_locked_out", False):
        raise TooMany(
            _("Too many failed sign-ins: wait, then try again."),
            retry_after_seconds=retry_after_seconds(username, client_ip(request), now=timezone.now()),
        )
    raise WrongCredentials


class RefreshView(APIView):
    """A new pair of tokens for a refresh token.  The old one is used up; sent again, it closes the session."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    error_codes = (ErrorCode.INVALID_TOKEN,)

    @extend_schema(operation_id="auth_refresh", request=RefreshSerializer, responses=TokenPairSerializer, tags=["auth"])
    def post(self, request: Request) -> Response:
        given = RefreshSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        session_id, jti = refresh_claims_of(given.validated_data["refresh_token"])
        return Response(asdict(pair_of(refresh_token_session(session_id, jti=jti, now=timezone.now()))))


class LogoutView(APIView):
    """Close the session of the token that is sent: neither of its tokens is good any more."""

    permission_classes = (IsAuthenticated,)

    @extend_schema(operation_id="auth_logout", request=None, responses={200: None}, tags=["auth"])
    def post(self, request: Request) -> Response:
        if isinstance(request.auth, TokenSession):
            close_token_session(request.auth, now=timezone.now())
        else:
            logout(request._request)
        return Response(None)


class PasswordView(APIView):
    """A new password of one's own.  Ends every sign-in by token, this one too: sign in again with the new one."""

    permission_classes = (IsAuthenticated,)
    throttle_scope = "login"
    error_codes = (ErrorCode.WRONG_CREDENTIALS,)

    @extend_schema(operation_id="auth_password", request=PasswordSerializer, responses={200: None}, tags=["auth"])
    def post(self, request: Request) -> Response:
        given = PasswordSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        # A stolen token is no way to guess the password: failures count as at sign-in and lock the name.
        user = _authenticated(
            request, username=request.user.get_username(), password=given.validated_data["old_password"]
        )
        change_own_password(
            user.pk, given.validated_data["new_password"], proved=user.password, actor=request_actor(request)
        )
        return Response(None)
