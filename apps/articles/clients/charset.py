"""Bytes of unknown encoding → UTF-8.

Declarations lie in both directions: bytes that are valid UTF-8 with non-ASCII letters *are* UTF-8 whatever the
declaration says; after that the byte order mark, the XML declaration and the HTTP header are believed in this order,
each only if the bytes agree; windows-1252 takes what is left.
"""

from __future__ import annotations

import codecs
import re

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# A declared subset is read as its superset: publishers mean the larger one.
_SUPERSETS = {
    "gb2312": "gb18030", "gbk": "gb18030", "iso8859-1": "cp1252", "ascii": "cp1252", "big5": "big5hkscs",
    "shift_jis": "cp932", "euc_kr": "cp949", "iso8859-9": "cp1254", "iso8859-11": "cp874",
}  # fmt: skip
# What publishers write in.  Python has codecs that are none of these: "undefined" fails always, "unicode_escape" and
# "punycode" make other words of the same bytes.
_CHARSETS = re.compile(
    r"utf-(7|8|8-sig|16|16-[lb]e|32|32-[lb]e)|cp\d+|iso8859-\d+|iso2022_\w+|koi8-\w|mac-\w+|gb\w+|hz|big5\w*|euc_\w+"
    r"|shift_jis\w*|johab|kz1048|ptcp154|tis-620|ascii|hp-roman8"
)
# Encodings that look like ASCII (or like nothing) until decoded.
_SEVEN_BIT = ("utf-16", "utf-32", "utf-7", "iso2022", "hz")
_DECLARATION = re.compile(rb"""^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._:-]{1,40})["']""")
_DECLARATION_TEXT = re.compile(r"""^(\s*<\?xml[^>]{0,200}?encoding\s*=\s*["'])[^"']{0,60}(["'])""")
_HEADER = re.compile(r"""charset\s*=\s*["']?([A-Za-z0-9._:-]{1,40})""", re.IGNORECASE)
_META = re.compile(rb"""<meta[^>]{0,300}?charset\s*=\s*["']?([A-Za-z0-9._:-]{1,40})""", re.IGNORECASE)


def to_text(body: bytes, content_type: str = "") -> str:
    """Decode; never fails.  The XML declaration of the result says utf-8."""
    text = _decoded(body, content_type).removeprefix("\ufeff")
    return _DECLARATION_TEXT.sub(r"\1utf-8\2", text, count=1)


def _decoded(body: bytes, content_type: str) -> str:
    for mark, name in _BYTE_ORDER_MARKS:
        if body.startswith(mark):
            return body[len(mark) :].decode(name, "replace")
    declared = _declared(body, content_type)
    candidates = [name for name in declared if name.startswith(_SEVEN_BIT) and _plausible(name, body)]
    candidates += [*_utf16_without_mark(body), "utf-8", *declared]
    for name in candidates:
        try:
            return body.decode(name)
        except (UnicodeError, LookupError):
            continue
    if declared and declared[0] not in {"utf-8", "cp1252"}:
        # Nearly right: a few bad bytes do not make gb18030 into windows-1252.
        return body.decode(declared[0], "replace")
    if _mostly_utf8(body):
        return body.decode("utf-8", "replace")
    return body.decode("cp1252", "replace")


def _declared(body: bytes, content_type: str) -> list[str]:
    head = body[:2048]
    found = [match.group(1).decode() for match in (_DECLARATION.search(head), _META.search(head)) if match]
    header = _HEADER.search(content_type)
    if header:
        found.append(header.group(1))
    return [name for name in map(_normal_name, found) if name]


def _normal_name(name: str) -> str:
    try:
        normal = codecs.lookup(name)
    except LookupError:
        return ""
    return _SUPERSETS.get(normal.name, normal.name) if _CHARSETS.fullmatch(normal.name) else ""


def _plausible(name: str, body: bytes) -> bool:
    """UTF-16 and UTF-32 have zero bytes, the escaping encodings have none and stay below 128."""
    if name.startswith(("utf-16", "utf-32")):
        return b"\x00" in body[:64]
    return body.isascii()


def _utf16_without_mark(body: bytes) -> list[str]:
    if body[:2] == b"<\x00":
        return ["utf-16-le"]
    if body[:2] == b"\x00<":
        return ["utf-16-be"]
    return []


def _mostly_utf8(body: bytes) -> bool:
    """A UTF-8 document with a few torn characters (cut descriptions) is still UTF-8."""
    text = body.decode("utf-8", "replace")
    return text.count("\ufffd") * 20 < sum(character > "\x7f" for character in text)
