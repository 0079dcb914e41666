"""Which parser reads which kind of source (D-7).  ``parse`` is the only entry.

An unknown kind is read as ``generic``: a feed when it looks like one, else a page whose title is the one item.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from apps.articles.clients.charset import to_text
from apps.articles.clients.cleaning import URL_LENGTH, title_of
from apps.articles.clients.feeds import looks_like_xml_feed, parse_xml_feed
from apps.articles.clients.json_feed import looks_like_json, parse_json_feed
from apps.articles.clients.parsed import ParsedFeed, ParsedItem
from apps.articles.enums import ParserKind
from apps.articles.errors import FeedUnreadable

PAGE_LIMIT_BYTES = 1024 * 1024
_TITLE_BEGIN = re.compile(r"<title\b[^>]{0,500}>", re.IGNORECASE)
_TITLE_END = re.compile(r"</title", re.IGNORECASE)
_LONGEST_TITLE = 2000

Parser = Callable[..., ParsedFeed]


def parse(kind: str, body: bytes, *, content_type: str = "", url: str = "") -> ParsedFeed:
    """Raises FeedUnreadable when the bytes are not what the kind says."""
    parser = _PARSERS.get(kind, _parse_generic)
    return parser(body, content_type=content_type, base_url=url)


def _parse_feed(body: bytes, *, content_type: str, base_url: str) -> ParsedFeed:
    """Any feed: publishers move from XML to JSON without a word."""
    if looks_like_json(body):
        return parse_json_feed(body, content_type=content_type, base_url=base_url)
    return parse_xml_feed(body, content_type=content_type, base_url=base_url)


def _parse_generic(body: bytes, *, content_type: str, base_url: str) -> ParsedFeed:
    if looks_like_json(body) or looks_like_xml_feed(to_text(body[:8192], content_type)):
        return _parse_feed(body, content_type=content_type, base_url=base_url)
    return _parse_page(body, content_type=content_type, base_url=base_url)


def _parse_page(body: bytes, *, content_type: str, base_url: str) -> ParsedFeed:
    """A page is one item: its title, else its address."""
    if not body.strip() or not base_url or len(base_url) > URL_LENGTH:
        raise FeedUnreadable
    title = title_of(_title_in(to_text(body[:PAGE_LIMIT_BYTES], content_type)))
    return ParsedFeed(title, [ParsedItem(guid="", url=base_url, title=title or base_url[:255], summary="")])


def _title_in(page: str) -> str:
    """The first title of the page, when it ends anywhere near."""
    begin = _TITLE_BEGIN.search(page)
    if begin is None:
        return ""
    end = _TITLE_END.search(page, begin.end(), begin.end() + _LONGEST_TITLE)
    return page[begin.end() : end.start()] if end else ""


_PARSERS: dict[str, Parser] = {
    ParserKind.GENERIC: _parse_generic,
    ParserKind.FEED: _parse_feed,
    ParserKind.JSON_FEED: parse_json_feed,
    ParserKind.PAGE: _parse_page,
}
