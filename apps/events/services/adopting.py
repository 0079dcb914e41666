"""Taking over the events and cards that the live provider announces, so that there is something to follow.

What is here already is found again (by the provider's id, else by name or evening, a bout by both fighters) and is
not doubled; nothing is removed.  Fighters are found by the provider's id, else by their exact name; of anybody else
the identity desk is asked, and a row that is known by name only stands on the card meanwhile.  Safe to repeat.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils.translation import gettext_lazy as _

from apps.audit.enums import Action
from apps.audit.services import record, snapshot
from apps.core.actor import Actor
from apps.core.errors import Conflict
from apps.events.cache import forget_event, forget_fighters_of_events
from apps.events.enums import BoutState, EventStatus, Segment
from apps.events.models import Bout, BoutExternalId, Event, EventExternalId
from apps.events.services.announcing import announce_cards
from apps.events.services.changing import locked_event, write_event
from apps.events.services.feeds import filled_in, follow
from apps.events.services.matching import BY_NAME_ONLY, look_up, match_names
from apps.events.task_names import TAKE_CARDS
from apps.fighters.enums import WEIGHT_LIMITS_LB
from apps.fighters.models import FighterExternalId
from apps.fighters.name_keys import plain
from apps.fighters.services import keep_ids, provenance, refuse
from apps.fighters.services.identify import Mention, NameIndex, Question, stand_ins
from apps.taskhub.services import EnqueueOptions, enqueue

if TYPE_CHECKING:
    from datetime import date

    from apps.events.clients.scoreboard import SaidCard, SaidPairing

# An organisation has one evening within so long; sources differ by hours in when it begins.
SAME_EVENING = timedelta(hours=14)
SAME_DAY = timedelta(hours=30)


@dataclass(frozen=True, slots=True)
class Adopted:
    """What one announced card led to: bouts that are new here, and names that a person has to decide on."""

    event_id: int
    is_new: bool
    bouts: int
    questions: int


def request_cards(day: date, *, actor: Actor) -> str:
    """Queue the question what takes place on this day of the provider's calendar; returns the id of the task.

    Raises Conflict when the provider can't be asked by day.
    """
    address = str(settings.LIVE_SCOREBOARD_URL)
    if not address or "{event_id}" in address:
        raise Conflict(_("LIVE_SCOREBOARD_URL names no provider that can be asked what takes place on a day."))
    url = filled_in(address, day=day)
    with transaction.atomic():
        return enqueue(TAKE_CARDS, options=EnqueueOptions(actor=actor), url=url)


def adopt_card(said: SaidCard, *, source: str, actor: Actor) -> Adopted:
    """Bring one announced card in.  A card that is over is left as it is."""
    try:
        return _adopt(said, source, actor)
    except IntegrityError:
        # Of two at once the second meets the ids of the first, and finds everything there.
        return _adopt(said, source, actor)


@transaction.atomic
def _adopt(said: SaidCard, source: str, actor: Actor) -> Adopted:
    event, is_new = _event(said, source, actor)
    follow(event.pk, source=source, external_id=said.external_id, actor=actor)
    if event.status == EventStatus.COMPLETED:
        return Adopted(event.pk, is_new, bouts=0, questions=0)
    _update(event, said, source, actor)
    people = _People(said, source)
    fresh = _possible(event, _unknown(event, said.pairings, source), people)
    questions = people.ask(fresh)
    _add(event, fresh, people.found, source=source, actor=actor)
    if fresh:
        write_event(event, {"segments": event.segments | _segments(said)}, actor=actor)
        forget_event(event.pk)
        forget_fighters_of_events([event.pk])
        announce_cards([event.pk])
    return Adopted(event.pk, is_new, bouts=len(fresh), questions=questions)


def _event(said: SaidCard, source: str, actor: Actor) -> tuple[Event, bool]:
    """The event, locked; made when nobody knows it."""
    known = EventExternalId.objects.filter(source=source, external_id=said.external_id).first()
    event_id = known.event_id if known is not None else _entered_before(said, source)
    if event_id is not None:
        return locked_event(event_id), False
    event = Event(
        org=_org(said),
        name=said.name,
        starts_at=said.begins,
        venue=said.venue,
        segments=_segments(said),
        provenance=provenance.whole(source),
    )
    event.save(force_insert=True)
    record(Action.CREATED, event, actor=actor, new=snapshot(event))
    forget_event(event.pk)
    return event, True


def _entered_before(said: SaidCard, source: str) -> int | None:
    """An event of this organisation on this evening that the provider has no id of yet; None when there are more."""
    near = (
        Event.objects.of_org(_org(said))
        .filter(starts_at__gt=said.begins - SAME_DAY, starts_at__lt=said.begins + SAME_EVENING)
        .exclude(external_ids__source=source)
        .order_by("pk")
    )
    rows = near.values_list("pk", "name", "starts_at")[:20]
    found = [(pk, name) for pk, name, starts in rows if starts > said.begins - SAME_EVENING or _is_day_only(starts)]
    same_name = [pk for pk, name in found if plain(name) == plain(said.name)]
    if len(same_name) == 1:
        return same_name[0]
    return found[0][0] if len(found) == 1 else None


def _is_day_only(starts: datetime) -> bool:
    """Files know the day of the place and no hour: midnight in UTC, a day before the evening ends there."""
    return starts.astimezone(UTC).time() == time.min


def _org(said: SaidCard) -> str:
    return said.org or said.name.split(" ", 1)[0][:32]


def _segments(said: SaidCard) -> dict[str, str]:
    """When the parts begin, as far as the bouts begin at different times."""
    starts = sorted({pairing.begins for pairing in said.pairings if pairing.begins is not None})
    if len(starts) < 2:
        return {}
    return {
        Segment.MAIN_CARD.value: f"{starts[-1]:%Y-%m-%dT%H:%M:%SZ}",
        Segment.PRELIMS.value: f"{starts[0]:%Y-%m-%dT%H:%M:%SZ}",
    }


def _update(event: Event, said: SaidCard, source: str, actor: Actor) -> None:
    """Name, start and place, unless a person or a source of higher rank has said otherwise."""
    offered: dict[str, Any] = {"name": said.name, "starts_at": said.begins}
    if said.venue:
        offered["venue"] = said.venue
    if event.status != EventStatus.SCHEDULED:
        del offered["starts_at"]
    accepted, refused = provenance.split(event, offered, source=source)
    if accepted:
        origins = Event(provenance=event.provenance)
        provenance.write(origins, accepted, source=source)
        write_event(event, {**accepted, "provenance": origins.provenance}, actor=actor)
    refuse("event", [(event.pk, item) for item in refused], source=source)


def _unknown(event: Event, pairings: Sequence[SaidPairing], source: str) -> list[SaidPairing]:
    """Bouts that are not on our card.  Those that are, by name, are known by the provider's id from now on."""
    ids = [pairing.external_id for pairing in pairings]
    taken = set(BoutExternalId.objects.filter(source=source, external_id__in=ids).values_list("external_id", flat=True))
    strange = [pairing for pairing in pairings if pairing.external_id not in taken]
    bouts = list(event.bouts.all().with_corners()) if strange else []
    corners = [corner for pairing in strange for corner in (pairing.red, pairing.blue)]
    known = look_up(corners, bouts, source=source) if bouts else BY_NAME_ONLY
    fresh, linked = [], []
    for pairing in strange:
        bout = match_names((pairing.red, pairing.blue), bouts, known)
        if bout is None:
            fresh.append(pairing)
        else:
            linked.append(BoutExternalId(bout=bout, source=source, external_id=pairing.external_id))
    BoutExternalId.objects.bulk_create(linked)
    return fresh


