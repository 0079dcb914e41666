"""JSON Feed 1 and 1.1 from bytes: https://www.jsonfeed.org/version/1.1/

Written here because the specification is one page and both feed libraries miss ``external_url``, numeric ids and
damaged items.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import orjson

from apps.articles.clients.charset import to_text
from apps.articles.clients.cleaning import (
    URL_LENGTH,
    clean_html,
    media_url,
    plain_id,
    plain_text,
    summary_of,
    title_of,
    web_url,
)
from apps.articles.clients.feeds import collect, utc
from apps.articles.clients.parsed import ParsedFeed, ParsedItem
from apps.articles.errors import FeedUnreadable


def looks_like_json(body: bytes) -> bool:
    return body[:64].removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{"


def parse_json_feed(body: bytes, *, content_type: str = "", base_url: str = "") -> ParsedFeed:
    """Raises FeedUnreadable for what is not JSON or has no list of items."""
    document = _document(to_text(body, content_type))
    entries = document.get("items") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise FeedUnreadable
    return collect(_text(document.get("title")), entries, lambda entry: _item(entry, base_url))


def _document(text: str) -> Any:
    """orjson refuses the whole feed for half an emoji (a title cut after 80 units) and for a bare line break."""
    try:
        return orjson.loads(text.encode("utf-8", "replace"))
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError) as error:
        raise FeedUnreadable(reason=str(error)[:200]) from error


def _item(entry: Mapping[str, Any], base_url: str) -> ParsedItem:
    text = _text(entry.get("content_text"))
    markup = _text(entry.get("content_html"))
    guid = plain_id(_text(entry.get("id")))
    external = web_url(_text(entry.get("external_url")), base=base_url)
    own = web_url(_text(entry.get("url")), base=base_url)
    summary = summary_of(_text(entry.get("summary")) or text or markup)
    return ParsedItem(
        guid=guid,
        url=own or web_url(guid) or external,
        title=title_of(_text(entry.get("title")), fallback_text=summary),
        summary=summary,
        content=clean_html(markup, base=base_url) if markup else "",
        published_at=utc(_text(entry.get("date_published"))) or utc(_text(entry.get("date_modified"))),
        author=plain_text(_author(entry))[:150],
        cover_url=media_url(_text(entry.get("image")) or _text(entry.get("banner_image")), base=base_url),
        video_url=media_url(_attachment(entry, "video/"), base=base_url),
        external_url=external if len(external) <= URL_LENGTH else "",
    )


def _text(value: Any) -> str:
    """Ids are numbers in some feeds; the specification tells readers to accept that."""
    if isinstance(value, bool):
        return ""
    return str(value) if isinstance(value, str | int | float) else ""


def _author(entry: Mapping[str, Any]) -> str:
    authors = entry.get("authors") or [entry.get("author")]
    first = authors[0] if isinstance(authors, list) and authors else None
    return _text(first.get("name")) if isinstance(first, Mapping) else ""


def _attachment(entry: Mapping[str, Any], kind: str) -> str:
    attachments = entry.get("attachments")
    for attachment in attachments if isinstance(attachments, list) else []:
        if isinstance(attachment, Mapping) and _text(attachment.get("mime_type")).startswith(kind):
            return _text(attachment.get("url"))
    return ""
