"""Fighters from a source, many at once: each found by the source's own id, never by name.

A repeated import of the same rows writes nothing.  Empty values of a source are no word at all: they erase nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from django.utils import timezone

from apps.core.db import insert_rows, insert_values, locked, update_rows
from apps.fighters.cache import forget_fighters
from apps.fighters.enums import GRAMS_PER_LB, WEIGHT_LIMITS_LB
from apps.fighters.models import Fighter, FighterAlias, FighterExternalId
from apps.fighters.name_keys import fold
from apps.fighters.services import provenance, seen
from apps.fighters.services.fighters import NAMING_FIELDS
from apps.fighters.services.keys import write_keys, write_new_keys
from apps.fighters.services.provenance import Refused
from apps.fighters.services.refusals import refuse

BATCH = 1_000
_UNRANKED_CLASSES = tuple((limit, name) for name, limit in WEIGHT_LIMITS_LB.items() if not name.startswith("Women"))


@dataclass(frozen=True, slots=True)
class Imported:
    """One fighter as a source has it; ``values`` are attributes of ``Fighter``, ``digest`` stands for all of them."""

    external_id: str
    values: Mapping[str, Any]
    digest: str = ""


@dataclass(slots=True)
class Outcome:
    """What an import did to one kind of row."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: int = 0
    changed_ids: list[int] = field(default_factory=list)

    def __iadd__(self, other: Outcome) -> Outcome:
        self.added += other.added
        self.changed += other.changed
        self.unchanged += other.unchanged
        self.refused += other.refused
        self.changed_ids += other.changed_ids
        return self


def upsert_fighters(rows: Iterable[Imported], *, source: str) -> Outcome:
    """Add or change the fighters of one batch, inside the caller's transaction."""
    offered = {row.external_id: row for row in rows}
    known = _known(offered, source)
    outcome = _change(known, offered, _silent(known, source), source)
    marks = {key: seen.mark(offered[key].digest, fighter.pk, fighter.version) for key, fighter in known.items()}
    seen.remember(FighterExternalId, marks, source=source)
    outcome += _add([row for external_id, row in offered.items() if external_id not in known], source)
    return outcome


def _known(offered: Mapping[str, Imported], source: str) -> dict[str, Fighter]:
    """The rows that these ids stand for, locked in the order of their keys."""
    owners = dict(
        FighterExternalId.objects.filter(source=source, external_id__in=list(offered)).values_list(
            "external_id", "fighter_id"
        )
    )
    rows = Fighter.objects.filter(pk__in=set(owners.values()))
    needed = {name for row in offered.values() for name in row.values}
    rows = rows.only(*needed, "external_url", "provenance", "version")
    fighters = {fighter.pk: fighter for fighter in locked(rows)}
    return {external_id: fighters[fighter_id] for external_id, fighter_id in owners.items()}


def _silent(known: Mapping[str, Fighter], source: str) -> set[str]:
    """Of several ids of one source that were merged into one row, all but one: else they would take turns.

    The one whose page the row has speaks, in whatever form its address is written; without such a page, the oldest.
    """
    strange = {external_id: fighter for external_id, fighter in known.items() if _page_id(fighter) != external_id}
    if not strange:
        return set()
    rows = FighterExternalId.objects.filter(source=source, fighter__in={fighter.pk for fighter in strange.values()})
    ids: dict[int, list[str]] = {}
    for fighter_id, external_id in rows.order_by("pk").values_list("fighter_id", "external_id"):
        ids.setdefault(fighter_id, []).append(external_id)
    silent = set()
    for external_id, fighter in strange.items():
        own = ids[fighter.pk]
        if _page_id(fighter) in own or own[0] != external_id:
            silent.add(external_id)
    return silent


def _page_id(fighter: Fighter) -> str:
    return fighter.external_url.rstrip("/").rpartition("/")[2]


