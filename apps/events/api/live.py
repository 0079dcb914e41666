"""Where the web process sends those who want the event stream: it holds no connection open itself."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.core.api.parameters import whole_id
from apps.core.errors import ErrorCode, NotFound
from apps.events.api.parameters import wants_spoilers
from apps.events.api.public import EVENT_ID, SPOILERS


class LiveView(APIView):
    """Changes of a card as server-sent events, from the live process."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = ()
    error_codes = (ErrorCode.TOO_MANY_REQUESTS,)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method in {"GET", "HEAD"}:
            return _to_the_live_process(request, whole_id(kwargs["event_id"]), wants_spoilers(request))
        return super().dispatch(request, *args, **kwargs)

    @extend_schema(
        operation_id="events_live",
        tags=["events"],
        parameters=[
            EVENT_ID,
            SPOILERS,
            OpenApiParameter("Last-Event-ID", str, OpenApiParameter.HEADER, description="Id of the last event heard."),
        ],
        responses={
            (200, "text/event-stream"): OpenApiResponse(OpenApiTypes.STR, description="The stream; see the guide."),
            307: OpenApiResponse(description="The stream is at another address (LIVE_URL, LIVE_PORT)."),
        },
    )
    def get(self, request: Request, event_id: str) -> Response:
        """Listen to a card: first the card itself, then every change.

        Events: `card` (the whole card), `bout`, `event`, `reset` (read the card anew).  Each has an `id`; a client that
        comes back sends the last one as `Last-Event-ID` and gets what it missed.  After 15 s without one a `beat` shows
        that the line is open and tells the `event_version` of the card: who has heard of a lower one reads the card
        anew.  With `spoilers=0` changes that would tell of a result are left out, and the beat tells the `etag` of the
        card instead.  Where streams can't pass, poll the card with `If-None-Match`.
        """
        raise AssertionError("dispatch answers GET")


def _to_the_live_process(request: HttpRequest, event_id: int, spoilers: bool) -> HttpResponse:
    """nginx sends this path to the live process; only without it does the question reach us."""
    origin = settings.LIVE_URL or _beside(request)
    if not origin:
        raise NotFound
    return HttpResponsePreserved(f"{origin}/api/v1/events/{event_id}/live{'' if spoilers else '?spoilers=0'}")


def _beside(request: HttpRequest) -> str:
    """The live process of ``make run`` stands beside us: on the host by which the browser found us."""
    if not settings.LIVE_PORT:
        return ""
    # Checked against ALLOWED_HOSTS, so nobody is sent to a stranger's address.
    host = urlsplit(f"//{request.get_host()}").hostname or ""
    return f"{request.scheme}://{f'[{host}]' if ':' in host else host}:{settings.LIVE_PORT}"


class HttpResponsePreserved(HttpResponseRedirect):
    """307: the same method at the other address."""

    status_code = 307
