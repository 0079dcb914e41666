"""The contract is written from the code, complete, stable and true (decisions 6 and 38)."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import CommandError, call_command
from django.test import Client
from drf_spectacular.utils import extend_schema
from openapi_spec_validator import validate
from rest_framework.views import APIView

from apps.core.api.errors import ERROR_CLASSES, STATUS, status_messages
from apps.core.api.schema import code_table
from apps.core.errors import ErrorCode
from apps.core.management.commands.openapi import contracts, generate, part_of

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return generate()


def operations(schema: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(f"{method} {path}", found) for path, item in schema["paths"].items() for method, found in item.items()]


# --- the code table -----------------------------------------------------------------------------------------------
def test_every_code_has_one_status_and_one_class() -> None:
    assert set(STATUS) == set(ErrorCode)
    assert set(ERROR_CLASSES) == set(ErrorCode) - {ErrorCode.OK}
    assert all(error.code is code for code, error in ERROR_CLASSES.items())


def test_codes_have_the_agreed_numbers_and_statuses() -> None:
    assert {int(code): status for code, status in STATUS.items()} == {
        0: 200, 1001: 400, 1002: 401, 1003: 401, 1004: 401, 1005: 403, 1006: 404, 1007: 409, 1008: 429, 1009: 413,
        1010: 415, 1011: 405, 1012: 428, 1013: 412, 1014: 422, 2001: 500, 2002: 503, 2003: 503, 2004: 503, 2005: 504,
        2006: 502,
    }  # fmt: skip


@pytest.mark.parametrize("code", list(ErrorCode))
def test_every_code_speaks_both_languages(code: ErrorCode) -> None:
    messages = status_messages(code)

    assert re.search(r"[\u4e00-\u9fff]", messages["zh-hans"])
    assert messages["en"].isascii()


def test_the_table_in_the_docs_is_that_of_the_code() -> None:
    assert code_table() in (ROOT / "docs" / "error-codes.md").read_text(encoding="utf-8")


def test_the_table_in_the_schema_is_that_of_the_code(schema: dict[str, Any]) -> None:
    error = schema["components"]["schemas"]["Error"]

    assert code_table() in error["description"]
    assert error["properties"]["code"]["enum"] == [int(code) for code in ERROR_CLASSES]
    shown = {
        int(number)
        for answer in schema["components"]["responses"].values()
        for number in answer["content"]["application/json"]["examples"]
    }
    assert shown == {int(code) for code in ERROR_CLASSES}


# --- the schema ---------------------------------------------------------------------------------------------------
def test_the_schema_is_valid_openapi_3_0_3(schema: dict[str, Any]) -> None:
    assert schema["openapi"] == "3.0.3"
    validate(schema)


def test_every_operation_has_envelope_errors_and_example(schema: dict[str, Any]) -> None:
    for name, operation in operations(schema):
        answers = operation["responses"]
        good = next(answer for status, answer in answers.items() if status.startswith("2"))
        media = good["content"].get("application/json")
        if media is None:
            continue
        assert "example" in media or "examples" in media, name
        if "/api/" in name:
            assert media["schema"]["allOf"][0] == {"$ref": "#/components/schemas/Envelope"}, name
            assert {"400", "500", "503"} <= set(answers), name
            assert "{" not in name or "404" in answers, name
            assert "requestBody" not in operation or {"413", "415"} <= set(answers), name


def test_a_signed_in_operation_says_so(schema: dict[str, Any]) -> None:
    for name, operation in operations(schema):
        is_public = "401" not in operation["responses"]
        assert is_public or operation["security"], name


def test_429_carries_retry_after(schema: dict[str, Any]) -> None:
    assert "Retry-After" in schema["components"]["responses"]["Error429"]["headers"]


def test_the_same_code_gives_the_same_files() -> None:
    assert contracts() == contracts()


def test_parts_hold_their_paths_and_what_these_need(schema: dict[str, Any]) -> None:
    for prefix in ("/api/v1/scheduler", "/api/v1/audit"):
        part = part_of(schema, prefix)

        assert set(part["paths"]) == {path for path in schema["paths"] if path.startswith(prefix)}
        assert part["paths"], prefix
        validate(part)
        assert len(part["components"]["schemas"]) < len(schema["components"]["schemas"])


# --- the command --------------------------------------------------------------------------------------------------
def test_check_fails_for_stale_files_and_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"api\.yaml, scheduler_api\.yaml, audit_api\.yaml"):
        call_command("openapi", check=True, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []

    call_command("openapi", folder=tmp_path, stdout=io.StringIO())
    call_command("openapi", check=True, folder=tmp_path)
    assert yaml.safe_load((tmp_path / "api.yaml").read_text())["openapi"] == "3.0.3"

    (tmp_path / "api.yaml").write_text("openapi: 3.0.3")
    with pytest.raises(CommandError, match=r"^stale: api\.yaml"):
        call_command("openapi", check=True, folder=tmp_path)


def test_an_unclear_contract_is_refused(settings: Any, tmp_path: Path) -> None:
    settings.ROOT_URLCONF = "tests.core.unclear_urls"

    with pytest.raises(CommandError, match="not clear"):
        call_command("openapi", folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


# --- the pages ----------------------------------------------------------------------------------------------------
def test_the_schema_is_served(client: Client) -> None:
    assert yaml.safe_load(client.get("/api/schema").content)["openapi"] == "3.0.3"
    assert client.get("/api/schema", headers={"Accept": "application/vnd.oai.openapi+json"}).json()["openapi"]


def test_the_docs_page_loads_nothing_from_elsewhere_and_runs_nothing_inline(client: Client) -> None:
    response = client.get("/api/docs")
    page = response.content.decode()

    assert response.status_code == 200
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", page)
    assert not re.search(r"<script(?![^>]*\bsrc=)", page)
    assert "script-src" not in response.headers["Content-Security-Policy"]
    assert client.get("/api/docs?script=").headers["Content-Type"].startswith("application/javascript")


class Unclear(APIView):
    """No serializer, no schema: nobody can know what it answers."""

    @extend_schema(operation_id="unclear")
    def get(self, request: Any) -> None:
        return None


def test_idempotency_key_is_documented_where_it_is_kept(schema: dict[str, Any]) -> None:
    with_key = {
        name: found
        for name, found in operations(schema)
        if any(parameter["name"] == "Idempotency-Key" for parameter in found.get("parameters", ()))
    }

    assert "post /api/v1/users" in with_key
    for name, found in with_key.items():
        assert name.startswith("post "), name
        assert {"409", "422"} <= set(found["responses"]), name
        [answer] = [answer for status, answer in found["responses"].items() if status.startswith("2")]
        assert "Idempotency-Replayed" in answer["headers"], name


def test_strict_bodies_say_that_they_take_nothing_else(schema: dict[str, Any]) -> None:
    assert schema["components"]["schemas"]["RegisterRequest"]["additionalProperties"] is False
