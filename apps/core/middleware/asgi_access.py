"""The access log of an ASGI application: line, measure and request id as the web process gives them (C-6, C-9).

    application = AccessLogged(LiveApplication(), route=route_of)

The line of a stream is written when it has ended, whoever ended it, with the number of bytes that were sent.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from django.conf import settings

from apps.core import context
from apps.core.client_ip import find_client_ip, peer_is_trusted
from apps.core.middleware.access_log import access_line, log_file, measure
from apps.core.middleware.request_context import inbound_request_id

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

# Neither a clean end nor an answer of ours: the server took the request away before there was one.
NO_ANSWER = 499


def meta_of(scope: Scope) -> dict[str, str]:
    """The parts of an ASGI scope under the names that WSGI has for them."""
    meta = {
        "REMOTE_ADDR": (scope.get("client") or ("",))[0],
        "QUERY_STRING": bytes(scope.get("query_string", b"")).decode("latin-1"),
    }
    for name, value in scope["headers"]:
        meta["HTTP_" + name.decode("latin-1").upper().replace("-", "_")] = value.decode("latin-1")
    return meta


def address_of(scope: Scope) -> str:
    return find_client_ip(meta_of(scope), settings.TRUSTED_PROXIES, settings.CLIENT_IP_HEADER)


class AccessLogged:
    """Around an application; what is no HTTP request (lifespan) passes through.

    ``route`` names what a path belongs to, for the measures.
    """

    def __init__(self, application: Application, *, route: Callable[[str], str]) -> None:
        self.application = application
        self.route = route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.application(scope, receive, send)
            return
        await _Request(scope, self.route(scope["path"])).run(self.application, receive, send)


class _Request:
    """One request on its way: what became of it so far."""

    def __init__(self, scope: Scope, route: str) -> None:
        self.scope, self.route = scope, route
        self.meta = meta_of(scope)
        self.request_id = self._request_id()
        self.status, self.sent = NO_ANSWER, 0

    def _request_id(self) -> str:
        """The proxy's, if it is ours and says one, else a new one."""
        trusted = peer_is_trusted(self.meta, settings.TRUSTED_PROXIES)
        return (inbound_request_id(self.meta) if trusted else "") or context.new_request_id()

    async def run(self, application: Application, receive: Receive, send: Send) -> None:
        started = time.perf_counter()

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", self.request_id.encode())]
            else:
                self.sent += len(message.get("body", b""))
            await send(message)

        try:
            await application(self.scope, receive, counted)
        finally:
            self._write(time.perf_counter() - started)

    def _write(self, seconds: float) -> None:
        method = str(self.scope["method"])
        line = access_line(
            self.meta,
            method=method,
            path=self.scope["path"],
            status=self.status,
            seconds=seconds,
            request_id=self.request_id,
            ip=find_client_ip(self.meta, settings.TRUSTED_PROXIES, settings.CLIENT_IP_HEADER),
            response_body=f"(stream, {self.sent} bytes)",
        )
        log_file(settings.LOG_DIR).write(line)
        measure(method, self.route, self.status, seconds)
