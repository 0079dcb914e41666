"""Whom and what new pieces name: suggestions for the editor, found by names, decided by nobody.

A fighter is found by the full name, an alias or the Chinese name, in either order of the words; never by a part of it.
Two fighters of one name are both suggested.  Sure, and so ticked beforehand at the desk, is a name of two words (of
three Chinese characters) that nobody else has, in its usual order.  A single word counts only when it is somebody's
whole name, is written with a capital and is part of nobody else's.

Statements for a batch are bounded, whatever stands in it: some thousand keys each, the newest events at once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from apps.articles.models import Mention, PendingArticle
from apps.articles.models.mentions import FOUND_LENGTH
from apps.articles.services.spotting import EventForms, Phrase, Span, Text, bare_han, longest, pair_key
from apps.articles.task_names import SUGGEST_NAMES
from apps.core.db import locked
from apps.events.models import Event
from apps.fighters.models import Fighter, FighterAlias, FighterNameKey
from apps.fighters.name_keys import Kind
from apps.fighters.querysets.search import successor
from apps.taskhub.services import enqueue

MOST_PIECES = 50
# Twice the time between two looks: one may be missed.
LOOKED_BACK = timedelta(hours=2)
MOST_AGAIN = 1_000
KEYS_AT_ONCE = 2_000
MOST_KEYS = 30_000
MOST_CANDIDATES = 2_000
MOST_SINGLE_WORDS = 40
MOST_EVENTS = 20_000
# More names than these are a list of results, not what a piece is about.
MOST_OF_A_PIECE = 20
SHORTEST_SINGLE = 5
SURE_CHARACTERS = 3
_WHOLE_NAMES = (Kind.NAME.value, Kind.ALIAS.value, Kind.TURNED.value)


@dataclass(frozen=True, slots=True)
class Suggestion:
    field: str
    number: int
    is_sure: bool
    found: str


def queue_suggestions(pending_ids: Sequence[int]) -> None:
    """In the transaction that stores or rewords these pieces: looking for names takes longer than storing."""
    if pending_ids:
        enqueue(SUGGEST_NAMES, pending_ids=list(pending_ids))


def suggest(pending_ids: Sequence[int]) -> int:
    """Look for the names in these pieces; returns how many suggestions were made.  Safe to run twice and beside others.

    What a person confirmed or dismissed stays; a suggestion that the present words no longer bear goes.
    """
    made = 0
    for start in range(0, len(pending_ids), MOST_PIECES):
        rows = PendingArticle.objects.for_suggestions().filter(pk__in=pending_ids[start : start + MOST_PIECES])
        texts = {row.pk: Text.of(row.title, row.summary) for row in rows}
        made += _write({pk: found[:MOST_OF_A_PIECE] for pk, found in suggestions_for(texts).items()})
    return made


def suggest_again(*, now: datetime | None = None) -> int:
    """Look again in the newest pieces that wait, when fighters or events came or were renamed lately.

    A piece may be older than the import that brought its fighters.  Nothing is read when nothing came.
    """
    lately = (now or timezone.now()) - LOOKED_BACK
    if not (Fighter.objects.changed_since(lately).exists() or Event.objects.changed_since(lately).exists()):
        return 0
    return suggest(
        list(PendingArticle.objects.awaiting_review().order_by("-id").values_list("pk", flat=True)[:MOST_AGAIN])
    )


def suggestions_for(texts: dict[int, Text]) -> dict[int, list[Suggestion]]:
    """Piece → what it names, in the order of the text."""
    people = _Spotted("fighter_id")
    _by_words(texts, people)
    _by_characters(texts, people)
    evenings = _Spotted("event_id")
    events = EventForms(Event.objects.newest_first().values_list("pk", "org", "name")[:MOST_EVENTS])
    for piece, text in texts.items():
        for span, numbers, found in events.found_in(text):
            evenings.add(piece, ("", span), numbers, found, is_sure=True)
    return {piece: [*people.of(piece), *evenings.of(piece)] for piece in texts}


Place = tuple[str, Span]


class _Spotted:
    """What was found where: several at one place are not sure, and of overlapping places the longest counts."""

    def __init__(self, field: str) -> None:
        self._field = field
        self._places: dict[int, dict[Place, dict[int, tuple[bool, str]]]] = defaultdict(dict)

    def add(self, piece: int, place: Place, numbers: Iterable[int], found: str, *, is_sure: bool) -> None:
        here = self._places[piece].setdefault(place, {})
        for number in numbers:
            here[number] = (is_sure or here.get(number, (False, ""))[0], found)

    def of(self, piece: int) -> Iterator[Suggestion]:
        places = self._places.get(piece, {})
        spans: dict[str, set[Span]] = defaultdict(set)
        for script, span in places:
            spans[script].add(span)
        kept = {script: longest(found) for script, found in spans.items()}
        best: dict[int, tuple[bool, str]] = {}
        for (script, span), here in sorted(places.items()):
            if span not in kept[script]:
                continue
            for number, (is_sure, found) in sorted(here.items()):
                sure = (is_sure and len(here) == 1) or best.get(number, (False, ""))[0]
                best[number] = (sure, best.get(number, (False, found))[1])
        return (Suggestion(self._field, number, sure, found) for number, (sure, found) in best.items())


# --- fighters --------------------------------------------------------------------------------------------------------
def _by_words(texts: dict[int, Text], people: _Spotted) -> None:
    phrases = {piece: [one for one in text.phrases() if _may_be_name(one)] for piece, text in texts.items()}
    keys = sorted({phrase.key for found in phrases.values() for phrase in found})[:MOST_KEYS]
    bearers: dict[str, dict[int, bool]] = defaultdict(dict)
    for key, kind, fighter in _key_rows(keys, Q(kind__in=_WHOLE_NAMES), "name_key", "kind", "fighter_id"):
        bearers[key][fighter] = bearers[key].get(fighter, False) or kind != Kind.TURNED
    unconfirmed = _known_by_name_only({fighter for found in bearers.values() for fighter in found})
    alone = _borne_by_nobody_else(_single_words(phrases, bearers))
    for piece, found in phrases.items():
        for phrase in found:
            here = bearers.get(phrase.key, {})
            if phrase.size == 1 and phrase.key not in alone:
                continue
            for fighter, in_order in here.items():
                is_sure = phrase.size > 1 and in_order and fighter not in unconfirmed
                people.add(piece, (f"abc{phrase.reading}", phrase.span), [fighter], phrase.text, is_sure=is_sure)


def _may_be_name(phrase: Phrase) -> bool:
    """Before anything is asked: a third of all phrases are single words."""
    return phrase.size > 1 or (phrase.is_capital and len(phrase.key) >= SHORTEST_SINGLE)


def _single_words(phrases: dict[int, list[Phrase]], bearers: dict[str, dict[int, bool]]) -> list[str]:
    """Words that are somebody's whole name; one that several have tells nobody apart."""
    found = {
        phrase.key
        for some in phrases.values()
        for phrase in some
        if phrase.size == 1 and len(bearers.get(phrase.key, ())) == 1
    }
    return sorted(found)[:MOST_SINGLE_WORDS]


