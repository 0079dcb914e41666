"""Bouts of a live source that are none of ours: a person links each to one of ours, adds it, or says that it is
nobody's business; and may take that back.

What is kept is the source's id of the bout and of both athletes, so that from then on the source is understood,
however it spells their names.  What the feed has changed of a bout while it was linked by mistake, a person puts right.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.audit.enums import Action
from apps.audit.services import record, snapshot
from apps.core.actor import Actor
from apps.core.db import locked, update_objects
from apps.core.errors import Conflict, FieldError, Invalid, NotFound, PreconditionFailed, worded
from apps.events.enums import UnknownStatus
from apps.events.models import Bout, BoutExternalId, BoutReport, UnknownBout
from apps.events.services.changing import locked_event
from apps.events.services.events import hear_again
from apps.events.services.matching import Known, look_up
from apps.fighters.services import claim_ids, release_ids

if TYPE_CHECKING:
    from apps.events.services.hearing import Card

_DECISION = ("status", "bout_id", "claimed", "decided_by", "decided_at", "version")


def keep_unknown(source: str, cards: Iterable[Card]) -> None:
    """Remember what was said of bouts that are none of ours, inside the transaction of the answer."""
    said = {
        (card.event.pk, one.external_id): [list(two) for two in one.athletes] for card in cards for one in card.unknown
    }
    if not said:
        return
    ids = [external_id for _event_id, external_id in said]
    rows = UnknownBout.objects.filter(event__in=[pk for pk, _id in said], source=source, external_id__in=ids)
    known = {(row.event_id, row.external_id): row for row in rows}
    changed = [row for key, row in known.items() if key in said and row.athletes != said[key]]
    for row in changed:
        row.athletes = said[row.event_id, row.external_id]
    update_objects(changed, ["athletes"])
    UnknownBout.objects.bulk_create(
        UnknownBout(event_id=event_id, source=source, external_id=external_id, athletes=athletes)
        for (event_id, external_id), athletes in said.items()
        if (event_id, external_id) not in known
    )


@transaction.atomic
def link_unknown(unknown_id: int, bout_id: int, *, first_is: str, actor: Actor, expected_version: int) -> UnknownBout:
    """Say that it is this bout of our card; ``first_is``: the corner in which its first-named athlete stands.

    Raises NotFound, PreconditionFailed, Conflict for one that is decided or whose athletes are others, Invalid also for
    corners that contradict the names.
    """
    unknown = _locked(unknown_id, expected_version)
    _require_open(unknown)
    bout = Bout.objects.filter(pk=bout_id, event_id=unknown.event_id).first()
    if bout is None:
        raise Invalid(_("This bout is not on the card."))
    return link_to(unknown, bout, first_is=first_is, actor=actor)


def link_to(unknown: UnknownBout, bout: Bout, *, first_is: str, actor: Actor) -> UnknownBout:
    """The same for rows whose event is locked."""
    corners = {"red": (bout.red_fighter_id, bout.blue_fighter_id), "blue": (bout.blue_fighter_id, bout.red_fighter_id)}
    if first_is not in corners:
        raise Invalid(errors=[FieldError("first_is", "invalid", _("red or blue."))])
    if len(unknown.athletes) != 2:
        raise Conflict(_("The source names other than two athletes."))
    if BoutExternalId.objects.filter(source=unknown.source, external_id=unknown.external_id).exists():
        raise Conflict(_("The source's id belongs to a bout already."))
    _require_corners_as_named(unknown, bout, first_is)
    fighters = {athlete_id: pk for (athlete_id, _name), pk in zip(unknown.athletes, corners[first_is], strict=True)}
    claimed = claim_ids({one: pk for one, pk in fighters.items() if one}, source=unknown.source, actor=actor)
    BoutExternalId.objects.create(bout=bout, source=unknown.source, external_id=unknown.external_id)
    return _decide(unknown, actor, status=UnknownStatus.LINKED, bout_id=bout.pk, claimed=claimed)


@transaction.atomic
def ignore_unknown(unknown_id: int, *, actor: Actor, expected_version: int) -> UnknownBout:
    """Say that it is nobody's business.  Raises NotFound, PreconditionFailed, Conflict for one that is decided."""
    unknown = _locked(unknown_id, expected_version)
    _require_open(unknown)
    return _decide(unknown, actor, status=UnknownStatus.IGNORED)


