"""Routes that behave in every way a view can, for the tests of the HTTP door."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import django_filters
import redis
from django import db
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import include, path
from django.views.decorators.http import require_GET
from rest_framework import generics, serializers
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.core.api import request_actor
from apps.core.api.envelope import not_modified, spliced, success
from apps.core.api.filters import InstantFilter, StrictFilterSet
from apps.core.api.idempotency import idempotent
from apps.core.api.pagination import Keyset
from apps.core.api.permissions import requires, requires_by_method
from apps.core.cache import encode
from apps.core.errors import BodyTooLarge, Conflict, DatabaseUnavailable, NotFound, PreconditionFailed, UpstreamFailed
from apps.users.models import User
from tests.factories.users import UserFactory


class CallerSerializer(serializers.ModelSerializer[User]):
    class Meta:
        model = User
        fields = ("id", "username", "created_at")


class OrderInput(serializers.Serializer[Any]):
    amount = serializers.IntegerField(min_value=1)
    tags = serializers.ListField(child=serializers.CharField(max_length=3), required=False)


class Open(APIView):
    permission_classes = (AllowAny,)


class Once(Open):
    """Writes, then answers with an error instead of raising it."""

    @idempotent
    def post(self, request: Request) -> Response:
        UserFactory()
        return Response({}, status=409)


class Echo(Open):
    parser_classes = (*APIView.parser_classes, FormParser, MultiPartParser)

    def get(self, request: Request) -> Response:
        return Response({"actor": request_actor(request).label})

    def post(self, request: Request) -> Response:
        return Response({"keys": sorted(request.data)}, status=201)

    def delete(self, request: Request) -> Response:
        return Response(None)


class Values(Open):
    def get(self, request: Request) -> Response:
        zone = dt.timezone(dt.timedelta(hours=8))
        return Response({"at": dt.datetime(2025, 1, 31, 16, 0, tzinfo=zone), "amount": Decimal("1.50")})


class Validated(Open):
    def post(self, request: Request) -> Response:
        serializer = OrderInput(data=request.data)
        serializer.is_valid(raise_exception=True)
        return Response(serializer.validated_data)


ERRORS: dict[str, Exception] = {
    "conflict": Conflict(),
    "notfound": NotFound(),
    "precondition": PreconditionFailed(),
    "upstream": UpstreamFailed("secret host db-7 does not answer"),
    "database": DatabaseUnavailable(),
    "toolarge": BodyTooLarge(),
    "http404": Http404("internal detail"),
    "denied": PermissionDenied("internal detail"),
    "operational": db.OperationalError("could not connect to server db-7"),
    "cancelled": db.OperationalError(3024, "maximum statement execution time exceeded"),
    "redis": redis.ConnectionError("Error 111 connecting to redis-7"),
    "bug": ZeroDivisionError("secret internal state"),
}


class Failing(Open):
    def get(self, request: Request, kind: str) -> Response:
        raise ERRORS[kind]


class SignedIn(APIView):
    permission_classes = (IsAuthenticated,)

    def get(self, request: Request) -> Response:
        return Response(request_actor(request).id)


class Staff(APIView):
    permission_classes = (requires("articles.view_source"),)

    def get(self, request: Request) -> Response:
        return Response("sources")


class ByMethod(APIView):
    permission_classes = (requires_by_method(GET="articles.view_source", PUT="articles.change_source"),)

    def get(self, request: Request) -> Response:
        return Response("seen")

    def put(self, request: Request) -> Response:
        return Response("changed")

    def delete(self, request: Request) -> Response:
        return Response("deleted")


class Undeclared(APIView):
    def get(self, request: Request) -> Response:
        return Response("nobody decided")


class Scoped(Open):
    throttle_scope = "registration"

    def post(self, request: Request) -> Response:
        return Response(None)


class Unlimited(Open):
    throttle_classes = ()

    def get(self, request: Request) -> Response:
        return Response(None)


class UserFilter(StrictFilterSet):
    status = django_filters.ChoiceFilter(choices=User.Status.choices)
    since = InstantFilter(field_name="created_at", lookup_expr="gte")


class Users(generics.ListAPIView[User]):
    permission_classes = (AllowAny,)
    queryset = User.objects.order_by("id")
    serializer_class = CallerSerializer
    filterset_class = UserFilter


class NewestFirst(Keyset):
    ordering = ("-created_at", "-id")


class History(Users):
    pagination_class = NewestFirst


class Plain(generics.ListAPIView[User]):
    permission_classes = (AllowAny,)
    queryset = User.objects.all()
    serializer_class = CallerSerializer


CACHED = encode({"items": [{"id": 1, "title": '比赛 "UFC"', "token": "hidden-in-log"}]})


def cached(request: HttpRequest) -> HttpResponse:
    if request.headers.get("If-None-Match") == CACHED.etag:
        return not_modified(etag=CACHED.etag)
    return spliced(CACHED.body, etag=CACHED.etag)


@require_GET
def plain_view(request: HttpRequest) -> HttpResponse:
    return success({"plain": True})


def plain_bug(request: HttpRequest) -> HttpResponse:
    raise ZeroDivisionError("secret internal state")


def streamed(request: HttpRequest) -> StreamingHttpResponse:
    def lines() -> Iterator[bytes]:
        for number in range(3):
            yield b"line %d\n" % number

    return StreamingHttpResponse(lines(), content_type="text/plain")


def file(request: HttpRequest) -> FileResponse:
    return FileResponse(open(__file__, "rb"), content_type="image/png")  # closed by the response


def binary(request: HttpRequest) -> HttpResponse:
    return HttpResponse(b"\x89PNG\0\1", content_type="image/png")


def sized(request: HttpRequest, size: int) -> HttpResponse:
    return HttpResponse(b"x" * size, content_type="text/plain")


urlpatterns = [
    path("", include("project.urls")),
    path("api/v1/t/echo", Echo.as_view()),
    path("api/v1/t/once", Once.as_view()),
    path("api/v1/t/values", Values.as_view()),
    path("api/v1/t/validated", Validated.as_view()),
    path("api/v1/t/fail/<str:kind>", Failing.as_view()),
    path("api/v1/t/signed-in", SignedIn.as_view()),
    path("api/v1/t/staff", Staff.as_view()),
    path("api/v1/t/by-method", ByMethod.as_view()),
    path("api/v1/t/undeclared", Undeclared.as_view()),
    path("api/v1/t/scoped", Scoped.as_view()),
    path("api/v1/t/unlimited", Unlimited.as_view()),
    path("api/v1/t/users", Users.as_view()),
    path("api/v1/t/history", History.as_view()),
    path("api/v1/t/plain-list", Plain.as_view()),
    path("api/v1/t/cached", cached),
    path("api/v1/t/plain", plain_view),
    path("api/v1/t/plain-bug", plain_bug),
    path("api/v1/t/streamed", streamed),
    path("api/v1/t/file", file),
    path("api/v1/t/binary", binary),
    path("api/v1/t/sized/<int:size>", sized),
]
