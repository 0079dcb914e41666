"""Do two headlines tell the same story?  Pure functions on text.

Headlines are compared by pairs of neighbouring words, of Han and kana by pairs of characters, and by the words
themselves, so that a changed order costs something and an added word little.  Numbers must agree: "UFC 300" is not
"UFC 301".  What looks alike to a reader is one letter here (NFKC): full-width and mathematical letters too.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable
from difflib import SequenceMatcher
from itertools import pairwise

# Share of common shingles (Dice) from which two headlines are near-duplicates.
ALIKE = 0.6
# Shorter headlines say too little to be compared.
FEWEST_SHINGLES = 4
# Share of the common words that must stand in one order; share of words with a capital that are names.
SAME_ORDER, MOST_NAMES = 0.75, 0.6
# Where one headline has such a word and the other has none, they differ in what matters.
_DECIDING = tuple(
    re.compile(pattern)
    for pattern in (
        r"\b(not|no|never|without|denies|denied)\b|n['’]t\b|不|未|没有|否认|无缘",
        r"\b(preview|prediction|predictions|odds|picks|how to watch)\b|前瞻|预测|赔率",
        r"\b(results?|recap|highlights|bonuses|scorecards?)\b|赛果|战报|集锦|回顾",
        r"\b(weigh[- ]?ins?|press conference|podcast|interview)\b|称重|发布会|播客|专访",
        r"\b(loses?|lost|losing|defeated by|beaten by|failed|fails)\b|失败|落败|不敌|负于|输给",
        r"\b(cancell?ed|postponed|withdraws?|withdrew|pulls out|out of|off the card|scrapped)\b|取消|延期|退赛|推迟",
        r"\b(rumou?rs?|reportedly|could|may|might)\b|传闻|或将|据传",
    )
)
_WORD = re.compile(r"[^\W\d_\u3040-\u30ff\u3400-\u9fff]+")
_TOKEN = re.compile(r"[^\W\d_\u3040-\u30ff\u3400-\u9fff]+|\d+|[\u3040-\u30ff\u3400-\u9fff]")
_STOP = frozenset({"a", "an", "and", "as", "at", "by", "for", "from", "in", "of", "on", "or", "the", "to", "with"})
_SPAM = tuple(
    re.compile(pattern)
    for pattern in (
        r"free.{0,40}live ?stream",
        r"live ?stream.{0,60}\bfree\b",
        r"\bwatch\b.{0,80}\b(online|live)\b.{0,40}\bfree\b",
        r"(reddit|crack|buff|total) ?streams?\b",
        r"免费.{0,12}直播",
        r"(高清|在线).{0,6}直播.{0,6}(观看|免费)",
        r"加(微信|威信|v信|qq)",
    )
)
_SPAM_WORDS = ("stream", "watch", "直播", "加")


class _Visible(dict[int, int | None]):
    """For ``str.translate``: invisible characters go; what was asked once is known (five times as fast as asking)."""

    def __missing__(self, letter: int) -> int | None:
        shown = None if unicodedata.category(chr(letter)) == "Cf" else letter
        self[letter] = shown
        return shown


_VISIBLE = _Visible()


def readable(text: str) -> str:
    """What a reader sees: one form of each letter, no case, no invisible characters, single spaces."""
    if text.isascii():
        return " ".join(text.lower().split())
    return " ".join(unicodedata.normalize("NFKC", text).casefold().translate(_VISIBLE).split())


def looks_like_spam(text: str) -> bool:
    """The "free live stream" posts of this field, in whatever letters they are written."""
    plain = readable(text)
    # Each pattern holds one of these: looking for them first spares most texts the patterns.
    return any(word in plain for word in _SPAM_WORDS) and any(pattern.search(plain) for pattern in _SPAM)


def shingles(title: str) -> frozenset[str]:
    words = [word for word in _TOKEN.findall(readable(title)) if word not in _STOP]
    pairs = {f"{first} {second}" for first, second in pairwise(words)}
    return frozenset(pairs | {word for word in words if len(word) > 1})


def numbers(title: str) -> frozenset[str]:
    return frozenset(word for word in _TOKEN.findall(readable(title)) if word.isdigit())


def alike(first: str, second: str) -> bool:
    left, right = shingles(first), shingles(second)
    return _enough(left, right, len(left & right)) and same_news(first, second)


def _enough(left: frozenset[str], right: frozenset[str], common: int) -> bool:
    if min(len(left), len(right)) < FEWEST_SHINGLES:
        return False
    return 2 * common >= ALIKE * (len(left) + len(right))


def same_news(first: str, second: str) -> bool:
    """Whether headlines of nearly the same words say the same.

    "A beats B" is not "B beats A", "will fight" not "will not fight", a preview no result, and what happens to one
    person does not happen to another.  In doubt they are two: an editor joins them with one key.
    """
    left, right = _TOKEN.findall(readable(first)), _TOKEN.findall(readable(second))
    return (
        numbers(first) == numbers(second)
        and all(_holding(first, words) == _holding(second, words) for words in _DECIDING)
        and _in_one_order(left, right)
        and not _of_others(first, second)
    )


def _holding(title: str, words: re.Pattern[str]) -> bool:
    return bool(words.search(readable(title)))


def _in_one_order(left: list[str], right: list[str]) -> bool:
    """Common words stand in the same order, but for a few that were moved."""
    common = set(left) & set(right)
    blocks = SequenceMatcher(
        None, [word for word in left if word in common], [word for word in right if word in common], autojunk=False
    ).get_matching_blocks()
    return sum(block.size for block in blocks) >= SAME_ORDER * len(common)


def _of_others(first: str, second: str) -> bool:
    """Each names somebody whom the other does not: by capitals, where not every word has one, and at the beginning."""
    left, right = (_WORD.findall(unicodedata.normalize("NFKC", title)) for title in (first, second))
    ours, theirs = {word.casefold() for word in left}, {word.casefold() for word in right}
    if left and right and left[0].casefold() not in theirs and right[0].casefold() not in ours:
        return True
    return bool(_names(left) - theirs) and bool(_names(right) - ours)


def _names(words: list[str]) -> set[str]:
    capital = [word for word in words[1:] if word[0].isupper()]
    return {word.casefold() for word in capital} if len(capital) <= MOST_NAMES * len(words) else set()


class Headlines:
    """Many headlines to be asked "which of you is like this one?" without comparing with each."""

    def __init__(self, titles: Iterable[tuple[Hashable, str]]) -> None:
        self._titles: dict[Hashable, tuple[frozenset[str], str]] = {}
        self._where: dict[str, list[Hashable]] = defaultdict(list)
        for key, title in titles:
            self.add(key, title)

    def add(self, key: Hashable, title: str) -> None:
        self._titles[key] = (shingles(title), title)
        for shingle in self._titles[key][0]:
            self._where[shingle].append(key)

    def like(self, title: str) -> list[Hashable]:
        """The near-duplicates, the most alike first."""
        own = shingles(title)
        common = Counter(key for shingle in own for key in self._where.get(shingle, ()))
        return [
            key
            for key, count in common.most_common()
            if _enough(own, self._titles[key][0], count) and same_news(title, self._titles[key][1])
        ]