def _borne_by_nobody_else(single: list[str]) -> set[str]:
    """Without those that begin or end the name of another: "Silva" may be anybody."""
    if not single:
        return set()
    begins = Q()
    for word in single:
        begins |= Q(name_key__gte=word, name_key__lt=successor(word) or "~")
    rows = FighterNameKey.objects.filter(begins, kind__in=_WHOLE_NAMES)
    longer = list(rows.values_list("name_key", flat=True)[:MOST_CANDIDATES])
    return {word for word in single if not any(key != word and key.startswith(word) for key in longer)}


def _by_characters(texts: dict[int, Text], people: _Spotted) -> None:
    """By the last two characters first, then by the whole name."""
    pairs = {piece: {pair_key(pair) for pair in text.han_pairs()} for piece, text in texts.items()}
    keys = sorted(set().union(*pairs.values()))[:MOST_KEYS]
    ending: dict[str, set[int]] = defaultdict(set)
    for key, fighter in _key_rows(keys, Q(kind=Kind.HAN.value), "name_key", "fighter_id"):
        ending[key].add(fighter)
    spellings = _chinese_names({fighter for found in ending.values() for fighter in found})
    for piece, text in texts.items():
        near = {fighter for key in pairs[piece] for fighter in ending.get(key, ())}
        for fighter in near:
            for name in spellings.get(fighter, ()):
                for span in text.places_of(name):
                    people.add(piece, ("字", span), [fighter], name, is_sure=len(name) >= SURE_CHARACTERS)


