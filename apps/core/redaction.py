"""Taking secrets out of what is kept: access log, audit, application log use this one module.

``redact(value)`` for Python values, ``redact_text(text)`` for bodies and anything that is only text: parsable or not,
whole or cut off in the middle.  Replacement is total; nothing of a secret is shown.

Two ways to be secret: by name (a key such as ``password``, ``access_token``, ``X-Api-Key``, in any spelling; its whole
value goes, however nested) and by form (JWT, Bearer, PEM key, payment card, cloud keys, passwords and tokens in
URLs).  Not promised: a secret under an innocent name and without a known form.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_plus

HIDDEN = "[redacted]"
# Deeper structures than this are replaced as a whole.
DEEPEST = 32

# --- by name ------------------------------------------------------------------------------------------------------
# Parts of a key after case and separators are gone: "X-Api-Key", "apiKey" and "API_KEY" are all "apikey".
_PARTS = (
    "password", "passwd", "passphrase", "passcode", "secret", "token", "apikey", "accesskey", "privatekey",
    "signingkey", "encryptionkey", "authorization", "cookie", "sessionid", "sessionkey", "credential", "cardnumber",
    "creditcard", "bankcard", "cardno", "idcard", "idnumber", "nationalid", "csrf", "otpcode", "pincode", "authheader",
)  # fmt: skip
# Too short to be looked for inside other words: the last word of a key.
_LAST_WORDS = frozenset({"pwd", "otp", "pin", "cvv", "cvc", "jwt", "pass", "auth", "session", "totp", "ssn"})
# Contain one of the above and are harmless.
_HARMLESS = frozenset({"tokentype", "tokenuse", "csrftrustedorigins"})

_SEPARATORS = re.compile(r"[^0-9a-z]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """True when a value under this key must not be kept."""
    words = [word for word in _SEPARATORS.split(_CAMEL.sub(" ", name).lower()) if word]
    joined = "".join(words)
    if joined in _HARMLESS:
        return False
    return any(part in joined for part in _PARTS) or (bool(words) and words[-1] in _LAST_WORDS)


def redact(value: Any, *, depth: int = 0) -> Any:
    """A copy without secrets.  Mappings and sequences keep their form; other objects are returned as they are."""
    if isinstance(value, str):
        return redact_text(value) if value[:1] in ("{", "[") else redact_values(value)
    if isinstance(value, Mapping | list | tuple | set | frozenset) and depth >= DEEPEST:
        return HIDDEN
    if isinstance(value, Mapping):
        return {
            key: HIDDEN if isinstance(key, str) and is_secret_name(key) else redact(inner, depth=depth + 1)
            for key, inner in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(inner, depth=depth + 1) for inner in value]
    return value


# Small letters, no blanks, dashes and underscores: one pass that lets most texts through without an expression.
_FOLD = bytes(code + 32 if 65 <= code <= 90 else code for code in range(256))


def _folded(text: str) -> bytes:
    return text.encode("utf-8", "replace").translate(_FOLD, b"_- ")


# --- by form ------------------------------------------------------------------------------------------------------
# What the folded text must contain to be worth the expression, the expression, and what to put there.
_FORMS: tuple[tuple[bytes, re.Pattern[str], str], ...] = (
    (b"eyj", re.compile(r"eyJ[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*){0,4}"), HIDDEN),
    (b"bearer", re.compile(r"(bearer )\s*[^\s\"',;\\]+", re.IGNORECASE), rf"\1{HIDDEN}"),
    (b"basic", re.compile(r"(basic )[A-Za-z0-9+/=]{6,}", re.IGNORECASE), rf"\1{HIDDEN}"),
    (
        b"privatekey",
        re.compile(r"-----BEGIN[A-Z ]*PRIVATE KEY-----.*?(?:-----END[A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
        HIDDEN,
    ),
    (b"akia", re.compile(r"AKIA[0-9A-Z]{12,}"), HIDDEN),
    (b"asia", re.compile(r"ASIA[0-9A-Z]{16}"), HIDDEN),
    (b"aiza", re.compile(r"AIza[0-9A-Za-z_-]{20,}"), HIDDEN),
    (b"ltai", re.compile(r"LTAI[0-9A-Za-z]{12,}"), HIDDEN),
    (b"gh", re.compile(r"gh[pousr]_[0-9A-Za-z]{16,}"), HIDDEN),
    (b"sk", re.compile(r"sk[-_](?:(?:live|test|proj)[-_])?[0-9A-Za-z_-]{20,}"), HIDDEN),
    (b"xox", re.compile(r"xox[abprs]-[0-9A-Za-z-]{8,}"), HIDDEN),
    (b"://", re.compile(r"://[^\s/:@\"'<>\\]*:[^\s/@\"'<>\\]+@"), f"://{HIDDEN}@"),
)
# Payment cards begin with 2 to 6 and have 14 to 19 digits; times in milliseconds and SIM card ids (89…) don't.
_CARD = re.compile(r"(?<![0-9A-Za-z.:-])[2-6](?:[ -]?[0-9]){13,18}(?![0-9A-Za-z:-])", re.ASCII)
_LEAST_DIGITS = 14
_URL_PARAMETER = re.compile(r"([?&][\w.%\[\]-]{2,60}=)([^&#\s\"'<>\\]+)")
_DIGITS_TO_ZERO = bytes(48 if 48 <= code <= 57 else 32 for code in range(256))
_DIGIT_RUN = b"0" * _LEAST_DIGITS


def redact_values(text: str) -> str:
    """The text without secrets that are known by their form."""
    return _hide_forms(text, _folded(text))


def _hide_forms(text: str, folded: bytes) -> str:
    for mark, form, replacement in _FORMS:
        if mark in folded:
            text = form.sub(replacement, text)
    # A cheap look before the expression: enough digits in a row, blanks and dashes not counted.
    if _DIGIT_RUN in folded.translate(_DIGITS_TO_ZERO):
        text = _CARD.sub(_hide_card, text)
    if "=" in text and ("?" in text or "&" in text):
        text = _URL_PARAMETER.sub(_hide_parameter, text)
    return text


def _hide_card(match: re.Match[str]) -> str:
    digits = [int(character) for character in match[0] if character.isdigit()]
    return HIDDEN if _passes_luhn(digits) else match[0]


def _passes_luhn(digits: list[int]) -> bool:
    doubled = [value * 2 - 9 * (value > 4) for value in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _hide_parameter(match: re.Match[str]) -> str:
    return f"{match[1]}{HIDDEN}" if is_secret_name(unquote_plus(match[1][1:-1])) else match[0]


# --- text ---------------------------------------------------------------------------------------------------------
# Any of these may be (part of) a secret key; what stands around it is looked at by hand, so that a long word without
# separators costs nothing more.
_WORD = re.compile(
    "pass|pwd|pin|otp|cvv|cvc|jwt|auth|session|ssn|secret|token|key|cookie|credential|card|csrf"
    "|id[ _-]?number|national[ _-]?id|%[4-7][0-9a-f]|\\\\u00[4-7][0-9a-f]",
    re.IGNORECASE | re.ASCII,
)
_LONGEST_KEY = 80
_KEY_LEFT = re.compile(r"[\w.%\\-]*\Z")
_KEY_RIGHT = re.compile(r"[\w.%-]*(?:\\u00[4-7][0-9a-fA-F][\w.%-]*)*\]?")
_AFTER_KEY = re.compile(r"(\\*[\"'])?\s{0,20}(:|=>?)\s{0,20}")
_QUOTE = re.compile(r"(\\*)([\"'])")
_BRACKET = re.compile(r"[\[\]{}]|\\*\"")
_PART_HEADERS = re.compile(r"\"?[^\r\n]{0,300}(?:\r?\n[^\r\n]{1,300}){0,8}\r?\n\r?\n")
_TAG_START = re.compile("<")
_PART_END = re.compile(r"\r?\n--")
_VALUE_ATTRIBUTE = re.compile(r"(\bvalue\s*=\s*)(\"[^\"]*\"?|'[^']*'?|[^\s>]+)", re.IGNORECASE)
# Where a value without quotes ends: after a quoted key (JSON), after "=" (forms), after ":" (headers).
_BARE_END_JSON = re.compile(r"[,}\]\r\n]")
_BARE_END_FORM = re.compile(r"[&\r\n;\s]")
_BARE_END_LINE = re.compile(r"[\r\n]")

# The first look.  A needle that contains another one is not needed.
_NEEDLES = (*(p.encode() for p in _PARTS if not any(q in p for q in _PARTS if q != p)), b"\\u00")
_SHORT_NEEDLES = tuple(word.encode() for word in _LAST_WORDS)
_SHORT_KEY = re.compile(rb"(?:" + b"|".join(sorted(_SHORT_NEEDLES)) + rb")[\"':=>\\\]]")
_PERCENT_LETTER = re.compile(rb"%[4-7][0-9a-f]")


def redact_text(text: str) -> str:
    """The text without secrets by name or by form.  Needs no valid syntax: JSON, forms, headers, XML, halves of them.

    A value is hidden up to its own end; where that end is cut off, up to the end of the text.
    """
    folded = _folded(text)
    if _names_something(folded):
        text = _hide_named(text)
    return _hide_forms(text, folded)


def _names_something(folded: bytes) -> bool:
    """Cheap: most texts name no secret and are passed on as they are."""
    if any(needle in folded for needle in _NEEDLES):
        return True
    if any(word in folded for word in _SHORT_NEEDLES) and _SHORT_KEY.search(folded):
        return True
    return b"%" in folded and _PERCENT_LETTER.search(folded) is not None


def _hide_named(text: str) -> str:
    pieces: list[str] = []
    done = looked = 0
    for match in _WORD.finditer(text):
        if match.start() < max(done, looked):
            continue
        start, end = _key_span(text, match)
        looked = end
        if start >= done and is_secret_name(_plain_key(text[start:end])):
            span = _value_span(text, start, end)
            if span is not None and span[0] >= done:
                pieces += [text[done : span[0]], span[2]]
                done = span[1]
    pieces.append(text[done:])
    return "".join(pieces)


def _key_span(text: str, word: re.Match[str]) -> tuple[int, int]:
    left = _KEY_LEFT.search(text, max(0, word.start() - _LONGEST_KEY), word.start())
    right = _KEY_RIGHT.match(text, word.end(), word.end() + _LONGEST_KEY)
    return left.start() if left else word.start(), right.end() if right else word.end()


def _plain_key(key: str) -> str:
    """The key as its reader will see it: percent signs and \\u escapes resolved."""
    if "\\" in key:
        key = re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), key).replace("\\", " ")
    return unquote_plus(key) if "%" in key else key


def _value_span(text: str, key_start: int, key_end: int) -> tuple[int, int, str] | None:
    """Start and end of the value that belongs to a key, and what to put there.  None: this was no key."""
    if text.startswith("<", key_start - 1):
        return _element_span(text, key_end)
    after = _AFTER_KEY.match(text, key_end)
    if after is None:
        return _named_elsewhere(text, key_start, key_end)
    start = after.end()
    if start >= len(text):
        return None
    quote = _QUOTE.match(text, start)
    if quote is not None:
        return quote.end(), _string_end(text, quote), HIDDEN
    if text[start] in "{[":
        return start, _bracket_end(text, start), _quoted_like(after[1])
    if after[1]:
        return start, _end_at(_BARE_END_JSON, text, start), _quoted_like(after[1])
    return start, _end_at(_BARE_END_FORM if after[2] == "=" else _BARE_END_LINE, text, start), HIDDEN


def _element_span(text: str, name_end: int) -> tuple[int, int, str] | None:
    """``<password kind="x">value</password>``"""
    start = text.find(">", name_end, name_end + 2000) + 1
    return (start, _end_at(_TAG_START, text, start), HIDDEN) if start else None


def _quoted_like(quote: str | None) -> str:
    return f"{quote or ''}{HIDDEN}{quote or ''}"


def _end_at(stop: re.Pattern[str], text: str, start: int) -> int:
    found = stop.search(text, start)
    return found.start() if found else len(text)


def _named_elsewhere(text: str, key_start: int, key_end: int) -> tuple[int, int, str] | None:
    """``<input name="password" value="x">`` in either order, or a part of a multipart body."""
    start = text.rfind("<", max(0, key_start - 500), key_start)
    if start >= 0 and text.find(">", start, key_start) < 0:
        return _attribute_span(text, start, key_end)
    if text[max(0, key_start - 6) : key_start].lower().endswith(('name="', "name=")):
        part = _PART_HEADERS.match(text, key_end)
        if part is not None:
            return part.end(), _end_at(_PART_END, text, part.end()), HIDDEN
    return None


def _attribute_span(text: str, start: int, key_end: int) -> tuple[int, int, str] | None:
    end = text.find(">", key_end, key_end + 2000)
    tag = text[start : end if end >= 0 else key_end + 2000]
    hidden = _VALUE_ATTRIBUTE.sub(rf'\1"{HIDDEN}"', tag)
    return (start, start + len(tag), hidden) if hidden != tag else None


def _string_end(text: str, quote: re.Match[str]) -> int:
    """Place of the closing quote, which is escaped exactly like the opening one (JSON inside a JSON string)."""
    escapes = len(quote[1])
    for found in _QUOTE.finditer(text, quote.end()):
        if found[2] != quote[2]:
            continue
        if len(found[1]) % (2 * escapes + 2) == escapes:
            return found.end() - 1 - escapes
        if len(found[1]) < escapes:
            return found.start()
    return len(text)


def _bracket_end(text: str, start: int) -> int:
    """Place behind the bracket that closes the one at ``start``; brackets inside strings don't count."""
    depth, place = 0, start
    while found := _BRACKET.search(text, place):
        place = found.end()
        if found[0].endswith('"'):
            quote = _QUOTE.match(text, found.start())
            if quote is not None:
                place = _string_end(text, quote) + len(quote[0])
            continue
        depth += 1 if found[0] in "[{" else -1
        if depth == 0:
            return place
    return len(text)
