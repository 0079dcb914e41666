"""Users over HTTP: register, list, read, change, delete, and oneself (A.2, decision 10).

An ordinary user sees and changes only themself: the list is refused to them (1005), and of another user they can't
even learn that there is one (1006).
"""

from __future__ import annotations

from typing import Any, ClassVar, cast

import django_filters
from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.permissions import AllowAny, BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.core.api import request_actor
from apps.core.api.filters import InstantFilter, StrictFilterSet
from apps.core.api.idempotency import idempotent
from apps.core.api.parameters import whole_id
from apps.core.api.permissions import requires
from apps.core.api.versions import IF_MATCH, IF_NONE_MATCH, NOT_MODIFIED, expected_version, version_tag, versioned
from apps.core.errors import Denied, ErrorCode, FieldError, NotFound
from apps.users.api.serializers import (
    ChangeMeSerializer,
    ChangeUserSerializer,
    DeleteUserParameters,
    RegisterSerializer,
    UserSerializer,
)
from apps.users.models import User
from apps.users.querysets import fold
from apps.users.roles import Role
from apps.users.services.accounts import delete_user
from apps.users.services.changing import change_user
from apps.users.services.registration import register_user

VIEW, CHANGE, DELETE = "users.view_user", "users.change_user", "users.delete_user"
_USER_ID = OpenApiParameter("user_id", OpenApiTypes.INT, OpenApiParameter.PATH)
_CHANGE_CODES = (ErrorCode.CONFLICT, ErrorCode.PRECONDITION_FAILED)
_STAFF_FIELDS = ("status", "roles")


class UserFilter(StrictFilterSet):
    status = django_filters.ChoiceFilter(choices=User.Status.choices)
    is_staff = django_filters.TypedChoiceFilter(
        choices=(("true", "true"), ("false", "false")), coerce=lambda text: text == "true"
    )
    role = django_filters.ChoiceFilter(field_name="groups__name", choices=[(role.value, role.value) for role in Role])
    username = django_filters.CharFilter(method="named", max_length=150, help_text="In any spelling")
    email = django_filters.CharFilter(method="named", max_length=150, help_text="In any spelling")
    created_from = InstantFilter(field_name="created_at", lookup_expr="gte")
    created_until = InstantFilter(field_name="created_at", lookup_expr="lt")

    def named(self, users: QuerySet[User], field: str, value: str) -> QuerySet[User]:
        return users.filter(**{f"{field}_key": fold(value.strip())})


