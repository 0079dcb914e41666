"""The rows by which a search finds fighters, kept in step with names and aliases."""

from __future__ import annotations

from collections.abc import Iterable

from apps.core.db import insert_rows
from apps.fighters.models import Fighter, FighterAlias, FighterNameKey
from apps.fighters.name_keys import keys_of

_BATCH = 2_000
_COLUMNS = ("fighter_id", "name_key", "kind")


def write_keys(fighter_ids: Iterable[int]) -> None:
    """Bring the keys of these fighters in line with their names, inside the caller's transaction.

    Writes only what differs.  Merged fighters have no keys: their names are aliases of whom they were merged into.
    """
    chosen = sorted(set(fighter_ids))
    for start in range(0, len(chosen), _BATCH):
        _write_batch(chosen[start : start + _BATCH])


def write_new_keys(names: Iterable[tuple[int, str, str, str]]) -> None:
    """The keys of fighters who were just inserted (id, name, Chinese name, nickname): nothing stands there yet."""
    insert_rows(
        FighterNameKey,
        _COLUMNS,
        [
            (pk, name_key, int(kind))
            for pk, name, name_zh, nickname in names
            for name_key, kind in keys_of(name, name_zh, nickname, ())
        ],
    )


def _write_batch(fighter_ids: list[int]) -> None:
    present: dict[int, dict[tuple[str, int], int]] = {fighter_id: {} for fighter_id in fighter_ids}
    for key_id, fighter_id, name_key, kind in FighterNameKey.objects.filter(fighter__in=fighter_ids).values_list(
        "id", "fighter_id", "name_key", "kind"
    ):
        present[fighter_id][(name_key, kind)] = key_id
    surplus: list[int] = []
    missing: list[tuple[int, str, int]] = []
    for fighter_id, wanted in _wanted(fighter_ids).items():
        has = present[fighter_id]
        surplus += [key_id for key, key_id in has.items() if key not in wanted]
        missing += [(fighter_id, name_key, int(kind)) for name_key, kind in sorted(wanted - has.keys())]
    if surplus:
        FighterNameKey.objects.filter(pk__in=surplus).delete()
    insert_rows(FighterNameKey, _COLUMNS, missing)


def _wanted(fighter_ids: list[int]) -> dict[int, set[tuple[str, int]]]:
    spellings: dict[int, list[str]] = {}
    for fighter_id, name in FighterAlias.objects.filter(fighter__in=fighter_ids).values_list("fighter_id", "name"):
        spellings.setdefault(fighter_id, []).append(name)
    wanted: dict[int, set[tuple[str, int]]] = {fighter_id: set() for fighter_id in fighter_ids}
    names = Fighter.objects.alive().filter(pk__in=fighter_ids).values_list("id", "name", "name_zh", "nickname")
    for fighter_id, name, name_zh, nickname in names:
        wanted[fighter_id] = keys_of(name, name_zh, nickname, spellings.get(fighter_id, ()))
    return wanted
