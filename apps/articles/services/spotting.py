"""Which names may stand in a text?  Pure functions: from words to the keys by which fighters and events are found.

What is promised: case, accents, full-width letters, hyphens, possessives ("McGregor's") and a nickname in quotes
between the names don't matter; a name ends where a word ends ("UFC 30" is not in "UFC 300"), and in Chinese, which
has no blanks, where it ends; of two names of which one contains the other, the longer one was meant.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from apps.fighters.name_keys import KEY_LENGTH, fold, words

# Of a title and a summary; what stands further down is what the piece mentions, not what it is about.
MOST_CHARACTERS = 1_500
LONGEST_NAME = 5
_HAN = "\u3400-\u9fff\uf900-\ufaff"
_TOKEN = re.compile(rf"[^\W_{_HAN}]+(?:['’‘`´ʼ.][^\W_{_HAN}]+)*")
_POSSESSIVE = re.compile(r"['’‘`´ʼ]s$", re.IGNORECASE)
_NICKNAME = re.compile(r"(?<=\w)\s+[\"“„«‘'][^\"“”„«»]{1,24}[\"”»’']\s+(?=\w)")
_JOINED = re.compile(r"[^\S\n]+|[^\S\n]*[-‐‑][^\S\n]*")
_AFTER_INITIAL = re.compile(r"\.[^\S\n]*")
_HAN_RUN = re.compile(rf"[{_HAN}]+")
_HAN_DOT = re.compile(rf"(?<=[{_HAN}])[·•・‧∙⋅-](?=[{_HAN}])")
_LETTERS_OR_DIGITS = re.compile(r"[0-9]+|[^0-9]+")
# Words that are in no name; some that look like them are ("An", "He", "Do", "So" are people).
_STOP = frozenset(
    {
        "a", "about", "after", "against", "all", "also", "and", "are", "at", "be", "been", "before", "but", "by", "did",
        "does", "for", "from", "had", "has", "have", "his", "how", "into", "is", "it", "its", "just", "like", "more",
        "not", "now", "of", "off", "or", "out", "over", "than", "that", "the", "their", "them", "then", "there", "they",
        "this", "to", "up", "vs", "was", "were", "what", "when", "where", "which", "who", "why", "with", "would",
        "your",
    }
)  # fmt: skip


class Word(NamedTuple):
    """A word in its folded form.  ``joins``: nothing but a blank or hyphen parts it from the word before."""

    text: str
    joins: bool
    is_capital: bool
    start: int
    end: int


class Span(NamedTuple):
    start: int
    end: int

    def covers(self, other: Span) -> bool:
        """Longer than the other, which lies in it."""
        return (
            self.start <= other.start and other.end <= self.end and (other.end - other.start) < (self.end - self.start)
        )


@dataclass(frozen=True, slots=True)
class Phrase:
    """Some words in a row that may be a name: their key, how many they are, and where they stand."""

    key: str
    size: int
    is_capital: bool
    span: Span
    text: str
    # Of the text with its quoted nicknames (0) or without them (1), whose places are not comparable.
    reading: int


@dataclass(frozen=True, slots=True)
class Text:
    """Title and summary of a piece, read once."""

    readings: tuple[tuple[str, tuple[Word, ...]], ...]
    han: str

    @classmethod
    def of(cls, title: str, summary: str) -> Text:
        plain = unicodedata.normalize("NFKC", f"{title}\n{summary}"[:MOST_CHARACTERS])
        plain = "".join(letter for letter in plain if letter == "\n" or unicodedata.category(letter) != "Cf")
        without = _NICKNAME.sub(" ", plain)
        readings = [plain] if without == plain else [plain, without]
        return cls(
            readings=tuple((reading, tuple(_words_in(reading))) for reading in readings),
            han=_HAN_DOT.sub("", plain),
        )

    def phrases(self) -> Iterator[Phrase]:
        """Up to five words in a row that no punctuation parts."""
        for number, (reading, found) in enumerate(self.readings):
            for start in range(len(found)):
                for size, key, span, is_capital in _beginning_at(found, start):
                    yield Phrase(key, size, is_capital, span, reading[span.start : span.end], number)

    def han_pairs(self) -> set[str]:
        """Two neighbouring characters each: every Chinese name ends with such a pair."""
        runs = _HAN_RUN.findall(self.han)
        return {run[place : place + 2] for run in runs for place in range(len(run) - 1)}

    def places_of(self, name: str) -> Iterator[Span]:
        """Where a Chinese name stands."""
        start = self.han.find(name) if name else -1
        while start >= 0:
            yield Span(start, start + len(name))
            start = self.han.find(name, start + 1)


def _words_in(text: str) -> Iterator[Word]:
    end, last = 0, ""
    for token in _TOKEN.finditer(text):
        gap = text[end : token.start()]
        joins = bool(last) and (
            bool(_JOINED.fullmatch(gap)) or (len(last) <= 2 and bool(_AFTER_INITIAL.fullmatch(gap)))
        )
        for word in words(_POSSESSIVE.sub("", token.group())):
            yield Word(word, joins, not token.group()[0].islower(), token.start(), token.end())
            joins, last = True, word
        end = token.end()


def _beginning_at(found: Sequence[Word], start: int) -> Iterator[tuple[int, str, Span, bool]]:
    key = ""
    for place in range(start, min(start + LONGEST_NAME, len(found))):
        word = found[place]
        if word.text in _STOP or word.text.isdigit() or (place > start and not word.joins):
            return
        key += word.text
        is_capital = found[start].is_capital and word.is_capital
        span = Span(found[start].start, word.end)
        yield place - start + 1, key[:KEY_LENGTH], span, is_capital


def pair_key(pair: str) -> str:
    """As the name keys spell Chinese characters."""
    return fold(pair)


def bare_han(name: str) -> str:
    """A Chinese name without dots and blanks; empty for a name in another script or of one character."""
    bare = "".join(_HAN_RUN.findall(unicodedata.normalize("NFKC", name)))
    return bare if len(bare) > 1 and len(bare) == sum(letter.isalnum() for letter in name) else ""


def longest(spans: Iterable[Span]) -> set[Span]:
    """Those that lie in no longer one."""
    kept = sorted(set(spans))
    return {span for span in kept if not any(other.covers(span) for other in kept)}


# --- events ----------------------------------------------------------------------------------------------------------
Form = tuple[str, ...]


def event_forms(org: str, name: str) -> set[Form]:
    """What news call an event: its name, and the part before the colon when it has a number ("UFC 300").

    Letters and digits are words of their own: "UFC300".  A form has a word besides its number.
    """
    own = tuple(_parts(words(org)))
    forms = {tuple(_parts(words(name)))}
    head = tuple(_parts(words(re.split(r"[:：]|\s[-–—]\s", unicodedata.normalize("NFKC", name))[0])))
    if any(part.isdigit() for part in head):
        forms.add(head)
    forms |= {(*own, *form) for form in forms if own and form[: len(own)] != own}
    return {form for form in forms if len(form) > 1 and not all(part.isdigit() for part in form)}


class EventForms:
    """The forms of many events, to be looked for in a text."""

    def __init__(self, events: Iterable[tuple[int, str, str]]) -> None:
        self._by_first: dict[str, dict[Form, set[int]]] = {}
        for number, org, name in events:
            for form in event_forms(org, name):
                self._by_first.setdefault(form[0], {}).setdefault(form, set()).add(number)
        self._lengths = {first: {len(form) for form in forms} for first, forms in self._by_first.items()}

    def found_in(self, text: Text) -> Iterator[tuple[Span, set[int], str]]:
        """Where which events are named; several at one place when several bear the name."""
        reading, found = text.readings[0]
        parts = [(part, word) for word in found for part in _parts((word.text,))]
        for start, (first, word) in enumerate(parts):
            for length in self._lengths.get(first, ()):
                ahead = parts[start : start + length]
                events = self._by_first[first].get(tuple(part for part, _word in ahead))
                if events:
                    span = Span(word.start, ahead[-1][1].end)
                    yield span, events, reading[span.start : span.end]


def _parts(found: Iterable[str]) -> Iterator[str]:
    return (part for word in found for part in _LETTERS_OR_DIGITS.findall(word))
