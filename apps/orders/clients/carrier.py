"""The carrier's HTTP interface (decision 28): pages of SIM states, real-name states and daily usage.

    with Carrier() as carrier:
        page = carrier.page(SyncType.SIM_STATUS, Period(start, end), size=1000, cursor="")

    GET  {base}/sims/status | /sims/real-name | /sims/usage   ?limit=&cursor=&start_date=&end_date=
         → {"items": [...], "next_cursor": "…" or null, "total": 123}
    POST {base}/sims/status/query   {"iccids": [...]}  → {"items": [...]}
    items: {"iccid", "status"} | {"iccid", "real_name_status"} | {"iccid", "day", "used_bytes"}

The address is the operator's, so it may lie in the house; nothing else is followed: no redirects, no proxies.  429, 5xx
and lost connections are tried again a few times, after what Retry-After says; a longer wait is handed to the hub as
CarrierUnavailable, and so is an open circuit.  CarrierRefused and CarrierAnswer: a retry is no use, or not at once.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Self

import httpx
import orjson
import structlog
from django.conf import settings
from django.db import connections

from apps.core.http import InsideTransaction
from apps.orders.clients.carrier_rows import MOST_SAMPLE_CHARACTERS, Page, read_page
from apps.orders.clients.circuit import Circuit
from apps.orders.enums import SyncType
from apps.orders.errors import CarrierAnswerUnusable, CarrierNotConfigured, CarrierRefused, CarrierUnavailable

log = structlog.get_logger(__name__)

CIRCUIT = Circuit("carrier")
TRIES = 4
FIRST_PAUSE_SECONDS = 0.5
# A longer Retry-After is waited for in the hub, where it costs no worker.
LONGEST_PAUSE_SECONDS = 10.0
MAX_PAGE_BYTES = 16 * 1024 * 1024
CARDS_PER_QUERY = 100
_PATHS = {SyncType.SIM_STATUS: "status", SyncType.REAL_NAME: "real-name", SyncType.FLOW_USAGE: "usage"}
_TOO_MANY_REQUESTS = 429


@dataclass(frozen=True, slots=True)
class Period:
    """Days, both included; None is open."""

    start: date | None = None
    end: date | None = None


class Carrier:
    """One conversation: connections are kept while it lasts."""

    def __init__(self) -> None:
        if not settings.CARRIER_BASE_URL:
            raise CarrierNotConfigured
        self._http = httpx.Client(
            base_url=settings.CARRIER_BASE_URL.rstrip("/") + "/",
            headers={
                "Authorization": f"Bearer {settings.CARRIER_API_KEY}",
                "Accept": "application/json",
                "User-Agent": settings.HTTP_USER_AGENT,
            },
            timeout=httpx.Timeout(settings.CARRIER_TIMEOUT_SECONDS, connect=5.0),
            follow_redirects=False,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def page(self, sync_type: SyncType, period: Period, *, size: int, cursor: str = "") -> Page:
        """The page at ``cursor``; the first when it is empty."""
        query: dict[str, str | int] = {"limit": size}
        if cursor:
            query["cursor"] = cursor
        if period.start:
            query["start_date"] = period.start.isoformat()
        if period.end:
            query["end_date"] = period.end.isoformat()
        body = self._ask("GET", f"sims/{_PATHS[sync_type]}", params=query)
        page = read_page(sync_type, body)
        if len(page.rows) + len(page.bad) > size:
            raise CarrierAnswerUnusable("more rows than were asked for")
        return page

    def statuses(self, iccids: Sequence[str]) -> Page:
        """The states of these cards, at most CARDS_PER_QUERY at once."""
        if len(iccids) > CARDS_PER_QUERY:
            raise ValueError(f"at most {CARDS_PER_QUERY} cards at once")
        body = self._ask("POST", "sims/status/query", json={"iccids": list(iccids)})
        return read_page(SyncType.SIM_STATUS, body)

    # --- asking -----------------------------------------------------------------------------------------------
    def _ask(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        _require_no_transaction()
        for attempt in range(1, TRIES + 1):
            _require_closed_circuit()
            try:
                body = self._once(method, path, request)
            except CarrierRefused:
                # An answer all the same: the server is there, and others need not wait.
                CIRCUIT.succeeded()
                raise
            except (CarrierUnavailable, CarrierAnswerUnusable) as error:
                CIRCUIT.failed()
                pause = _pause(attempt, error.retry_after_seconds)
                if attempt == TRIES or pause > LONGEST_PAUSE_SECONDS:
                    raise
                log.warning("carrier_asked_again", path=path, attempt=attempt, pause=round(pause, 1), error=str(error))
                time.sleep(pause)
            else:
                CIRCUIT.succeeded()
                return body
        raise AssertionError("unreachable")

    def _once(self, method: str, path: str, request: dict[str, Any]) -> dict[str, Any]:
        try:
            with self._http.stream(method, path, **request) as response:
                _require_success(response)
                content = _limited(response)
        except httpx.HTTPError as error:
            raise CarrierUnavailable(f"{type(error).__name__}: {error}") from error
        try:
            body = orjson.loads(content)
        except orjson.JSONDecodeError as error:
            raise CarrierAnswerUnusable(f"no JSON: {content[:MOST_SAMPLE_CHARACTERS]!r}") from error
        if not isinstance(body, dict):
            raise CarrierAnswerUnusable("no JSON object")
        return body


def _require_no_transaction() -> None:
    """Locks must not be held while another server thinks.  The transaction around a test does not count."""
    for connection in connections.all(initialized_only=True):
        if any(not getattr(block, "_from_testcase", False) for block in connection.atomic_blocks):
            raise InsideTransaction("the carrier was asked inside a database transaction")


def _require_closed_circuit() -> None:
    wait = CIRCUIT.wait_seconds()
    if wait > 0:
        raise CarrierUnavailable(
            "left alone after repeated failures", retry_after_seconds=max(1, round(wait + 0.5))
        ) from None


def _require_success(response: httpx.Response) -> None:
    status = response.status_code
    if status == _TOO_MANY_REQUESTS or status >= 500:
        wait = retry_after(response.headers.get("retry-after", ""), datetime.now(UTC))
        raise CarrierUnavailable(f"HTTP {status}", retry_after_seconds=wait)
    if not 200 <= status < 300:
        raise CarrierRefused(f"HTTP {status}")


def retry_after(value: str, now: datetime) -> int | None:
    """Seconds from a number or a date; None for what is neither or has passed."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return min(int(value[:9]), 86_400)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError):
        return None
    seconds = (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds()
    return min(round(seconds + 0.5), 86_400) if seconds > 0 else None


def _pause(attempt: int, at_least: int | None) -> float:
    """What the carrier asks for, else doubling with jitter so that workers don't come back in step."""
    if at_least is not None:
        return float(at_least)
    return FIRST_PAUSE_SECONDS * float(2 ** (attempt - 1)) * random.uniform(0.5, 1)  # noqa: S311  # no secret


def _limited(response: httpx.Response) -> bytes:
    content = bytearray()
    for piece in response.iter_bytes():
        content += piece
        if len(content) > MAX_PAGE_BYTES:
            raise CarrierAnswerUnusable("the page is too large")
    return bytes(content)
