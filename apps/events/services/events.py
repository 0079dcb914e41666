"""What people do to an event as a whole."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.core.actor import Actor
from apps.core.errors import FieldError, Invalid, PreconditionFailed
from apps.events.enums import BoutState, EventStatus
from apps.events.errors import MoveNotAllowed
from apps.events.models import Event, LiveFeed
from apps.events.services.changing import locked_event, write_event
from apps.events.services.hearing import SETTLES_FOR, SETTLES_OPEN_FOR
from apps.fighters.services import provenance

# Forward as far as one likes; back one step, for what was begun or ended by mistake.
_MOVES = {
    EventStatus.SCHEDULED: {EventStatus.LIVE, EventStatus.COMPLETED},
    EventStatus.LIVE: {EventStatus.COMPLETED, EventStatus.SCHEDULED},
    EventStatus.COMPLETED: {EventStatus.LIVE},
}
_BACK = {(EventStatus.LIVE, EventStatus.SCHEDULED), (EventStatus.COMPLETED, EventStatus.LIVE)}


@transaction.atomic
def change_event(
    event_id: int,
    *,
    actor: Actor,
    name: str | None = None,
    status: str | None = None,
    expected_version: int | None = None,
) -> Event:
    """Change name, status or both; None leaves a value as it is.

    A name typed by a person is locked against importers; an event that is taken back is run by hand from then on,
    else the next poll would move it forward again.  Raises NoSuchEvent, PreconditionFailed for a stale version,
    Invalid for an empty name, MoveNotAllowed.  A status that a person has set is not taken back by a feed.
    """
    event = expected_event(event_id, expected_version)
    changes: dict[str, Any] = {}
    if name is not None and name.strip() != event.name:
        changes |= _renamed(event, name, actor)
    if status is not None and status != event.status:
        changes |= _moved(event, EventStatus(status))
        provenance.lock(event, ["status"], by=actor.label)
        event.save(update_fields=["provenance"])
    write_event(event, changes, actor=actor)
    if "status" in changes:
        _poll_on(event)
    return event


def _poll_on(event: Event) -> None:
    """A live event is asked for at once, one that was ended until its results have settled."""
    now, feeds = timezone.now(), LiveFeed.objects.filter(event=event)
    if event.status == EventStatus.LIVE:
        feeds.update(next_poll_at=now)
    elif event.status == EventStatus.COMPLETED:
        is_open = event.bouts.exclude(state__in=[BoutState.OFFICIAL, BoutState.AMENDED, BoutState.CANCELLED]).exists()
        feeds.update(settles_until=now + (SETTLES_OPEN_FOR if is_open else SETTLES_FOR))


@transaction.atomic
def run_by_hand(event_id: int, *, actor: Actor, by_hand: bool) -> Event:
    """Take the event from its feed, or give it back: who decides when it is live and over."""
    event = locked_event(event_id)
    write_event(event, {"is_manual": by_hand}, actor=actor)
    if not by_hand:
        provenance.release(event, ["status"])
        event.save(update_fields=["provenance"])
        hear_again(event.pk)
    return event


def hear_again(event_id: int) -> None:
    """Let the next answer count though it says what the last one said."""
    LiveFeed.objects.filter(event_id=event_id).update(content_hash="")


def expected_event(event_id: int, expected_version: int | None) -> Event:
    """The event, locked.  Raises NoSuchEvent, and PreconditionFailed for a stale version."""
    event = locked_event(event_id)
    if expected_version is not None and expected_version != event.version:
        raise PreconditionFailed(_("The event was changed in the meantime: look at it again."), version=event.version)
    return event


def _renamed(event: Event, name: str, actor: Actor) -> dict[str, Any]:
    if not name.strip():
        raise Invalid(errors=[FieldError("name", "required", _("The event needs a name."))])
    provenance.lock(event, ["name"], by=actor.label)
    event.save(update_fields=["provenance"])
    return {"name": name.strip()}


def _moved(event: Event, status: EventStatus) -> dict[str, Any]:
    present = EventStatus(event.status)
    if status not in _MOVES[present]:
        raise MoveNotAllowed(
            _("An event goes forward, or back one step."),
            errors=[FieldError("status", "not_allowed", status.label)],
        )
    back = {"is_manual": True} if (present, status) in _BACK else {}
    return {"status": status.value, **back}
