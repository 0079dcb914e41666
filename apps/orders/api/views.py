"""Orders over HTTP (A.2): list, place, read, change, delete.

Customers see and place their own orders only; another's does not exist for them (1006).  They may word and cancel
what is pending.  Staff see, place, move and delete by permission.
"""

from __future__ import annotations

from typing import Any, ClassVar, cast

from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.core.api import request_actor
from apps.core.api.filters import refuse_unknown
from apps.core.api.idempotency import idempotent
from apps.core.api.parameters import whole_id
from apps.core.api.versions import IF_MATCH, IF_NONE_MATCH, NOT_MODIFIED, expected_version, version_tag, versioned
from apps.core.errors import Denied, ErrorCode, FieldError, Invalid, NotFound
from apps.orders.api.filters import OrderFilter, OrderPages
from apps.orders.api.serializers import (
    ChangeOrderSerializer,
    DeleteOrderParameters,
    OrderSerializer,
    PlaceOrderSerializer,
    order_fields,
)
from apps.orders.models import Order
from apps.orders.services import (
    change_order,
    change_own_order,
    create_order_with_user,
    delete_order,
    place_order,
)

VIEW, ADD, CHANGE, DELETE = "orders.view_order", "orders.add_order", "orders.change_order", "orders.delete_order"
_ORDER_PK = OpenApiParameter("order_pk", OpenApiTypes.INT, OpenApiParameter.PATH, description="The order's id")


class OrderListView(GenericAPIView):
    """Orders, newest first: all of them for staff, their own for customers; and placing one."""

    permission_classes = (IsAuthenticated,)
    serializer_class = OrderSerializer
    filterset_class = OrderFilter
    pagination_class = OrderPages

    @property
    def error_codes(self) -> tuple[ErrorCode, ...]:
        return (ErrorCode.CONFLICT,) if self.request.method == "POST" else ()

    def get_queryset(self) -> QuerySet[Order]:
        if getattr(self, "swagger_fake_view", False):
            return Order.objects.none()
        return visible_orders(self.request)

    @extend_schema(operation_id="orders_list", tags=["orders"], responses=OrderSerializer(many=True))
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response([order_fields(order) for order in page or ()])

    @extend_schema(
        operation_id="orders_place",
        tags=["orders"],
        request=PlaceOrderSerializer,
        responses={201: OrderSerializer},
        filters=False,
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Place an order: for oneself, or as staff for a user or together with a new one."""
        given = PlaceOrderSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        order = _placed(request, given.validated_data)
        return Response(
            order_fields(order),
            status=201,
            headers={"ETag": version_tag(order.version), "Location": f"/api/v1/orders/{order.pk}"},
        )


class OrderView(APIView):
    """One order."""

    permission_classes = (IsAuthenticated,)
    error_codes: ClassVar[tuple[ErrorCode, ...]] = (ErrorCode.CONFLICT, ErrorCode.PRECONDITION_FAILED)

    @extend_schema(
        operation_id="orders_read",
        tags=["orders"],
        parameters=[_ORDER_PK, IF_NONE_MATCH],
        responses={200: OrderSerializer, 304: NOT_MODIFIED},
    )
    def get(self, request: Request, order_pk: str) -> Response | HttpResponse:
        refuse_unknown(request, known=set())
        return _shown(request, _found(request, order_pk))

    @extend_schema(
        operation_id="orders_change",
        tags=["orders"],
        parameters=[_ORDER_PK, IF_MATCH],
        request=ChangeOrderSerializer,
        responses=OrderSerializer,
    )
    def put(self, request: Request, order_pk: str) -> Response | HttpResponse:
        """Change what is given; ``status`` moves the order, its times are set here.

        Customers may cancel a pending order of theirs and change its remark.
        """
        order = _found(request, order_pk)
        given = ChangeOrderSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        return _shown(request, _changed(request, order, given.validated_data))

    @extend_schema(
        operation_id="orders_delete",
        tags=["orders"],
        parameters=[_ORDER_PK, IF_MATCH, DeleteOrderParameters],
        request=None,
        responses={200: None},
    )
    def delete(self, request: Request, order_pk: str) -> Response:
        """Delete softly: the order disappears, its number is free for another."""
        order = _found(request, order_pk)
        if not _may(request, DELETE):
            raise Denied
        given = DeleteOrderParameters(data=request.query_params.dict())
        given.is_valid(raise_exception=True)
        delete_order(
            order.pk,
            actor=request_actor(request),
            reason=given.validated_data.get("reason", ""),
            expected_version=expected_version(request),
        )
        return Response(None)


def visible_orders(request: Request) -> QuerySet[Order]:
    """All orders for staff who may see them, else the caller's own."""
    return Order.objects.alive() if _may(request, VIEW) else Order.objects.of_user(cast(int, request.user.pk))


def _may(request: Request, permission: str) -> bool:
    """Only staff have permissions; for anybody else the database isn't asked."""
    user: Any = request.user
    return bool(user.is_staff and user.has_perm(permission))


def _found(request: Request, text: str) -> Order:
    """Raises NotFound for what is not there and for what is another's."""
    order = visible_orders(request).filter(pk=whole_id(text)).first()
    if order is None:
        raise NotFound(_("There is no such order."))
    return order


def _shown(request: Request, order: Order) -> Response | HttpResponse:
    return versioned(request, order_fields(order), tag=version_tag(order.version))


def _placed(request: Request, values: dict[str, Any]) -> Order:
    """Raises Denied for a customer who names somebody else."""
    actor = request_actor(request)
    user_id, user = values.pop("user_id", None), values.pop("user", None)
    if not _may(request, ADD):
        own = cast(int, request.user.pk)
        if user is not None or user_id not in {None, own}:
            raise Denied(_("You can place orders for yourself only."))
        return place_order(user_id=own, actor=actor, **values)
    if (user_id is None) == (user is None):
        sentence = _("Say for whom: either user_id or user.")
        raise Invalid(errors=[FieldError("user_id", "required", sentence)])
    if user is not None:
        return create_order_with_user(**user, actor=actor, **values)
    return place_order(user_id=user_id, actor=actor, **values)


def _changed(request: Request, order: Order, values: dict[str, Any]) -> Order:
    values.pop("version", None)
    actor, version = request_actor(request), expected_version(request)
    if _may(request, CHANGE):
        return change_order(order.pk, actor=actor, expected_version=version, **values)
    if order.user_id != request.user.pk or "amount" in values:
        raise Denied
    return change_own_order(order.pk, user_id=order.user_id, actor=actor, expected_version=version, **values)
