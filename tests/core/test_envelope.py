"""One form for every answer (decisions 5, 6, 8)."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import orjson
import pytest
from django.test import Client
from django.utils.translation import gettext_lazy, override

from apps.core.api.errors import STATUS, bilingual
from apps.core.errors import Conflict, ErrorCode, worded
from tests.factories.users import UserFactory

pytestmark = pytest.mark.urls("tests.core.api_urls")
BACKEND = "apps.users.backends.NameOrEmailBackend"
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def test_success_has_five_fields_and_true_status(client: Client) -> None:
    response = client.post("/api/v1/t/echo", {"b": 1, "a": 2}, content_type="application/json")

    body = response.json()
    assert response.status_code == 201
    assert list(body) == ["code", "msg", "data", "timestamp", "request_id"]
    assert (body["code"], body["msg"], body["data"]) == (0, "成功", {"keys": ["a", "b"]})
    assert RFC_3339.fullmatch(body["timestamp"])
    assert body["request_id"] == response.headers["X-Request-ID"]


def test_nothing_is_data_null(client: Client) -> None:
    response = client.delete("/api/v1/t/echo")

    assert response.status_code == 200
    assert response.json()["data"] is None


def test_times_are_utc_with_z_and_decimals_are_strings(client: Client) -> None:
    assert client.get("/api/v1/t/values").json()["data"] == {"at": "2025-01-31T08:00:00Z", "amount": "1.50"}


@pytest.mark.parametrize(
    ("header", "message", "language"),
    [
        ("", "成功", "zh-hans"),
        ("en", "Success", "en"),
        ("en-GB,en;q=0.8", "Success", "en"),
        ("zh-CN", "成功", "zh-hans"),
        ("fr, de", "成功", "zh-hans"),
        ("fr;q=1, en;q=0.5", "Success", "en"),
        ("*", "成功", "zh-hans"),
        ("\0garbage;;;", "成功", "zh-hans"),
    ],
)
def test_message_follows_accept_language(client: Client, header: str, message: str, language: str) -> None:
    response = client.get("/api/v1/t/echo", headers={"Accept-Language": header} if header else {})

    assert response.json()["msg"] == message
    assert response.headers["Content-Language"] == language
    assert "Accept-Language" in response.headers["Vary"]


def test_api_ignores_the_language_cookie_of_the_pages(client: Client) -> None:
    client.cookies["django_language"] = "en"

    assert client.get("/api/v1/t/echo").json()["msg"] == "成功"


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("conflict", ErrorCode.CONFLICT),
        ("notfound", ErrorCode.NOT_FOUND),
        ("precondition", ErrorCode.PRECONDITION_FAILED),
        ("upstream", ErrorCode.UPSTREAM_FAILED),
        ("database", ErrorCode.DATABASE_UNAVAILABLE),
        ("toolarge", ErrorCode.BODY_TOO_LARGE),
        ("http404", ErrorCode.NOT_FOUND),
        ("denied", ErrorCode.FORBIDDEN),
        ("operational", ErrorCode.DATABASE_UNAVAILABLE),
        ("cancelled", ErrorCode.TIMEOUT),
        ("redis", ErrorCode.REDIS_UNAVAILABLE),
        ("bug", ErrorCode.INTERNAL),
    ],
)
def test_every_exception_has_its_code_and_shows_no_internals(client: Client, kind: str, code: ErrorCode) -> None:
    response = client.get(f"/api/v1/t/fail/{kind}", headers={"Accept-Language": "en"})

    body = response.json()
    assert response.status_code == STATUS[code]
    assert list(body) == ["code", "msg", "data", "timestamp", "request_id", "messages", "errors"]
    assert (body["code"], body["data"], body["errors"]) == (int(code), None, [])
    assert set(body["messages"]) == {"zh-hans", "en"}
    assert body["msg"] == body["messages"]["en"]
    assert re.search(r"[\u4e00-\u9fff]", body["messages"]["zh-hans"])
    assert not re.search(r"secret|internal detail|db-7|redis-7", response.content.decode())


def test_invalid_fields_are_named(client: Client) -> None:
    response = client.post(
        "/api/v1/t/validated", {"amount": 0, "tags": ["ok", "long"]}, content_type="application/json"
    )

    body = response.json()
    assert response.status_code == 400
    assert body["code"] == 1001
    assert [(error["field"], error["code"]) for error in body["errors"]] == [
        ("amount", "min_value"),
        ("tags.1", "max_length"),
    ]
    assert all(error["detail"] for error in body["errors"])


@pytest.mark.parametrize(
    ("body", "kind", "status", "code"),
    [
        (b"{", "application/json", 400, 1001),
        (b'{"a": NaN}', "application/json", 400, 1001),
        (b'"\xff"', "application/json", 400, 1001),
        (b"[1]", "application/json", 400, 1001),
        (b"a", "text/plain", 415, 1010),
        (b'"' + b"x" * (2 * 1024 * 1024) + b'"', "application/json", 413, 1009),
    ],
)
def test_bodies_that_cannot_be_read_are_refused(client: Client, body: bytes, kind: str, status: int, code: int) -> None:
    response = client.post("/api/v1/t/validated", body, content_type=kind)

    assert (response.status_code, response.json()["code"]) == (status, code)


def test_a_body_of_just_two_megabytes_is_read(client: Client) -> None:
    body = b'{"amount":1,"x":"' + b"x" * (2 * 1024 * 1024 - 19) + b'"}'

    assert len(body) == 2 * 1024 * 1024
    assert client.post("/api/v1/t/validated", body, content_type="application/json").status_code == 200


def test_a_body_without_length_is_refused_instead_of_lost(client: Client) -> None:
    response = client.generic("POST", "/api/v1/t/echo", b"", HTTP_TRANSFER_ENCODING="chunked", CONTENT_LENGTH="")

    assert (response.status_code, response.json()["code"]) == (400, 1001)


def test_wrong_method_names_the_right_ones(client: Client) -> None:
    response = client.put("/api/v1/t/values", {}, content_type="application/json")

    assert (response.status_code, response.json()["code"]) == (405, 1011)
    assert "GET" in response.headers["Allow"]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("get", "/api/v1/nowhere", 404, 1006),
        ("get", "/api/nowhere", 404, 1006),
        ("post", "/api/v1/t/plain", 405, 1011),
        ("get", "/api/v1/t/plain-bug", 500, 2001),
    ],
)
def test_what_drf_never_sees_has_the_same_form(client: Client, method: str, path: str, status: int, code: int) -> None:
    response = getattr(client, method)(path)

    body = response.json()
    assert (response.status_code, body["code"], body["data"]) == (status, code, None)
    assert set(body["messages"]) == {"zh-hans", "en"}
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert b"secret" not in response.content


def test_a_forged_host_is_refused_in_the_same_form(client: Client) -> None:
    response = client.get("/api/v1/t/echo", headers={"Host": "evil.example"})

    assert (response.status_code, response.json()["code"]) == (400, 1001)


def test_an_unknown_page_is_no_envelope(client: Client) -> None:
    response = client.get("/nowhere")

    assert response.status_code == 404
    assert response.headers["Content-Type"].startswith("text/html")


def test_accept_header_never_leads_to_refusal(client: Client) -> None:
    assert client.get("/api/v1/t/echo", headers={"Accept": "text/html"}).json()["code"] == 0


def test_cached_bytes_become_data_with_fresh_ends(client: Client) -> None:
    response: Any = client.get("/api/v1/t/cached", headers={"Accept-Language": "en"})

    body = orjson.loads(response.content)
    assert list(body) == ["code", "msg", "data", "timestamp", "request_id"]
    assert body["data"]["items"][0]["title"] == '比赛 "UFC"'
    assert body["msg"] == "Success"
    assert body["request_id"] == response.headers["X-Request-ID"]
    assert response.headers["ETag"].startswith('W/"')
    assert response.headers["Vary"] == "Accept-Language"


def test_not_modified_has_no_body(client: Client) -> None:
    etag = client.get("/api/v1/t/cached").headers["ETag"]

    response = client.get("/api/v1/t/cached", headers={"If-None-Match": etag})

    assert response.status_code == 304
    assert response.content == b""
    assert "Content-Type" not in response.headers


def test_public_reads_touch_no_session_and_no_database(client: Client, django_assert_num_queries: Any) -> None:
    response = client.get("/api/v1/t/cached")

    assert response.status_code == 200
    assert "Cookie" not in response.headers["Vary"]
    assert not response.cookies


@pytest.mark.django_db
class TestPermissions:
    def test_without_token_is_1002(self, client: Client) -> None:
        for path in ("signed-in", "staff", "by-method", "undeclared"):
            response = client.get(f"/api/v1/t/{path}")

            assert (response.status_code, response.json()["code"]) == (401, 1002)
            assert response.headers["WWW-Authenticate"].startswith("Bearer")

    def test_with_a_wrong_token_is_1003(self, client: Client) -> None:
        response = client.get("/api/v1/t/signed-in", headers={"Authorization": "Bearer nonsense"})

        assert (response.status_code, response.json()["code"]) == (401, 1003)

    def test_without_the_right_is_1005(self, client: Client) -> None:
        client.force_login(UserFactory(), backend=BACKEND)

        assert client.get("/api/v1/t/signed-in").status_code == 200
        for path in ("staff", "by-method", "undeclared"):
            response = client.get(f"/api/v1/t/{path}")
            assert (response.status_code, response.json()["code"]) == (403, 1005)

    def test_a_view_that_declares_nothing_refuses_even_superusers(self, client: Client) -> None:
        client.force_login(UserFactory(superuser=True), backend=BACKEND)

        assert client.get("/api/v1/t/undeclared").status_code == 403
        assert client.get("/api/v1/t/staff").status_code == 200

    def test_a_method_without_a_permission_is_refused(self) -> None:
        client = Client(enforce_csrf_checks=False)
        client.force_login(UserFactory(superuser=True), backend=BACKEND)

        assert client.put("/api/v1/t/by-method").status_code == 200
        assert client.delete("/api/v1/t/by-method").status_code == 403

    def test_a_session_needs_the_csrf_token(self) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(UserFactory(superuser=True), backend=BACKEND)

        response = client.put("/api/v1/t/by-method")

        assert (response.status_code, response.json()["code"]) == (403, 1005)


def test_timestamp_is_now(client: Client) -> None:
    text = client.get("/api/v1/t/echo").json()["timestamp"]

    assert abs(dt.datetime.fromisoformat(text) - dt.datetime.now(dt.UTC)) < dt.timedelta(seconds=5)


def test_a_sentence_with_values_speaks_both_languages_whoever_raised_it() -> None:
    with override("en"):
        error = Conflict(worded(gettext_lazy("At most %(limit)d characters."), limit=5))

    assert bilingual(error) == {"zh-hans": "最多 5 个字符。", "en": "At most 5 characters."}
