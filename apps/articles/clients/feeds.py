"""RSS, Atom and RDF from bytes.

The fast parser (fastfeedparser, lxml) comes first for every well-formed document.  What is not well-formed goes to
feedparser, which reads almost anything at a twentieth of the speed: the fast one would drop ampersands and torn items
in silence.  Each stands in where the other finds nothing.  Neither is trusted to clean, and neither ever sees an
address it could open.
"""

from __future__ import annotations

import calendar
import io
import re
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import fastfeedparser
import feedparser
from billiard.exceptions import SoftTimeLimitExceeded
from lxml import etree

from apps.articles.clients.charset import to_text
from apps.articles.clients.cleaning import clean_html, media_url, plain_id, plain_text, summary_of, title_of, web_url
from apps.articles.clients.parsed import ParsedFeed, ParsedItem, Unusable
from apps.articles.errors import FeedUnreadable

# More items than any real feed has; what is beyond is left and said.
MAX_ITEMS = 2000
# Far more than any real feed takes, less than the poll has.
SECONDS_FOR_ITEMS = 45.0
SAMPLE_LENGTH = 500
_FEED_ROOT = re.compile(r"<(?:[A-Za-z0-9]+:)?(?:rss|feed|rdf)\b", re.IGNORECASE)
_DATE_ELEMENTS = frozenset({"pubdate", "published", "issued", "date", "updated", "modified", "created"})
# The end of a task's time and of the machine's memory are no faults of a feed.
_OURS = (SoftTimeLimitExceeded, MemoryError)
_PAGE_TYPES = frozenset({"", "text/html", "application/xhtml+xml"})
# How near an item's link leads to its page.
_OWN, _PAGE, _OTHER_FORMAT, _SELF, _ELSEWHERE = range(5)
_DIGITS = re.compile(r"\d+")
_PARTS_OF_A_DATE = 3
_EARLIEST_YEAR = 1970
_LATEST_YEAR = 2200


def looks_like_xml_feed(text: str) -> bool:
    return bool(_FEED_ROOT.search(text[:8192]))


def parse_xml_feed(body: bytes, *, content_type: str = "", base_url: str = "") -> ParsedFeed:
    """Raises FeedUnreadable when both parsers find neither a feed nor an item."""
    text = to_text(body, content_type)
    document = text.encode("utf-8", "replace")
    tree = _well_formed(document)
    title, entries = ("", []) if tree is None else _read_fast(document, tree)
    if not entries:
        title, entries = _read_tolerant(document)
    if not entries and tree is None:
        title, entries = _read_fast(document, None)
    if not entries and not looks_like_xml_feed(text):
        raise FeedUnreadable
    return collect(title, entries[: MAX_ITEMS + 1], lambda entry: _item(entry, base_url))


def collect(title: str, entries: list[Any], read: Callable[[Any], ParsedItem]) -> ParsedFeed:
    """Read each entry by itself, so that a bad one harms only itself.  What does not fit into the time is left."""
    items: list[ParsedItem] = []
    unusable: list[Unusable] = []
    until = time.monotonic() + SECONDS_FOR_ITEMS
    for position, entry in enumerate(entries[:MAX_ITEMS]):
        if time.monotonic() > until:
            unusable.append(Unusable(position, "the items before took too long to clean, the rest was left"))
            break
        try:
            items.append(_checked(read(entry)))
        except (ValueError, TypeError, AttributeError, KeyError, IndexError, OverflowError, RecursionError) as error:
            reason = str(error) or type(error).__name__
            unusable.append(Unusable(position, reason[:500], plain_text(repr(entry))[:SAMPLE_LENGTH]))
    if len(entries) > MAX_ITEMS:
        unusable.append(Unusable(MAX_ITEMS, f"more than {MAX_ITEMS} items, the rest was left"))
    return ParsedFeed(title=plain_text(title)[:255], items=items, unusable=unusable)


def _checked(item: ParsedItem) -> ParsedItem:
    if not item.title:
        raise ValueError("an item without words")
    return item


def _well_formed(document: bytes) -> etree._Element | None:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        return etree.fromstring(document.lstrip(), parser)
    except (etree.XMLSyntaxError, ValueError):
        return None


def _read_fast(document: bytes, tree: etree._Element | None) -> tuple[str, list[Any]]:
    try:
        feed = fastfeedparser.parse(document, include_tags=False)
        title, entries = str(feed["feed"].get("title") or ""), list(feed["entries"])
    except _OURS:
        raise
    except Exception:  # noqa: BLE001  # a foreign parser on hostile input; the tolerant one has the last word
        return "", []
    if tree is not None:
        _amend(entries, tree, has_bases=b"xml:base" in document)
    return title, entries


def _amend(entries: list[Any], tree: etree._Element, *, has_bases: bool) -> None:
    """What fastfeedparser gets wrong, from the tree.

    It reads a date out of any guid when an item has none (guid 1 is the first of this month), takes the first of an
    Atom entry's links whatever it leads to, and knows no xml:base.
    """
    elements = list(tree.iter("{*}item", "{*}entry"))
    if len(elements) != len(entries):
        return
    for entry, element in zip(entries, elements, strict=True):
        children = [(_local_name(child.tag), child) for child in element if isinstance(child.tag, str)]
        if not any(name in _DATE_ELEMENTS and _looks_like_a_date(child) for name, child in children):
            entry.pop("published", None)
            entry.pop("updated", None)
        _amend_link(entry, element, [child for name, child in children if name == "link"])
        if has_bases:
            entry["xml_base"] = _text(next((child for name, child in children if name == "content"), element).base)


def _local_name(tag: str) -> str:
    return tag.rpartition("}")[2].lower()


