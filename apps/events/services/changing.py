"""How a bout or an event changes, whoever wants it: one place that raises versions, keeps the old word, records,
forgets cached answers and tells the listeners.

Lock order: event, bout, fighter; of several, by their keys.  Everything here runs inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from operator import itemgetter
from typing import Any

from django.utils import timezone

from apps.audit.enums import Action
from apps.audit.services import Change, record_many, snapshot
from apps.core.actor import Actor
from apps.core.db import locked, update_objects
from apps.events.cache import forget_event, forget_fighters_of_events, seen_without_spoilers
from apps.events.errors import BoutChanged, NoSuchBout, NoSuchEvent
from apps.events.models import Bout, BoutRevision, Event
from apps.events.services.announcing import announce
from apps.events.services.records import recompute_records
from apps.fighters.models import Fighter
from apps.fighters.services import forget_profiles

# What decides about the fighters' records.
_RECORD_FIELDS = frozenset({"state", "result", "winner_fighter_id", "red_fighter_id", "blue_fighter_id"})
_OF_EVERY_CHANGE = frozenset({"version", "updated_at"})
_SHOWN_IN_PROFILES = frozenset({"name", "org", "starts_at", "status"})


def locked_event(event_id: int) -> Event:
    """Raises NoSuchEvent."""
    event = locked(Event.objects.filter(pk=event_id)).first()
    if event is None:
        raise NoSuchEvent
    return event


def locked_bout(bout_id: int, expected_version: int | None = None) -> Bout:
    """The bout, its event locked too.  Raises NoSuchBout, and BoutChanged for a stale version."""
    event_id = Bout.objects.filter(pk=bout_id).values_list("event_id", flat=True).first()
    if event_id is None:
        raise NoSuchBout
    event = locked_event(event_id)
    bout = locked(Bout.objects.filter(pk=bout_id)).first()
    if bout is None:
        raise NoSuchBout
    bout.event = event
    if expected_version is not None and expected_version != bout.version:
        raise BoutChanged(version=bout.version)
    return bout


class Changes:
    """What one transaction changes on cards whose events are locked: gathered first, then written together.

    Each change gets its revision and its audit event.  A bout that changes more than once is written and announced
    once, as it stands in the end.
    """

    def __init__(self, *, actor: Actor, source: str = "") -> None:
        self.actor, self.source = actor, source
        self._recorded: list[tuple[Action, str, Change]] = []
        self._revisions: list[BoutRevision] = []
        self._new: list[Bout] = []
        self._bouts: dict[int, tuple[Bout, set[str]]] = {}
        self._events: dict[int, tuple[Event, set[str]]] = {}
        self._fighters: set[int] = set()
        self._recount: set[int] = set()
        # Bouts of which also those see something who hide results.
        self._open: set[int] = set()

    def bout(
        self, bout: Bout, changes: Mapping[str, Any], *, reason: str = "", action: Action = Action.UPDATED
    ) -> bool:
        """Give a bout new values.  False, and nothing changed, when all of them are there already.

        ``changes`` names attributes, so ``winner_fighter_id``.  ``bout.event`` is the locked event.
        """
        new = _differing(bout, changes)
        if not new:
            return False
        before, old = snapshot(bout), {name: getattr(bout, name) for name in new}
        fighters, was_decided = _fighters_of(bout), bout.is_decided
        for name, value in new.items():
            setattr(bout, name, value)
        if "state" in new:
            bout.decided_at = (bout.decided_at or timezone.now()) if bout.is_decided else None
        bout.version += 1
        self._touch(bout.event)
        self._bouts.setdefault(bout.pk, (bout, {"decided_at", "version", "updated_at"}))[1].update(new)
        self._revisions.append(self._revision(bout, reason, old, new))
        self._recorded.append((action, reason, Change(bout, before, snapshot(bout))))
        if seen_without_spoilers(old, new):
            self._open.add(bout.pk)
        fighters |= _fighters_of(bout)
        self._fighters |= fighters
        if _RECORD_FIELDS & new.keys() and (was_decided or bout.is_decided):
            self._recount |= fighters
        return True

    def added(self, bout: Bout) -> None:
        """A bout that has just been inserted."""
        self._touch(bout.event)
        self._new.append(bout)
        self._recorded.append((Action.CREATED, "", Change(bout, None, snapshot(bout))))
        self._fighters |= _fighters_of(bout)

    def event(self, event: Event, changes: Mapping[str, Any], *, reason: str = "") -> bool:
        """The same for a locked event itself."""
        new = _differing(event, changes)
        if not new:
            return False
        before = snapshot(event)
        for name, value in new.items():
            setattr(event, name, value)
        self._touch(event).update(new)
        self._recorded.append((Action.UPDATED, reason, Change(event, before, snapshot(event))))
        return True

    def write(self) -> None:
        if not self._recorded:
            return
        _update(self._bouts.values())
        BoutRevision.objects.bulk_create(self._revisions)
        _update(self._events.values())
        for (action, reason), group in groupby(self._recorded, key=itemgetter(0, 1)):
            record_many(action, [change for _action, _reason, change in group], actor=self.actor, reason=reason)
        if self._recount and recompute_records(self._recount):
            self._read_records()
        self._forget()
        renewed = [event for event, fields in self._events.values() if fields - _OF_EVERY_CHANGE]
        changed = [*self._new, *(bout for bout, _fields in self._bouts.values())]
        announce(changed, renewed, quiet=self._bouts.keys() - self._open)

    def _touch(self, event: Event) -> set[str]:
        """Its card is another one now: the version of the card rises, ``updated_since`` finds it."""
        event.version += 1
        return self._events.setdefault(event.pk, (event, set(_OF_EVERY_CHANGE)))[1]

    def _revision(self, bout: Bout, reason: str, old: dict[str, Any], new: dict[str, Any]) -> BoutRevision:
        return BoutRevision(
            bout=bout,
            version=bout.version,
            source=self.source,
            actor_id=self.actor.id,
            actor_label=self.actor.label[:150],
            reason=reason,
            old=old,
            new=new,
        )

    def _read_records(self) -> None:
        """What is announced shows the records of both corners."""
        records = dict(Fighter.objects.filter(pk__in=self._recount).values_list("pk", "record"))
        for bout, _fields in self._bouts.values():
            for corner in (bout.red_fighter, bout.blue_fighter):
                corner.record = records.get(corner.pk, corner.record)

    def _forget(self) -> None:
        """Cached profiles show the bouts of a fighter, with the event's name and start."""
        forget_event(*self._events)
        forget_profiles(self._fighters)
        forget_fighters_of_events(pk for pk, (_event, fields) in self._events.items() if fields & _SHOWN_IN_PROFILES)


def write_bout(
    bout: Bout,
    changes: Mapping[str, Any],
    *,
    actor: Actor,
    source: str,
    reason: str = "",
    action: Action = Action.UPDATED,
) -> bool:
    """Give one locked bout new values, as ``Changes.bout`` does it."""
    together = Changes(actor=actor, source=source)
    changed = together.bout(bout, changes, reason=reason, action=action)
    together.write()
    return changed


def write_event(event: Event, changes: Mapping[str, Any], *, actor: Actor, reason: str = "") -> bool:
    """The same for a locked event."""
    together = Changes(actor=actor)
    changed = together.event(event, changes, reason=reason)
    together.write()
    return changed


def _differing(row: Bout | Event, values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if getattr(row, name) != value}


def _fighters_of(bout: Bout) -> set[int]:
    return {bout.red_fighter_id, bout.blue_fighter_id}


def _update(rows: Iterable[tuple[Bout | Event, set[str]]]) -> None:
    """Rows in which the same has changed share a statement."""
    by_fields: dict[tuple[str, ...], list[Bout | Event]] = {}
    for row, fields in rows:
        by_fields.setdefault(tuple(sorted(fields)), []).append(row)
    for names, together in by_fields.items():
        update_objects(together, names)
