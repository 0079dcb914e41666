"""Asking a source: one conditional GET, its answer in our words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from apps.core.http import Fetched, fetch

ACCEPT = (
    "application/atom+xml, application/rss+xml, application/rdf+xml, application/feed+json, application/json;q=0.9, "
    "application/xml;q=0.9, text/xml;q=0.9, text/html;q=0.5, */*;q=0.1"
)
NOT_MODIFIED = 304
GONE = 410
_PERMANENT = frozenset({301, 308})
# Validators that are longer than their columns or no ASCII are not kept: the next poll is a full one.
ETAG_LENGTH = 512
LAST_MODIFIED_LENGTH = 64


@dataclass(frozen=True, slots=True)
class SourceAnswer:
    """``url`` is where the answer came from in the end; relative links are resolved against it.

    ``moved_to`` is the address to which permanent redirects led, before the first temporary one; empty for none.
    """

    status: int
    url: str
    body: bytes
    content_type: str
    etag: str
    last_modified: str
    retry_after: timedelta | None
    max_age: timedelta | None = None
    moved_to: str = ""

    @property
    def is_unchanged(self) -> bool:
        return self.status == NOT_MODIFIED

    @property
    def is_gone(self) -> bool:
        return self.status == GONE

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


def ask_source(
    url: str,
    *,
    etag: str = "",
    last_modified: str = "",
    now: datetime,
    before_server: Callable[[str], None] | None = None,
) -> SourceAnswer:
    """Raises Invalid for an address that must not be asked, UpstreamFailed when there is no answer.

    ``before_server`` is called with the name of each other server that a redirect leads to.
    """
    headers = {"Accept": ACCEPT}
    if etag:
        headers["If-None-Match"] = etag
    if last_modified:
        headers["If-Modified-Since"] = last_modified
    return _answer(fetch(url, headers=headers, before_server=before_server), now)


def _answer(fetched: Fetched, now: datetime) -> SourceAnswer:
    headers = fetched.headers
    etag, last_modified = headers.get("etag", ""), headers.get("last-modified", "")
    return SourceAnswer(
        status=fetched.status,
        url=fetched.url,
        body=fetched.body,
        content_type=headers.get("content-type", ""),
        etag=_sendable(etag, ETAG_LENGTH),
        last_modified=_sendable(last_modified, LAST_MODIFIED_LENGTH),
        retry_after=retry_after(headers.get("retry-after", ""), now),
        max_age=max_age(headers.get("cache-control", ""), headers.get("age", "")),
        moved_to=_moved_to(fetched.redirects),
    )


def _sendable(validator: str, length: int) -> str:
    return validator if len(validator) <= length and validator.isascii() and validator.isprintable() else ""


def _moved_to(redirects: list[tuple[int, str]]) -> str:
    address = ""
    for status, target in redirects:
        if status not in _PERMANENT:
            break
        address = target
    return address


def max_age(cache_control: str, age: str) -> timedelta | None:
    """How long the answer stays good from now on; None when the server does not say or says not to keep it."""
    directives = cache_control.lower().replace(" ", "").replace('="', "=").replace('"', "").split(",")
    if {"no-cache", "no-store"} & set(directives):
        return None
    seconds = [text.removeprefix("max-age=") for text in directives if text.startswith("max-age=")]
    if not seconds or not seconds[0].isdecimal():
        return None
    spent = int(age.strip()[:9]) if age.strip().isdecimal() else 0
    return timedelta(seconds=max(0, min(int(seconds[0][:9]), 10**8) - spent))


def retry_after(value: str, now: datetime) -> timedelta | None:
    """Seconds or a date; None for what is neither or has passed."""
    value = value.strip()
    if value.isdecimal():
        return timedelta(seconds=min(int(value[:9]), 10**8))
    try:
        moment = parsedate_to_datetime(value)
        wait = moment.replace(tzinfo=moment.tzinfo or UTC) - now
    except (ValueError, TypeError, OverflowError):
        return None
    return wait if wait > timedelta(0) else None
