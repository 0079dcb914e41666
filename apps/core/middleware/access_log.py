"""``access.log``: one JSON line for every request, whatever became of it (C-6, C-7, C.1).

The outermost middleware: refused, throttled, unknown, failed, static, cached and health requests pass here too.
Bodies are kept without secrets and cut at 50 KB.  The request's body is copied while the view reads it, never read
ahead, so uploads go on streaming; what no view read is read afterwards when it is small.

A log that can't be written (full disk) stops neither the answer nor the process: the loss is counted in
``access_log_dropped_total``, told on standard error and shown by /health for an hour.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson
import redis
from django.conf import settings
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.functional import LazyObject
from prometheus_client import Counter, Histogram

from apps.core import keys
from apps.core import redis as core_redis
from apps.core.client_ip import client_ip
from apps.core.encoding import now_text
from apps.core.log_file import LogFile
from apps.core.middleware.bodies import BodyCopy, logged_request_body, logged_response_body
from apps.core.redaction import redact_text, redact_values

# Around the figures promised: p95 below 200 ms, p99 below 500 ms (J-7).
BUCKETS_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 3.0, 10.0)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
DROPPED = Counter("access_log_dropped_total", "Requests that could not be written to access.log")
REQUESTS = Counter("http_requests_total", "Requests answered", ["method", "route", "status"])
DURATION = Histogram("http_request_duration_seconds", "Time to answer", ["route"], buckets=BUCKETS_SECONDS)
DROPS_SHOWN_SECONDS = 3600
TELL_REDIS_EVERY_SECONDS = 5.0
LONGEST_QUERY = 8192
LONGEST_PATH = 2048
LONGEST_USER_AGENT = 512


@lru_cache(maxsize=4)
def log_file(log_dir: Path) -> LogFile:
    return LogFile(log_dir / "access.log", on_drop=_alarm)


# Paths, user agents and what is asked for repeat.
_clean = lru_cache(maxsize=2048)(redact_values)
_clean_query = lru_cache(maxsize=1024)(redact_text)


class _LastTold:
    at = -TELL_REDIS_EVERY_SECONDS
    waiting = 0


def _alarm(lines: int) -> None:
    """Count lost lines where every process of the product sees them.  Waits for Redis at most now and then."""
    DROPPED.inc(lines)
    _LastTold.waiting += lines
    if time.monotonic() - _LastTold.at < TELL_REDIS_EVERY_SECONDS:
        return
    _LastTold.at = time.monotonic()
    name = keys.counter("access_log_dropped")
    try:
        with core_redis.client().pipeline(transaction=False) as pipe:
            pipe.incrby(name, _LastTold.waiting)
            pipe.expire(name, DROPS_SHOWN_SECONDS)
            pipe.execute()
        _LastTold.waiting = 0
    except redis.RedisError:
        # Told next time; the process's own counter and standard error have it already.
        return


class AccessLogMiddleware:
    """Writes the line when the answer is ready; for streams when they have ended."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self.file = log_file(settings.LOG_DIR)

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        started = time.perf_counter()
        body = BodyCopy.of(request)
        try:
            response = self.get_response(request)
        except BaseException:
            # Only what even Django lets pass: the process is being stopped.
            self._write(request, started, 500, logged_request_body(request, body), "")
            raise
        if isinstance(response, StreamingHttpResponse):
            self._write_at_end(request, response, started, body)
        else:
            assert isinstance(response, HttpResponse)
            answer = logged_response_body(response)
            self._write(request, started, response.status_code, logged_request_body(request, body), answer)
        return response

    def _write_at_end(
        self, request: HttpRequest, response: StreamingHttpResponse, started: float, body: BodyCopy | None
    ) -> None:
        sent = 0

        def counted(chunks: Iterator[bytes]) -> Iterator[bytes]:
            nonlocal sent
            for chunk in chunks:
                sent += len(chunk)
                yield chunk

        def write() -> None:
            size = response.headers.get("Content-Length") or sent
            self._write(request, started, response.status_code, asked, f"(stream, {size} bytes)")

        asked = logged_request_body(request, body)
        if "Content-Length" not in response.headers and not response.is_async:
            response.streaming_content = counted(iter(response))
        # Runs when the server closes the answer, also when the reader went away half-way.
        response._resource_closers.append(write)  # type: ignore[attr-defined]

    def _write(
        self, request: HttpRequest, started: float, status: int, request_body: str, response_body: str | orjson.Fragment
    ) -> None:
        seconds = time.perf_counter() - started
        line = access_line(
            request.META,
            method=request.method or "",
            path=request.path,
            status=status,
            seconds=seconds,
            request_id=getattr(request, "request_id", ""),
            ip=client_ip(request),
            user_id=known_user_id(request),
            request_body=request_body,
            response_body=response_body,
        )
        self.file.write(line)
        match = request.resolver_match
        measure(request.method or "", match.route if match is not None else "unmatched", status, seconds)


def access_line(
    meta: Mapping[str, Any],
    *,
    method: str,
    path: str,
    status: int,
    seconds: float,
    request_id: str,
    ip: str,
    user_id: int | None = None,
    request_body: str = "",
    response_body: str | orjson.Fragment = "",
) -> bytes:
    """One line of the log.  ``meta`` as WSGI has it: QUERY_STRING, HTTP_USER_AGENT."""
    query = meta.get("QUERY_STRING", "")
    return _to_line(
        {
            "time": now_text(),
            "method": method,
            "path": _clean(path[:LONGEST_PATH]),
            "query": _clean_query(query[:LONGEST_QUERY]) if query else "",
            "status": status,
            "duration_ms": round(seconds * 1000, 2),
            "request_id": request_id,
            "ip": ip,
            "user_agent": _clean(meta.get("HTTP_USER_AGENT", "")[:LONGEST_USER_AGENT]),
            "user_id": user_id,
            "request_body": request_body,
            "response_body": response_body,
        }
    )


def measure(method: str, route: str, status: int, seconds: float) -> None:
    REQUESTS.labels(method if method in METHODS else "other", route, status).inc()
    DURATION.labels(route).observe(seconds)


def _to_line(line: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:
        # A header may hold half of a surrogate pair, which has no UTF-8 form.
        clean = {k: v.encode("utf-8", "replace").decode() if isinstance(v, str) else v for k, v in line.items()}
        return orjson.dumps(clean, option=orjson.OPT_APPEND_NEWLINE)


def known_user_id(request: HttpRequest) -> int | None:
    """The user if somebody asked for them; never loads a session or a row itself."""
    user: Any = request.__dict__.get("user")
    if isinstance(user, LazyObject):
        user = request.__dict__.get("_cached_user")
    return getattr(user, "pk", None)
