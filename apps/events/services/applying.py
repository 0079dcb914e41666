"""Providers' answers meet our cards, one event's in the order in which they were captured.

The event is locked first, as everybody does who writes to its bouts or its feed: so two consumers never work on one
event side by side, and nobody waits in a circle.  An answer older than the one applied last does not win (§3.4).  The
same answer twice changes nothing and writes no history.

A hundred answers a second have to pass here, and a statement costs far more than what is done with its rows.  So the
answers of a batch are read for and written together, and a bout of which nothing new is said is not even loaded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from apps.core.actor import Actor, ActorKind
from apps.core.db import locked, skip_locked, update_objects
from apps.events.models import Bout, BoutExternalId, BoutReport, Event
from apps.events.services.answers import Answer
from apps.events.services.changing import Changes
from apps.events.services.hearing import Card, Outcome
from apps.events.services.matching import corners_of, look_up, match_names
from apps.events.services.unknown import keep_unknown
from apps.fighters.services import keep_ids

# So many events share a transaction at most: nobody waits for long who wants one of them.
EVENTS_TOGETHER = 50
# All that may differ in a report, but for its place: rows with the same columns share a statement.
_SAID = (
    *("state", "round", "clock_sec", "winner_fighter_id", "since", "held", "clock_doubtful", "missing_polls"),
    *("content_hash", "seen_at", "sequence"),
)

_Answers = Mapping[int, Sequence[Answer]]


def apply_answer(answer: Answer, *, now: datetime | None = None) -> Outcome:
    """Bring our card to what the provider says, as far as its word counts.  Safe to run twice."""
    return apply_answers([answer], now=now)[answer.event_id]


def apply_answers(answers: Iterable[Answer], *, now: datetime | None = None) -> dict[int, Outcome]:
    """The same for many, each as if it had come alone; the outcome for each event.

    An event that somebody else has locked keeps none of the others waiting: its turn comes last, alone.
    """
    now = now or timezone.now()
    by_source: dict[str, dict[int, list[Answer]]] = {}
    for answer in answers:
        by_source.setdefault(answer.source, {}).setdefault(answer.event_id, []).append(answer)
    outcomes: dict[int, Outcome] = {}
    for source, by_event in by_source.items():
        ids = sorted(by_event)
        parts = [ids[start : start + EVENTS_TOGETHER] for start in range(0, len(ids), EVENTS_TOGETHER)]
        applied: dict[int, Outcome] = {}
        for part in parts:
            applied |= _apply(source, {pk: by_event[pk] for pk in part}, now, waits=len(part) == 1)
        for event_id in by_event.keys() - applied.keys():
            applied |= _apply(source, {event_id: by_event[event_id]}, now, waits=True)
        outcomes |= applied
    return outcomes


@transaction.atomic
def _apply(source: str, answers: _Answers, now: datetime, *, waits: bool) -> dict[int, Outcome]:
    """Without ``waits``, events that are locked, or not there, are left out."""
    wanted = Event.objects.filter(pk__in=answers)
    events = {event.pk: event for event in (locked(wanted) if waits else skip_locked(wanted).order_by("pk"))}
    cards = _cards(source, events, now)
    for event_id, card in cards.items():
        card.take(answers[event_id])
    _load(cards)
    _know_athletes(source, cards.values())
    _match_corners(source, cards.values())
    changes = Changes(actor=Actor(ActorKind.SERVICE, f"source:{source}", source), source=source)
    for card in cards.values():
        card.hear(changes)
    changes.write()
    _write_reports([report for card in cards.values() for report in card.reports.values()])
    _write_feeds(cards.values())
    keep_unknown(source, cards.values())
    nobodys = Outcome(ignored="not followed")
    return {pk: cards[pk].outcome if pk in cards else nobodys for pk in (answers if waits else events)}


def _cards(source: str, events: Mapping[int, Event], now: datetime) -> dict[int, Card]:
    """Of the events that are followed."""
    if not events:
        return {}
    rows: dict[int, list[Any]] = {}
    row: Any
    for row in BoutReport.objects.followed(events, source):
        rows.setdefault(row.event_id, []).append(row)
    return {pk: Card(events[pk], rows[pk], source=source, now=now) for pk in sorted(rows)}


def _load(cards: Mapping[int, Card]) -> None:
    """Whoever changes a bout locks its event first: so these are as they are until we have done."""
    needed = [pk for card in cards.values() for pk in card.needed()]
    if not needed:
        return
    for bout in Bout.objects.filter(pk__in=needed).with_shown_corners():
        card = cards[bout.event_id]
        bout.event = card.event
        card.bouts[bout.pk] = bout


def _know_athletes(source: str, cards: Iterable[Card]) -> None:
    """Where names don't tell who somebody is, his id there or a confirmed spelling may."""
    unclear = [(card, said) for card in cards for said in card.unclear()]
    if not unclear:
        return
    concerned = {card.event.pk: card for card, _said in unclear}.values()
    athletes = [athlete for _card, said in unclear for athlete in said.athletes]
    known = look_up(athletes, [bout for card in concerned for bout in card.bouts.values()], source=source)
    for card in concerned:
        card.known = known


def _match_corners(source: str, cards: Iterable[Card]) -> None:
    """Who fights matters once: the source's ids of the bout and of both fighters are kept."""
    strange = [(card, said) for card in cards for said in card.strange()]
    if not strange:
        return
    elsewhere = BoutExternalId.objects.filter(source=source, external_id__in={said.external_id for _, said in strange})
    taken = set(elsewhere.values_list("external_id", flat=True))
    found: list[BoutExternalId] = []
    fighters: dict[str, int] = {}
    for card, said in strange:
        bout = match_names(said.athletes, card.bouts.values(), card.known)
        if bout is not None and said.external_id not in taken:
            taken.add(said.external_id)
            card.known_as[said.external_id] = bout.pk
            found.append(BoutExternalId(bout=bout, source=source, external_id=said.external_id))
            corners = corners_of(bout, said.athletes, card.known)
            fighters.update(corners.fighters if corners else {})
    BoutExternalId.objects.bulk_create(found)
    keep_ids(fighters, source=source)


def _write_reports(reports: Sequence[BoutReport]) -> None:
    update_objects([report for report in reports if report.pk is not None], _SAID)
    BoutReport.objects.bulk_create([report for report in reports if report.pk is None])


def _write_feeds(cards: Iterable[Card]) -> None:
    """In the order of their keys, as everybody does who writes to several feeds."""
    changed = sorted((card for card in cards if card.feed_changes), key=lambda card: card.feed.pk)
    update_objects([card.feed for card in changed], ["sequence", "content_hash", "unmatched"])
    for name in ("settles_until", "over_since"):
        update_objects([card.feed for card in changed if name in card.feed_changes], [name])
