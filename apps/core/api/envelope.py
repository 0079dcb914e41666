"""The one form of every answer (decision 5): ``{"code", "msg", "data", "timestamp", "request_id"}``.

DRF views return plain ``Response(data)``; ``EnvelopeRenderer`` wraps it.  Cached reads return
``spliced(cached.body, etag=cached.etag)``: the stored bytes become the value of ``data`` without being parsed again.
Errors are built in ``apps/core/api/errors.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpResponse
from django.utils.translation import get_language
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer

from apps.core import context
from apps.core.encoding import now_text, to_json
from apps.core.errors import ErrorCode

JSON = "application/json"
SUCCESS_MESSAGES = {"zh-hans": "成功", "en": "Success"}


class ErrorBody(dict[str, Any]):
    """A complete envelope of an error: the renderer leaves it as it is."""


class CachedResponse(HttpResponse):
    """An answer made of cached bytes.

    ``cached_body`` and ``etag`` let the access log redact these bytes once per value instead of once per request.
    """

    cached_body: bytes = b""
    etag: str = ""


class EnvelopeRenderer(BaseRenderer):
    """Wraps what a view returned.  ``None`` becomes ``data: null``."""

    media_type = JSON
    format = "json"
    charset = None

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        return to_json(data if isinstance(data, ErrorBody) else wrap(data))


class PlainRenderer(BaseRenderer):
    """JSON without the envelope, for the few exempt answers (health)."""

    media_type = JSON
    format = "json"
    charset = None

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        return to_json(data)


class JSONAlways(DefaultContentNegotiation):
    """We speak one format, so an ``Accept`` header never leads to a 406."""

    def select_renderer(self, request: Any, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


def wrap(data: Any) -> dict[str, Any]:
    return {
        "code": int(ErrorCode.OK),
        "msg": success_message(),
        "data": data,
        "timestamp": now_text(),
        "request_id": context.current().request_id,
    }


def success_message() -> str:
    return SUCCESS_MESSAGES.get(get_language() or "", SUCCESS_MESSAGES["zh-hans"])


def success(data: Any, *, status: int = 200) -> HttpResponse:
    """An envelope from a view that is not DRF's."""
    return HttpResponse(to_json(wrap(data)), status=status, content_type=JSON)


def spliced(body: bytes, *, etag: str) -> CachedResponse:
    """Cached JSON as the value of ``data``; ``timestamp`` and ``request_id`` are fresh.  Sets ETag and Vary."""
    head = f'{{"code":0,"msg":"{success_message()}","data":'.encode()
    tail = f',"timestamp":"{now_text()}","request_id":"{context.current().request_id}"}}'.encode()
    response = CachedResponse(b"".join((head, body, tail)), content_type=JSON)
    response.cached_body = body
    response.etag = etag
    response.headers["ETag"] = etag
    response.headers["Vary"] = "Accept-Language"
    return response


def not_modified(*, etag: str) -> HttpResponse:
    """304: the caller's copy is still the newest.  No body, no envelope."""
    response = HttpResponse(status=304)
    response.headers["ETag"] = etag
    response.headers["Vary"] = "Accept-Language"
    del response.headers["Content-Type"]
    return response
