"""What of a body goes into the access log: text without secrets, cut at 50 KB; files and binary as their size."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse

from apps.core.encoding import to_json
from apps.core.redaction import redact, redact_text

BODY_LIMIT = 50 * 1024
CUT_MARK = "... (truncated)"
# More is kept than written: a secret that begins before the cut is seen with its end.
COPY_LIMIT = 128 * 1024

_TEXT_KINDS = re.compile(
    r"text/|application/(?:[\w.+-]*\+)?(?:json|xml)$|application/(?:x-www-form-urlencoded|javascript)"
)
# In these, letters of ASCII are themselves, so that secrets are recognised.  Others are not text to us.
_ENCODINGS = {"utf-8", "utf8", "ascii", "us-ascii", "iso-8859-1", "latin-1", "gbk", "gb2312", "gb18030", "big5"}
_PART = re.compile(
    r'name="(?P<name>[^"\r\n]*)"(?:;\s*filename="(?P<file>[^"\r\n]*)")?[^\r\n]*(?:\r?\n[^\r\n]+){0,8}\r?\n\r?\n'
    r"(?P<value>.*?)(?=\r?\n--|\Z)",
    re.DOTALL | re.IGNORECASE,
)


class BodyCopy:
    """Stands between Django and the socket and keeps a copy of the first bytes that are read."""

    __slots__ = ("_parts", "_stream", "kept", "seen")

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._parts: list[bytes] = []
        self.kept = self.seen = 0

    @classmethod
    def of(cls, request: HttpRequest) -> BodyCopy | None:
        """Put a copy in place; None when the request has no body."""
        if not request.META.get("CONTENT_LENGTH") or request.META["CONTENT_LENGTH"] == "0":
            return None
        copy = cls(request._stream)
        request._stream = copy  # type: ignore[assignment]
        return copy

    def read(self, *size: int) -> bytes:
        return self._keep(self._stream.read(*size))

    def readline(self, *size: int) -> bytes:
        return self._keep(self._stream.readline(*size))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    @property
    def content(self) -> bytes:
        return b"".join(self._parts)

    def _keep(self, chunk: bytes) -> bytes:
        if self.kept < COPY_LIMIT:
            part = chunk[: COPY_LIMIT - self.kept]
            self._parts.append(part)
            self.kept += len(part)
        self.seen += len(chunk)
        return chunk


def logged_request_body(request: HttpRequest, body: BodyCopy | None) -> str:
    if body is None:
        return ""
    length = _declared_length(request)
    kind, encoding = _kind(request.META.get("CONTENT_TYPE", ""))
    if kind == "multipart/form-data":
        return _multipart(request, body, length)
    if encoding is None or not (_is_text(kind) or not kind):
        return f"(binary, {length} bytes)"
    _read_rest(body, length)
    return logged_text(body.content, encoding=encoding, total=max(length, body.seen))


def logged_response_body(response: HttpResponse) -> str | orjson.Fragment:
    content = response.content
    if not content:
        return ""
    kind, encoding = _kind(response.headers.get("Content-Type", ""))
    if encoding is None or not _is_text(kind) or "Content-Encoding" in response.headers:
        return f"(binary, {len(content)} bytes)"
    cached_body = getattr(response, "cached_body", b"")
    if cached_body:
        spliced = _logged_cached_body(content, cached_body, getattr(response, "etag", ""))
        if spliced is not None:
            return spliced
    return logged_text(content[:COPY_LIMIT], encoding=encoding, total=len(content))


def logged_text(raw: bytes, *, encoding: str = "utf-8", total: int | None = None) -> str:
    """The text without secrets, cut at the limit.  ``total`` is the size of the whole, of which ``raw`` is the head."""
    text = raw.decode(encoding, "replace")
    if "\0" in text:
        return f"(binary, {total or len(raw)} bytes)"
    return cut(redact_text(text), is_head=total is not None and total > len(raw))


def cut(text: str, *, is_head: bool = False) -> str:
    """At most BODY_LIMIT bytes of UTF-8, whole characters, and the mark when something is missing."""
    if not is_head and len(text) * 4 <= BODY_LIMIT:
        return text
    raw = text.encode("utf-8", "replace")
    if len(raw) <= BODY_LIMIT:
        return text + CUT_MARK if is_head else text
    return raw[:BODY_LIMIT].decode("utf-8", "ignore") + CUT_MARK


def _logged_cached_body(content: bytes, cached_body: bytes, etag: str) -> orjson.Fragment | None:
    """A cached answer as a ready piece of the line: redacted and escaped once per value, not once per request."""
    start = content.find(cached_body[:64])
    end = start + len(cached_body)
    head, tail = content[:end], content[end:]
    if start < 0 or len(head) <= BODY_LIMIT < len(content):
        return None
    escaped = _escaped_head(etag, content[:start], cached_body)
    is_cut = len(content) > BODY_LIMIT
    return orjson.Fragment(b'"' + escaped + (b"" if is_cut else _escape(tail.decode())) + b'"')


_escaped_heads: dict[tuple[str, bytes], bytes] = {}
MOST_ESCAPED_HEADS = 64


def _escaped_head(etag: str, lead: bytes, cached_body: bytes) -> bytes:
    # Not lru_cache: its key would be the whole body, hashed anew for every request.
    found = _escaped_heads.get((etag, lead))
    if found is None:
        if len(_escaped_heads) >= MOST_ESCAPED_HEADS:
            _escaped_heads.clear()
        found = _escaped_heads[etag, lead] = _escape(logged_text(lead + cached_body))
    return found


def _escape(text: str) -> bytes:
    return orjson.dumps(text)[1:-1]


def _declared_length(request: HttpRequest) -> int:
    try:
        return int(request.META["CONTENT_LENGTH"])
    except ValueError:
        return 0


def _kind(content_type: str) -> tuple[str, str | None]:
    """Media type, and the encoding of its text; None for an encoding that could hide what it says."""
    kind, _, parameters = content_type.partition(";")
    found = re.search(r"charset\s*=\s*\"?([\w.:-]+)", parameters, re.IGNORECASE)
    encoding = found[1].lower() if found else "utf-8"
    return kind.strip().lower(), encoding if encoding in _ENCODINGS else None


@lru_cache(maxsize=256)
def _is_text(kind: str) -> bool:
    return _TEXT_KINDS.match(kind) is not None


def _read_rest(body: BodyCopy, length: int) -> None:
    """What nobody read (a refused request), if it is small."""
    if body.seen >= length or length > BODY_LIMIT:
        return
    try:
        body.read()
    except Exception:  # noqa: BLE001  # the caller hung up: the server's own errors differ
        return


def _multipart(request: HttpRequest, body: BodyCopy, length: int) -> str:
    """Fields without secrets, files as name and size."""
    fields = request.__dict__.get("_post")
    files = request.__dict__.get("_files")
    if not fields and not files:
        _read_rest(body, length)
        if not body.seen:
            return f"(multipart, {length} bytes, not read)"
        return cut(to_json(redact(_fields_of(body.content))).decode())
    found: dict[str, Any] = {name: _single(values) for name, values in fields.lists()} if fields else {}
    for name, uploads in files.lists() if files else ():
        found[name] = _single([{"file": upload.name, "size": upload.size} for upload in uploads])
    return cut(to_json(redact(found)).decode())


def _fields_of(raw: bytes) -> dict[str, Any]:
    """Fields of a body that no parser accepted."""
    found: dict[str, Any] = {}
    for part in _PART.finditer(raw.decode("utf-8", "replace")):
        value = part["value"]
        found[part["name"]] = {"file": part["file"], "size": len(value)} if part["file"] is not None else value
    return found or {"unreadable": f"{len(raw)} bytes"}


def _single(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else values
