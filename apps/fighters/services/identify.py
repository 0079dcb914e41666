"""From a name in a source to one fighter, or to a question for a person.  Never to the nearest match.

A name is somebody's when it equals theirs but for case, accents and repeated blanks, or equals a spelling that a
person has confirmed.  Of several fighters with the name, weight and date decide if they can, and its only bearer must
be one who can have fought there; otherwise it waits at the identity desk, and its bouts meanwhile belong to a row that
is known by name only.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from apps.fighters.enums import GRAMS_PER_LB, WEIGHT_LIMITS_LB
from apps.fighters.models import Fighter, FighterAlias, UnmatchedName
from apps.fighters.name_keys import plain
from apps.fighters.services import provenance
from apps.fighters.services.keys import write_keys

YOUNGEST, OLDEST = 16, 50
# The only bearer of a name is doubted less: the oldest who ever fought for the UFC was nearly 52.
OLDEST_OF_ALL = 55
# Who is older than this and has fought nobody for years does not begin again.
OLDEST_BEGINNER = 40
# Classes between a fighter's own and one in which he has fought: two down, three up, in all of ufcstats.
MOST_CLASSES_DOWN, MOST_CLASSES_UP = 2, 3
# Before, classes of the same names meant other weights.
UNIFIED_RULES = dt.date(2001, 5, 1)
_CLASS_LIMITS = sorted(set(WEIGHT_LIMITS_LB.values()))
# Pounds between a fighter's usual weight and a bout's limit that are no reason for doubt, and that are a reason.
NEAR_LB, FAR_LB = 12, 25
# Between the nearest and the next: that much nearer decides.
CLEARLY_LB = 10
MOST_EXAMPLES = 12


@dataclass(frozen=True, slots=True)
class Mention:
    """A name where it was met, with what may tell who it is."""

    name: str
    on: dt.date | None = None
    limit_lb: int | None = None
    weight_class: str = ""
    where: str = ""
    against: str = ""


@dataclass(frozen=True, slots=True)
class Candidate:
    id: int
    weight_g: int | None
    birth_date: dt.date | None
    # Known from bouts only: a woman who has not fought yet has the class of her weight.
    is_woman: bool = False

    @property
    def is_blank(self) -> bool:
        return self.weight_g is None and self.birth_date is None

    def age_on(self, day: dt.date | None) -> float | None:
        return (day - self.birth_date).days / 365.25 if day and self.birth_date else None

    def could_fight_on(self, day: dt.date | None) -> bool:
        age = self.age_on(day)
        return age is None or YOUNGEST <= age <= OLDEST

    def pounds_from(self, limit_lb: int | None) -> float | None:
        return abs(self.weight_g / GRAMS_PER_LB - limit_lb) if limit_lb and self.weight_g else None


@dataclass(slots=True)
class Question:
    """A name that a person must decide on, with its mentions of this import."""

    name: str
    is_ambiguous: bool
    mentions: list[Mention] = field(default_factory=list)


class NameIndex:
    """Everybody's names at one moment, in memory for the length of an import."""

    def __init__(self) -> None:
        self._by_name: dict[str, dict[int, Candidate]] = {}
        self._people: dict[int, Candidate] = {}
        people = self._people
        rows = Fighter.objects.alive().filter(is_unconfirmed=False)
        told = rows.values_list("id", "name", "weight_g", "birth_date", "weight_class")
        for pk, name, weight_g, birth_date, weight_class in told.iterator():
            people[pk] = Candidate(pk, weight_g, birth_date, weight_class.startswith("Women"))
            self._by_name.setdefault(plain(name), {})[pk] = people[pk]
        for pk, name in FighterAlias.objects.values_list("fighter_id", "name").iterator():
            if pk in people:
                self._by_name.setdefault(plain(name), {})[pk] = people[pk]

    def add_spelling(self, fighter_id: int, name: str) -> None:
        """One that was confirmed since the index was made."""
        self._by_name.setdefault(plain(name), {})[fighter_id] = self._people[fighter_id]

    def of_name(self, name: str) -> Sequence[Candidate]:
        return list(self._by_name.get(plain(name), {}).values())

    def find(self, mention: Mention) -> int | None:
        """The one fighter whom the mention can mean; None for nobody or for several."""
        candidates = self.of_name(mention.name)
        if len(candidates) == 1:
            return candidates[0].id if _can_be_meant(candidates[0], mention) else None
        return decide(candidates, mention) if candidates else None

    def only_pounds(self, name: str) -> int | None:
        """What the only bearer of a name weighs; None for nobody, for several and for an unknown weight."""
        candidates = self.of_name(name)
        weight_g = candidates[0].weight_g if len(candidates) == 1 else None
        return round(weight_g / GRAMS_PER_LB) if weight_g else None


def decide(candidates: Sequence[Candidate], mention: Mention) -> int | None:
    """By age, then by weight.  None when both leave a doubt."""
    possible = [one for one in candidates if _can_have_fought(one, mention)]
    told = [one for one in possible if not one.is_blank]
    # Somebody of whom the source knows nothing at all is no rival of one who fits.
    if len(told) == 1 and _fits(told[0], mention):
        return told[0].id
    if len(possible) == 1:
        return possible[0].id if not possible[0].is_blank else None
    ranked = sorted(
        ((pounds, one.id) for one in told if (pounds := one.pounds_from(mention.limit_lb)) is not None),
    )
    if len(ranked) < len(told) or len(ranked) < 2:
        return None
    (nearest, winner), (next_nearest, _other) = ranked[:2]
    return winner if nearest <= NEAR_LB and next_nearest - nearest >= CLEARLY_LB else None


