"""What the API says when it refuses."""

from __future__ import annotations

from typing import Any


def refused(response: Any, status: int, code: int, fields: list[tuple[str, str]] | None = None) -> bool:
    """Whether it is this refusal; ``fields`` are (field, code) of each error in it."""
    body = response.json()
    found = (response.status_code, body["code"], body["data"])
    if fields is not None:
        assert [(error["field"], error["code"]) for error in body["errors"]] == fields
    return found == (status, code, None)
