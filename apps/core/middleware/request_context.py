"""Request id, client address and log context of a request (C-9).

django-structlog's middleware with two differences: the id of a caller is believed only from our proxies and only in
a clean form, and no line per request goes to app.log (access.log has it).  It still logs failures with their
traceback (``request_failed``) and clears the log context.  Why: docs/decisions/0021-django-structlog.md.
"""

from __future__ import annotations

import re
from typing import Any

import structlog
from django.conf import settings
from django.http import HttpRequest
from django_structlog.middlewares.request import RequestMiddleware

from apps.core import context
from apps.core.client_ip import client_ip, peer_is_trusted
from apps.core.middleware.access_log import known_user_id

REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}", re.ASCII)
LONGEST_USER_AGENT = 512


class RequestContextMiddleware(RequestMiddleware):
    """Binds ``core.context`` for the request and answers with X-Request-ID."""

    async_capable = False

    def __call__(self, request: HttpRequest) -> Any:
        meta = request.META
        if not peer_is_trusted(meta, settings.TRUSTED_PROXIES):
            # Only a proxy of ours may say that the caller came by HTTPS or which id the request has.
            meta.pop("HTTP_X_FORWARDED_PROTO", None)
            meta.pop("HTTP_X_REQUEST_ID", None)
        request_id = inbound_request_id(meta) or context.new_request_id()
        request.request_id = request_id  # type: ignore[attr-defined]
        surroundings = context.Context(
            request_id=request_id,
            client_ip=client_ip(request),
            user_agent=meta.get("HTTP_USER_AGENT", "")[:LONGEST_USER_AGENT],
            method=request.method or "",
            path=request.path[:LONGEST_USER_AGENT],
            subsystem="http",
        )
        with context.bind(surroundings):
            # As the base does it, which asks at each request whether the rest of the chain is asynchronous.
            self.prepare(request)
            response: Any = self.get_response(request)
            self.handle_response(request, response)
        response.headers["X-Request-ID"] = request_id
        return response

    def prepare(self, request: HttpRequest) -> None:
        structlog.contextvars.bind_contextvars(request_id=request.request_id)  # type: ignore[attr-defined]

    def handle_response(self, request: HttpRequest, response: Any) -> None:
        structlog.contextvars.clear_contextvars()

    @staticmethod
    def bind_user_id(request: HttpRequest) -> None:
        """Only a user who is known already: asking would load the session."""
        structlog.contextvars.bind_contextvars(user_id=known_user_id(request))


def inbound_request_id(meta: dict[str, Any]) -> str:
    """The caller's id when it has a clean form, else empty."""
    found = meta.get("HTTP_X_REQUEST_ID", "")
    return found if REQUEST_ID.fullmatch(found) else ""
