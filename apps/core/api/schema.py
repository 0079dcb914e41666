"""OpenAPI as the API really answers: envelope, error answers with the code table, an example per operation.

``EnvelopeSchema`` is DRF's DEFAULT_SCHEMA_CLASS, ``complete`` a postprocessing hook.  A view may say:

    error_codes = (ErrorCode.CONFLICT,)       # beyond those that follow from its method, path and permission
    bare_answers = True                       # no envelope (health)

Examples given with ``extend_schema`` show the value of ``data``; the envelope is put around them here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from rest_framework.permissions import AllowAny

from apps.core.api.errors import ERROR_CLASSES, STATUS, status_messages
from apps.core.api.examples import MOMENT, REQUEST_ID, example_of
from apps.core.api.idempotency import HEADER, KEY_LENGTH, REPLAYED, is_idempotent
from apps.core.api.parameters import LARGEST_ID
from apps.core.errors import ErrorCode

JSON = "application/json"
API_PREFIX = "/api/v1/"
_ERROR_STATUSES = {STATUS[code] for code in ERROR_CLASSES}

_ALWAYS = (ErrorCode.INVALID_PARAMETER, ErrorCode.INTERNAL, ErrorCode.DATABASE_UNAVAILABLE)
_WITH_BODY = (ErrorCode.BODY_TOO_LARGE, ErrorCode.UNSUPPORTED_MEDIA_TYPE)
_WITH_KEY = (ErrorCode.CONFLICT, ErrorCode.IDEMPOTENCY_KEY_REUSED)
_WITH_TOKEN = (ErrorCode.MISSING_TOKEN, ErrorCode.INVALID_TOKEN, ErrorCode.FORBIDDEN)


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Any authentication that drf-spectacular has no own description of is our bearer token."""

    target_class = "rest_framework.authentication.BaseAuthentication"
    match_subclasses = True
    priority = -1
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


class EnvelopeSchema(AutoSchema):
    """Adds to each operation what the renderer and the exception handler add to each answer."""

    def get_operation(self, path: str, path_regex: str, path_prefix: str, method: str, registry: Any) -> Any:
        operation = super().get_operation(path, path_regex, path_prefix, method, registry)
        if operation is None or getattr(self.view, "bare_answers", False):
            return operation
        if not path.startswith(API_PREFIX):
            # The mini-program's address of something that also stands under /api/v1 (decision 9).
            operation["operationId"] = f"public_{operation['operationId']}"
        for status, answer in list(operation["responses"].items()):
            if status.startswith("2") or status == "301":
                operation["responses"][status] = _in_envelope(answer)
        if is_idempotent(self.view, method):
            _document_key(operation)
        _bound_numbers_in_path(operation)
        for status in sorted({STATUS[code] for code in self._error_codes(operation)}):
            operation["responses"].setdefault(str(status), {"$ref": f"#/components/responses/{_name(status)}"})
        return operation

    def _error_codes(self, operation: dict[str, Any]) -> Iterator[ErrorCode]:
        yield from _ALWAYS
        yield from getattr(self.view, "error_codes", ())
        if "requestBody" in operation:
            yield from _WITH_BODY
        if is_idempotent(self.view, self.method):
            yield from _WITH_KEY
        if "{" in self.path:
            yield ErrorCode.NOT_FOUND
        if not all(isinstance(permission, AllowAny) for permission in self.view.get_permissions()):
            yield from _WITH_TOKEN
        if self.view.throttle_classes:
            yield ErrorCode.TOO_MANY_REQUESTS


