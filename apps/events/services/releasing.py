"""Values of events and bouts that a person has locked, given back to the sources; and what a source was refused, taken.

Of a bout's result all is given back together, as the live board does it: a winner of one word with a method of another
would be nobody's word.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import models, transaction
from django.utils.translation import gettext as _

from apps.audit.enums import Action
from apps.core.actor import Actor
from apps.core.errors import Invalid
from apps.events.errors import MoveNotAllowed
from apps.events.models import Bout, Event
from apps.events.services.cards import EDITOR
from apps.events.services.changing import locked_bout, write_bout, write_event
from apps.events.services.entering import EDITABLE_FIELDS, edit_event
from apps.events.services.events import expected_event, hear_again
from apps.events.services.running import RESULT_FIELDS
from apps.fighters.models import RefusedChange
from apps.fighters.registry import register_offer_taker
from apps.fighters.services import provenance


@transaction.atomic
def release_event_fields(
    event_id: int, fields: Sequence[str], *, actor: Actor, expected_version: int | None = None
) -> Event:
    """Let the sources write these fields again; the values stay until they do.

    Raises NoSuchEvent, PreconditionFailed, Invalid for a field that is not locked.
    """
    event = expected_event(event_id, expected_version)
    _require_locked(event, fields)
    write_event(event, {"provenance": _without(event, fields)}, actor=actor, reason=_told(event, fields))
    hear_again(event.pk)
    return event


@transaction.atomic
def release_bout_fields(
    bout_id: int, fields: Sequence[str], *, actor: Actor, expected_version: int | None = None
) -> Bout:
    """The same for a bout.  Raises NoSuchBout, BoutChanged, MoveNotAllowed for a duplicate, Invalid."""
    bout = locked_bout(bout_id, expected_version)
    if bout.is_void:
        raise MoveNotAllowed
    _require_locked(bout, fields)
    changes: dict[str, Any] = {}
    if set(fields) & set(RESULT_FIELDS):
        fields, changes = [*fields, *RESULT_FIELDS], {"is_manual": False}
    changes["provenance"] = _without(bout, fields)
    write_bout(bout, changes, actor=actor, source=EDITOR, reason=_told(bout, fields), action=Action.UNLOCKED)
    hear_again(bout.event_id)
    return bout


def name_of(row: Event | Bout, field: str) -> str:
    """As a person reads it; ``field`` names an attribute, so ``red_fighter_id``."""
    named = {one.attname: one for one in row._meta.concrete_fields}
    return str(named[field].verbose_name) if field in named else field


def _require_locked(row: models.Model, fields: Sequence[str]) -> None:
    if not fields or set(fields) - set(provenance.locked_fields(row)):
        raise Invalid(_("Choose fields that are locked."))


def _without(row: Event | Bout, fields: Sequence[str]) -> dict[str, Any]:
    copy = type(row)(provenance=row.provenance)
    provenance.release(copy, fields)
    return dict(copy.provenance)


def _told(row: Event | Bout, fields: Sequence[str]) -> str:
    held = provenance.locked_fields(row)
    names = ", ".join(name_of(row, field) for field in dict.fromkeys(fields) if field in held)
    return (_("released: %(fields)s") % {"fields": names})[:255]


# --- refused changes --------------------------------------------------------------------------------------------------
def take_offer_for_event(change: RefusedChange, *, actor: Actor) -> None:
    """The source's value is written and is a person's word from now on."""
    if change.field not in EDITABLE_FIELDS:
        raise Invalid(_("This change can't be taken over: release the field, and the source's next word counts."))
    field: Any = Event._meta.get_field(change.field)
    edit_event(change.resource_id, actor=actor, **{change.field: field.to_python(change.offered)})


def take_offer_for_bout(change: RefusedChange, *, actor: Actor) -> None:
    """What belongs together comes together: the field, or the whole result, is released to the source's next word."""
    bout = Bout.objects.filter(pk=change.resource_id).first()
    if bout is not None and provenance.is_locked(bout, change.field):
        release_bout_fields(change.resource_id, [change.field], actor=actor)


def register() -> None:
    register_offer_taker("event", take_offer_for_event)
    register_offer_taker("bout", take_offer_for_bout)
