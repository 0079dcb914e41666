"""Which of our bouts a source means.  By its id; else by both fighters of this very card; never by the nearest name.

The ids are kept, so names matter once; where a name is not the one that we show, ids of athletes and confirmed
spellings tell who somebody is.  A known bout with other fighters is no match of corners: a feed that names strangers is
held until a person has looked.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from apps.events.models import Bout
from apps.fighters.models import FighterAlias, FighterExternalId

# What canonical decomposition does not fold.
_BY_HAND = str.maketrans({"ł": "l", "đ": "d", "ø": "o", "ß": "ss", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d"})
_GENERATION = frozenset({"jr", "sr", "ii", "iii", "iv"})

Athletes = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Corners:
    """The source's athletes as our fighters."""

    fighters: dict[str, int]

    def fighter_of(self, athlete_id: str) -> int | None:
        return self.fighters.get(athlete_id)


@dataclass(frozen=True, slots=True)
class Known:
    """What else fighters are known by: the source's ids (id there -> our fighter), whatever they are called there, and
    the spellings that somebody has confirmed."""

    ids: Mapping[str, int] = field(default_factory=dict)
    spellings: Mapping[int, Sequence[str]] = field(default_factory=dict)

    def is_it(self, fighter: Any, athlete: tuple[str, str]) -> bool:
        athlete_id, name = athlete
        if athlete_id in self.ids:
            return bool(self.ids[athlete_id] == fighter.pk)
        return is_called(fighter, name, *self.spellings.get(fighter.pk, ()))


BY_NAME_ONLY = Known()


def look_up(athletes: Iterable[tuple[str, str]], bouts: Iterable[Bout], *, source: str) -> Known:
    """What is known of these athletes and of the fighters of these bouts, in two queries."""
    fighters = {pk for bout in bouts for pk in (bout.red_fighter_id, bout.blue_fighter_id)}
    wanted = {athlete_id for athlete_id, _name in athletes if athlete_id}
    ids = FighterExternalId.objects.filter(source=source, external_id__in=wanted)
    spellings: dict[int, list[str]] = {}
    for pk, name in FighterAlias.objects.filter(fighter__in=fighters).values_list("fighter_id", "name"):
        spellings.setdefault(pk, []).append(name)
    return Known(dict(ids.values_list("external_id", "fighter_id")), spellings)


def match_names(athletes: Athletes, bouts: Iterable[Bout], known: Known = BY_NAME_ONLY) -> Bout | None:
    """The one bout of a card in which these two stand; None when there are more.  A voided double is none."""
    found = [bout for bout in bouts if not bout.is_void and corners_of(bout, athletes, known) is not None]
    return found[0] if len(found) == 1 else None


def corners_of(bout: Bout, athletes: Athletes, known: Known = BY_NAME_ONLY) -> Corners | None:
    """Which athlete is which fighter; None unless there are exactly these two."""
    if len(athletes) != 2:
        return None
    first, second = athletes
    red, blue = bout.red_fighter, bout.blue_fighter
    if known.is_it(red, first) and known.is_it(blue, second):
        return Corners({first[0]: red.pk, second[0]: blue.pk})
    if known.is_it(blue, first) and known.is_it(red, second):
        return Corners({first[0]: blue.pk, second[0]: red.pk})
    return None


def is_called(fighter: Any, name: str, *spellings: str) -> bool:
    """Whether this is the fighter's name, or one of these, but for accents, case, blanks, a generation and which word
    stands first."""
    theirs = _spellings(name)
    return any(_spellings(ours) & theirs for ours in (fighter.name, *spellings))


@lru_cache(maxsize=4096)
def _spellings(name: str) -> frozenset[str]:
    """The folded name written in one, beginning with each of its words."""
    words = _words(name)
    return frozenset("".join(words[turn:] + words[:turn]) for turn in range(len(words)))


def _words(name: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", name.casefold().translate(_BY_HAND))
    letters = "".join(letter for letter in plain if not unicodedata.combining(letter))
    words = re.split(r"[\W_]+", re.sub(r"['’.]", "", letters))
    return [word for word in words if word and word not in _GENERATION]
