"""From names to the keys by which people find them, and from what people type to the same keys.  Pure functions.

A key holds only a–z and 0–9, so that PostgreSQL, MariaDB and SQLite compare and sort it alike, and so that ``%``,
``_`` and quotes mean nothing.  Letters of other scripts that have no Latin form are spelt by their code point.

What is promised: names are found whatever their case, accents, order, blanks and hyphens; by any of their words and
by any part of a word of three letters or more; Chinese names by characters, by pinyin (tones or not, ``v`` or ``u``
for ``ü``) and by initials, also where only the pinyin is known; names of three words or more by initials; Saint for
St.; a wrong, missing or doubled letter per word, and the usual transliterations (``kh``/``h``, ``zh``/``j``,
``-sky``/``-ski``), through ``sound``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from enum import IntEnum
from functools import lru_cache

KEY_LENGTH = 96
# As people type: longer is refused by the doors (F-1).
QUERY_LENGTH = 128
SHORTEST_PART = 3
_ENDINGS = frozenset({"jr", "sr", "ii", "iii", "iv"})

# NFKD leaves these alone (research §4).
_BY_HAND = str.maketrans(
    {
        "ł": "l", "đ": "d", "ð": "d", "ø": "o", "ß": "ss", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th", "ħ": "h",
        "ŋ": "n", "ŧ": "t", "ə": "e", "ƒ": "f", "ĸ": "k",
        # Cyrillic, as the promotions spell it
        "а": "a", "б": "b", "в": "v", "г": "g", "д": "d", "е": "e", "ё": "e", "ж": "zh", "з": "z", "и": "i",
        "й": "y", "к": "k", "л": "l", "м": "m", "н": "n", "о": "o", "п": "p", "р": "r", "с": "s", "т": "t",
        "у": "u", "ф": "f", "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch", "ъ": "", "ы": "y", "ь": "",
        "э": "e", "ю": "yu", "я": "ya", "і": "i", "ї": "yi", "є": "ye", "ґ": "g", "ў": "u",
    }
)  # fmt: skip
_JOINING = re.compile(r"['’‘`´ʼ.]")
_BETWEEN = re.compile(r"[\W_]+")
_TONE_NUMBER = re.compile(r"(?<=[a-z])[1-5](?![0-9])")
_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0002ffff]")
# Surnames that pypinyin, which knows words and not people, reads otherwise.
_SURNAMES = {
    "单": "shan", "解": "xie", "曾": "zeng", "仇": "qiu", "区": "ou", "查": "zha", "朴": "piao", "翟": "zhai",
    "盖": "ge", "葛": "ge", "尉": "wei", "长": "zhang", "缪": "miao", "乐": "yue", "任": "ren", "华": "hua",
    "冼": "xian", "宁": "ning", "洗": "xian", "覃": "qin", "重": "chong", "秘": "bi", "員": "yun", "员": "yun",
    "种": "chong", "黑": "he", "折": "she", "召": "shao", "曲": "qu", "祭": "zhai", "燕": "yan", "纪": "ji",
}  # fmt: skip


class Kind(IntEnum):
    """What a key stands for.  Stored; never renumber.  The order is that of hits of equal fit."""

    NAME = 1
    ALIAS = 2
    NICKNAME = 3
    HAN = 4
    PINYIN = 5
    INITIALS = 6
    # A name turned so that another word stands first: "zhangweili" for "weilizhang".
    TURNED = 7
    # From the middle of a word or phrase.
    PART = 8
    # How a word sounds, without vowels: only for typing errors.
    SOUND = 9


@lru_cache(maxsize=32_768)
def words(text: str) -> tuple[str, ...]:
    """The words of a name in lower case, without accents and punctuation.  Apostrophes join, hyphens part."""
    # Cyrillic й and ё are single letters of their own: spell them before NFKD takes them apart.
    folded = unicodedata.normalize("NFKC", text).lower().translate(_BY_HAND)
    folded = unicodedata.normalize("NFKD", folded).lower().translate(_BY_HAND)
    bare = "".join(letter for letter in folded if not unicodedata.combining(letter))
    return tuple(_spelt(word) for word in _BETWEEN.split(_JOINING.sub("", bare)) if word)


def fold(text: str) -> str:
    """All of a name as one key: what two spellings of a name have in common."""
    return "".join(words(text))[:KEY_LENGTH]


@lru_cache(maxsize=32_768)
def plain(text: str) -> str:
    """Without case, accents and repeated blanks, but with its hyphens: what an importer takes for the same name.

    Stricter than ``fold``: a name that only *sounds* the same is a person's decision.
    """
    folded = unicodedata.normalize("NFKC", text).lower().translate(_BY_HAND)
    bare = "".join(letter for letter in unicodedata.normalize("NFKD", folded) if not unicodedata.combining(letter))
    return " ".join(bare.replace("’", "'").split())[:128]


def has_han(text: str) -> bool:
    return bool(_HAN.search(text))


def name_words(text: str) -> tuple[str, ...]:
    """Without "Jr." and the like at the end, which every source writes or leaves out as it pleases."""
    found = words(text)
    while len(found) > 1 and found[-1] in _ENDINGS:
        found = found[:-1]
    return found


def turns(found: tuple[str, ...]) -> Iterator[str]:
    """The name as one word, beginning with each of its words in turn; the plain order first."""
    for start in range(len(found)):
        yield "".join(found[start:] + found[:start])[:KEY_LENGTH]


def pinyin_of(text: str) -> tuple[str, ...]:
    """The syllables of a name, without tones, with ``v`` for ``ü``; a surname as a surname."""
    from pypinyin import Style, lazy_pinyin

    bare = "".join(letter for letter in unicodedata.normalize("NFKC", text) if letter.isalnum())
    syllables = lazy_pinyin(bare, style=Style.NORMAL, errors=lambda other: other.lower())
    if bare and syllables and bare[0] in _SURNAMES:
        syllables[0] = _SURNAMES[bare[0]]
    return tuple(syllable for syllable in syllables if syllable.isascii() and syllable.isalnum())


def without_tones(text: str) -> str:
    """``zhang1 wei3 li4`` without the numbers; letters with tone marks lose them in ``words``."""
    return _TONE_NUMBER.sub("", text.lower())


_SOUNDS: tuple[tuple[str, str], ...] = (
    ("shch", "S"), ("sch", "S"), ("tch", "C"), ("dzh", "j"), ("ch", "C"), ("sh", "S"), ("zh", "j"), ("kh", "h"),
    ("ph", "f"), ("th", "t"), ("ck", "k"), ("cz", "C"), ("sz", "S"), ("rz", "j"), ("gh", "g"), ("dj", "j"),
    ("ts", "z"), ("tz", "z"), ("qu", "k"), ("ks", "x"), ("c", "k"), ("q", "k"), ("w", "v"),
)  # fmt: skip
_VOWELS = frozenset("aeiouy")
# A letter lost from one of these changes the sound by more than a letter.
_CLUSTERS = re.compile(r"[rcs]z")


@lru_cache(maxsize=32_768)
def sound(word: str) -> str:
    """Roughly how a word sounds: the first letter's class and the consonants, none doubled.

    Words with equal sounds are candidates, not hits: the caller compares their letters (``likeness``).
    """
    text = word
    for spelt, heard in _SOUNDS:
        text = text.replace(spelt, heard)
    heard = "".join(letter for place, letter in enumerate(text) if place == 0 or letter not in _VOWELS)
    if heard[:1] in _VOWELS:
        heard = "a" + heard[1:]
    single = "".join(letter for place, letter in enumerate(heard) if place == 0 or heard[place - 1] != letter)
    return single.lower()[:KEY_LENGTH]


def sounds(word: str) -> set[str]:
    """How a word sounds, and for Polish clusters also its bare consonants: "jedrejczyk" lacks a letter of one."""
    if not _CLUSTERS.search(word):
        return {sound(word)}
    bare = "".join(letter for place, letter in enumerate(word) if place == 0 or letter not in _VOWELS)
    single = "".join(letter for place, letter in enumerate(bare) if place == 0 or bare[place - 1] != letter)
    return {sound(word), single.replace("c", "k").replace("w", "v")[:KEY_LENGTH]}


@lru_cache(maxsize=32_768)
def spoken(word: str) -> str:
    """A word as it is spoken, with its vowels, for comparing letter by letter: "kowalkievich", "kowalkiewicz"."""
    for spelt, heard in _SOUNDS:
        word = word.replace(spelt, heard)
    return word.replace("x", "s").replace("y", "i")


def keys_of(name: str, name_zh: str, nickname: str, aliases: Iterable[str]) -> set[tuple[str, int]]:
    """Every key of one fighter, with its kind."""
    found: set[tuple[str, int]] = set()
    _add_name(found, name, Kind.NAME)
    for alias in aliases:
        _add_name(found, alias, Kind.ALIAS)
    if name_zh:
        _add_chinese(found, name_zh)
    nick = words(nickname)
    found.update((key, Kind.NICKNAME) for key in _endings(nick))
    found.update((part, Kind.PART) for word in nick for part in _parts(word))
    return found


def _add_name(found: set[tuple[str, int]], name: str, kind: Kind) -> None:
    if has_han(name):
        _add_chinese(found, name)
        return
    parts = name_words(name)
    for place, key in enumerate(turns(parts)):
        found.add((key, kind if place == 0 else Kind.TURNED))
    _add_saint(found, parts)
    found.update((key, Kind.INITIALS) for key in _initials(parts))
    if len(parts) > 1:
        found.add((sound("".join(parts)), Kind.SOUND))
    for word in parts:
        found.update((heard, Kind.SOUND) for heard in sounds(word))
        found.update((part, Kind.PART) for part in _parts(word))


def _add_saint(found: set[tuple[str, int]], parts: tuple[str, ...]) -> None:
    """Written out or not, as every source pleases; beginning with any word."""
    if _SAINT.keys().isdisjoint(parts):
        return
    other = tuple(_SAINT.get(word, word) for word in parts)
    found.update((key, Kind.TURNED) for key in turns(other))


_SAINT = {"st": "saint", "saint": "st"}


def _initials(parts: tuple[str, ...]) -> Iterator[str]:
    """GSP, RDA; and those of a name that consists of pinyin, in both orders: "zwl" for Zhang Weili."""
    if 3 <= len(parts) <= MOST_INITIALS:
        yield "".join(word[0] for word in parts)
    found = tuple(_SYLLABLE.findall(word) if _PINYIN.fullmatch(word) else [] for word in parts)
    if len(parts) > 1 and all(found) and 3 <= sum(map(len, found)) <= MOST_INITIALS:
        for start in range(len(found)):
            yield "".join(syllable[0] for word in found[start:] + found[:start] for syllable in word)


MOST_INITIALS = 5
_FINALS = "iang|iong|uang|ang|eng|ing|ong|ian|iao|uai|uan|ai|an|ao|ei|en|er|ia|ie|in|iu|ou|ua|ue|ui|un|uo|a|e|i|o|u|v"
_ONE = rf"(?:zh|ch|sh|[bpmfdtnlgkhjqxrzcsyw])?(?:{_FINALS})"
_SYLLABLE, _PINYIN = re.compile(_ONE), re.compile(rf"(?:{_ONE})+")


def _add_chinese(found: set[tuple[str, int]], name: str) -> None:
    found.update((key, Kind.HAN) for key in _endings(tuple(_characters(name))))
    syllables = pinyin_of(name)
    for spelling in {syllables, tuple(syllable.replace("v", "u") for syllable in syllables)}:
        found.update((key, Kind.PINYIN) for key in _endings(spelling))
        # Surname last, as abroad.
        if len(spelling) > 1:
            found.add(("".join((*spelling[1:], spelling[0]))[:KEY_LENGTH], Kind.PINYIN))
    initials = "".join(syllable[0] for syllable in syllables)
    if len(initials) > 1:
        found.add((initials[:KEY_LENGTH], Kind.INITIALS))


def _characters(name: str) -> Iterator[str]:
    return (spelt for letter in name for spelt in words(letter))


def _endings(found: tuple[str, ...]) -> Iterator[str]:
    """From each word to the end: whoever types a later word first still begins at a word."""
    return ("".join(found[start:])[:KEY_LENGTH] for start in range(len(found)))


def _parts(word: str) -> Iterator[str]:
    """The endings of a word, three letters or longer: their beginnings are every part of it (F-2 "contains")."""
    return (word[start:] for start in range(1, len(word) - SHORTEST_PART + 1)) if word.isascii() else iter(())


def _spelt(word: str) -> str:
    """Letters that have no Latin form, as six signs each."""
    if word.isascii():
        return word
    return "".join(
        letter if letter.isascii() else _numeral(letter) for letter in word if letter.isalnum() or letter.isascii()
    )


def _numeral(letter: str) -> str:
    if letter.isdecimal():
        return str(unicodedata.decimal(letter))
    return f"0{ord(letter):05x}"


_CONSONANTS = "bcdfghjklmnpqrstvxz"


def near_sounds(heard: str) -> set[str]:
    """This sound and every one that differs in one letter: missing, doubled, wrong or swapped."""
    cuts = [(heard[:place], heard[place:]) for place in range(len(heard) + 1)]
    missing = {left + right[1:] for left, right in cuts if right and len(heard) > 2}
    swapped = {left + right[1] + right[0] + right[2:] for left, right in cuts if len(right) > 1}
    wrong = {left + letter + right[1:] for left, right in cuts if right for letter in _CONSONANTS}
    more = {left + letter + right for left, right in cuts for letter in _CONSONANTS}
    return {heard, "a" + heard} | missing | swapped | wrong | more


@lru_cache(maxsize=16_384)
def likeness(one: str, other: str) -> float:
    """1 for equal words, 0 for words without a letter in common: 1 − edits ÷ length (a swap is one edit).

    As they are written or as they are spoken, whichever is nearer.
    """
    if one == other:
        return 1.0
    written = _likeness(one, other)
    if written >= VERY_LIKE:
        return written
    said, heard = spoken(one), spoken(other)
    return max(written, _likeness(said, heard)) if (said, heard) != (one, other) else written


VERY_LIKE = 0.8


def _likeness(one: str, other: str) -> float:
    longest = max(len(one), len(other))
    # So different in length that counting their edits is not worth while.
    if 2 * min(len(one), len(other)) < longest:
        return 0.0
    return 1 - _edits(one, other) / longest if longest else 1.0


def _edits(one: str, other: str) -> int:
    before: list[int] = []
    row = list(range(len(other) + 1))
    for place, letter in enumerate(one, 1):
        earlier, before, row = before, row, [place]
        for column, against in enumerate(other, 1):
            best = min(before[column] + 1, row[-1] + 1, before[column - 1] + (letter != against))
            is_swap = place > 1 and column > 1 and letter == other[column - 2] and one[place - 2] == against
            row.append(min(best, earlier[column - 2] + 1) if is_swap else best)
    return row[-1]