def _chinese_names(fighters: set[int]) -> dict[int, set[str]]:
    chosen = sorted(fighters)[:MOST_CANDIDATES]
    if not chosen:
        return {}
    names: dict[int, set[str]] = defaultdict(set)
    rows = [
        *Fighter.objects.alive().filter(pk__in=chosen).values_list("pk", "name_zh"),
        *Fighter.objects.alive().filter(pk__in=chosen).values_list("pk", "name"),
        *FighterAlias.objects.filter(fighter__in=chosen).values_list("fighter_id", "name"),
    ]
    for fighter, name in rows:
        names[fighter].add(bare_han(name))
    return {fighter: found - {""} for fighter, found in names.items()}


def _known_by_name_only(fighters: set[int]) -> set[int]:
    chosen = sorted(fighters)[:MOST_CANDIDATES]
    return set(Fighter.objects.filter(pk__in=chosen, is_unconfirmed=True).values_list("pk", flat=True))


def _key_rows(keys: list[str], wanted: Q, *columns: str) -> Iterator[tuple[Any, ...]]:
    for start in range(0, len(keys), KEYS_AT_ONCE):
        chosen = keys[start : start + KEYS_AT_ONCE]
        rows = FighterNameKey.objects.filter(wanted, name_key__in=chosen)
        yield from rows.values_list(*columns)[: 5 * MOST_CANDIDATES]


# --- writing ---------------------------------------------------------------------------------------------------------
@transaction.atomic
def _write(wanted: dict[int, list[Suggestion]]) -> int:
    """Bring the suggestions of these pieces in line, under their locks: an editor may be choosing names just now."""
    list(locked(PendingArticle.objects.filter(pk__in=wanted)).values_list("pk"))
    known: set[tuple[int, str, int]] = set()
    stale: list[int] = []
    fresh = {(pk, one.field, one.number): one for pk, found in wanted.items() for one in found}
    for row in Mention.objects.filter(pending__in=wanted).order_by("pk"):
        place = (row.pending_id or 0, *_target(row))
        now = fresh.get(place)
        if row.state != Mention.State.SUGGESTED or (now and (row.is_sure, row.found) == _shown(now)):
            known.add(place)
        else:
            stale.append(row.pk)
    if stale:
        Mention.objects.filter(pk__in=stale, state=Mention.State.SUGGESTED).delete()
    rows = [
        Mention(pending_id=pk, is_sure=one.is_sure, found=one.found[:FOUND_LENGTH], **{one.field: one.number})
        for (pk, _field, _number), one in fresh.items()
        if (pk, one.field, one.number) not in known
    ]
    Mention.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def _target(row: Mention) -> tuple[str, int]:
    return ("fighter_id", row.fighter_id) if row.fighter_id is not None else ("event_id", row.event_id or 0)


def _shown(one: Suggestion) -> tuple[bool, str]:
    return one.is_sure, one.found[:FOUND_LENGTH]
