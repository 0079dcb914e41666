"""Content-Security-Policy by path (``settings.CONTENT_SECURITY_POLICIES``); a view's own header wins."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase


class SecurityHeadersMiddleware:
    """The first prefix that fits decides; the last one is empty and fits always."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self.policies: tuple[tuple[str, str], ...] = tuple(settings.CONTENT_SECURITY_POLICIES)

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        path = request.path_info
        for prefix, policy in self.policies:
            if path.startswith(prefix):
                response.headers.setdefault("Content-Security-Policy", policy)
                break
        return response
