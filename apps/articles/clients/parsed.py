"""What the parsers hand on: plain values, cleaned, safe to show and to store."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class ParsedItem:
    """One item of a feed.

    ``title`` and ``summary`` are plain text, ``content`` is cleaned HTML without pictures, addresses are absolute
    http(s) ones or empty, ``published_at`` is in UTC or None.
    """

    guid: str
    url: str
    title: str
    summary: str
    content: str = ""
    published_at: datetime | None = None
    author: str = ""
    cover_url: str = ""
    video_url: str = ""
    # An address that the piece is about rather than its own (JSON Feed's external_url).
    external_url: str = ""

    def as_message(self) -> dict[str, Any]:
        """For a stream message; times as RFC 3339."""
        body = {one.name: getattr(self, one.name) for one in fields(self)}
        body["published_at"] = self.published_at.isoformat() if self.published_at else None
        return body


@dataclass(frozen=True, slots=True)
class Unusable:
    """An item that could not be read, with the reason and a sample of it."""

    position: int
    reason: str
    sample: str = ""


@dataclass(frozen=True, slots=True)
class ParsedFeed:
    title: str
    items: list[ParsedItem]
    unusable: list[Unusable] = field(default_factory=list)
