"""What merging two fighters does to this app's own rows.  The whole use case stands in events, whose bouts move too."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.core.db import locked
from apps.core.errors import Conflict, Invalid, NotFound
from apps.fighters.cache import forget_fighters
from apps.fighters.models import (
    Fighter,
    FighterAlias,
    FighterExternalId,
    FighterMedia,
    FighterMerge,
    FighterUpdate,
    Ranking,
    UnmatchedName,
)
from apps.fighters.name_keys import fold
from apps.fighters.services import provenance
from apps.fighters.services.best_ranks import set_best_ranks
from apps.fighters.services.keys import write_keys

# Filled from the row that is given up where the kept one knows nothing.
_FILLED = (
    "name_zh", "nickname", "country", "weight_class", "weight_g", "height_mm", "reach_mm", "stance", "birth_date",
    "external_url", "avatar_url", "intro_video_url",
)  # fmt: skip
_BELONGINGS = {
    "external_ids": FighterExternalId, "updates": FighterUpdate, "media": FighterMedia, "unmatched": UnmatchedName,
}  # fmt: skip


def locked_pair(one_id: int, other_id: int) -> tuple[Fighter, Fighter]:
    """Both rows, locked in the order of their keys.  Raises Invalid for one row twice, NotFound, Conflict."""
    if one_id == other_id:
        raise Invalid(_("Choose two different fighters."))
    rows = {fighter.pk: fighter for fighter in locked(Fighter.objects.filter(pk__in=[one_id, other_id]))}
    if len(rows) != 2:
        raise NotFound(_("There is no such fighter."))
    if any(fighter.is_merged for fighter in rows.values()):
        raise Conflict(_("One of them was merged already."))
    return rows[one_id], rows[other_id]


def merge_rows(loser: Fighter, survivor: Fighter) -> dict[str, Any]:
    """Give all that is the loser's to the survivor; what undoing needs is returned as plain data."""
    names = [loser.name, loser.name_zh, *loser.aliases.values_list("name", flat=True)]
    was_unconfirmed = survivor.is_unconfirmed
    survivor.is_unconfirmed = survivor.is_unconfirmed and loser.is_unconfirmed
    return {**_hand_over(loser, survivor, names), "was_unconfirmed": was_unconfirmed}


def rejoin_rows(fresh: Fighter, original: Fighter) -> None:
    """Take a split back: what the second person has come to is the original's, but not the name made up for them."""
    _hand_over(fresh, original, list(fresh.aliases.values_list("name", flat=True)))


def _hand_over(loser: Fighter, survivor: Fighter, names: Iterable[str]) -> dict[str, Any]:
    moved: dict[str, Any] = {"aliases_added": _add_names(survivor, names)}
    open_names = UnmatchedName.objects.waiting().filter(fighter__in=[loser, survivor])
    moved["open_names"] = sorted(open_names.values_list("pk", flat=True))
    for name, model in _BELONGINGS.items():
        rows = model._default_manager.filter(fighter=loser)
        moved[name] = sorted(rows.values_list("pk", flat=True))
        rows.update(fighter=survivor)
    moved["rankings"] = _move_rankings(loser, survivor)
    moved["filled"] = _fill(loser, survivor)
    _save(survivor, [*moved["filled"], "is_unconfirmed", "provenance"])
    # Earlier merges into the loser lead on to the survivor, so that an old address needs one step.
    moved["followers"] = sorted(loser.merged.values_list("pk", flat=True))
    Fighter.objects.filter(pk__in=moved["followers"]).update(merged_into=survivor)
    loser.merged_into = survivor
    _save(loser, ["merged_into"])
    _tell(loser, survivor, moved)
    return moved


def unmerge_rows(merge: FighterMerge) -> tuple[Fighter, Fighter]:
    """Take back what ``merge_rows`` moved, as far as it is still where it was put.  Raises Conflict."""
    loser, survivor = (
        locked(Fighter.objects.filter(pk__in=[merge.fighter_id, merge.other_id])).get(pk=pk)
        for pk in (merge.fighter_id, merge.other_id)
    )
    if loser.merged_into_id != survivor.pk or survivor.is_merged:
        raise Conflict(_("They are no longer merged, or were merged further: undo the later merge first."))
    moved = merge.moved
    for name, model in _BELONGINGS.items():
        model._default_manager.filter(pk__in=moved.get(name, []), fighter=survivor).update(fighter=loser)
    _reopen_names(merge)
    Ranking.objects.filter(pk__in=moved.get("rankings", []), fighter=survivor).update(fighter=loser)
    FighterAlias.objects.filter(pk__in=moved.get("aliases_added", []), fighter=survivor).delete()
    Fighter.objects.filter(pk__in=moved.get("followers", []), merged_into=survivor).update(merged_into=loser)
    emptied = _empty(survivor, loser, moved.get("filled", []))
    survivor.is_unconfirmed = bool(moved.get("was_unconfirmed", False))
    _save(survivor, [*emptied, "is_unconfirmed", "provenance"])
    loser.merged_into = None
    _save(loser, ["merged_into"])
    _tell(loser, survivor, moved)
    return loser, survivor


