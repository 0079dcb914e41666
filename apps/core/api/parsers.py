"""Request bodies: JSON up to 2 MB (decision 25).  Routes with uploads declare DRF's MultiPartParser themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

import orjson
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from apps.core.errors import BodyTooLarge

JSON_BODY_LIMIT = 2 * 1024 * 1024


class JSONBody(BaseParser):
    """Strict JSON (no NaN), read at most one byte beyond the limit."""

    media_type = "application/json"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        raw = stream.read(JSON_BODY_LIMIT + 1)
        if len(raw) > JSON_BODY_LIMIT:
            raise BodyTooLarge
        try:
            return orjson.loads(raw)
        except orjson.JSONDecodeError:
            raise ParseError from None
