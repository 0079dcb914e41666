"""What happened to one thing, for the pages of the apps that own it (they don't read our tables).

    for line in story_of("order", order.pk, most=50): line.at, line.sentence, line.reason

Newest first, what somebody did a moment ago included: it may still wait for the relay.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from apps.audit.enums import Action
from apps.audit.models import AuditEvent, OutboxEntry
from apps.audit.services import payload, relay, wording
from apps.audit.services.comparison import FieldChange, Kind, compare

# The relay takes a second; what somebody did just now is on its way.
_ON_THEIR_WAY = 200


@dataclass(frozen=True, slots=True)
class StoryLine:
    """One event: who did what when, from where and why, and the fields that it changed.

    ``label`` and ``sentence`` are in the language of whoever reads.  Without ``is_relayed`` the event has no page yet.
    """

    id: str
    at: dt.datetime
    action: str
    label: str
    sentence: str
    actor: str
    reason: str
    client_ip: str
    user_agent: str
    is_relayed: bool
    changes: tuple[FieldChange, ...] = ()
    data: dict[str, Any] = field(default_factory=dict)


def story_of(
    resource_type: str, resource_id: object, *, actions: Collection[Action] = (), most: int = 50
) -> list[StoryLine]:
    """The newest events of a thing, ``most`` at most, only those of ``actions`` if any are named.  Two queries."""
    wanted = {action.value for action in actions}
    relayed = AuditEvent.objects.of_object(resource_type, str(resource_id)).newest_first()
    if wanted:
        relayed = relayed.filter(action__in=wanted)
    events = list(relayed[:most])
    known = {event.pk for event in events}
    waiting = [
        event
        for event in _waiting(resource_type, str(resource_id))
        if event.pk not in known and (not wanted or event.action in wanted)
    ]
    lines = [
        *(_line(event, is_relayed=False) for event in waiting),
        *(_line(event, is_relayed=True) for event in events),
    ]
    return lines[:most]


def _waiting(resource_type: str, resource_id: str) -> list[AuditEvent]:
    bodies = OutboxEntry.objects.order_by("-id").values_list("body", flat=True)[:_ON_THEIR_WAY]
    # A look at the text first: most of them are about something else.
    decoded = [payload.decode(body) for body in bodies if resource_id in body]
    return [
        relay.build_event(event)
        for event in decoded
        if (event["resource_type"], event["resource_id"]) == (resource_type, resource_id)
    ]


def _line(event: AuditEvent, *, is_relayed: bool) -> StoryLine:
    return StoryLine(
        id=str(event.pk),
        at=event.at,
        action=event.action,
        label=wording.action_label(event),
        sentence=wording.sentence(event),
        actor=wording.actor_name(event),
        reason=event.reason,
        client_ip=event.client_ip,
        user_agent=event.user_agent,
        is_relayed=is_relayed,
        changes=tuple(row for row in compare(event) if row.kind is not Kind.SAME),
        data=event.data,
    )