def split_off(original: Fighter, *, name: str, by: str) -> Fighter:
    """A second row for a second person, with the name alone; nobody knows yet what else is theirs."""
    name = " ".join(name.split()) or original.name
    if not fold(name) or len(name) > 128:
        raise Invalid(_("Enter a name of at most 128 characters."))
    fresh = Fighter(name=name, country=original.country, is_manual=True)
    provenance.lock(fresh, ["name"], by=by)
    fresh.save(force_insert=True)
    write_keys([fresh.pk])
    forget_fighters([original.pk, fresh.pk])
    return fresh


def _reopen_names(merge: FighterMerge) -> None:
    """Names that the merge, or somebody after it, has answered; not those that were decided long before.

    Merges that did not note which were open have the time of the decision.
    """
    names = UnmatchedName.objects.filter(fighter__in=[merge.fighter_id, merge.other_id])
    if "open_names" in merge.moved:
        names = names.filter(pk__in=merge.moved["open_names"])
    else:
        names = names.filter(pk__in=merge.moved.get("unmatched", []), decided_at__gte=merge.created_at)
    names.update(
        status=UnmatchedName.Status.OPEN, decision=None, decided_by="", decided_at=None, version=F("version") + 1
    )


def _add_names(survivor: Fighter, spellings: Iterable[str]) -> list[int]:
    """Whoever types or imports one of these means the survivor."""
    names = {fold(name): name for name in spellings}
    taken = {fold(survivor.name), *survivor.aliases.values_list("name_key", flat=True), ""}
    # Names that differ in a hyphen or blank only are found all the same, but an importer asks for the exact spelling.
    fresh = {key: name for key, name in names.items() if key not in taken or (name and name != survivor.name)}
    added = []
    for key, name in fresh.items():
        alias, is_new = FighterAlias.objects.get_or_create(
            fighter=survivor, name_key=key, defaults={"name": name, "source": provenance.MANUAL}
        )
        if is_new and key:
            added.append(alias.pk)
    return added


def _move_rankings(loser: Fighter, survivor: Fighter) -> list[int]:
    """Spells that both had at the same time stay with the loser."""
    held = set(survivor.rankings.values_list("source", "division", "valid_from"))
    moved = [row.pk for row in loser.rankings.all() if (row.source, row.division, row.valid_from) not in held]
    Ranking.objects.filter(pk__in=moved).update(fighter=survivor)
    return moved


def _fill(loser: Fighter, survivor: Fighter) -> list[str]:
    filled = [
        name
        for name in _FILLED
        if getattr(survivor, name) in ("", None)
        and getattr(loser, name) not in ("", None)
        and not provenance.is_locked(survivor, name)
    ]
    for name in filled:
        provenance.write(survivor, {name: getattr(loser, name)}, source=provenance.source_of(loser, name))
    return filled


def _empty(survivor: Fighter, loser: Fighter, filled: list[str]) -> list[str]:
    """Values that came from the loser and were not changed since; an empty field is nobody's word against a source."""
    emptied = [
        name
        for name in filled
        if name in _FILLED
        and getattr(survivor, name) == getattr(loser, name)
        and not provenance.is_locked(survivor, name)
    ]
    for name in emptied:
        setattr(survivor, name, Fighter._meta.get_field(name).get_default() if name != "birth_date" else None)  # type: ignore[union-attr]
    provenance.release(survivor, emptied)
    return emptied


def _save(fighter: Fighter, fields: list[str]) -> None:
    fighter.version += 1
    fighter.updated_at = timezone.now()
    fighter.save(update_fields=[*fields, "version", "updated_at"])


def _tell(loser: Fighter, survivor: Fighter, moved: dict[str, Any]) -> None:
    write_keys([loser.pk, survivor.pk])
    set_best_ranks([loser.pk, survivor.pk])
    forget_fighters([loser.pk, survivor.pk, *moved.get("followers", [])])
