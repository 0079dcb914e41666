"""app.log: JSON lines with a stable key, a Chinese sentence, the request id and no secrets (decision 27, J-1)."""

from __future__ import annotations

import ast
import json
import logging
import logging.config
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from django.test import Client

from apps.core import context
from apps.core.log_messages import MESSAGES
from apps.core.logging import logging_config

ROOT = Path(__file__).resolve().parents[2]
LEVELS = {"debug", "info", "warning", "error", "critical", "exception"}
SECRET = "hunter2-Zq9"
EVENT = next(iter(MESSAGES))


@pytest.fixture
def app_log(tmp_path: Path) -> Iterator[Path]:
    """The product's logging, writing to a folder of this test."""
    from django.conf import settings

    root = logging.getLogger()
    kept = root.handlers[:]
    logging.config.dictConfig(logging_config(log_dir=tmp_path, level="INFO"))
    yield tmp_path / "app.log"
    logging.config.dictConfig(settings.LOGGING)
    root.handlers[:] = kept


def last(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8").splitlines()[-1])
    return found


def test_an_event_is_one_json_line_with_its_chinese_sentence(app_log: Path) -> None:
    structlog.get_logger("apps.x").warning(EVENT, order_id=7)

    line = last(app_log)
    assert {name: line[name] for name in ("event", "message", "level", "logger", "order_id")} == {
        "event": EVENT,
        "message": MESSAGES[EVENT],
        "level": "warning",
        "logger": "apps.x",
        "order_id": 7,
    }
    assert line["time"].endswith("Z")


def test_request_and_run_are_named(app_log: Path) -> None:
    with context.bind(request_id="request-1", run_id="run-1"):
        structlog.get_logger("apps.x").info(EVENT)

    assert (last(app_log)["request_id"], last(app_log)["run_id"]) == ("request-1", "run-1")


def test_secrets_stay_out_also_of_tracebacks_and_other_packages(app_log: Path) -> None:
    log = structlog.get_logger("apps.x")
    log.info(EVENT, password=SECRET, data={"api_key": SECRET}, url=f"https://x/?token={SECRET}")
    try:
        raise ValueError(f"Bearer {SECRET} in postgres://app:{SECRET}@db/x")
    except ValueError:
        log.exception(EVENT)
    logging.getLogger("django.x").error("sent Bearer %s", SECRET)

    lines = app_log.read_text().splitlines()
    assert len(lines) == 3
    assert SECRET not in app_log.read_text()
    assert "ValueError" in json.loads(lines[1])["exception"]
    assert json.loads(lines[2])["event"] == "sent Bearer [redacted]"


def test_values_without_json_form_are_written_somehow(app_log: Path) -> None:
    structlog.get_logger("apps.x").info(EVENT, thing=object(), huge=2**80, half="\ud800")

    assert "object object" in last(app_log)["thing"]


def test_quiet_levels_are_not_written(app_log: Path) -> None:
    structlog.get_logger("apps.x").debug(EVENT)

    assert not app_log.exists()


@pytest.mark.urls("tests.core.api_urls")
def test_a_failed_request_leaves_its_traceback_under_its_id(app_log: Path, client: Client) -> None:
    answers = [client.get(f"/api/v1/t/{path}") for path in ("fail/bug", "plain-bug")]

    for answer, line in zip(answers, app_log.read_text().splitlines(), strict=True):
        found = json.loads(line)
        assert found["event"] == "request_failed"
        assert found["request_id"] == answer.headers["X-Request-ID"]
        assert "ZeroDivisionError" in found["exception"]


@pytest.mark.urls("tests.core.api_urls")
def test_context_ends_with_the_request(client: Client) -> None:
    client.get("/api/v1/t/echo")

    assert context.current().request_id == ""
    assert structlog.contextvars.get_contextvars() == {}


# --- request id ---------------------------------------------------------------------------------------------------
@pytest.mark.urls("tests.core.api_urls")
@pytest.mark.parametrize(
    ("peer", "sent", "kept"),
    [
        ("10.0.0.1", "abcdef-12345", True),
        ("10.0.0.1", "x" * 64, True),
        ("198.51.100.7", "abcdef-12345", False),
        ("10.0.0.1", "short", False),
        ("10.0.0.1", "x" * 65, False),
        ("10.0.0.1", "abcdef_12345", False),
        ("10.0.0.1", "abcdef-12345\n", False),
        ("10.0.0.1", "", False),
    ],
)
def test_an_id_is_believed_only_from_our_proxies_and_in_clean_form(
    client: Client, settings: Any, peer: str, sent: str, kept: bool
) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.0/8"]

    response = client.get("/api/v1/t/echo", REMOTE_ADDR=peer, HTTP_X_REQUEST_ID=sent)

    answered = response.headers["X-Request-ID"]
    assert response.json()["request_id"] == answered
    if kept:
        assert answered == sent
    else:
        assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", answered)


def test_only_our_proxies_may_say_that_a_request_was_encrypted(client: Client, settings: Any) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.0/8"]
    settings.SECURE_SSL_REDIRECT = True

    def status(peer: str) -> int:
        return client.get("/admin/login/x", REMOTE_ADDR=peer, HTTP_X_FORWARDED_PROTO="https").status_code

    assert status("198.51.100.7") == 301
    assert status("10.0.0.1") != 301


# --- every event has a sentence -----------------------------------------------------------------------------------
def _events() -> Iterator[tuple[str, str]]:
    """(place, event key) of each ``log.<level>("key")`` in apps and project."""
    for folder in (ROOT / "apps", ROOT / "project"):
        for path in sorted(folder.rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if _is_log_call(node):
                    place = f"{path.relative_to(ROOT)}:{node.lineno}"
                    yield place, _key(node)


def _is_log_call(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in LEVELS
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in {"log", "logger"}
    )


def _key(node: Any) -> str:
    first = node.args[0] if node.args else None
    return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else ""


def test_every_event_has_a_chinese_sentence() -> None:
    missing = [f"{place}: {key or 'no constant key'}" for place, key in _events() if key not in MESSAGES]

    assert missing == []


def test_sentences_are_chinese_and_keys_are_stable_words() -> None:
    for key, sentence in MESSAGES.items():
        assert re.fullmatch(r"[a-z][a-z0-9_]*[a-z0-9]", key), key
        assert re.search(r"[\u4e00-\u9fff]", sentence), key


def test_no_sentence_is_left_without_its_event() -> None:
    used = {key for _, key in _events()}

    # Written by django-structlog, not by a call of ours.
    assert sorted(set(MESSAGES) - used - {"request_failed"}) == []


def test_nobody_logs_past_structlog() -> None:
    offenders = [
        str(path.relative_to(ROOT))
        for folder in (ROOT / "apps", ROOT / "project")
        for path in sorted(folder.rglob("*.py"))
        if "logging.getLogger" in path.read_text(encoding="utf-8")
    ]

    assert offenders == []
