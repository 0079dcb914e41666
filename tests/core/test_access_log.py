"""access.log: every request, without secrets, cut at 50 KB, whatever the disk does (C-6, C-7, C.1)."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from apps.core import keys
from apps.core import redis as core_redis
from apps.core.log_file import LogFile
from apps.core.middleware import access_log
from apps.core.middleware.bodies import BODY_LIMIT, CUT_MARK, BodyCopy, cut, logged_text
from apps.core.redaction import HIDDEN
from tests.factories.users import UserFactory

pytestmark = pytest.mark.urls("tests.core.api_urls")
SECRET = "hunter2-Zq9"
FIELDS = [
    "time", "method", "path", "query", "status", "duration_ms", "request_id", "ip", "user_agent", "user_id",
    "request_body", "response_body",
]  # fmt: skip


@pytest.fixture
def log(settings: Any, tmp_path: Path) -> Path:
    settings.LOG_DIR = tmp_path
    return tmp_path / "access.log"


def lines(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]


def only(log: Path) -> dict[str, Any]:
    (line,) = lines(log)
    return line


def test_a_request_is_one_line_with_all_fields(log: Path, client: Client) -> None:
    response = client.post(
        "/api/v1/t/echo?page=1", {"a": 1}, content_type="application/json", headers={"User-Agent": "curl/8"}
    )

    line = only(log)
    assert list(line) == FIELDS
    assert line["request_id"] == response.headers["X-Request-ID"]
    assert line["response_body"] == response.content.decode()
    assert line["duration_ms"] > 0
    assert {name: line[name] for name in ("method", "path", "query", "status", "ip", "user_agent", "user_id")} == {
        "method": "POST",
        "path": "/api/v1/t/echo",
        "query": "page=1",
        "status": 201,
        "ip": "127.0.0.1",
        "user_agent": "curl/8",
        "user_id": None,
    }
    assert line["request_body"] == '{"a": 1}'


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/t/staff", 401),
        ("/api/v1/nowhere", 404),
        ("/nowhere", 404),
        ("/api/v1/t/fail/bug", 500),
        ("/api/v1/t/fail/denied", 403),
        ("/api/v1/t/plain-bug", 500),
        ("/api/v1/t/cached", 200),
        ("/health", 200),
        ("/healthz", 200),
        ("/metrics", 200),
        ("/admin/login/", 200),
        ("/admin/", 302),
        ("/static/nothing.css", 404),
    ],
)
def test_nothing_escapes(log: Path, client: Client, path: str, status: int) -> None:
    response = client.get(path)

    assert response.status_code == status
    assert (only(log)["path"], only(log)["status"]) == (path, status)


def test_throttled_and_wrong_requests_are_logged(log: Path, client: Client, settings: Any) -> None:
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "address": "1/hour"}

    client.get("/api/v1/t/echo")
    client.get("/api/v1/t/echo")
    client.post("/api/v1/t/plain")
    client.get("/api/v1/t/echo", headers={"Host": "evil.example"})

    assert [line["status"] for line in lines(log)] == [200, 429, 405, 400]


@pytest.mark.django_db
def test_the_user_is_named_when_somebody_asked_for_them(log: Path, client: Client) -> None:
    user = UserFactory()
    client.force_login(user, backend="apps.users.backends.NameOrEmailBackend")

    client.get("/api/v1/t/signed-in")
    client.get("/api/v1/t/plain")

    assert [line["user_id"] for line in lines(log)] == [user.pk, None]


def test_secrets_leave_bodies_queries_and_paths(log: Path, client: Client) -> None:
    jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
    for body, kind in (
        (json.dumps({"password": SECRET, "nested": [{"api_key": SECRET}]}), "application/json"),
        (f'{{"password": "{SECRET}', "application/json"),
        (f"a=1&password={SECRET}", "application/x-www-form-urlencoded"),
        (f"<password>{SECRET}</password>", "application/xml"),
        (f"password: {SECRET}", "text/plain"),
        (f'{{"password": "{SECRET}"}}', ""),
    ):
        client.post(f"/api/v1/t/echo?token={SECRET}&page=1", body, content_type=kind)
    client.get(f"/api/v1/reset/{jwt}", headers={"User-Agent": f"x Bearer {SECRET}"})

    text = log.read_text()
    assert SECRET not in text
    assert "eyJ" not in text
    assert lines(log)[0]["query"] == f"token={HIDDEN}&page=1"
    assert lines(log)[0]["request_body"] == f'{{"password": "{HIDDEN}", "nested": [{{"api_key": "{HIDDEN}"}}]}}'
    assert len(lines(log)) == 7


def test_files_are_logged_as_name_and_size(log: Path, client: Client) -> None:
    upload = SimpleUploadedFile("合同.pdf", b"%PDF-1.7 \0" + SECRET.encode() * 10, content_type="application/pdf")

    response = client.post("/api/v1/t/echo", {"title": "x", "password": SECRET, "file": upload, "many": ["1", "2"]})

    assert response.status_code == 201
    assert json.loads(only(log)["request_body"]) == {
        "title": "x",
        "password": HIDDEN,
        "many": ["1", "2"],
        "file": {"file": "合同.pdf", "size": upload.size},
    }
    assert SECRET not in log.read_text()


@pytest.mark.parametrize("boundary", ["; boundary=x", "", "; boundary=other"])
def test_multipart_that_no_parser_accepts_shows_nothing(log: Path, client: Client, boundary: str) -> None:
    body = (
        '--x\r\nContent-Disposition: form-data; name="password"\r\n\r\n'
        f'{SECRET}\r\n--x\r\nContent-Disposition: form-data; name="f"; filename="a.bin"\r\n\r\n{SECRET}'
    )

    client.post("/api/v1/t/echo", body, content_type=f"multipart/form-data{boundary}")

    assert SECRET not in log.read_text()
    assert only(log)["request_body"]


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        ("image/png", b"\x89PNG" * 10, "(binary, 40 bytes)"),
        ("application/octet-stream", b'{"password":"x"}', "(binary, 16 bytes)"),
        ("application/json; charset=utf-16", '{"password":"x"}'.encode("utf-16"), "(binary, 34 bytes)"),
        ("application/json", '{"password":"x"}'.encode("utf-16-le"), "(binary, 32 bytes)"),
        ("application/json; charset=gbk", '{"名":"x"}'.encode("gbk"), '{"名":"x"}'),
    ],
)
def test_what_is_not_text_is_logged_as_its_size(
    log: Path, client: Client, kind: str, body: bytes, expected: str
) -> None:
    client.generic("POST", "/api/v1/t/echo", body, content_type=kind)

    assert only(log)["request_body"] == expected


def test_a_refused_body_is_logged_when_it_is_small(log: Path, client: Client) -> None:
    client.post("/api/v1/t/staff", {"a": 1, "password": SECRET}, content_type="application/json")
    client.post("/api/v1/t/staff", b"x" * (BODY_LIMIT + 1), content_type="application/json")

    small, large = lines(log)
    assert small["request_body"] == f'{{"a": 1, "password": "{HIDDEN}"}}'
    assert large["request_body"] == CUT_MARK


@pytest.mark.parametrize(
    ("size", "expected_end"),
    [(BODY_LIMIT - 1, "x"), (BODY_LIMIT, "x"), (BODY_LIMIT + 1, "x" + CUT_MARK), (400_000, "x" + CUT_MARK)],
)
def test_bodies_are_cut_exactly_at_the_limit(log: Path, client: Client, size: int, expected_end: str) -> None:
    client.get(f"/api/v1/t/sized/{size}")
    client.post("/api/v1/t/echo", b"x" * size, content_type="text/plain")

    answered, asked = lines(log)
    for text in (answered["response_body"], asked["request_body"] if size <= BODY_LIMIT else None):
        if text is not None:
            assert len(text.removesuffix(CUT_MARK)) == min(size, BODY_LIMIT)
            assert text.endswith(expected_end)


def test_a_long_body_that_was_read_is_cut(log: Path, client: Client) -> None:
    body = json.dumps({"amount": 1, "password": SECRET, "x": "y" * 300_000})

    assert client.post("/api/v1/t/validated", body, content_type="application/json").status_code == 200

    logged = only(log)["request_body"]
    assert logged.startswith(f'{{"amount": 1, "password": "{HIDDEN}", "x": "yyy')
    assert len(logged) == BODY_LIMIT + len(CUT_MARK)


@pytest.mark.parametrize("before", [BODY_LIMIT - 40, BODY_LIMIT - 20, BODY_LIMIT - 5, 128 * 1024 - 30])
def test_a_secret_across_a_border_is_seen_whole(before: int) -> None:
    raw = json.dumps({"x": "y" * before, "password": SECRET * 3, "z": "z" * 200_000}).encode()

    assert SECRET[:5] not in logged_text(raw[: 128 * 1024], total=len(raw))


def test_characters_are_not_split() -> None:
    text = "角" * BODY_LIMIT

    cut_text = cut(text).removesuffix(CUT_MARK)
    assert cut_text == "角" * (BODY_LIMIT // 3)
    assert len(cut_text.encode()) <= BODY_LIMIT


def test_streams_are_logged_at_their_end_as_their_size(log: Path, client: Client) -> None:
    response: Any = client.get("/api/v1/t/streamed")
    assert not log.exists()

    assert b"".join(response.streaming_content) == b"line 0\nline 1\nline 2\n"
    assert only(log)["response_body"] == "(stream, 21 bytes)"


@pytest.mark.django_db
def test_a_stream_that_nobody_reads_is_logged_too(log: Path, client: Client) -> None:
    client.get("/api/v1/t/streamed").close()

    assert only(log)["response_body"] == "(stream, 0 bytes)"


def test_files_and_binary_answers_are_logged_as_their_size(log: Path, client: Client) -> None:
    response: Any = client.get("/api/v1/t/file")
    size = len(b"".join(response.streaming_content))
    client.get("/api/v1/t/binary")

    assert [line["response_body"] for line in lines(log)] == [f"(stream, {size} bytes)", "(binary, 6 bytes)"]


def test_cached_answers_are_logged_whole_and_without_secrets(log: Path, client: Client) -> None:
    answers = [client.get("/api/v1/t/cached") for _ in range(3)]

    for line, answer in zip(lines(log), answers, strict=True):
        assert line["response_body"] == answer.content.decode().replace("hidden-in-log", HIDDEN)
        assert answer.json()["request_id"] in line["response_body"]


def test_uploads_are_not_read_ahead() -> None:
    class Socket(io.BytesIO):
        reads = 0

        def read(self, size: int | None = -1) -> bytes:
            self.reads += 1
            return super().read(size)

    socket = Socket(b"x" * 1_000_000)
    copy = BodyCopy(socket)

    assert socket.reads == 0
    assert len(copy.read(300_000)) == 300_000
    assert (socket.tell(), copy.kept, copy.seen) == (300_000, 128 * 1024, 300_000)


def test_broken_headers_do_not_break_the_line(log: Path, client: Client) -> None:
    client.get("/api/v1/t/echo", HTTP_USER_AGENT="x\ud800\n\x00y", QUERY_STRING="a=\xff\ud800")

    assert only(log)["status"] == 200


# --- a disk that does not take it ---------------------------------------------------------------------------------
@pytest.fixture
def full_disk(log: Path) -> Path:
    log.symlink_to("/dev/full")
    access_log._LastTold.at, access_log._LastTold.waiting = -1e9, 0
    return log


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_stops_no_answer_and_raises_the_alarm(
    full_disk: Path, client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    before = access_log.DROPPED._value.get()

    answers = [client.get("/api/v1/t/echo").status_code for _ in range(3)]

    assert answers == [200, 200, 200]
    assert access_log.DROPPED._value.get() == before + 3
    told = capsys.readouterr().err
    assert told.count("access.log") == 1
    assert "No space left" in told
    assert int(core_redis.client().get(keys.counter("access_log_dropped")) or 0) >= 1  # type: ignore[arg-type]


@pytest.mark.django_db
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_health_tells_of_lost_lines(full_disk: Path, client: Client) -> None:
    client.get("/api/v1/t/echo")

    body = client.get("/health").json()

    assert body["status"] == "ok"
    assert "access_log" in [warning["name"] for warning in body["warnings"]]


def test_a_full_disk_without_redis_stops_no_answer(full_disk: Path, client: Client, settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    assert client.get("/api/v1/t/plain").status_code == 200


def test_a_folder_that_cannot_be_made_stops_no_answer(client: Client, settings: Any) -> None:
    settings.LOG_DIR = Path("/proc/nowhere/logs")

    assert client.get("/api/v1/t/plain").status_code == 200


def test_the_log_goes_on_when_the_disk_does(tmp_path: Path) -> None:
    target, full = tmp_path / "a.log", tmp_path / "full"
    file = LogFile(target)
    full.symlink_to("/dev/full")
    assert file.write(b"one\n")

    os.rename(target, tmp_path / "kept.log")
    os.rename(full, target)
    assert not file.write(b"lost\n")
    os.remove(target)
    os.rename(tmp_path / "kept.log", target)
    assert file.write(b"two\n")

    assert target.read_bytes() == b"one\ntwo\n"
    assert file.dropped == 1