class _People:
    """Who the announced corners are.  ``found``: our fighter for each (athlete's id, name)."""

    def __init__(self, said: SaidCard, source: str) -> None:
        self.said, self.source = said, source
        self.found: dict[tuple[str, str], int] = {}
        self._ids: set[str] = set()
        self._index: NameIndex | None = None

    def look_up(self, pairings: Sequence[SaidPairing]) -> None:
        """Those whom the provider's id or the exact name tells."""
        if not pairings:
            return
        corners = {corner: pairing for pairing in pairings for corner in (pairing.red, pairing.blue)}
        rows = FighterExternalId.objects.filter(source=self.source, external_id__in=[athlete for athlete, _ in corners])
        by_id = dict(rows.values_list("external_id", "fighter_id"))
        self._ids, self._index = set(by_id), NameIndex()
        for corner, pairing in corners.items():
            fighter_id = by_id.get(corner[0]) or self._index.find(_mention(self.said, pairing, corner))
            if fighter_id is not None:
                self.found[corner] = fighter_id

    def ask(self, pairings: Sequence[SaidPairing]) -> int:
        """Put rows that are known by name only into the corners of the others; returns how many names are new."""
        corners = {corner: pairing for pairing in pairings for corner in (pairing.red, pairing.blue)}
        questions: dict[str, Question] = {}
        for corner, pairing in corners.items():
            if corner not in self.found and self._index is not None:
                is_ambiguous = bool(self._index.of_name(corner[1]))
                question = questions.setdefault(plain(corner[1]), Question(corner[1], is_ambiguous))
                question.mentions.append(_mention(self.said, pairing, corner))
        unknown, asked = stand_ins(questions.values(), source=self.source)
        self.found |= {corner: unknown[plain(corner[1])] for corner in corners if corner not in self.found}
        # Where the provider gave an id, the next card needs no name.
        fresh = {corner[0]: self.found[corner] for corner in corners if corner[0] and corner[0] not in self._ids}
        keep_ids(fresh, source=self.source)
        return asked


