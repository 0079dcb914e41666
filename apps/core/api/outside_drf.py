"""Errors under /api/ that no DRF view answers, in the same envelope (decision 5).

Unknown paths, methods that a plain view refuses, forged hosts, CSRF refusals and exceptions of plain views or of
inner middleware: whatever is not JSON yet becomes it here, so that nobody meets an HTML page.
"""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext_lazy as _

from apps.core.api.envelope import JSON
from apps.core.api.errors import ERROR_CLASSES, STATUS, error_response
from apps.core.errors import AppError, Invalid

API_PREFIX = "/api/"
_BY_STATUS: dict[int, type[AppError]] = {}
for _code, _error in ERROR_CLASSES.items():
    _BY_STATUS.setdefault(STATUS[_code], _error)
# Of the first answer's headers these speak of its body.
_OF_THE_BODY = frozenset({"content-type", "content-length", "content-encoding", "etag"})


class ApiErrorMiddleware:
    """Stands inside the language middleware and outside everything that may refuse a request."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if "HTTP_TRANSFER_ENCODING" in request.META and not request.META.get("CONTENT_LENGTH"):
            # WSGI knows no body without a length; Django would take it for empty and the caller's data would be lost.
            return error_response(Invalid(_("Send the body with its length (Content-Length).")))
        response = self.get_response(request)
        if response.status_code >= 400 and request.path_info.startswith(API_PREFIX) and not _is_json(response):
            return _translated(response)
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Exceptions of plain views; DRF's views answer their own."""
        return error_response(exception) if request.path_info.startswith(API_PREFIX) else None


def _is_json(response: HttpResponseBase) -> bool:
    return response.headers.get("Content-Type", "").startswith(JSON)


def _translated(response: HttpResponseBase) -> HttpResponse:
    status = response.status_code
    kind = _BY_STATUS.get(status) or (AppError if status >= 500 else Invalid)
    answer = error_response(kind())
    for name, value in response.headers.items():
        if name.lower() not in _OF_THE_BODY:
            answer.headers[name] = value
    answer.headers["Content-Length"] = str(len(answer.content))
    # Closed with ours; closing it here would end the request for Django (request_finished).
    answer._resource_closers.extend(response._resource_closers)  # type: ignore[attr-defined]
    return answer
