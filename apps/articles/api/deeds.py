"""What the deeds on one piece or one article have in common: the body, the id in the path, the version, the schema."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.serializers import BaseSerializer

from apps.core.api.versions import IF_MATCH

S = TypeVar("S", bound=BaseSerializer)


def checked(serializer: type[S], request: Request) -> S:
    """The body as the serializer takes it.  Raises what refuses it."""
    given = serializer(data=request.data)
    given.is_valid(raise_exception=True)
    return given


def on_piece(operation_id: str, takes: Any, gives: Any, *, by_version: bool = True) -> Callable[..., Any]:
    """Schema of a deed on a piece that waits for review."""
    return _on("pending_id", operation_id, "review", takes, gives, by_version=by_version)


def on_article(operation_id: str, takes: Any, gives: Any) -> Callable[..., Any]:
    """Schema of a deed on an article."""
    return _on("article_id", operation_id, "articles", takes, gives, by_version=True)


def _on(parameter: str, operation_id: str, tag: str, takes: Any, gives: Any, *, by_version: bool) -> Callable[..., Any]:
    number = OpenApiParameter(parameter, OpenApiTypes.INT, OpenApiParameter.PATH)
    return extend_schema(
        operation_id=operation_id,
        tags=[tag],
        parameters=[number, IF_MATCH] if by_version else [number],
        request=takes,
        responses=gives,
    )
