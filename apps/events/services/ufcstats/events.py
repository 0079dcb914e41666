"""Events of a snapshot: found by the source's id, so that a renamed one stays one.

An event that another source or a person entered first is the same one when it has no id of this source and bears the
same name, or is the only such event of its evening.  One that was guessed from fights is the event that the file now
puts these fights in.  Of the same name and day it is the same one under whatever address, and the report says so.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import orjson
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.core.db import insert_objects, insert_rows, locked, update_rows
from apps.events.cache import forget_event, forget_fighters_of_events
from apps.events.enums import EventStatus
from apps.events.models import Event, EventExternalId
from apps.events.services.announcing import announce_cards
from apps.events.services.ufcstats.report import Report
from apps.fighters.services import provenance, refuse

if TYPE_CHECKING:
    from apps.events.clients.ufcstats import EventRow

ORG = "UFC"
# The files give the day in America; the fights may end on the next one in UTC.
_SAME_EVENING = dt.timedelta(hours=36)


def upsert_events(
    rows: Sequence[EventRow], report: Report, known_as: Mapping[str, int] = MappingProxyType({}), *, source: str
) -> list[tuple[str, int, dt.date]]:
    """Add or change the events of one batch, inside the caller's transaction: name in the file, our id, day.

    ``known_as``: names in the file of events that we have by a guess.
    """
    offered = {row.id: row for row in rows}
    known = _known(offered, source)
    for find in (_entered_before, _moved):
        fresh = [row for row in offered.values() if row.id not in known]
        known |= find(fresh, offered, report, known_as, source) if fresh else {}
    _change(known, offered, report, source)
    fresh = [row for row in offered.values() if row.id not in known]
    ids = {external_id: event.pk for external_id, event in known.items()} | _add(fresh, report, source)
    return [(row.name, ids[row.id], row.date) for row in offered.values()]


def event_without_page(name: str, day: dt.date, report: Report, *, source: str) -> int:
    """An event that fights name and the events file lacks: kept under its name, its day taken from its neighbours."""
    known = Event.objects.filter(org=ORG, name=name).exclude(external_ids__source=source).order_by("id").first()
    if known is not None:
        return known.pk
    origins = {**provenance.whole(source), "starts_at": {"source": source, "is_estimated": True}}
    event = Event.objects.create(
        org=ORG, name=name[:255], starts_at=_start(day), status=_status(day), provenance=origins
    )
    report.events.added += 1
    return event.pk


def _known(offered: dict[str, EventRow], source: str) -> dict[str, Event]:
    owners = dict(
        EventExternalId.objects.filter(source=source, external_id__in=list(offered)).values_list(
            "external_id", "event_id"
        )
    )
    events = {event.pk: event for event in locked(Event.objects.filter(pk__in=set(owners.values())))}
    return {external_id: events[event_id] for external_id, event_id in owners.items()}


def _entered_before(
    fresh: list[EventRow], _offered: Mapping[str, EventRow], _report: Report, known_as: Mapping[str, int], source: str
) -> dict[str, Event]:
    """Events that are here without this source's id; they get it."""
    strangers = list(Event.objects.filter(org=ORG).exclude(external_ids__source=source).order_by("id"))
    found: dict[str, Event] = {}
    for row in fresh:
        guessed = [event for event in strangers if event.pk == known_as.get(row.name) and _is_estimated(event)]
        same_name = [event for event in strangers if event.name == row.name]
        match = guessed or same_name or [event for event in strangers if _is_that_evening(event, row)]
        if len(match) == 1:
            found[row.id] = match[0]
            strangers.remove(match[0])
    _give_ids(found, source)
    return found


def _moved(
    fresh: list[EventRow], offered: Mapping[str, EventRow], report: Report, _known_as: Mapping[str, int], source: str
) -> dict[str, Event]:
    """Events of the same name and evening whose old address the file no longer has."""
    ids = EventExternalId.objects.filter(source=source)
    named = Event.objects.filter(org=ORG, name__in=[row.name for row in fresh], pk__in=ids.values("event"))
    candidates = list(named.exclude(pk__in=ids.filter(external_id__in=list(offered)).values("event")).order_by("id"))
    found: dict[str, Event] = {}
    for row in fresh:
        match = [event for event in candidates if event.name == row.name and _is_that_evening(event, row)]
        if len(match) == 1:
            found[row.id] = match[0]
            candidates.remove(match[0])
            report.tell(
                "event", row.url, _("the same name and day as an event of another address: one event"), row.name
            )
    _give_ids(found, source)
    return found


