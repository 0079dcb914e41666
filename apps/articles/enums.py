"""Names of the articles app that others may depend on."""

from __future__ import annotations

import enum


class ParserKind(enum.StrEnum):
    """How an answer of a source is read.  An unknown kind is read as ``generic`` (D-7)."""

    GENERIC = "generic"
    FEED = "feed"
    JSON_FEED = "json_feed"
    PAGE = "page"


class IdentityPolicy(enum.StrEnum):
    """What makes two items of one source the same piece, chosen from what its feed shows.

    ``url``: the address without tracking parameters and fragment.  ``url_fragment``: several posts share one page
    and only the fragment tells them apart.  ``id`` and ``title``: many items share one page.  Items without an address
    fall back to id, title + time, content.
    """

    URL = "url"
    URL_FRAGMENT = "url_fragment"
    ID = "id"
    TITLE = "title"
