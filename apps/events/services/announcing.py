"""The stream of changes that listeners of a live card follow (``GET /api/v1/events/{id}/live``).

What is announced is what the public card shows: the same form as in the REST answer.  An announcement that gets lost
harms nobody for long: the beat tells listeners the version, and they read the card anew.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable
from typing import Any

import redis
import structlog
from django.db import transaction
from django.utils import timezone

from apps.events.cache import bout_of
from apps.events.models import Bout, Event
from apps.events.services.streams import CHANGES

log = structlog.get_logger(__name__)


def announce(bouts: Iterable[Bout], events: Iterable[Event] = (), *, quiet: Collection[int] = ()) -> None:
    """Tell of bouts, and of events as a whole, when the transaction commits.

    ``quiet``: bouts of whose change those hear nothing who hide results.
    """
    told = [_body(bout.event, {"kind": "bout", "bout": bout_of(bout), "quiet": bout.pk in quiet}) for bout in bouts]
    for event in events:
        shown = {"id": event.pk, "name": event.name, "status": event.status, "version": event.version}
        told.append(_body(event, {"kind": "event", "event": shown}))
    if told:
        transaction.on_commit(functools.partial(_publish, told))


def announce_cards(event_ids: Iterable[int]) -> None:
    """Tell when the transaction commits that cards are to be read anew: many things changed at once.

    Only cards of these days and of those to come: nobody listens to the others, and whoever does hears the beat.
    """
    recent = Event.objects.of_these_days(timezone.now()).filter(pk__in=list(event_ids))
    told = [{"event_id": pk, "event_version": version, "kind": "reset"} for pk, version in recent.versions()]
    if told:
        transaction.on_commit(functools.partial(_publish, told))


def _body(event: Event, told: dict[str, Any]) -> dict[str, Any]:
    return {"event_id": event.pk, "event_version": event.version, **told}


def _publish(bodies: list[dict[str, Any]]) -> None:
    try:
        CHANGES.publish_many(bodies)
    except redis.RedisError as error:
        log.warning("live_change_not_announced", event_id=bodies[0]["event_id"], error=str(error))