def complete(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Postprocessing hook: the shared components, and an example wherever a body or an answer has none."""
    components = result.setdefault("components", {})
    components.setdefault("schemas", {}).update(Envelope=_envelope_schema(), Error=_error_schema())
    components["responses"] = {_name(status): _error_answer(status) for status in sorted(_ERROR_STATUSES)}
    _drop_enum_marks(result)
    for operation in _operations(result):
        for media in _media_types(operation):
            if "example" not in media and "examples" not in media and "schema" in media:
                media["example"] = example_of(media["schema"], components)
    return result


def _drop_enum_marks(node: Any) -> None:
    """Marks for a hook that gives enums names; ours stay where they are used, so no two can collide."""
    if isinstance(node, dict):
        node.pop("x-spec-enum-id", None)
        for inner in node.values():
            _drop_enum_marks(inner)
    elif isinstance(node, list):
        for inner in node:
            _drop_enum_marks(inner)


def _operations(result: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in result["paths"].values():
        for operation in path.values():
            if isinstance(operation, dict) and "responses" in operation:
                yield operation


def _media_types(operation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for holder in (operation.get("requestBody", {}), *operation["responses"].values()):
        for kind, media in holder.get("content", {}).items():
            if kind.endswith("json"):
                yield media


def _document_key(operation: dict[str, Any]) -> None:
    operation.setdefault("parameters", []).append(
        {
            "name": HEADER,
            "in": "header",
            "required": False,
            "description": "Sent again within 24 hours with the same request, it gets the same answer and no second "
            "effect; with another body it is refused (1014).  While the first is not done: 1007 with Retry-After.",
            "schema": {"type": "string", "minLength": 1, "maxLength": KEY_LENGTH, "pattern": r"^[\x21-\x7e]+$"},
        }
    )
    replayed = {"schema": {"type": "string", "enum": ["true"]}, "description": "Present when this was answered before"}
    for status, answer in operation["responses"].items():
        if status.startswith("2"):
            answer.setdefault("headers", {})[REPLAYED] = replayed


def _bound_numbers_in_path(operation: dict[str, Any]) -> None:
    """What ``whole_id`` takes."""
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "path" and parameter["schema"].get("type") == "integer":
            parameter["schema"].update(minimum=1, maximum=LARGEST_ID)


def _in_envelope(answer: dict[str, Any]) -> dict[str, Any]:
    content = answer.get("content")
    if content is None:
        nothing = {"schema": _wrapped({"nullable": True, "type": "object", "description": "always null"})}
        description = answer.get("description") if answer.get("description") != "No response body" else ""
        return {**answer, "description": description, "content": {JSON: nothing}}
    return {
        **answer,
        "content": {kind: _media_in_envelope(media) if kind == JSON else media for kind, media in content.items()},
    }


def _media_in_envelope(media: dict[str, Any]) -> dict[str, Any]:
    wrapped = {**media, "schema": _wrapped(media.get("schema", {}))}
    if "example" in media:
        wrapped["example"] = _envelope_around(media["example"])
    if "examples" in media:
        wrapped["examples"] = {
            name: {**example, "value": _envelope_around(example.get("value"))}
            for name, example in media["examples"].items()
        }
    return wrapped


def _wrapped(schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "allOf": [
            {"$ref": "#/components/schemas/Envelope"},
            {"type": "object", "required": ["data"], "properties": {"data": schema}},
        ]
    }


def _envelope_around(data: Any) -> dict[str, Any]:
    return {"code": 0, "msg": "成功", "data": data, "timestamp": MOMENT, "request_id": REQUEST_ID}


def _envelope_schema() -> dict[str, Any]:
    return {
        "type": "object",
        "description": "The form of every successful answer.",
        "required": ["code", "msg", "timestamp", "request_id"],
        "properties": {
            "code": {"type": "integer", "enum": [0], "description": "0: success"},
            "msg": {"type": "string", "example": "成功", "description": "In the language of Accept-Language"},
            "timestamp": {"type": "string", "format": "date-time", "example": MOMENT},
            "request_id": {"type": "string", "example": REQUEST_ID},
        },
    }


def _error_schema() -> dict[str, Any]:
    text = {"type": "string"}
    return {
        "type": "object",
        "description": f"The form of every error.\n\n{code_table()}",
        "required": ["code", "msg", "data", "timestamp", "request_id", "messages", "errors"],
        "properties": {
            "code": {"type": "integer", "enum": [int(code) for code in ERROR_CLASSES]},
            "msg": text,
            "data": {"type": "object", "nullable": True, "description": "always null"},
            "timestamp": {"type": "string", "format": "date-time"},
            "request_id": text,
            "messages": {
                "type": "object",
                "required": ["zh-hans", "en"],
                "properties": {"zh-hans": text, "en": text},
            },
            "errors": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["field", "code", "detail"],
                    "properties": {"field": text, "code": text, "detail": text},
                },
            },
        },
    }


def code_table() -> str:
    """Markdown table of all codes; the same rows stand in docs/error-codes.md."""
    rows = ["| code | HTTP | 中文 | English |", "| --- | --- | --- | --- |"]
    for code in ErrorCode:
        messages = status_messages(code)
        rows.append(f"| {int(code)} | {STATUS[code]} | {messages['zh-hans']} | {messages['en']} |")
    return "\n".join(rows)


def _error_answer(status: int) -> dict[str, Any]:
    codes = [code for code in ERROR_CLASSES if STATUS[code] == status]
    answer: dict[str, Any] = {
        "description": "; ".join(f"{int(code)} {status_messages(code)['en']}" for code in codes),
        "content": {
            JSON: {
                "schema": {"$ref": "#/components/schemas/Error"},
                "examples": {str(int(code)): {"value": _error_example(code)} for code in codes},
            }
        },
    }
    if status == 429:
        answer["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds to wait"}}
    return answer


def _error_example(code: ErrorCode) -> dict[str, Any]:
    messages = status_messages(code)
    fields = []
    if code is ErrorCode.INVALID_PARAMETER:
        fields = [{"field": "page", "code": "invalid", "detail": "A whole number from 1."}]
    return {
        "code": int(code),
        "msg": messages["zh-hans"],
        "data": None,
        "timestamp": MOMENT,
        "request_id": REQUEST_ID,
        "messages": messages,
        "errors": fields,
    }


def _name(status: int) -> str:
    return f"Error{status}"
