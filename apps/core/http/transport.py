"""httpx over our own connections, and other people's exceptions as ours."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import httpcore
import httpx
from django.utils.translation import gettext_lazy as _

from apps.core.http.connecting import GuardedBackend, upstream_failed


class GuardedTransport(httpx.BaseTransport):
    """One fetch's connections.  HTTP/1.1 only; nothing is kept open for later."""

    def __init__(self, backend: GuardedBackend) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=_tls_context(), network_backend=backend, max_keepalive_connections=0
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self._pool.handle_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(
                    scheme=request.url.raw_scheme,
                    host=request.url.raw_host,
                    port=request.url.port,
                    target=request.url.raw_path,
                ),
                headers=request.headers.raw,
                extensions=request.extensions,
            )
        )
        return httpx.Response(answer.status, headers=answer.headers, stream=_BodyStream(answer))

    def close(self) -> None:
        self._pool.close()


class _BodyStream(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        return self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()


@lru_cache(maxsize=1)
def _tls_context() -> ssl.SSLContext:
    # Reading the certificates takes some 20 ms, and the context may be shared by threads.
    return httpx.create_ssl_context(trust_env=False)


@contextmanager
def foreign_errors_as_ours() -> Iterator[None]:
    """The seam: whatever httpcore and httpx raise while a fetch runs leaves as UpstreamFailed."""
    try:
        yield
    except (httpcore.TimeoutException, httpx.TimeoutException) as error:
        raise upstream_failed("timeout", _("The server took too long to answer.")) from error
    except (httpcore.NetworkError, httpx.NetworkError) as error:
        raise upstream_failed("connection_failed", _("The server can't be reached.")) from error
    except (
        httpcore.ProtocolError,
        httpcore.UnsupportedProtocol,
        httpx.HTTPError,
        httpx.StreamError,
        # httpx looks at the target of a redirect though it does not follow it.
        httpx.InvalidURL,
    ) as error:
        raise upstream_failed("protocol_error", _("The server did not answer in HTTP.")) from error