def is_rival(one: Candidate, mention: Mention) -> bool:
    """Whether somebody without a bout near may be meant rather than one of the same name who has been fighting."""
    age = one.age_on(mention.on)
    is_too_old = age is not None and age > OLDEST_BEGINNER
    return not one.is_blank and not is_too_old and _can_have_fought(one, mention)


def _can_have_fought(one: Candidate, mention: Mention) -> bool:
    """As strictly as one may ask when several bear the name."""
    pounds = one.pounds_from(mention.limit_lb)
    return one.could_fight_on(mention.on) and (pounds is None or pounds <= FAR_LB) and _is_of_that_sex(one, mention)


def _can_be_meant(one: Candidate, mention: Mention) -> bool:
    """As mildly as one must ask when nobody else bears the name: people do change their class."""
    age = one.age_on(mention.on)
    return (
        (age is None or YOUNGEST <= age <= OLDEST_OF_ALL)
        and _is_class_near(one, mention)
        and _is_of_that_sex(one, mention)
    )


def _is_class_near(one: Candidate, mention: Mention) -> bool:
    limit = WEIGHT_LIMITS_LB.get(mention.weight_class)
    if limit is None or not one.weight_g or (mention.on and mention.on < UNIFIED_RULES):
        return True
    own = min(bisect_left(_CLASS_LIMITS, round(one.weight_g / GRAMS_PER_LB)), len(_CLASS_LIMITS) - 1)
    down = own - _CLASS_LIMITS.index(limit)
    return -MOST_CLASSES_UP <= down <= MOST_CLASSES_DOWN


def _is_of_that_sex(one: Candidate, mention: Mention) -> bool:
    is_mens = mention.weight_class in WEIGHT_LIMITS_LB and not mention.weight_class.startswith("Women")
    return not (one.is_woman and is_mens)


def _fits(one: Candidate, mention: Mention) -> bool:
    pounds = one.pounds_from(mention.limit_lb)
    return pounds is not None and pounds <= NEAR_LB


def stand_ins(questions: Iterable[Question], *, source: str) -> tuple[dict[str, int], int]:
    """For each open question the row that stands in its bouts meanwhile; made when there is none yet.

    Returns ``{plain(name): fighter id}`` and how many names are new.  Inside the caller's transaction.
    """
    asked = {plain(question.name): question for question in questions}
    rows = {row.name_key: row for row in UnmatchedName.objects.filter(source=source, name_key__in=list(asked))}
    added = 0
    for key, question in asked.items():
        row = rows.get(key)
        if row is None:
            rows[key] = row = _ask(question, key, source)
            added += 1
        elif not row.is_open or row.fighter_id is None:
            # Decided before, and met again where that decision does not help: the next of several people, say.
            row.status, row.fighter = UnmatchedName.Status.OPEN, _stand_in(question.name, source)
            row.version += 1
            row.save(update_fields=["status", "fighter", "version"])
            added += 1
    return {key: int(row.fighter_id or 0) for key, row in rows.items()}, added


def _ask(question: Question, key: str, source: str) -> UnmatchedName:
    cause = UnmatchedName.Cause.AMBIGUOUS if question.is_ambiguous else UnmatchedName.Cause.UNKNOWN
    return UnmatchedName.objects.create(
        source=source,
        name=question.name[:128],
        name_key=key,
        cause=cause,
        fighter=_stand_in(question.name, source),
        mentions=len(question.mentions),
        examples=[example(mention) for mention in question.mentions[:MOST_EXAMPLES]],
    )


def _stand_in(name: str, source: str) -> Fighter:
    fighter = Fighter.objects.create(name=name[:128], is_unconfirmed=True, provenance=provenance.whole(source))
    write_keys([fighter.pk])
    return fighter


def ask_without_bouts(questions: Iterable[Question], *, source: str) -> int:
    """Names of lists (rankings, weigh-ins) that nobody has: asked once, without a row that stands in for them."""
    asked = {plain(question.name): question for question in questions}
    known = set(
        UnmatchedName.objects.filter(source=source, name_key__in=list(asked)).values_list("name_key", flat=True)
    )
    fresh = [
        UnmatchedName(
            source=source,
            name=question.name[:128],
            name_key=key,
            cause=UnmatchedName.Cause.AMBIGUOUS if question.is_ambiguous else UnmatchedName.Cause.UNKNOWN,
            mentions=len(question.mentions),
            examples=[example(mention) for mention in question.mentions[:MOST_EXAMPLES]],
        )
        for key, question in asked.items()
        if key not in known
    ]
    UnmatchedName.objects.bulk_create(fresh)
    return len(fresh)


def example(mention: Mention) -> dict[str, str]:
    return {
        "where": mention.where,
        "on": mention.on.isoformat() if mention.on else "",
        "weight_class": mention.weight_class,
        "against": mention.against,
    }
