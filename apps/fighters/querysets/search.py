"""Finding fighters by what somebody typed: the same rows in the same order on every database.

Everything is a range or an equality on one B-tree, ``fighter_name_keys (name_key, kind, fighter_id)``; no step reads
more than some hundred rows, however many fighters there are.  Steps from the sure to the vague; the first that finds
somebody answers:

1. keys that begin with what was typed (and what contains it, from three letters on)
2. the words in another order, or some words of many
3. Chinese characters that sound the same (other script, other character)
4. words that sound alike and differ in a letter or so: typing errors and transliterations
5. one word that sounds alike, when the others are like enough or the lesser part of what was typed

Not promised: the order among hundreds of fighters that one or two letters begin; only some of them are looked at.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connections, models

from apps.fighters.name_keys import (
    SHORTEST_PART,
    VERY_LIKE,
    Kind,
    fold,
    has_han,
    likeness,
    name_words,
    near_sounds,
    pinyin_of,
    sounds,
    turns,
    without_tones,
    words,
)

KEYS = "fighter_name_keys"
# Keys looked at in one step, and fighters fetched to be ranked.
MOST_KEYS, MOST_PARTS, MOST_RANKED = 400, 100, 120
MOST_WORDS = 5
# A word of the query and a word of the name are the same with a typing error from here on.
LIKE_ENOUGH, LIKE_AT_LEAST = 0.7, 0.5
# A word that is sure has so many letters and is so like; so many are tried.
SUREST, SURE_LIKENESS, MOST_ANCHORS = 4, VERY_LIKE, 3
_EXACT, _EXACT_OTHER, _NAME, _WORD, _OTHER, _INITIALS, _PART, _VAGUE = range(8)
_NEVER = dt.date.min
_FIELDS = (
    "id", "name", "name_zh", "nickname", "country", "weight_class", "birth_date", "last_bout_on", "record",
    "avatar_url", "best_rank", "is_unconfirmed",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Hit:
    """A fighter as a list of hits shows them: enough to tell two people of one name apart."""

    id: int
    name: str
    name_zh: str
    nickname: str
    country: str
    weight_class: str
    birth_date: dt.date | None
    last_bout_on: dt.date | None
    record: str
    avatar_url: str
    best_rank: int | None
    is_unconfirmed: bool

    @property
    def birth_year(self) -> int | None:
        return self.birth_date.year if self.birth_date else None


@dataclass(frozen=True, slots=True)
class Asked:
    """What was typed, folded.  ``text`` is also what caches are keyed by."""

    text: str
    words: tuple[str, ...]
    pinyin: str

    @classmethod
    def of(cls, typed: str) -> Asked:
        found = words(without_tones(typed))
        return cls(
            text="".join(found), words=found, pinyin="".join(pinyin_of(typed)) if found and has_han(typed) else ""
        )


def find(model: type[models.Model], typed: str, *, limit: int) -> list[Hit]:
    """Empty for text without letters or digits: ``%`` or a quote means nothing here."""
    asked = Asked.of(typed)
    if not asked.text:
        return []
    for step in (_begin_so, _other_order, _every_word, _same_pinyin):
        found = step(asked)
        if found:
            return _ranked(model, found, limit)
    return _alike(model, asked, limit)


def find_by_words(model: type[models.Model], texts: Sequence[str], *, limit: int) -> list[Hit]:
    """Who bears any of these words, in two statements: for suggestions, where ``find`` for each would cost too many."""
    asked = [word for word in dict.fromkeys(map(fold, texts)) if word][:MOST_WORDS]
    if not asked:
        return []
    return _ranked(model, _beginning(*asked), limit)


def successor(prefix: str) -> str:
    """The least key above every key that begins so; empty when there is none.

    The last letter is raised, and digits come before letters: true for a–z and 0–9 in every collation.
    """
    stem = prefix.rstrip("z")
    if not stem:
        return ""
    last = stem[-1]
    return stem[:-1] + ("a" if last == "9" else chr(ord(last) + 1))


# --- the sure steps: fighter id -> how well it fits (less is better) -----------------------------------------------
def _begin_so(asked: Asked) -> dict[int, int]:
    return _beginning(asked.text)


def _other_order(asked: Asked) -> dict[int, int]:
    """ "Zhu Rong" for Rongzhu, and "Jr." where the name has none."""
    others = {*turns(asked.words), *turns(name_words(" ".join(asked.words)))} - {asked.text}
    if not others:
        return {}
    marks = ", ".join(["%s"] * len(others))
    rows = _select(
        f"SELECT fighter_id, kind, name_key FROM {KEYS} WHERE name_key IN ({marks}) AND kind < %s LIMIT %s",  # noqa: S608
        [*sorted(others), Kind.PART.value, MOST_KEYS],
    )
    return _best((fighter, _fit(kind, is_whole=True)) for fighter, kind, _key in rows)


def _every_word(asked: Asked) -> dict[int, int]:
    """Each word begins a word of the name, with others between or before them."""
    if len(asked.words) < 2:
        return {}
    longest, *others = sorted(set(asked.words), key=len, reverse=True)[:MOST_WORDS]
    condition, values = _range("first.name_key", longest)
    sql = (
        f"SELECT DISTINCT first.fighter_id FROM (SELECT first.fighter_id FROM {KEYS} first "  # noqa: S608
        f"WHERE {condition} AND first.kind < %s ORDER BY first.name_key LIMIT %s) first"
    )
    values += [Kind.PART.value, 2 * MOST_KEYS]
    for number, word in enumerate(others):
        condition, own = _range(f"k{number}.name_key", word)
        sql += (
            f" JOIN {KEYS} k{number} ON k{number}.fighter_id = first.fighter_id AND {condition} AND k{number}.kind < %s"
        )
        values += [*own, Kind.PART.value]
    rows = _select(f"{sql} LIMIT %s", [*values, MOST_RANKED])
    return {fighter: _WORD for (fighter,) in rows}


def _same_pinyin(asked: Asked) -> dict[int, int]:
    """張偉麗 finds 张伟丽, and who has no Chinese name here is found by its sound."""
    return _beginning(asked.pinyin) if asked.pinyin else {}


def _beginning(*prefixes: str) -> dict[int, int]:
    """One statement, whatever the number of prefixes."""
    arms: list[str] = []
    values: list[Any] = []
    for prefix in prefixes:
        condition, bounds = _range("name_key", prefix)
        taken = f"SELECT fighter_id, kind, name_key FROM {KEYS} WHERE {condition}"  # noqa: S608
        arms.append(f"SELECT * FROM ({taken} AND kind < %s ORDER BY name_key LIMIT %s) sure{len(arms)}")  # noqa: S608
        values += [*bounds, Kind.PART.value, MOST_KEYS]
        if len(prefix) >= SHORTEST_PART:
            arms.append(f"SELECT * FROM ({taken} AND kind = %s ORDER BY name_key LIMIT %s) part{len(arms)}")  # noqa: S608
            values += [*bounds, Kind.PART.value, MOST_PARTS]
    whole = set(prefixes)
    rows = _select(" UNION ALL ".join(arms), values)
    return _best((fighter, _fit(kind, is_whole=key in whole)) for fighter, kind, key in rows)


def _fit(kind: int, *, is_whole: bool) -> int:
    if kind in (Kind.NAME, Kind.TURNED):
        return _EXACT if is_whole else (_NAME if kind == Kind.NAME else _WORD)
    if kind == Kind.PART:
        return _PART
    if kind == Kind.INITIALS:
        return _WORD if is_whole else _INITIALS
    return _EXACT_OTHER if is_whole else _OTHER


def _best(found: Iterable[tuple[int, int]]) -> dict[int, int]:
    best: dict[int, int] = {}
    for fighter, fit in found:
        if fit < best.get(fighter, _VAGUE):
            best[fighter] = fit
    return best


def _ranked(model: type[models.Model], fits: dict[int, int], limit: int) -> list[Hit]:
    """By fit; then the ranked, then who fought last, then by name."""
    chosen = sorted(fits, key=lambda fighter: (fits[fighter], fighter))[:MOST_RANKED]
    hits = _hits(model, chosen)
    return sorted(hits, key=lambda hit: (fits[hit.id], *_renown(hit)))[:limit]


def _renown(hit: Hit) -> tuple[Any, ...]:
    last = hit.last_bout_on or _NEVER
    return (hit.best_rank is None, hit.best_rank or 0, -last.toordinal(), hit.name, hit.id)


def _hits(model: type[models.Model], chosen: Sequence[int]) -> list[Hit]:
    rows = model._default_manager.filter(pk__in=chosen, merged_into__isnull=True).values_list(*_FIELDS)
    return [Hit(*row) for row in rows]


# --- the vague steps -----------------------------------------------------------------------------------------------
def _alike(model: type[models.Model], asked: Asked, limit: int) -> list[Hit]:
    """Equal sounds first; then sounds that differ in one letter; then somebody of whom one word is sure."""
    if not all(word.isascii() and word.isalpha() for word in asked.words):
        return []
    spelt = asked.words[:MOST_WORDS]
    heard = [sounds(word) for word in spelt]
    # "conor mac gregor": with the blanks in other places.
    in_one = [sounds(asked.text)] if len(spelt) > 1 else []
    near = [set().union(*map(near_sounds, own)) for own in heard]
    for tried, words_ in ((heard, spelt), (near, spelt), (in_one, (asked.text,))):
        hits = tried and _like_enough(model, words_, _sounding(tried), limit)
        if hits:
            return hits
    anchors = sorted({word for word in spelt if len(word) >= SUREST}, key=len, reverse=True)[:MOST_ANCHORS]
    if len(spelt) < 2 or not anchors:
        return []
    own = set().union(*map(sounds, anchors))
    return _like_enough(model, spelt, _sounding([own]), limit, least=_partly)


def _sounding(heard: list[set[str]]) -> list[int]:
    sql, values = "", []
    for number, own in enumerate(sorted(heard, key=lambda own: -max(map(len, own)))):
        marks = ", ".join(["%s"] * len(own))
        condition = f"k{number}.kind = %s AND k{number}.name_key IN ({marks})"
        if not sql:
            sql, tail = f"SELECT DISTINCT k0.fighter_id FROM {KEYS} k0", f" WHERE {condition}"  # noqa: S608
            ending = [Kind.SOUND.value, *sorted(own)]
        else:
            sql += f" JOIN {KEYS} k{number} ON k{number}.fighter_id = k0.fighter_id AND {condition}"
            values += [Kind.SOUND.value, *sorted(own)]
    return [fighter for (fighter,) in _select(f"{sql}{tail} LIMIT %s", [*values, *ending, MOST_KEYS])]


def _wholly(typed: Sequence[str], likest: Sequence[float]) -> float:
    """How like a name is of which every typed word must be like a word; 0 for too little."""
    mean = sum(likest) / len(likest)
    return mean if min(likest) >= LIKE_AT_LEAST and mean >= LIKE_ENOUGH else 0.0


def _partly(typed: Sequence[str], likest: Sequence[float]) -> float:
    """As ``_wholly``; after them come names that hold half of what was typed ("José Aldo da Silva": Jose Aldo)."""
    letters = sum(len(word) for word, like in zip(typed, likest, strict=True) if like >= SURE_LIKENESS)
    part = letters / sum(map(len, typed))
    return _wholly(typed, likest) or (part * LIKE_AT_LEAST if 2 * part >= 1 else 0.0)


def _like_enough(
    model: type[models.Model],
    typed: Sequence[str],
    candidates: list[int],
    limit: int,
    least: Callable[[Sequence[str], Sequence[float]], float] = _wholly,
) -> list[Hit]:
    """The likest of the candidates, by any of their spellings."""
    if not candidates:
        return []
    scores: dict[int, float] = {}
    names = model._default_manager.filter(pk__in=candidates).values_list("id", "name", "aliases__name")
    for fighter, *spellings in names:
        for name in filter(None, spellings):
            parts = {*name_words(name), fold(name)}
            score = least(typed, [max((likeness(word, part) for part in parts), default=0.0) for word in typed])
            if score > scores.get(fighter, 0.0):
                scores[fighter] = score
    best = sorted(scores, key=lambda fighter: (-scores[fighter], fighter))[:MOST_RANKED]
    return sorted(_hits(model, best), key=lambda hit: (-scores[hit.id], _renown(hit)))[:limit]


# --- SQL -----------------------------------------------------------------------------------------------------------
def _range(column: str, prefix: str) -> tuple[str, list[Any]]:
    end = successor(prefix)
    return (f"{column} >= %s AND {column} < %s", [prefix, end]) if end else (f"{column} >= %s", [prefix])


def _select(sql: str, values: list[Any]) -> list[Any]:
    with connections["default"].cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall())
