"""What a contract test needs: its operation, and the two questions to ask of an answer.

    @covers("GET", "/api/v1/audit/events/{id}")
    def test_audit_event(operation, client):
        operation.accepts(client.get(f"/api/v1/audit/events/{event.pk}"), status=200)
        operation.refuses(client.get("/api/v1/audit/events/…"), code=ErrorCode.NOT_FOUND)

``accepts`` demands the documented status and a body that fits the schema; ``refuses`` the form of an error, its code
with its one status, and that the operation documents this status.  Besides, *every* answer that any test of this
folder gets is held against the contract (``check``, by a fixture in conftest.py).
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any

import pytest
from openapi_schema_validator import OAS30Validator, oas30_format_checker

from apps.core.api.errors import STATUS
from apps.core.errors import ErrorCode
from apps.core.management.commands.openapi import generate

ERROR_FIELDS = ["code", "msg", "data", "timestamp", "request_id", "messages", "errors"]


def covers(method: str, path: str) -> pytest.MarkDecorator:
    """This test proves that operation; the path as it stands in the schema."""
    return pytest.mark.covers(method, path)


@lru_cache(maxsize=1)
def schema() -> dict[str, Any]:
    return generate()


@lru_cache(maxsize=1024)
def _answer_schema(path: str, method: str, status: str) -> dict[str, Any]:
    answer = resolved(schema()["paths"][path][method]["responses"][status])
    found: dict[str, Any] = answer["content"]["application/json"]["schema"]
    return found


@lru_cache(maxsize=1)
def documented() -> set[tuple[str, str]]:
    """(method, path) of every operation of the API."""
    return {(method.upper(), path) for path, item in schema()["paths"].items() for method in item}


class Operation:
    """One method of one path, as documented."""

    def __init__(self, method: str, path: str) -> None:
        self.method, self.path = method, path
        try:
            self.documented = schema()["paths"][path][method.lower()]
        except KeyError:
            pytest.fail(f"{method} {path} does not stand in the schema")

    def accepts(self, response: Any, *, status: int = 200) -> Any:
        """Returns ``data`` (the whole body where there is no envelope)."""
        self._is_ours(response)
        assert response.status_code == status, response.content[:2000]
        body = self.fits(response)
        if "code" not in body:
            return body
        assert body["code"] == 0
        assert body["request_id"] == response.headers["X-Request-ID"]
        return body["data"]

    def refuses(self, response: Any, *, code: ErrorCode) -> list[dict[str, str]]:
        """Returns ``errors``."""
        self._is_ours(response)
        assert response.status_code == STATUS[code], response.content[:2000]
        body = response.json()
        assert list(body) == ERROR_FIELDS
        assert (body["code"], body["data"]) == (int(code), None)
        assert re.search(r"[\u4e00-\u9fff]", body["messages"]["zh-hans"]), "no Chinese sentence"
        assert body["messages"]["en"].isascii()
        assert body["request_id"] == response.headers["X-Request-ID"]
        if code is ErrorCode.TOO_MANY_REQUESTS:
            assert int(response.headers["Retry-After"]) >= 1
        self.fits(response)
        errors: list[dict[str, str]] = body["errors"]
        return errors

    def _is_ours(self, response: Any) -> None:
        """The test really asked this operation."""
        request = response.wsgi_request
        assert request.method == self.method
        assert matches(self.path, request.path), f"{request.path} is not {self.path}"

    def _body_schema(self, status: int) -> dict[str, Any]:
        answers = self.documented["responses"]
        assert str(status) in answers, f"{self.method} {self.path} does not document {status}, only {sorted(answers)}"
        return _answer_schema(self.path, self.method.lower(), str(status))

    def fits(self, response: Any) -> Any:
        """The status is documented and the body fits its schema.  Returns the body."""
        body = json.loads(response.content)
        validator = OAS30Validator(self._body_schema(response.status_code), format_checker=oas30_format_checker)
        problems = [f"{'.'.join(map(str, error.path))}: {error.message[:300]}" for error in validator.iter_errors(body)]
        assert problems == [], f"{self.method} {self.path}"
        return body


def check(response: Any) -> None:
    """Any answer of the API fits what is documented for its operation; a method that does not exist is a 405."""
    request = response.wsgi_request
    if response.streaming or not response.headers.get("Content-Type", "").startswith("application/json"):
        return
    for method, path in sorted(documented()):
        if matches(path, request.path) and method == request.method and response.status_code != 405:
            Operation(method, path).fits(response)
            return


def matches(template: str, path: str) -> bool:
    """A literal path is no value of a parameter: the more exact template is tried first by its spelling."""
    return re.fullmatch(re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(template)), path) is not None


def resolved(node: Any, depth: int = 0) -> Any:
    """A copy with every reference replaced by what it names; no schema of ours is deeper than this."""
    assert depth < 60, "a schema that contains itself"
    if isinstance(node, list):
        return [resolved(item, depth + 1) for item in node]
    if not isinstance(node, dict):
        return node
    if isinstance(node.get("$ref"), str):
        _, _, kind, name = node["$ref"].split("/")
        return resolved(schema()["components"][kind][name], depth + 1)
    return {key: resolved(value, depth + 1) for key, value in node.items()}
