"""Subscriptions out of an OPML file: every feed reader exports one."""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _
from lxml import etree

from apps.articles.clients.charset import to_text
from apps.articles.clients.cleaning import plain_text
from apps.core.errors import Invalid, worded

NAME_LENGTH = 128
MOST_SUBSCRIPTIONS = 5_000
# An ampersand that begins no reference XML knows: in titles ("AT&T") and in addresses ("?a=1&b=2").
_BARE_AMPERSAND = re.compile(r"&(?!(?:#[0-9]{1,7}|#x[0-9a-fA-F]{1,6}|amp|lt|gt|quot|apos);)")
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")


@dataclass(frozen=True, slots=True)
class Subscription:
    """``language`` as the file says it, in lower case; empty when it does not."""

    name: str
    url: str
    language: str


def subscriptions_in(document: bytes) -> list[Subscription]:
    """In the order of the file, folders opened.

    Raises Invalid for what is no OPML, for a damaged file and for one with too many: better none than some of them
    without a word.
    """
    tree = _tree(to_text(document))
    if etree.QName(tree).localname.lower() != "opml":
        raise Invalid(_("This is no OPML file."))
    found = [subscription for outline in tree.iter("{*}outline") if (subscription := _subscription(outline))]
    if len(found) > MOST_SUBSCRIPTIONS:
        too_many = worded(_("The file has more than %(limit)d subscriptions: split it."), limit=MOST_SUBSCRIPTIONS)
        raise Invalid(too_many)
    return found


def _subscription(outline: etree._Element) -> Subscription | None:
    attributes = {name.lower(): str(value) for name, value in outline.attrib.items()}
    url = attributes.get("xmlurl", "").strip()
    if not url:
        return None
    name = plain_text(attributes.get("title") or attributes.get("text") or url)
    return Subscription((name or url)[:NAME_LENGTH], url, attributes.get("language", "").lower())


def _tree(text: str) -> etree._Element:
    """Many readers forget to escape ampersands, which is mended here.  Everything else is the file's damage."""
    try:
        return _parsed(text)
    except (etree.XMLSyntaxError, ValueError):
        pass
    try:
        return _parsed(_BARE_AMPERSAND.sub("&amp;", _FORBIDDEN.sub("", text)))
    except (etree.XMLSyntaxError, ValueError) as error:
        if "<opml" not in text[:8192].lower():
            raise Invalid(_("This is no OPML file.")) from error
        line = getattr(error, "lineno", None) or 0
        raise Invalid(worded(_("This OPML file is damaged at line %(line)d."), line=line)) from error


def _parsed(text: str) -> etree._Element:
    """Folders may be as deep as 2000."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True)
    return etree.fromstring(text.encode("utf-8", "replace"), parser)
