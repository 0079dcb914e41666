"""Which items are the same piece.

Identifiers that publishers hand out can't be trusted (the BBC appends a counter that changes from poll to poll), so
the address without tracking parameters and fragment comes first; then the id without its counter, then the words, with
the time where there is a title only.  An address is compared across all sources, everything else within one source.

Exceptions are learned from a feed itself (``policy_seen_in``): a feed whose items differ by nothing but the fragment
keeps the fragment; one whose items share a page goes by their ids, else by title and time.  An address that only
wraps another one is unwrapped.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from urllib.parse import SplitResult, parse_qsl, unquote, unquote_to_bytes, urlencode, urlsplit, urlunsplit

from apps.articles.enums import IdentityPolicy

TRACKING_PREFIXES = ("utm_", "mtm_", "hsa_", "oly_", "vero_", "_hs")
TRACKING_NAMES = frozenset(
    {
        "fbclid", "gclid", "dclid", "gbraid", "wbraid", "msclkid", "yclid", "twclid", "igshid", "igsh", "mkt_tok",
        "cmpid", "cmp", "ftag", "ncid", "ocid", "icid", "sr_share", "spm", "wkey", "_ga", "_gl", "s_cid",
        "guccounter", "guce_referrer", "guce_referrer_sig", "ref_src", "ref_url", "rss", "chksm", "amp",
        "at_medium", "at_campaign", "at_custom1", "at_custom2", "at_custom3", "at_custom4", "at_link_id",
        "at_link_type", "at_link_origin", "at_ptr_name", "at_format", "at_bbc_team", "at_campaign_type", "mc_cid",
        "mc_eid", "pk_campaign", "pk_kwd", "pk_source", "pk_medium", "pk_content", "ns_mchannel", "ns_source",
        "ns_campaign", "ns_linkname",
        "ns_fee", "ns_mail_uid", "phpsessid", "jsessionid", "aspsessionid",
    }
)  # fmt: skip
# ``ref`` and ``source`` may be part of an address; with these values they only tell where the reader came from.
_ORIGINS = frozenset({"rss", "feed", "feedburner", "atom", "twitter", "facebook"})
# Pages that exist only to lead elsewhere: host suffix and path → parameter that holds the real address.
_WRAPPERS = ((re.compile(r"(^|\.)google\.[a-z.]+$"), "/url", ("url", "q")),)
# So many different headlines on one page are items of their own and not edits of one.
HEADLINES_OF_A_SHARED_PAGE = 3
_DEFAULT_PORTS = {"http": 80, "https": 443}
_TRAILING_COUNTER = re.compile(r"#\d+$")
_UUID = re.compile(r"[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}", re.IGNORECASE)
_SESSION_IN_PATH = re.compile(r";(?:jsessionid|phpsessid|sid)=[^/;?#]*", re.IGNORECASE)
_ESCAPES = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
# Escaped or not, they mean different things.
_RESERVED = re.compile("[\x00-\x20/?#\\[\\]@!$&'()*+,;=%\x7f]")
# The same page for another device.
_DEVICE_HOSTS = ("www.", "m.", "amp.", "mobile.", "wap.")
_AMP_ENDING = re.compile(r"/amp/?$", re.IGNORECASE)


@lru_cache(maxsize=4096)
def canonical_url(url: str, *, keep_fragment: bool = False) -> str:
    """The address as readers follow it: as it was received, but for tracking and the spelling of the host.

    Returns an empty string for what is no web address.
    """
    parts = _parts(url)
    if parts is None:
        return ""
    query = "&".join(pair for pair in parts.query.split("&") if not _tracks(pair))
    path = _SESSION_IN_PATH.sub("", parts.path) or "/"
    return urlunsplit((parts.scheme, parts.netloc, path, query, parts.fragment if keep_fragment else ""))


@lru_cache(maxsize=4096)
def address_key(url: str, *, keep_fragment: bool = False) -> str:
    """What the addresses of one page have in common; empty for what is no web address.

    http and https, with and without the last slash, for a telephone or a desk, parameters in any order, letters
    escaped or not, all serve the same page.  What an escape hides is compared byte by byte where it is no UTF-8.
    """
    parts = _parts(canonical_url(url, keep_fragment=keep_fragment))
    if parts is None:
        return ""
    host = parts.netloc
    for prefix in _DEVICE_HOSTS:
        if host.startswith(prefix) and "." in host.removeprefix(prefix):
            host = host.removeprefix(prefix)
            break
    path = _AMP_ENDING.sub("", _decoded(parts.path)).rstrip("/")
    pairs = [_decoded(pair).replace("%20", "+") for pair in parts.query.split("&") if pair]
    query = "&".join(
        sorted((pair if "=" in pair else f"{pair}=" for pair in pairs), key=lambda pair: pair.partition("="))
    )
    key = f"{host}{path}?{query}" if query else f"{host}{path}"
    return f"{key}#{_decoded(parts.fragment)}" if parts.fragment else key


@lru_cache(maxsize=4096)
def _parts(url: str) -> SplitResult | None:
    """With the host in lower case and in ASCII, and without a port that goes without saying."""
    try:
        parts = urlsplit(unwrapped(url.strip()))
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return None
    if parts.scheme not in _DEFAULT_PORTS or not host:
        return None
    if not host.isascii():
        try:
            host = host.encode("idna").decode()
        except UnicodeError:
            return None
    if ":" in host:
        host = f"[{host}]"
    if port is not None and port != _DEFAULT_PORTS[parts.scheme]:
        host = f"{host}:{port}"
    return parts._replace(netloc=host)


def _decoded(text: str) -> str:
    """Escapes of letters as the letters; those of what would mean something else, or is no UTF-8, in one spelling."""

    def plain(found: re.Match[str]) -> str:
        try:
            letters = unquote_to_bytes(found.group()).decode()
        except UnicodeDecodeError:
            return found.group().upper()
        return _RESERVED.sub(lambda letter: f"%{ord(letter.group()):02X}", letters)

    return _ESCAPES.sub(plain, text)


def unwrapped(url: str) -> str:
    """The address that a redirect page carries in its parameters (Google Alerts), else the address itself."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    for host_pattern, path, names in _WRAPPERS:
        if parts.path == path and host_pattern.search(host):
            inner = dict(parse_qsl(parts.query))
            for name in names:
                if inner.get(name, "").startswith(("http://", "https://")):
                    return inner[name]
    return url


