"""Files in a request: streamed to disk by Django, refused as soon as they are too many bytes (decision 25)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from rest_framework.parsers import MultiPartParser

from apps.core.errors import BodyTooLarge
from apps.users.services.mail import MAX_ATTACHMENT_BYTES

# The texts and the boundaries around the files.
AROUND_THE_FILES = 2 * 1024 * 1024


class AttachmentsBody(MultiPartParser):
    """multipart/form-data up to the size of all attachments and the texts beside them."""

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        request = (parser_context or {})["request"]
        if int(request.META.get("CONTENT_LENGTH") or 0) > MAX_ATTACHMENT_BYTES + AROUND_THE_FILES:
            raise BodyTooLarge
        return super().parse(stream, media_type=media_type, parser_context=parser_context)
