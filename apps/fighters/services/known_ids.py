"""Ids of fighters at sources that a person has settled: who an athlete of a live source is (research §3.4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.utils.translation import gettext_lazy as _

from apps.audit.enums import Action
from apps.audit.services import record
from apps.core.actor import Actor
from apps.core.db import locked
from apps.core.errors import Conflict, worded
from apps.fighters.models import Fighter, FighterExternalId


def claim_ids(fighters: Mapping[str, int], *, source: str, actor: Actor) -> list[str]:
    """Say whose these ids are (id there -> our fighter), inside the caller's transaction; returns the new ones.

    Raises Conflict for an id that another fighter has.
    """
    rows = {fighter.pk: fighter for fighter in locked(Fighter.objects.filter(pk__in=set(fighters.values())))}
    known = FighterExternalId.objects.filter(source=source, external_id__in=list(fighters)).select_related("fighter")
    owners = {one.external_id: one.fighter for one in known}
    for external_id, owner in owners.items():
        if owner.pk != fighters[external_id]:
            raise Conflict(worded(_("At the source, this athlete is %(name)s."), name=owner.name))
    fresh = [external_id for external_id in fighters if external_id and external_id not in owners]
    FighterExternalId.objects.bulk_create(
        FighterExternalId(fighter_id=fighters[external_id], source=source, external_id=external_id)
        for external_id in fresh
    )
    for external_id in fresh:
        fighter = rows[fighters[external_id]]
        record(Action.CONFIGURED, fighter, actor=actor, old=None, new={"known_as": f"{source}:{external_id}"})
    return fresh


def release_ids(external_ids: Iterable[str], *, source: str, actor: Actor) -> None:
    """Take such ids away again."""
    for known in locked(FighterExternalId.objects.filter(source=source, external_id__in=list(external_ids))):
        told = {"known_as": f"{source}:{known.external_id}"}
        record(Action.CONFIGURED, known.fighter, actor=actor, old=told, new=None)
        known.delete()
