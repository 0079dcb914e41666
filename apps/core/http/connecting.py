"""Connections that go only where they may, and never past the deadline."""

from __future__ import annotations

import ipaddress
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import httpcore
from django.utils.translation import gettext_lazy as _

from apps.core.errors import FieldError, Invalid, Text, UpstreamFailed
from apps.core.http.addresses import Address, is_public

# More would only lengthen the wait for a host that is down.
ADDRESSES_TRIED = 3


def upstream_failed(code: str, message: Text) -> UpstreamFailed:
    return UpstreamFailed(message, errors=[FieldError("url", code, message)])


def refused(code: str, message: Text) -> Invalid:
    return Invalid(message, errors=[FieldError("url", code, message)])


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment on the monotonic clock."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        return cls(time.monotonic() + seconds)

    def cap(self, seconds: float | None) -> float:
        """The shorter of ``seconds`` and what is left.  Raises UpstreamFailed when nothing is left."""
        left = self.at - time.monotonic()
        if left <= 0:
            raise upstream_failed("timeout", _("The server took too long to answer."))
        return left if seconds is None else min(seconds, left)


class GuardedBackend(httpcore.NetworkBackend):
    """httpcore asks this for every connection of one fetch.  Host header and TLS name stay those of the URL."""

    def __init__(self, *, deadline: Deadline, allow_private: frozenset[str]) -> None:
        self._deadline = deadline
        self._allow_private = allow_private
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = resolve(host, port, seconds=self._deadline.cap(timeout))
        if f"{host.lower()}:{port}" not in self._allow_private and not all(map(is_public, addresses)):
            raise refused("address_not_allowed", _("This address is not on the public internet."))
        return self._connect_first(addresses, port, timeout)

    def _connect_first(self, addresses: list[Address], port: int, timeout: float | None) -> httpcore.NetworkStream:
        failure: httpcore.NetworkError | httpcore.TimeoutException | None = None
        for address in addresses[:ADDRESSES_TRIED]:
            try:
                stream = self._sockets.connect_tcp(str(address), port, timeout=self._deadline.cap(timeout))
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return _DeadlineStream(stream, self._deadline)
        raise failure or httpcore.ConnectError("no address")


class _DeadlineStream(httpcore.NetworkStream):
    """A connection whose every wait ends at the deadline: a server that drips bytes can't hold us longer."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, timeout=self._deadline.cap(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, timeout=self._deadline.cap(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, timeout=self._deadline.cap(timeout))
        return _DeadlineStream(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def resolve(host: str, port: int, *, seconds: float) -> list[Address]:
    """Every address of ``host``, in the system's order of preference.  Raises UpstreamFailed."""
    try:
        found = _within(seconds, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except (OSError, UnicodeError) as error:
        raise upstream_failed("name_not_resolved", _("This host name has no address.")) from error
    # A zone ("fe80::1%eth0") only occurs with addresses that are refused anyway.
    return list(dict.fromkeys(ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found))


def _within(seconds: float, call: Callable[[], list[Any]]) -> list[Any]:
    """Run a call that knows no time limit in a thread and stop waiting for it after ``seconds``."""
    outcome: queue.SimpleQueue[list[Any] | OSError | UnicodeError] = queue.SimpleQueue()

    def run() -> None:
        try:
            outcome.put(call())
        except (OSError, UnicodeError) as error:
            outcome.put(error)

    threading.Thread(target=run, daemon=True, name="resolve").start()
    try:
        answer = outcome.get(timeout=seconds)
    except queue.Empty:
        raise upstream_failed("timeout", _("The server took too long to answer.")) from None
    if isinstance(answer, Exception):
        raise answer
    return answer