def host_of(url: str) -> str:
    """The server of an address, in lower case."""
    try:
        return (urlsplit(url).hostname or "").lower().rstrip(".")
    except ValueError:
        return ""


def stable_id(guid: str) -> str:
    """The publisher's id without the counter that some append."""
    return _TRAILING_COUNTER.sub("", guid.strip())


def folded(text: str) -> str:
    """For comparing words: one form of each letter, no case, single spaces."""
    return " ".join(unicodedata.normalize("NFKC", text).split()).casefold()


def text_hash(text: str) -> str:
    """Equal for texts that a reader would call equal."""
    return _sha256(folded(text))


def words_hash(title: str, summary: str) -> str:
    """Equal for wordings of a piece that a reader would call equal."""
    return text_hash(f"{title}\n{summary}")


def id_hash(source_id: int, guid: str) -> str:
    """Key of a publisher's id within its source."""
    return _sha256(f"id:{source_id}:{stable_id(guid)}")


def is_strong_id(guid: str) -> bool:
    """An id that no other item can have by chance: an address, a tag, an urn, a UUID; not a number or a word."""
    return guid.startswith(("http://", "https://", "tag:", "urn:")) or bool(_UUID.fullmatch(guid))


def url_hash(url: str) -> str:
    """Key of a source's address: as typed, but for tracking, the order of parameters and the spelling of the host."""
    parts = _parts(url)
    if parts is None:
        return _sha256(url.strip())
    query = urlencode(
        sorted(pair for pair in parse_qsl(parts.query, keep_blank_values=True) if not _tracks("=".join(pair)))
    )
    return _sha256(urlunsplit((parts.scheme, parts.netloc, parts.path or "/", query, parts.fragment)))


def policy_seen_in(items: Iterable[tuple[str, str, str]]) -> IdentityPolicy | None:
    """What the address, words and id of one answer's items show about telling them apart; None for nothing special.

    ``URL_FRAGMENT`` when nothing but the fragment differs between items of one page; a bare number as fragment is a
    publisher's counter and no evidence.  ``ID`` when many different headlines share a page and each has an id of its
    own (every item leads to the front page), ``TITLE`` when they have none.  An edited headline makes two of a page,
    so two are no evidence.
    """
    fragments: dict[str, dict[str, str]] = {}
    pages: dict[str, dict[str, str]] = {}
    for url, words, guid in items:
        page, fragment = address_key(url), address_key(url, keep_fragment=True).partition("#")[2]
        if not page:
            continue
        pages.setdefault(page, {}).setdefault(folded(words), stable_id(guid))
        if fragment and not fragment.isdigit():
            fragments.setdefault(page, {}).setdefault(fragment, folded(words))
    if any(len(set(seen.values())) > 1 for seen in fragments.values()):
        return IdentityPolicy.URL_FRAGMENT
    shared = [seen for seen in pages.values() if len(seen) >= HEADLINES_OF_A_SHARED_PAGE]
    if not shared:
        return None
    has_ids = all(len(set(seen.values()) - {""}) == len(seen) for seen in shared)
    return IdentityPolicy.ID if has_ids else IdentityPolicy.TITLE


def identity_hash(
    *,
    source_id: int,
    policy: IdentityPolicy,
    url: str,
    guid: str,
    title: str,
    published_at: datetime | None,
    text: str,
) -> str:
    """SHA-256 of what makes this item one piece, as hexadecimal digits."""
    if policy == IdentityPolicy.ID and guid:
        return id_hash(source_id, guid)
    if policy == IdentityPolicy.TITLE and title:
        return _sha256(f"title:{source_id}:{folded(title)}|{published_at.isoformat() if published_at else ''}")
    address = address_key(url, keep_fragment=policy == IdentityPolicy.URL_FRAGMENT)
    if address:
        return _sha256(f"url:{address}")
    if guid:
        return id_hash(source_id, guid)
    if title and published_at is not None and not text:
        return _sha256(f"title:{source_id}:{folded(title)}|{published_at.isoformat()}")
    # Words rather than the time, which some publishers move with every answer.
    return _sha256(f"text:{source_id}:{folded(title)}|{folded(text)}")


def _tracks(pair: str) -> bool:
    """Whether ``name=value`` of a query tells only who the reader is or where they came from."""
    name, _, value = pair.partition("=")
    name = unquote(name).lower()
    if name in {"ref", "source"}:
        return value.lower() in _ORIGINS
    return name in TRACKING_NAMES or name.startswith(TRACKING_PREFIXES)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