def _looks_like_a_date(child: etree._Element) -> bool:
    return len(_DIGITS.findall(child.text or "")) >= _PARTS_OF_A_DATE


def _amend_link(entry: dict[str, Any], element: etree._Element, links: list[etree._Element]) -> None:
    """The address of the page: the item's own link as text, else an alternate, a page before another format."""
    ranked = [found for link in links if (found := _ranked(link, element))]
    if not ranked:
        return
    rank, address = min(ranked, key=lambda found: found[0])
    if rank < _SELF:
        entry["link"] = address
    elif entry.get("link") in {link.get("href", "").strip() for link in links}:
        # Comments, an enclosure or the entry itself: the id may be better.
        del entry["link"]
        entry["self_link"] = address if rank == _SELF else ""


def _ranked(link: etree._Element, element: etree._Element) -> tuple[int, str] | None:
    """The lower the better; None for a link that leads nowhere."""
    address = (link.get("href") or "").strip()
    if not address:
        text = (link.text or "").strip()
        return (_OWN, text) if text and link.tag.rpartition("}")[0] == element.tag.rpartition("}")[0] else None
    if link.base:
        address = web_url(address, base=link.base) or address
    relation = (link.get("rel") or "alternate").strip().lower().rpartition("/")[2]
    if relation == "alternate":
        is_page = (link.get("type") or "").strip().lower() in _PAGE_TYPES
        return (_PAGE if is_page else _OTHER_FORMAT), address
    return (_SELF if relation == "self" else _ELSEWHERE), address


def _read_tolerant(document: bytes) -> tuple[str, list[Any]]:
    try:
        # As a file: bytes it would take for the name of one of ours, and read that.
        feed = feedparser.parse(io.BytesIO(document), resolve_relative_uris=False, sanitize_html=False)
        return str(feed.get("feed", {}).get("title") or ""), list(feed.get("entries") or [])
    except _OURS:
        raise
    except Exception:  # noqa: BLE001  # a foreign parser on hostile input
        return "", []


def _item(entry: Mapping[str, Any], feed_url: str) -> ParsedItem:
    base_url = web_url(_text(entry.get("xml_base")), base=feed_url) or feed_url
    markup = _markup(entry)
    summary = summary_of(_text(entry.get("summary") or entry.get("description")) or markup)
    guid = plain_id(_text(entry.get("id") or entry.get("guid")))
    content = clean_html(markup, base=base_url)
    return ParsedItem(
        guid=guid,
        url=web_url(_link(entry) or _address(guid) or _text(entry.get("self_link")), base=base_url),
        title=title_of(_text(entry.get("title")), fallback_text=summary or plain_text(content)),
        summary=summary,
        content=content,
        published_at=_date(entry),
        author=plain_text(_text(entry.get("author")))[:150],
        cover_url=media_url(_cover(entry), base=base_url),
        video_url=media_url(_video(entry), base=base_url),
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _markup(entry: Mapping[str, Any]) -> str:
    """The longest of the texts an entry carries."""
    texts = [_text(entry.get("summary")), _text(entry.get("description"))]
    contents = entry.get("content")
    if isinstance(contents, list):
        texts += [_text(part.get("value")) for part in contents if isinstance(part, Mapping)]
    return max(texts, key=len)


def _link(entry: Mapping[str, Any]) -> str:
    link = _text(entry.get("link"))
    if link:
        return link
    for candidate in _mappings(entry.get("links")):
        if candidate.get("rel") in {None, "alternate"} and _text(candidate.get("href")):
            return _text(candidate.get("href"))
    return ""


def _address(guid: str) -> str:
    return guid if guid.startswith(("http://", "https://")) else ""


def _date(entry: Mapping[str, Any]) -> datetime | None:
    """fastfeedparser hands on RFC 3339 in UTC, feedparser a parsed time in UTC beside the feed's own words."""
    for name in ("published", "updated"):
        parsed = entry.get(f"{name}_parsed")
        moment = _from_struct(parsed) if parsed else utc(_text(entry.get(name)))
        if moment is not None:
            return moment
    return None


def _cover(entry: Mapping[str, Any]) -> str:
    for candidate in _mappings(entry.get("media_thumbnail")):
        return _text(candidate.get("url"))
    return _medium(entry, "image") or _text(entry.get("image"))


def _video(entry: Mapping[str, Any]) -> str:
    return _medium(entry, "video")


def _medium(entry: Mapping[str, Any], kind: str) -> str:
    candidates = [*_mappings(entry.get("media_content")), *_mappings(entry.get("enclosures"))]
    for candidate in candidates:
        if candidate.get("medium") == kind or _text(candidate.get("type")).startswith(f"{kind}/"):
            return _text(candidate.get("url") or candidate.get("href"))
    return ""


def _mappings(value: Any) -> Iterable[Mapping[str, Any]]:
    return [part for part in value if isinstance(part, Mapping)] if isinstance(value, list) else []


def utc(value: str) -> datetime | None:
    """A time in UTC, or None for what is no time or out of any reasonable range.  No zone means UTC."""
    text = value.strip()
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text) if text[:4].isdigit() else parsedate_to_datetime(text)
        return _in_range(moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC))
    except (ValueError, TypeError, OverflowError):
        return None


def _from_struct(parsed: time.struct_time) -> datetime | None:
    try:
        return _in_range(datetime.fromtimestamp(calendar.timegm(parsed), tz=UTC))
    except (ValueError, TypeError, OverflowError, OSError):
        return None


def _in_range(moment: datetime) -> datetime | None:
    return moment if _EARLIEST_YEAR <= moment.year <= _LATEST_YEAR else None
