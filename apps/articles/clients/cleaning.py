"""From what publishers write to what we may show.

Feeds are hostile input: a title may hold a script, a description a tracking pixel.  Titles and summaries become
plain text; HTML passes an allow-list without pictures, frames, styles and handlers (nh3).  Nothing here trusts the
parser to have cleaned anything.
"""

from __future__ import annotations

import html
import re
from functools import lru_cache
from typing import Any
from urllib.parse import urljoin, urlsplit

import nh3

TITLE_LENGTH = 255
SUMMARY_LENGTH = 600
URL_LENGTH = 512
ID_LENGTH = 512
# Longer texts, and those with more tags, are cut before cleaning: the time of an HTML parser grows with the square of
# the depth, and a hostile feed must not buy it.  Real pieces have some hundred tags (opening and closing ones).
HTML_INPUT_LENGTH = 50_000
MOST_TAGS = 1500
MOST_TAGS_OF_WORDS = 500
CONTENT_LENGTH = 50_000
_TITLE_FROM_TEXT_LENGTH = 80
# What publishers' programs print when they had nothing to say.
_PROGRAMS_NOTHING = frozenset({"null", "undefined", "None", "[object Object]"})

_ALLOWED_TAGS = {
    "a", "abbr", "b", "blockquote", "br", "code", "dd", "del", "div", "dl", "dt", "em", "h1", "h2", "h3", "h4", "h5",
    "h6", "hr", "i", "ins", "li", "ol", "p", "pre", "q", "s", "small", "span", "strong", "sub", "sup", "table",
    "tbody", "td", "tfoot", "th", "thead", "tr", "u", "ul",
}  # fmt: skip
_STRIPPER = nh3.Cleaner(
    tags=set(),
    clean_content_tags={"script", "style", "noscript", "template", "svg", "math", "object", "iframe"},
)
_BLOCK_END = re.compile(r"<(?:br|hr|/p|/div|/li|/h[1-6]|/tr|/td|/th|/blockquote|/dd|/dt|/pre)\b[^>]{0,200}>", re.I)
# What no database text column and no XML document may hold, and marks that turn the direction of writing.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff\u202a-\u202e\u2066-\u2069]")
_LOOKS_LIKE_MARKUP = re.compile(r"<[a-zA-Z/!?]|&[#a-zA-Z]")
# Text unwrapped this often without coming to rest is an attack, not a title.
_MAX_LAYERS = 4


def plain_text(value: str) -> str:
    """Words only: tags gone, entities resolved, white space folded; script and style with their content."""
    text = _FORBIDDEN.sub("", value[:HTML_INPUT_LENGTH])
    for _ in range(_MAX_LAYERS):
        if not _LOOKS_LIKE_MARKUP.search(text):
            break
        few = _bounded(text, MOST_TAGS_OF_WORDS)
        stripped = html.unescape(_STRIPPER.clean(_BLOCK_END.sub(" \\g<0>", few)))
        if stripped == text:
            break
        text = stripped
    else:
        text = text.replace("<", " ").replace(">", " ")
    return " ".join(_FORBIDDEN.sub("", text).split())


def clean_html(value: str, *, base: str = "") -> str:
    """Allowed mark-up only, links without referrer, no pictures: they are not ours to hot-link.

    Relative links are resolved against ``base``; without one they are dropped, for they would lead into our own site.
    """
    cleaner = _cleaner(base)
    cleaned = _passed(cleaner, _bounded(value[:HTML_INPUT_LENGTH], MOST_TAGS))
    if len(cleaned) > CONTENT_LENGTH:
        cleaned = _passed(cleaner, _bounded(cleaned[:CONTENT_LENGTH], MOST_TAGS))
    return cleaned


def _bounded(markup: str, most_tags: int) -> str:
    """Up to the last tag that is allowed; what is open there is closed by the cleaner."""
    parts = markup.split("<", most_tags + 1)
    return markup if len(parts) <= most_tags + 1 else "<".join(parts[:-1])


def _passed(cleaner: nh3.Cleaner, markup: str) -> str:
    cleaned = cleaner.clean(_FORBIDDEN.sub("", markup))
    if _FORBIDDEN.search(cleaned):
        # They came as character references, and without them an address may be another one: it is judged again.
        cleaned = cleaner.clean(_FORBIDDEN.sub("", cleaned))
    return cleaned.strip()


@lru_cache(maxsize=256)
def _cleaner(base: str) -> nh3.Cleaner:
    relative: Any = ("rewrite_with_base", base) if base else "deny"
    try:
        return nh3.Cleaner(
            tags=_ALLOWED_TAGS,
            clean_content_tags={"script", "style", "noscript", "template", "title", "svg", "math", "object", "iframe"},
            attributes={"a": {"href", "title"}, "td": {"colspan", "rowspan"}, "th": {"colspan", "rowspan"}},
            url_schemes={"http", "https", "mailto"},
            link_rel="noopener noreferrer nofollow",
            url_relative=relative,
        )
    except ValueError:
        # An address that only Python takes for one.
        return _cleaner("")


def plain_id(value: str) -> str:
    """An identifier as it came, without characters that no database takes."""
    return _FORBIDDEN.sub("", value).strip()[:ID_LENGTH]


def title_of(value: str, *, fallback_text: str = "") -> str:
    """A title of at most 255 characters; one is made from the text when the item has none."""
    title = plain_text(value)
    return shortened(title, TITLE_LENGTH) if title else shortened(fallback_text, _TITLE_FROM_TEXT_LENGTH)


def summary_of(value: str) -> str:
    text = plain_text(value)
    return "" if text in _PROGRAMS_NOTHING else shortened(text, SUMMARY_LENGTH)


def shortened(text: str, length: int) -> str:
    """Cut at a space where one is near, with an ellipsis, never longer than ``length`` characters."""
    if len(text) <= length:
        return text
    cut = text[: length - 1]
    space = cut.rfind(" ")
    if space > length * 0.8:
        cut = cut[:space]
    return cut.rstrip() + "…"


def web_url(value: str, *, base: str = "") -> str:
    """An absolute http(s) address, or empty.  Length is not limited here."""
    candidate = _FORBIDDEN.sub("", value).strip()
    if not candidate:
        return ""
    try:
        absolute = urljoin(base, candidate) if base else candidate
        parts = urlsplit(absolute)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.username is None
    except ValueError:
        return ""
    return absolute.replace(" ", "%20") if valid else ""


def media_url(value: str, *, base: str = "") -> str:
    """As ``web_url``, but empty when it does not fit its column: a piece is complete without its picture."""
    url = web_url(value, base=base)
    return url if len(url) <= URL_LENGTH else ""
