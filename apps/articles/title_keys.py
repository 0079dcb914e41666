"""By which short texts a title is found: its words in one form of each letter, of Han and kana pairs of neighbours.

Pure functions.  ``title_keys`` is what a title is found by, ``asked_keys`` what a search asks for; a search of a
single Han letter finds only titles in which it stands alone.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

KEY_LENGTH = 32
MOST_ASKED = 6
_TOKEN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]+|[^\W_\u3040-\u30ff\u3400-\u9fff]+")
_PAIRED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]{2}")


def title_keys(title: str) -> frozenset[str]:
    return frozenset(key for token in _tokens(title) for key in _keys_of(token))


def asked_keys(text: str) -> list[str]:
    """Without doubles, in the order in which they were typed; a long text asks for its first words."""
    return list(dict.fromkeys(key for token in _tokens(text) for key in _keys_of(token)))[:MOST_ASKED]


def beginning_with(key: str) -> tuple[str, str] | None:
    """The range [from, to) of the keys that begin with this one; None where no order is the same on all databases:
    for all but letters a–z and digits."""
    kept = key.rstrip("z")
    if not key.isascii() or not kept:
        return None
    last = kept[-1]
    return key, kept[:-1] + ("a" if last == "9" else chr(ord(last) + 1))


def _tokens(text: str) -> list[str]:
    """Accents go: whoever searches for Prochazka means Procházka."""
    parts = unicodedata.normalize("NFKD", text).casefold()
    plain = "".join(letter for letter in parts if unicodedata.category(letter) not in {"Mn", "Cf"})
    return _TOKEN.findall(unicodedata.normalize("NFC", plain))


def _keys_of(token: str) -> list[str]:
    if len(token) > 1 and _PAIRED.match(token):
        return [f"{first}{second}" for first, second in pairwise(token)]
    return [token[:KEY_LENGTH]]