@transaction.atomic
def reopen_unknown(unknown_id: int, *, actor: Actor, expected_version: int) -> UnknownBout:
    """Take back what was said of it.  Raises NotFound, PreconditionFailed, Conflict for one that is open."""
    unknown = _locked(unknown_id, expected_version)
    if unknown.status == UnknownStatus.OPEN:
        raise Conflict(_("Nothing has been said of it yet."))
    if unknown.status == UnknownStatus.LINKED:
        BoutExternalId.objects.filter(source=unknown.source, external_id=unknown.external_id).delete()
        BoutReport.objects.filter(bout=unknown.bout_id, source=unknown.source).delete()
        release_ids(unknown.claimed, source=unknown.source, actor=actor)
    return _decide(unknown, actor, status=UnknownStatus.OPEN)


def open_unknown(unknown_id: int, event_id: int, expected_version: int | None) -> UnknownBout:
    """One of a locked event that waits for a word.  Raises NotFound, PreconditionFailed, Conflict."""
    unknown = locked(UnknownBout.objects.filter(pk=unknown_id, event=event_id)).first()
    if unknown is None:
        raise NotFound
    if unknown.version != expected_version:
        raise PreconditionFailed(version=unknown.version)
    _require_open(unknown)
    return unknown


def _require_corners_as_named(unknown: UnknownBout, bout: Bout, first_is: str) -> None:
    """Athletes' ids count before their names, on later cards too: a slip of the hand would swap two people for good."""
    named = Known(spellings=look_up((), [bout], source=unknown.source).spellings)
    corners = (bout.red_fighter, bout.blue_fighter) if first_is == "red" else (bout.blue_fighter, bout.red_fighter)
    for athlete, said, other in zip(unknown.athletes, corners, reversed(corners), strict=True):
        if named.is_it(other, athlete) and not named.is_it(said, athlete):
            sentence = worded(_("%(name)s stands in the other corner."), name=athlete[1])
            raise Invalid(sentence, errors=[FieldError("first_is", "contradicted", sentence)])


def _locked(unknown_id: int, expected_version: int) -> UnknownBout:
    """Its event is locked first, as everybody does."""
    event_id = UnknownBout.objects.filter(pk=unknown_id).values_list("event_id", flat=True).first()
    if event_id is None:
        raise NotFound
    locked_event(event_id)
    unknown = locked(UnknownBout.objects.filter(pk=unknown_id)).first()
    if unknown is None:
        raise NotFound
    if unknown.version != expected_version:
        raise PreconditionFailed(version=unknown.version)
    return unknown


def _require_open(unknown: UnknownBout) -> None:
    if unknown.status != UnknownStatus.OPEN:
        raise Conflict(_("This has been decided already."))


def _decide(
    unknown: UnknownBout, actor: Actor, *, status: UnknownStatus, bout_id: int | None = None, claimed: Any = ()
) -> UnknownBout:
    before = snapshot(unknown)
    values: Mapping[str, Any] = {"status": status.value, "bout_id": bout_id, "claimed": list(claimed)}
    for name, value in values.items():
        setattr(unknown, name, value)
    is_open = status == UnknownStatus.OPEN
    unknown.decided_by, unknown.decided_at = ("", None) if is_open else (actor.label[:150], timezone.now())
    unknown.version += 1
    unknown.save(update_fields=_DECISION)
    record(Action.UPDATED, unknown, actor=actor, old=before, new=snapshot(unknown))
    hear_again(unknown.event_id)
    return unknown
