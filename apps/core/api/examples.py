"""An example value for any OpenAPI schema: deterministic, so that the committed files don't change by themselves."""

from __future__ import annotations

from typing import Any

MOMENT = "2025-01-31T08:00:00.000Z"
REQUEST_ID = "0f8fad5b-d9cb-469f-a165-70867728950e"

_BY_FORMAT: dict[str, Any] = {
    "date-time": MOMENT,
    "date": "2025-01-31",
    "time": "08:00:00",
    "uuid": REQUEST_ID,
    "email": "lin@example.com",
    "uri": "https://example.com/",
    "ipv4": "203.0.113.7",
    "ipv6": "2001:db8::7",
    "decimal": "10.00",
    "binary": "",
    "byte": "",
}
# Self-referencing schemas end here.
_DEEPEST = 8


def example_of(schema: dict[str, Any], components: dict[str, Any], depth: int = 0) -> Any:
    """A value that the schema accepts; its own ``example``, ``default`` or first ``enum`` value where it has one."""
    schema = _resolved(schema, components)
    for given in ("example", "default"):
        if given in schema:
            return schema[given]
    if schema.get("enum"):
        return schema["enum"][0]
    if "allOf" in schema:
        return _all_of(schema, components, depth)
    for choice in ("oneOf", "anyOf"):
        if schema.get(choice):
            return example_of(schema[choice][0], components, depth + 1)
    return _by_type(schema, components, depth)


def _resolved(schema: dict[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        _, _, kind, name = schema["$ref"].split("/")
        schema = components[kind][name]
    return schema


def _all_of(schema: dict[str, Any], components: dict[str, Any], depth: int) -> Any:
    parts = [example_of(part, components, depth + 1) for part in schema["allOf"]]
    if all(isinstance(part, dict) for part in parts):
        return {name: value for part in parts for name, value in part.items()}
    return parts[0]


def _by_type(schema: dict[str, Any], components: dict[str, Any], depth: int) -> Any:
    kind = schema.get("type")
    if kind == "array":
        return [example_of(schema["items"], components, depth + 1)] if depth < _DEEPEST else []
    if kind == "object" or "properties" in schema:
        return _object(schema, components, depth)
    if kind in {"integer", "number"}:
        return schema.get("minimum", 1)
    if kind == "boolean":
        return True
    if kind == "string":
        return _BY_FORMAT.get(schema.get("format", ""), _text(schema))
    return None


def _object(schema: dict[str, Any], components: dict[str, Any], depth: int) -> Any:
    if schema.get("nullable") and not schema.get("properties"):
        return None
    if depth >= _DEEPEST:
        return {}
    return {name: example_of(inner, components, depth + 1) for name, inner in schema.get("properties", {}).items()}


def _text(schema: dict[str, Any]) -> str:
    text: str = "text".ljust(schema.get("minLength", 0), "x")
    return text[: schema.get("maxLength", len(text))]
