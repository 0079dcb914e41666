"""One GET with its redirects."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import httpx
from django.conf import settings
from django.db import connections
from django.utils.translation import gettext_lazy as _

from apps.core.http.connecting import Deadline, GuardedBackend, refused, upstream_failed
from apps.core.http.decoding import ACCEPT_ENCODING, read_body
from apps.core.http.transport import GuardedTransport, foreign_errors_as_ours

MAX_REDIRECTS = 5
MAX_URL_LENGTH = 4096
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# What a host may consist of once its name is in ASCII: httpx would pass spaces and the like on as %20.
_HOST = re.compile(rb"[A-Za-z0-9._:-]+")
# Headers that another origin may see after a redirect.
_HARMLESS_HEADERS = frozenset({"accept", "accept-language"})


class InsideTransaction(RuntimeError):
    """A bug of the caller: the network was used while a database transaction was open."""


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """``total_seconds`` covers all redirects; ``max_bytes`` counts what came over the wire."""

    max_bytes: int = 15 * 1024 * 1024
    max_decompressed_bytes: int = 40 * 1024 * 1024
    connect_seconds: float = 5.0
    read_seconds: float = 15.0
    total_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Fetched:
    """The last answer.  ``url`` is where it came from; ``redirects`` are (status, where it pointed) on the way there.

    Names in ``headers`` are in lower case.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    redirects: list[tuple[int, str]] = field(default_factory=list)


def fetch(
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    limits: FetchLimits | None = None,
    allow_private: frozenset[str] | None = None,
    before_server: Callable[[str], None] | None = None,
) -> Fetched:
    """GET ``url`` and follow its redirects.

    ``before_server`` is called with the name of each other server that a redirect leads to, before it is asked; what
    it raises ends the fetch.  ``allow_private`` names "host:port" pairs that may lie in a private network (default:
    HTTP_ALLOWED_PRIVATE).
    Raises Invalid, UpstreamFailed, and InsideTransaction when HTTP_REFUSED_IN_TRANSACTION is set.
    """
    if settings.HTTP_REFUSED_IN_TRANSACTION:
        _require_no_transaction()
    limits = limits or FetchLimits()
    allowed = settings.HTTP_ALLOWED_PRIVATE if allow_private is None else allow_private
    deadline = Deadline.after(limits.total_seconds)
    backend = GuardedBackend(deadline=deadline, allow_private=frozenset(name.lower() for name in allowed))
    timeout = httpx.Timeout(limits.read_seconds, connect=limits.connect_seconds)
    with (
        foreign_errors_as_ours(),
        httpx.Client(transport=GuardedTransport(backend), timeout=timeout, trust_env=False) as client,
    ):
        return _follow(client, _checked_url(url), dict(headers or {}), limits, before_server)


def _follow(
    client: httpx.Client,
    url: httpx.URL,
    headers: dict[str, str],
    limits: FetchLimits,
    before_server: Callable[[str], None] | None,
) -> Fetched:
    redirects: list[tuple[int, str]] = []
    while True:
        ours = {"User-Agent": settings.HTTP_USER_AGENT, "Accept-Encoding": ACCEPT_ENCODING}
        with client.stream("GET", url, headers={**headers, **ours}) as response:
            target = response.headers.get("location") if response.status_code in _REDIRECTS else None
            if not target:
                body = _body(response, limits)
                return Fetched(str(url), response.status_code, _plain(response.headers), body, redirects)
            if len(redirects) == MAX_REDIRECTS:
                raise upstream_failed("too_many_redirects", _("The server redirects too often."))
            following = _redirect_target(url, target)
            redirects.append((response.status_code, str(following)))
        if _origin(following) != _origin(url):
            headers = {name: value for name, value in headers.items() if name.lower() in _HARMLESS_HEADERS}
        if before_server is not None and following.host != url.host:
            before_server(following.host)
        url = following


def _redirect_target(url: httpx.URL, target: str) -> httpx.URL:
    try:
        return _checked_url(str(url.join(target)))
    except (httpx.InvalidURL, TypeError, ValueError) as error:
        raise refused("url_invalid", _("This is not a web address.")) from error


def _checked_url(text: str) -> httpx.URL:
    """Only http and https, with a host and without a password.  Raises Invalid."""
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, TypeError, ValueError) as error:
        raise refused("url_invalid", _("This is not a web address.")) from error
    if url.scheme not in {"http", "https"}:
        raise refused("scheme_not_allowed", _("Only http and https addresses are allowed."))
    if not _HOST.fullmatch(url.raw_host) or not 0 < (url.port or 80) < 65536 or len(text) > MAX_URL_LENGTH:
        raise refused("url_invalid", _("This is not a web address."))
    if url.userinfo:
        raise refused("credentials_not_allowed", _("The address must not contain a user name or password."))
    return url.copy_with(fragment=None)


def _body(response: httpx.Response, limits: FetchLimits) -> bytes:
    return read_body(
        response.iter_raw(),
        encoding=response.headers.get("content-encoding", ""),
        max_bytes=limits.max_bytes,
        max_decompressed_bytes=limits.max_decompressed_bytes,
    )


def _plain(headers: httpx.Headers) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _require_no_transaction() -> None:
    """Locks must not be held while another server thinks.  The transaction around a test does not count."""
    for connection in connections.all(initialized_only=True):
        if any(not getattr(block, "_from_testcase", False) for block in connection.atomic_blocks):
            raise InsideTransaction("fetch() was called inside a database transaction")