def _change(known: Mapping[str, Fighter], offered: Mapping[str, Imported], silent: set[str], source: str) -> Outcome:
    outcome = Outcome()
    refused: list[tuple[int, Refused]] = []
    written: dict[int, set[str]] = {}
    former_names: list[tuple[int, str]] = []
    changed: list[Fighter] = []
    for external_id, fighter in known.items():
        said = {} if external_id in silent else _said(offered[external_id])
        accepted, not_accepted = provenance.split(fighter, said, source=source)
        refused += [(fighter.pk, item) for item in not_accepted]
        if not accepted:
            outcome.unchanged += 1
            continue
        if "name" in accepted and fighter.name:
            former_names.append((fighter.pk, fighter.name))
        provenance.write(fighter, accepted, source=source)
        fighter.version += 1
        written[fighter.pk] = set(accepted)
        changed.append(fighter)
    _save(changed, written)
    _keep_former_names(former_names, source)
    write_keys([pk for pk, fields in written.items() if NAMING_FIELDS & fields])
    outcome.changed = len(changed)
    outcome.changed_ids = [fighter.pk for fighter in changed]
    outcome.refused = refuse("fighter", refused, source=source)
    if changed:
        forget_fighters(outcome.changed_ids)
    return outcome


def _said(row: Imported) -> dict[str, Any]:
    return {name: value for name, value in row.values.items() if value not in ("", None)}


def _save(changed: list[Fighter], written: Mapping[int, set[str]]) -> None:
    columns = sorted({name for fields in written.values() for name in fields})
    now = timezone.now()
    update_rows(
        Fighter,
        [*columns, "provenance", "version", "updated_at"],
        [
            (
                *(getattr(fighter, name) for name in columns),
                orjson.dumps(fighter.provenance).decode(),
                fighter.version,
                now,
                fighter.pk,
            )
            for fighter in changed
        ],
    )


def _keep_former_names(former: list[tuple[int, str]], source: str) -> None:
    """Whoever was renamed is still found by the old name."""
    FighterAlias.objects.bulk_create(
        [FighterAlias(fighter_id=pk, name=name, name_key=fold(name), source=source) for pk, name in former],
        ignore_conflicts=True,
    )


def _add(rows: list[Imported], source: str) -> Outcome:
    if not rows:
        return Outcome()
    blank = Fighter()
    names = sorted({name for row in rows for name in row.values} - {"weight_class"})
    origins = provenance.whole(source)
    fresh = []
    for row in rows:
        given = (row.values.get(name) for name in names)
        values = [getattr(blank, name) if value is None else value for name, value in zip(names, given, strict=True)]
        fresh.append((*values, weight_class_of(row.values.get("weight_g")), origins))
    ids = _ids_of(rows, insert_values(Fighter, (*names, "weight_class", "provenance"), fresh))
    insert_rows(
        FighterExternalId,
        ("fighter_id", "source", "external_id", "seen"),
        [
            (pk, source, row.external_id, seen.mark(row.digest, pk, blank.version))
            for pk, row in zip(ids, rows, strict=True)
        ],
    )
    write_new_keys(
        (pk, row.values["name"], row.values.get("name_zh") or "", row.values.get("nickname") or "")
        for pk, row in zip(ids, rows, strict=True)
    )
    forget_fighters(ids[:1])
    return Outcome(added=len(ids))


def _ids_of(rows: list[Imported], ids: list[Any]) -> list[int]:
    """MySQL gives no ids back for many rows: read them by the page at the source."""
    if all(ids):
        return ids
    pages = [row.values["external_url"] for row in rows]
    by_page = dict(Fighter.objects.filter(external_url__in=pages).order_by("id").values_list("external_url", "id"))
    return [by_page[page] for page in pages]


def weight_class_of(weight_g: int | None) -> str:
    """The class of somebody who has not fought yet, by weight alone; empty when the weight is unknown."""
    if weight_g is None:
        return ""
    pounds = round(weight_g / GRAMS_PER_LB)
    return next((name for limit, name in _UNRANKED_CLASSES if pounds <= limit), "Heavyweight")


def set_weight_classes(classes: Mapping[int, str], *, source: str) -> int:
    """The class of the last bout, for whom it differs and is not locked; returns how many changed."""
    changed = []
    rows = Fighter.objects.filter(pk__in=[pk for pk, name in classes.items() if name])
    for fighter in locked(rows.only("weight_class", "provenance", "version")):
        accepted, _refused = provenance.split(fighter, {"weight_class": classes[fighter.pk]}, source=source)
        if accepted:
            provenance.write(fighter, accepted, source=source)
            changed.append(fighter)
    _save(changed, {fighter.pk: {"weight_class"} for fighter in changed})
    if changed:
        forget_fighters(fighter.pk for fighter in changed)
    return len(changed)