def _mention(said: SaidCard, pairing: SaidPairing, corner: tuple[str, str]) -> Mention:
    other = pairing.blue if corner == pairing.red else pairing.red
    return Mention(
        name=corner[1],
        on=said.begins.date(),
        limit_lb=WEIGHT_LIMITS_LB.get(pairing.weight_class),
        weight_class=pairing.weight_class,
        where=said.name,
        against=other[1],
    )


def _possible(event: Event, pairings: Sequence[SaidPairing], people: _People) -> list[SaidPairing]:
    """Without bouts of people who stand on the card already: a replacement is a person's decision."""
    people.look_up(pairings)
    standing = event.bouts.exclude(state=BoutState.CANCELLED).values_list("red_fighter_id", "blue_fighter_id")
    busy = {pk for pair in standing for pk in pair}
    possible = []
    for pairing in pairings:
        known = [people.found[corner] for corner in (pairing.red, pairing.blue) if corner in people.found]
        if busy & set(known) or len(known) != len(set(known)) or plain(pairing.red[1]) == plain(pairing.blue[1]):
            continue
        busy |= set(known)
        possible.append(pairing)
    return possible


def _add(
    event: Event,
    pairings: Sequence[SaidPairing],
    fighters: dict[tuple[str, str], int],
    *,
    source: str,
    actor: Actor,
) -> None:
    """After what is on the card, in the announced order."""
    place = event.bouts.aggregate(last=Max("sequence_no"))["last"] or 0
    starts = {pairing.begins for pairing in pairings if pairing.begins}
    for number, pairing in enumerate(pairings, start=place + 1):
        bout = Bout.objects.create(
            event=event,
            sequence_no=number,
            card_segment=_segment(pairing, starts),
            weight_class=pairing.weight_class,
            scheduled_rounds=pairing.scheduled_rounds,
            red_fighter_id=fighters[pairing.red],
            blue_fighter_id=fighters[pairing.blue],
            provenance=provenance.whole(source),
        )
        BoutExternalId.objects.create(bout=bout, source=source, external_id=pairing.external_id)
        record(Action.CREATED, bout, actor=actor, new=snapshot(bout))


def _segment(pairing: SaidPairing, starts: set[datetime]) -> str:
    """Who begins last is the main card; when all begin at once, nobody knows."""
    if len(starts) < 2:
        return ""
    return Segment.MAIN_CARD if pairing.begins == max(starts) else Segment.PRELIMS
