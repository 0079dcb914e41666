"""Events that a person enters, and what a person puts right about one: what they write is locked against sources."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from apps.audit.enums import Action
from apps.audit.services import record, snapshot
from apps.core.actor import Actor
from apps.core.errors import Conflict, FieldError, Invalid
from apps.events.cache import forget_event
from apps.events.models import Event
from apps.events.services.changing import write_event
from apps.events.services.events import expected_event
from apps.fighters.services import provenance

EDITABLE_FIELDS = ("org", "name", "starts_at", "venue", "poster_url", "promo_video_url")
_ADDRESSES = ("poster_url", "promo_video_url")
# One organisation has one evening of one name within a day.
_SAME_EVENING = timedelta(days=1)


@transaction.atomic
def enter_event(*, actor: Actor, org: str, name: str, starts_at: datetime, **more: Any) -> Event:
    """An event that no source has brought yet; a source that names it later finds it by name or evening.

    ``starts_at`` has a zone; ``more``: venue, poster_url, promo_video_url.  Raises Invalid with the fields named,
    Conflict when the organisation has an event of this name on this day.
    """
    given = _known({"org": org, "name": name, "starts_at": starts_at, **more})
    event = Event(**given)
    provenance.lock(event, [field for field, value in given.items() if value], by=actor.label)
    _check(event)
    _require_single(event)
    event.save(force_insert=True)
    record(Action.CREATED, event, actor=actor, new=snapshot(event))
    forget_event(event.pk)
    return event


@transaction.atomic
def edit_event(event_id: int, *, actor: Actor, expected_version: int | None = None, **fields: Any) -> Event:
    """Change named fields and lock those that changed.

    Raises NoSuchEvent, PreconditionFailed for a stale version, Invalid, Conflict as ``enter_event``.
    """
    event = expected_event(event_id, expected_version)
    changes = {field: value for field, value in _known(fields).items() if getattr(event, field) != value}
    if not changes:
        return event
    wanted = Event(pk=event.pk, **{field: getattr(event, field) for field in EDITABLE_FIELDS} | changes)
    _check(wanted)
    _require_single(wanted)
    locked = Event(provenance=event.provenance)
    provenance.lock(locked, changes, by=actor.label)
    write_event(event, {**changes, "provenance": locked.provenance}, actor=actor)
    return event


def _known(fields: Mapping[str, Any]) -> dict[str, Any]:
    if unknown := fields.keys() - set(EDITABLE_FIELDS):
        raise TypeError(f"an event has no editable field {sorted(unknown)}")
    return {field: value.strip() if isinstance(value, str) else value for field, value in fields.items()}


def _check(event: Event) -> None:
    errors: list[FieldError] = []
    try:
        event.clean_fields(exclude=[field.name for field in Event._meta.fields if field.name not in EDITABLE_FIELDS])
    except ValidationError as error:
        errors += [
            FieldError(field, problem.code or "invalid", " ".join(problem.messages))
            for field, problems in error.error_dict.items()
            for problem in problems
        ]
    errors += [
        FieldError(field, "invalid", _("Enter an http or https address of at most 512 characters."))
        for field in _ADDRESSES
        if (address := getattr(event, field)) and not address.startswith(("https://", "http://"))
    ]
    if errors:
        raise Invalid(errors=errors)


def _require_single(event: Event) -> None:
    """Two evenings under one name are a slip of the hand; two at once both pass, and a person sees both."""
    same = (
        Event.objects.of_org(event.org)
        .called(event.name)
        .filter(
            starts_at__gt=event.starts_at - _SAME_EVENING,
            starts_at__lt=event.starts_at + _SAME_EVENING,
        )
    )
    if same.exclude(pk=event.pk).exists():
        sentence = _("This organisation has an event of this name on this day.")
        raise Conflict(sentence, errors=[FieldError("name", "taken", sentence)])
