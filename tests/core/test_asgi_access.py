"""The live process keeps the access log as the web process does (C-6)."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from apps.core.middleware.asgi_access import AccessLogged


async def stream(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
    await send({"type": "http.response.body", "body": b"one", "more_body": True})
    await send({"type": "http.response.body", "body": b"two!"})


async def never_answers(scope: Any, receive: Any, send: Any) -> None:
    raise asyncio.CancelledError


def ask(application: Any, **scope: Any) -> list[Any]:
    """All messages that the application sent."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    whole = {"type": "http", "method": "GET", "path": "/live", "headers": [], "client": ("10.1.2.3", 5)} | scope
    asyncio.run(AccessLogged(application, route=lambda path: "live")(whole, None, send))  # type: ignore[arg-type]
    return sent


@pytest.fixture
def log(settings: Any, tmp_path: Path) -> Path:
    settings.LOG_DIR = tmp_path
    return tmp_path / "access.log"


def only(log: Path) -> dict[str, Any]:
    (line,) = log.read_text(encoding="utf-8").splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def test_an_ended_stream_is_one_line_and_carries_its_request_id(log: Path) -> None:
    start, *_ = ask(stream, query_string=b"token=hunter2&page=1", headers=[(b"user-agent", b"curl/8")])

    line = only(log)
    assert (line["method"], line["path"], line["status"]) == ("GET", "/live", 200)
    assert (line["ip"], line["user_agent"], line["user_id"]) == ("10.1.2.3", "curl/8", None)
    assert line["response_body"] == "(stream, 7 bytes)"
    assert "hunter2" not in line["query"]
    assert dict(start["headers"])[b"x-request-id"].decode() == line["request_id"] != ""


def test_only_a_proxy_of_ours_names_the_request(log: Path, settings: Any) -> None:
    settings.TRUSTED_PROXIES = ()

    ask(stream, headers=[(b"x-request-id", b"chosen-by-a-stranger")])

    assert only(log)["request_id"] != "chosen-by-a-stranger"


def test_a_request_that_was_taken_away_is_written_too(log: Path) -> None:
    with pytest.raises(asyncio.CancelledError):
        ask(never_answers)

    assert only(log)["status"] == 499


def test_what_is_no_request_passes_through(log: Path) -> None:
    ask(stream, type="lifespan")

    assert not log.exists() or not log.read_text()