class UserListView(GenericAPIView):
    """All users, newest first; and registration, which needs no token."""

    serializer_class = UserSerializer
    filterset_class = UserFilter

    def get_permissions(self) -> list[BasePermission]:
        return [AllowAny()] if self.request.method == "POST" else [requires(VIEW)()]

    @property
    def throttle_scope(self) -> str | None:
        """Registering is limited for each address; staff who may change users make as many as they need."""
        registering = self.request.method == "POST" and not self.request.user.has_perm(CHANGE)
        return "registration" if registering else None

    @property
    def error_codes(self) -> tuple[ErrorCode, ...]:
        # A token is not needed, but a bad one is not taken for none.
        return (ErrorCode.CONFLICT, ErrorCode.INVALID_TOKEN) if self.request.method == "POST" else ()

    def get_queryset(self) -> QuerySet[User]:
        users: QuerySet[User] = User.objects.for_api()
        return users

    @extend_schema(operation_id="users_list", tags=["users"], responses=UserSerializer(many=True))
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(UserSerializer(page, many=True).data)

    @extend_schema(
        operation_id="users_register",
        tags=["users"],
        request=RegisterSerializer,
        responses={201: UserSerializer},
        filters=False,
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Register: an active user without roles."""
        given = RegisterSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        values: dict[str, Any] = {"language": get_language(), **given.validated_data}
        user = register_user(**values, actor=request_actor(request))
        return Response(
            UserSerializer(user).data,
            status=201,
            headers={"ETag": tag_of(user), "Location": f"/api/v1/users/{user.pk}"},
        )


class UserView(APIView):
    """One user: oneself, or for staff any."""

    permission_classes = (IsAuthenticated,)
    error_codes: ClassVar[tuple[ErrorCode, ...]] = _CHANGE_CODES

    @extend_schema(
        operation_id="users_read",
        tags=["users"],
        parameters=[_USER_ID, IF_NONE_MATCH],
        responses={200: UserSerializer, 304: NOT_MODIFIED},
    )
    def get(self, request: Request, user_id: str) -> Response | HttpResponse:
        return _shown(request, self._found(request, whole_id(user_id)).pk)

    @extend_schema(
        operation_id="users_change",
        tags=["users"],
        parameters=[_USER_ID, IF_MATCH],
        request=ChangeUserSerializer,
        responses=UserSerializer,
    )
    def put(self, request: Request, user_id: str) -> Response | HttpResponse:
        """Change what is given.  Everybody: their own address and language; staff also status and roles of others."""
        user = self._found(request, whole_id(user_id), needs=CHANGE)
        given = ChangeUserSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        _require_staff_for(request, given.validated_data)
        return _changed(request, user.pk, given.validated_data)

    @extend_schema(
        operation_id="users_delete",
        tags=["users"],
        parameters=[_USER_ID, IF_MATCH, DeleteUserParameters],
        request=None,
        responses={200: None},
    )
    def delete(self, request: Request, user_id: str) -> Response:
        """Delete softly: the user disappears, name and address are free for others."""
        user = self._found(request, whole_id(user_id), needs=DELETE)
        if not _may(request, DELETE):
            raise Denied
        given = DeleteUserParameters(data=request.query_params.dict())
        given.is_valid(raise_exception=True)
        delete_user(
            user.pk,
            actor=request_actor(request),
            reason=given.validated_data.get("reason", ""),
            expected_version=expected_version(request),
        )
        return Response(None)

    def _found(self, request: Request, user_id: int, *, needs: str = VIEW) -> User:
        """Oneself or, for those who may see users, any; raises NotFound, and Denied for whom seeing is all they may."""
        own = request.user.pk == user_id
        if not own and not _may(request, VIEW):
            raise NotFound
        user: User | None = User.objects.for_api().filter(pk=user_id).first()
        if user is None:
            raise NotFound
        if not own and not _may(request, needs):
            raise Denied
        return user


class MeView(APIView):
    """The user who asks."""

    permission_classes = (IsAuthenticated,)

    @property
    def error_codes(self) -> tuple[ErrorCode, ...]:
        return _CHANGE_CODES if self.request.method == "PUT" else ()

    @extend_schema(
        operation_id="users_me",
        tags=["users"],
        parameters=[IF_NONE_MATCH],
        responses={200: UserSerializer, 304: NOT_MODIFIED},
    )
    def get(self, request: Request) -> Response | HttpResponse:
        user = cast(User, request.user)
        return versioned(request, UserSerializer(user).data, tag=tag_of(user))

    @extend_schema(
        operation_id="users_me_change",
        tags=["users"],
        parameters=[IF_MATCH],
        request=ChangeMeSerializer,
        responses=UserSerializer,
    )
    def put(self, request: Request) -> Response | HttpResponse:
        """Change one's own address or language."""
        given = ChangeMeSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        return _changed(request, cast(User, request.user).pk, given.validated_data)


def tag_of(user: User) -> str:
    """A sign-in shows in the answer, yet is no change that somebody's edit could overwrite."""
    return version_tag(user.version, user.last_login_at)


def _may(request: Request, permission: str) -> bool:
    return bool(request.user.has_perm(permission))


def _require_staff_for(request: Request, values: dict[str, Any]) -> None:
    denied = [field for field in _STAFF_FIELDS if field in values]
    if denied and not _may(request, CHANGE):
        sentence = _("Only staff may set this.")
        raise Denied(errors=[FieldError(field, "denied", sentence) for field in denied])


def _changed(request: Request, user_id: int, values: dict[str, Any]) -> Response | HttpResponse:
    changes = {name: value for name, value in values.items() if name != "version"}
    if "roles" in changes:
        changes["roles"] = [Role(name) for name in changes["roles"]]
    change_user(user_id, actor=request_actor(request), expected_version=expected_version(request), **changes)
    return _shown(request, user_id)


def _shown(request: Request, user_id: int) -> Response | HttpResponse:
    """Raises NotFound when the person was deleted right after the change."""
    user: User | None = User.objects.for_api().filter(pk=user_id).first()
    if user is None:
        raise NotFound
    return versioned(request, UserSerializer(user).data, tag=tag_of(user))
