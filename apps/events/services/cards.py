"""What editors do to a card before and during the evening: order, parts, replacements, cancellations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import F, Max
from django.utils.translation import gettext_lazy as _

from apps.audit.enums import Action
from apps.core.actor import Actor
from apps.core.db import locked
from apps.core.errors import Conflict, FieldError, Invalid, Text, worded
from apps.events.enums import BoutState, EventStatus, Segment
from apps.events.errors import MoveNotAllowed
from apps.events.models import MOST_ROUNDS, Bout, Event
from apps.events.services.changing import Changes, locked_bout, write_bout
from apps.events.services.events import expected_event, hear_again
from apps.events.services.running import OPERATOR, checked_reason
from apps.events.services.unknown import link_to, open_unknown
from apps.fighters.models import Fighter
from apps.fighters.services import provenance

EDITOR = "editor"
WEIGHT_CLASS_LENGTH = 64
# What a person says of a new bout; a source may fill the rest.
_TYPED = ("card_segment", "weight_class", "scheduled_rounds", "red_fighter_id", "blue_fighter_id")
# Places far behind the last, free while the bouts change theirs.
_ASIDE = 10_000


@dataclass(frozen=True, slots=True)
class Place:
    """Where a bout stands: the order of the places is the order of the card, the main bout first."""

    bout_id: int
    segment: str


@transaction.atomic
def arrange_card(event_id: int, places: Sequence[Place], *, actor: Actor, expected_version: int) -> Event:
    """Give all bouts of a card their order and part.

    Raises NoSuchEvent, PreconditionFailed, Invalid unless exactly the bouts of the card are named once each.
    """
    event = expected_event(event_id, expected_version)
    bouts = {bout.pk: bout for bout in locked(event.bouts.all())}
    named = [place.bout_id for place in places]
    if sorted(named) != sorted(bouts) or any(place.segment not in {"", *Segment.values} for place in places):
        raise Invalid(_("The card has changed: load it again."))
    event.bouts.update(sequence_no=F("sequence_no") + _ASIDE)
    for number, place in enumerate(places, start=1):
        bout = bouts[place.bout_id]
        bout.event = event
        _put(bout, number, place.segment, actor)
    return event


def _put(bout: Bout, number: int, segment: str, actor: Actor) -> None:
    changes = {"sequence_no": number, "card_segment": segment}
    changed = [name for name, value in changes.items() if getattr(bout, name) != value]
    provenance.lock(bout, changed, by=actor.label)
    Bout.objects.filter(pk=bout.pk).update(sequence_no=number, provenance=bout.provenance)
    write_bout(bout, changes, actor=actor, source=EDITOR)


@dataclass(frozen=True, slots=True)
class NewBout:
    """What a person says of a bout that is to stand on a card."""

    red_fighter_id: int
    blue_fighter_id: int
    segment: str = ""
    weight_class: str = ""
    scheduled_rounds: int | None = None


@transaction.atomic
def add_bout(
    event_id: int,
    new: NewBout,
    *,
    actor: Actor,
    expected_version: int,
    unknown_id: int | None = None,
    unknown_version: int | None = None,
    first_is: str = "",
) -> Bout:
    """Put a bout at the end of a card that is not over; ``unknown_id`` links it with what a source shows, whose
    first-named athlete stands in the corner ``first_is``.

    Raises NoSuchEvent, PreconditionFailed, MoveNotAllowed for a completed event, Invalid, Conflict for a fighter who
    stands on the card already.
    """
    event = expected_event(event_id, expected_version)
    if event.status == EventStatus.COMPLETED:
        raise MoveNotAllowed(_("The event is over."))
    _require_addable(event, new)
    unknown = open_unknown(unknown_id, event.pk, unknown_version) if unknown_id is not None else None
    last = event.bouts.aggregate(last=Max("sequence_no"))["last"] or 0
    bout = Bout(
        event=event,
        sequence_no=last + 1,
        card_segment=new.segment,
        weight_class=new.weight_class.strip(),
        scheduled_rounds=new.scheduled_rounds,
        red_fighter_id=new.red_fighter_id,
        blue_fighter_id=new.blue_fighter_id,
    )
    provenance.lock(bout, [name for name in _TYPED if getattr(bout, name)], by=actor.label)
    bout.save(force_insert=True)
    together = Changes(actor=actor, source=EDITOR)
    together.added(bout)
    together.write()
    if unknown is not None:
        link_to(unknown, bout, first_is=first_is, actor=actor)
    hear_again(event.pk)
    return bout


def _require_addable(event: Event, new: NewBout) -> None:
    pair = {"red": new.red_fighter_id, "blue": new.blue_fighter_id}
    if new.red_fighter_id == new.blue_fighter_id:
        raise _refused("blue", "taken", _("Nobody fights oneself."))
    _require_free(event, pair)
    if new.segment not in {"", *Segment.values}:
        raise _refused("segment", "invalid", _("The card has no such part."))
    if len(new.weight_class.strip()) > WEIGHT_CLASS_LENGTH:
        raise _refused("weight_class", "too_long", _("At most 64 characters."))
    if new.scheduled_rounds is not None and not 1 <= new.scheduled_rounds <= MOST_ROUNDS:
        raise _refused("scheduled_rounds", "impossible", _("A bout has 1 to 12 rounds."))


def _require_free(event: Event, chosen: Mapping[str, int]) -> None:
    """Whom a person puts on a card (field -> fighter) is nobody's old address and stands in no other bout of it.

    The rows are locked: a merge that is under way would leave its old address on the card.
    """
    rows = locked(Fighter.objects.filter(pk__in=chosen.values()))
    fighters = {fighter.pk: fighter for fighter in rows if not fighter.is_merged}
    for field, fighter_id in chosen.items():
        if fighter_id not in fighters:
            raise _refused(field, "unknown", _("There is no such fighter."))
    busy = event.bouts.exclude(state=BoutState.CANCELLED).values_list("red_fighter_id", "blue_fighter_id")
    standing = {fighter_id for two in busy for fighter_id in two}
    for field, fighter_id in chosen.items():
        if fighter_id in standing:
            sentence = worded(_("%(name)s stands on this card already."), name=fighters[fighter_id].name)
            raise Conflict(sentence, errors=[FieldError(field, "taken", sentence)])


def _refused(name: str, code: str, sentence: Text) -> Invalid:
    return Invalid(sentence, errors=[FieldError(name, code, sentence)])


@transaction.atomic
def replace_fighter(
    bout_id: int, *, corner: str, fighter_id: int, reason: str, actor: Actor, expected_version: int
) -> Bout:
    """Another fighter takes a corner of a bout of which no round has begun.

    Raises NoSuchBout, BoutChanged, MoveNotAllowed, Invalid also for a fighter who is unknown or was merged, Conflict
    for one who stands in another bout of the card.
    """
    bout = locked_bout(bout_id, expected_version)
    if bout.state not in {BoutState.SCHEDULED, BoutState.WALKOUTS}:
        raise MoveNotAllowed(_("The bout has begun or is over."))
    reason = checked_reason(reason, _("Say why the fighter is replaced."))
    if corner not in {"red", "blue"}:
        raise Invalid(errors=[FieldError("corner", "invalid", _("red or blue."))])
    if fighter_id in {bout.red_fighter_id, bout.blue_fighter_id}:
        sentence = _("This fighter stands in the bout already.")
        raise Invalid(sentence, errors=[FieldError("fighter", "taken", sentence)])
    _require_free(bout.event, {"fighter": fighter_id})
    changes = {f"{corner}_fighter_id": fighter_id, f"{corner}_ranking": ""}
    provenance.lock(bout, [f"{corner}_fighter_id"], by=actor.label)
    bout.save(update_fields=["provenance"])
    write_bout(bout, changes, actor=actor, source=EDITOR, reason=reason)
    hear_again(bout.event_id)
    return bout


@transaction.atomic
def cancel_bout(bout_id: int, *, reason: str, actor: Actor, expected_version: int) -> Bout:
    """The bout does not take place; it stays on the card with its reason.  Raises MoveNotAllowed once it is decided."""
    bout = locked_bout(bout_id, expected_version)
    if bout.is_decided or bout.state == BoutState.CANCELLED:
        raise MoveNotAllowed(_("The bout is over or cancelled already."))
    reason = checked_reason(reason, _("Say why the bout is cancelled."))
    changes = {"state": BoutState.CANCELLED.value, "round": None, "time_sec": None, "cancel_reason": reason}
    provenance.lock(bout, ["state"], by=actor.label)
    bout.save(update_fields=["provenance"])
    write_bout(
        bout,
        {**changes, "is_manual": True},
        actor=actor,
        source=OPERATOR,
        reason=reason,
        action=Action.CANCELLED,
    )
    return bout


@transaction.atomic
def restore_bout(bout_id: int, *, actor: Actor, expected_version: int) -> Bout:
    """A cancelled bout takes place after all.  Raises MoveNotAllowed for any other, and for a duplicate."""
    bout = locked_bout(bout_id, expected_version)
    if bout.state != BoutState.CANCELLED or bout.is_void:
        raise MoveNotAllowed
    changes = {"state": BoutState.SCHEDULED.value, "cancel_reason": "", "is_manual": False}
    provenance.release(bout, ["state"])
    bout.save(update_fields=["provenance"])
    write_bout(bout, changes, actor=actor, source=OPERATOR, action=Action.RESTORED)
    hear_again(bout.event_id)
    return bout
