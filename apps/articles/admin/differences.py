"""Two texts side by side in one: what went is struck, what came is marked."""

from __future__ import annotations

import difflib
import re

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

# Words of alphabets, single characters of everything else (Chinese has no spaces), runs of white space.
_TOKEN = re.compile(r"[A-Za-z0-9\u00c0-\u024f\u0400-\u04ff']+|\s+|.", re.DOTALL)
# Beyond this the comparison costs more than it tells.
_MOST_TOKENS = 4000


def difference(before: str, after: str) -> SafeString:
    """``after`` with what was removed from ``before`` and added to it marked; everything escaped."""
    old, new = _TOKEN.findall(before), _TOKEN.findall(after)
    if len(old) + len(new) > _MOST_TOKENS:
        return format_html("{}{}", _part("removed", before), _part("added", after))
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    parts: list[tuple[SafeString]] = []
    for tag, i, j, k, m in matcher.get_opcodes():
        if tag == "equal":
            parts.append((format_html("{}", "".join(old[i:j])),))
            continue
        parts += [(_part("removed", "".join(old[i:j])),), (_part("added", "".join(new[k:m])),)]
    return format_html_join("", "{}", parts)


def _part(kind: str, text: str) -> SafeString:
    if not text:
        return SafeString("")
    if kind == "removed":
        return format_html('<del class="bjz-removed">{}</del>', text)
    return format_html('<ins class="bjz-added">{}</ins>', text)