def _give_ids(found: Mapping[str, Event], source: str) -> None:
    EventExternalId.objects.bulk_create(
        [EventExternalId(event=event, source=source, external_id=key) for key, event in found.items()]
    )


def _is_that_evening(event: Event, row: EventRow) -> bool:
    begins = _start(row.date)
    return begins <= event.starts_at < begins + _SAME_EVENING


def _is_estimated(event: Event) -> bool:
    return bool((event.provenance or {}).get("starts_at", {}).get("is_estimated"))


def _change(known: dict[str, Event], offered: dict[str, EventRow], report: Report, source: str) -> None:
    refused, changed = [], []
    for external_id, event in known.items():
        values = _values(offered[external_id])
        if event.starts_at.date() == values["starts_at"].date() or _has_better_start(event, source):
            # The files know the day only: an hour that somebody else knows stays.
            del values["starts_at"]
        old_name = event.name
        accepted, not_accepted = provenance.split(event, values, source=source)
        refused += [(event.pk, item) for item in not_accepted]
        is_over = _has_ended(event, offered[external_id])
        if not accepted and not is_over:
            report.events.unchanged += 1
            continue
        if "name" in accepted:
            report.renamed_events.append({"id": str(event.pk), "old": old_name, "new": accepted["name"]})
        provenance.write(event, accepted, source=source)
        if is_over:
            event.status = EventStatus.COMPLETED
        event.version += 1
        changed.append(event)
    now = timezone.now()
    update_rows(
        Event,
        ["name", "venue", "external_url", "starts_at", "status", "provenance", "version", "updated_at"],
        [
            (
                event.name,
                event.venue,
                event.external_url,
                event.starts_at,
                str(event.status),
                orjson.dumps(event.provenance).decode(),
                event.version,
                now,
                event.pk,
            )
            for event in changed
        ],
    )
    report.events.changed += len(changed)
    if changed:
        forget_event(*(event.pk for event in changed))
        forget_fighters_of_events(event.pk for event in changed)
        announce_cards(event.pk for event in changed)
    report.events.refused += refuse("event", refused, source=source)


def _has_ended(event: Event, row: EventRow) -> bool:
    """It was imported before it took place, and nobody who follows or runs it has said since that it was over."""
    waits = event.status == EventStatus.SCHEDULED and not event.is_manual
    return waits and _status(row.date) == EventStatus.COMPLETED and event.starts_at < timezone.now()


def _has_better_start(event: Event, source: str) -> bool:
    origin = (event.provenance or {}).get("starts_at", {})
    return not origin.get("is_estimated") and provenance.source_of(event, "starts_at") not in {source, ""}


def _add(rows: list[EventRow], report: Report, source: str) -> dict[str, int]:
    made = [
        Event(org=ORG, status=_status(row.date), provenance=provenance.whole(source), **_values(row)) for row in rows
    ]
    insert_objects(made)
    ids = [event.pk for event in made]
    if not all(ids):
        # MySQL gives no ids back for many rows.
        by_page = dict(
            Event.objects.filter(external_url__in=[row.url for row in rows]).values_list("external_url", "id")
        )
        ids = [by_page[row.url] for row in rows]
    insert_rows(
        EventExternalId,
        ("event_id", "source", "external_id"),
        [(pk, source, row.id) for pk, row in zip(ids, rows, strict=True)],
    )
    report.events.added += len(rows)
    return {row.id: pk for pk, row in zip(ids, rows, strict=True)}


def _values(row: EventRow) -> dict[str, Any]:
    values = {"name": row.name, "starts_at": _start(row.date), "external_url": row.url}
    return values | ({"venue": row.location} if row.location else {})


def _start(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time.min, tzinfo=dt.UTC)


def _status(day: dt.date) -> EventStatus:
    return EventStatus.COMPLETED if day < timezone.now().date() else EventStatus.SCHEDULED
