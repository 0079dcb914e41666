"""Who an open name may be, and which fighters may be one person: with the evidence, for a person to decide."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db.models import Count, Q
from django.utils.translation import gettext as _

from apps.events.models import Bout
from apps.fighters.models import DistinctPair, Fighter, FighterNameKey, UnmatchedName
from apps.fighters.name_keys import Kind, fold, likeness, name_words
from apps.fighters.querysets.search import Hit

MOST_CANDIDATES = 6
# On a page; and names that several have which are looked at for pairs.
MOST_PAIRS = 20
MOST_NAMES = 400
GOOD, BAD, PLAIN = "success", "danger", "neutral"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing that speaks for (success), against (danger) or only about (neutral) the match."""

    text: str
    tone: str


@dataclass(slots=True)
class Candidate:
    hit: Hit
    likeness: int
    evidence: list[Evidence] = field(default_factory=list)

    @property
    def speaks_against(self) -> bool:
        return any(item.tone == BAD for item in self.evidence)


@dataclass(slots=True)
class Pair:
    """The kept row first: the one with more bouts, or the older one."""

    kept: Fighter
    other: Fighter
    evidence: list[Evidence] = field(default_factory=list)

    @property
    def both(self) -> tuple[Fighter, Fighter]:
        return self.kept, self.other

    @property
    def speaks_against(self) -> bool:
        return any(item.tone == BAD for item in self.evidence)


def candidates_for(question: UnmatchedName) -> list[Candidate]:
    """Fighters whom the name may mean, likeliest first.  A suggestion is never taken by itself."""
    hits = Fighter.objects.search(question.name, limit=MOST_CANDIDATES)
    if len(hits) < MOST_CANDIDATES:
        hits += Fighter.objects.with_any_word(name_words(question.name), limit=2 * MOST_CANDIDATES)
    found: dict[int, Hit] = {}
    for hit in hits:
        if hit.id != question.fighter_id and not hit.is_unconfirmed:
            found.setdefault(hit.id, hit)
    evenings = _evenings([*found, *([question.fighter_id] if question.fighter_id else [])])
    own = evenings.get(question.fighter_id or 0, set())
    made = [_candidate(question, hit, own & evenings.get(hit.id, set())) for hit in found.values()]
    made.sort(key=lambda one: (one.speaks_against, -one.likeness, one.hit.id))
    return made[:MOST_CANDIDATES]


def _candidate(question: UnmatchedName, hit: Hit, shared: set[int]) -> Candidate:
    alike = round(100 * likeness(fold(question.name), fold(hit.name)))
    made = Candidate(hit, alike)
    made.evidence.append(
        Evidence(_("%(percent)d%% of the letters") % {"percent": alike}, GOOD if alike > 85 else PLAIN)
    )
    if shared:
        made.evidence.append(Evidence(_("fought on the same card under the own name"), BAD))
    classes = {item.get("weight_class", "") for item in question.examples} - {""}
    if hit.weight_class and classes:
        fits = hit.weight_class in classes
        made.evidence.append(
            Evidence(_("same weight class") if fits else _("other weight class"), GOOD if fits else PLAIN)
        )
    made.evidence += _of_age(question, hit)
    return made


def _of_age(question: UnmatchedName, hit: Hit) -> list[Evidence]:
    days = sorted(dt.date.fromisoformat(item["on"]) for item in question.examples if item.get("on"))
    if not days or hit.birth_date is None:
        return []
    age = (days[0] - hit.birth_date).days // 365
    tone = PLAIN if 17 <= age <= 48 else BAD
    return [Evidence(_("%(age)d years old at the first mention") % {"age": age}, tone)]


@dataclass(frozen=True, slots=True)
class PairPage:
    """Some of the pairs.  ``is_all``: ``total`` counts all there are, not only those that were looked at."""

    pairs: list[Pair]
    total: int
    is_all: bool
    number: int
    pages: int


def suggested_pairs(number: int = 1) -> PairPage:
    """Fighters of one name (in any order) whom nobody has said to be two people.  Likeliest first, page by page.

    Of very many, those of the first ``MOST_NAMES`` names; the others follow as these are decided.
    """
    kinds = [Kind.NAME.value, Kind.TURNED.value, Kind.ALIAS.value, Kind.HAN.value]
    keys = list(
        FighterNameKey.objects.filter(kind__in=kinds)
        .values("name_key")
        .annotate(people=Count("fighter", distinct=True))
        .filter(people__gt=1)
        .order_by("name_key")
        .values_list("name_key", flat=True)[: MOST_NAMES + 1]
    )
    groups: dict[str, set[int]] = {}
    for key, fighter in FighterNameKey.objects.filter(name_key__in=keys[:MOST_NAMES], kind__in=kinds).values_list(
        "name_key", "fighter_id"
    ):
        groups.setdefault(key, set()).add(fighter)
    couples = {
        (one, other) for group in groups.values() if len(group) <= 4 for one in group for other in group if one < other
    }
    couples -= set(DistinctPair.objects.values_list("lower_id", "higher_id"))
    pairs = _pairs(sorted(couples))
    pages = max(1, -(-len(pairs) // MOST_PAIRS))
    number = min(max(1, number), pages)
    chosen = pairs[(number - 1) * MOST_PAIRS : number * MOST_PAIRS]
    return PairPage(chosen, len(pairs), len(keys) <= MOST_NAMES, number, pages)


def _pairs(couples: list[tuple[int, int]]) -> list[Pair]:
    ids = {fighter for couple in couples for fighter in couple}
    people = {fighter.pk: fighter for fighter in Fighter.objects.alive().filter(pk__in=ids)}
    evenings = _evenings(ids)
    made = []
    for one, other in couples:
        if one not in people or other not in people:
            continue
        kept, given = sorted(
            (people[one], people[other]), key=lambda row: (row.is_unconfirmed, -len(evenings.get(row.pk, ())), row.pk)
        )
        made.append(Pair(kept, given, _about(kept, given, evenings)))
    made.sort(key=lambda pair: (pair.speaks_against, pair.kept.name, pair.kept.pk, pair.other.pk))
    return made


def _about(kept: Fighter, other: Fighter, evenings: dict[int, set[int]]) -> list[Evidence]:
    evidence = []
    if kept.birth_date and other.birth_date:
        same = kept.birth_date == other.birth_date
        evidence.append(Evidence(_("same date of birth") if same else _("other date of birth"), GOOD if same else BAD))
    if kept.weight_class and other.weight_class:
        same = kept.weight_class == other.weight_class
        evidence.append(Evidence(_("same weight class") if same else _("other weight class"), GOOD if same else PLAIN))
    if kept.height_mm and other.height_mm and abs(kept.height_mm - other.height_mm) > 60:
        evidence.append(Evidence(_("heights differ"), BAD))
    if evenings.get(kept.pk, set()) & evenings.get(other.pk, set()):
        evidence.append(Evidence(_("both fought on one card"), BAD))
    return evidence


def _evenings(fighter_ids: Iterable[int]) -> dict[int, set[int]]:
    """The events on whose cards each of them stands."""
    wanted = set(fighter_ids)
    found: dict[int, set[int]] = {}
    rows = Bout.objects.filter(Q(red_fighter__in=wanted) | Q(blue_fighter__in=wanted))
    for event, red, blue in rows.values_list("event_id", "red_fighter_id", "blue_fighter_id"):
        for fighter in {red, blue} & wanted:
            found.setdefault(fighter, set()).add(event)
    return found
