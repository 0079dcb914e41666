"""What anybody may read.  An answer from the cache costs neither a database query nor a session nor DRF."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.core.api import request_actor
from apps.core.api.parameters import whole_id
from apps.core.api.permissions import requires_by_method
from apps.core.api.public import PublicView, cached_answer
from apps.core.api.versions import IF_MATCH, IF_NONE_MATCH, NOT_MODIFIED, expected_version
from apps.core.errors import ErrorCode
from apps.events import cache, services
from apps.events.api.parameters import list_question, wants_spoilers
from apps.events.api.serializers import (
    EventCardSerializer,
    EventChangeSerializer,
    EventPageSerializer,
)
from apps.events.enums import EventStatus

_READS = {"GET", "HEAD"}
EVENT_ID = OpenApiParameter("event_id", OpenApiTypes.INT, OpenApiParameter.PATH)
SPOILERS = OpenApiParameter(
    "spoilers",
    int,
    enum=[0, 1],
    description="0 hides how bouts ended and all that follows from it; 1 by default. Results are empty; records, "
    "versions and times of change are null, because they would tell of a result; `stopped` with `finished` stands for "
    "everything that is over, `in_round` for all that runs. The ETag then does not change with a result or its "
    "correction.",
)


class EventListView(PublicView):
    """Events, newest start first."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """GET leaves before DRF builds its request; every other method takes DRF's way to its refusal."""
        if request.method in _READS:
            return cached_answer(request, cache.event_list(list_question(request)))
        return super().dispatch(request, *args, **kwargs)

    @extend_schema(
        operation_id="events_list",
        tags=["events"],
        parameters=[
            OpenApiParameter("page", int, description="Page, from 1."),
            OpenApiParameter("page_size", int, description="Entries on a page, 1 to 100; 20 by default."),
            OpenApiParameter("org", str, description="Only events of this organisation, for example UFC."),
            OpenApiParameter("date", OpenApiTypes.DATE, description="Only events of this day, in TIME_ZONE."),
            OpenApiParameter("status", str, enum=list(EventStatus.values)),
            OpenApiParameter(
                "updated_since", str, description="Only events changed since then: RFC 3339 or Unix milliseconds."
            ),
            IF_NONE_MATCH,
        ],
        responses={200: EventPageSerializer, 304: NOT_MODIFIED},
    )
    def get(self, request: Request) -> Response:
        """Events, newest start first."""
        raise AssertionError("dispatch answers GET")


class EventCardView(APIView):
    """The card of one event."""

    authentication_classes: Sequence[type[BaseAuthentication]] = ()
    permission_classes: Sequence[Any] = (AllowAny,)
    throttle_classes: Sequence[Any] = ()

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """As for the list."""
        if request.method in _READS:
            event_id = whole_id(kwargs["event_id"])
            return cached_answer(request, cache.event_card(event_id, spoilers=wants_spoilers(request)))
        return super().dispatch(request, *args, **kwargs)

    @extend_schema(
        operation_id="events_read",
        tags=["events"],
        parameters=[
            EVENT_ID,
            SPOILERS,
            IF_NONE_MATCH,
        ],
        responses={200: EventCardSerializer, 304: NOT_MODIFIED},
    )
    def get(self, request: Request, event_id: str) -> Response:
        """The card: main card, prelims, every bout in detail."""
        raise AssertionError("dispatch answers GET")


class EventView(EventCardView):
    """The same, and its change."""

    authentication_classes = APIView.authentication_classes
    throttle_classes = APIView.throttle_classes
    permission_classes = (requires_by_method(PUT="events.change_event"),)
    error_codes = (ErrorCode.CONFLICT, ErrorCode.PRECONDITION_FAILED)

    @extend_schema(
        operation_id="events_change",
        tags=["events"],
        parameters=[EVENT_ID, IF_MATCH],
        request=EventChangeSerializer,
        responses=EventCardSerializer,
    )
    def put(self, request: Request, event_id: str) -> Response:
        """Change name or status; what is not given stays as it is."""
        number = whole_id(event_id)
        given = EventChangeSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        services.change_event(
            number,
            actor=request_actor(request),
            expected_version=expected_version(request),
            **{name: value for name, value in given.validated_data.items() if name != "version"},
        )
        return Response(cache.load_event_card(number))
