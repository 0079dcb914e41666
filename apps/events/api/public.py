"""What anybody may read.  An answer from the cache costs neither a database query nor a session nor DRF."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.http import parse_etags
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.core.api import request_actor
from apps.core.api.envelope import not_modified, spliced
from apps.core.api.permissions import requires_by_method
from apps.core.cache import Cached
from apps.core.errors import ErrorCode
from apps.events import cache, services
from apps.events.api.parameters import expected_version, list_question, wants_spoilers, whole_id
from apps.events.api.serializers import (
    EventCardSerializer,
    EventChangeSerializer,
    EventPageSerializer,
)
from apps.events.enums import EventStatus

_READS = {"GET", "HEAD"}
_IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match", str, OpenApiParameter.HEADER, description="ETag of the copy you have."
)
_IF_MATCH = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, description="Version the change was made on; a stale one is refused."
)
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
_NOT_MODIFIED = OpenApiResponse(description="Your copy is still the newest.")


class EventListView(APIView):
    """Events, newest start first."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    # Counting a request costs more than answering it from the cache.
    throttle_classes = ()

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """GET leaves before DRF builds its request; every other method takes DRF's way to its refusal."""
        if request.method in _READS:
            return answer(request, cache.event_list(list_question(request)))
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
            _IF_NONE_MATCH,
        ],
        responses={200: EventPageSerializer, 304: _NOT_MODIFIED},
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
            return answer(request, cache.event_card(event_id, spoilers=wants_spoilers(request)))
        return super().dispatch(request, *args, **kwargs)

    @extend_schema(
        operation_id="events_read",
        tags=["events"],
        parameters=[
            EVENT_ID,
            SPOILERS,
            _IF_NONE_MATCH,
        ],
        responses={200: EventCardSerializer, 304: _NOT_MODIFIED},
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
        parameters=[EVENT_ID, _IF_MATCH],
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


def answer(request: HttpRequest, cached: Cached) -> HttpResponseBase:
    """The cached bytes, or 304 to those who have them."""
    if _is_known(request.headers.get("If-None-Match", ""), cached.etag):
        return not_modified(etag=cached.etag)
    return spliced(cached.body, etag=cached.etag)


def _is_known(header: str, etag: str) -> bool:
    """Weak comparison (RFC 9110 §8.8.3.2)."""
    if not header:
        return False
    bare = etag.removeprefix("W/")
    return any(known == "*" or known.removeprefix("W/") == bare for known in parse_etags(header))
