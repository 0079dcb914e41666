"""Where each value of a row comes from, and which values a person has locked.

For rows with a JSON column ``provenance`` (fighters, events, bouts).  Nothing here saves the row: the caller does,
with ``provenance`` among its ``update_fields``.

    accepted, refused = split(event, {"name": "UFC 331"}, source="ufcstats")     # what may be written, what may not
    write(event, accepted, source="ufcstats")                                     # sets attributes and origins
    refuse([Refused("event", event.pk, …), …])                                    # see ``refusals.py``

    lock(event, ["name"], by="editor")      # a person's edit: no source overwrites it …
    release(event, ["name"])                # … until somebody releases it

The column holds ``{field: {"source": …, "locked": true, "by": …}}``; ``"*"`` is the source of every field that has no
entry of its own, so that an imported row needs one entry.  A source of lower rank does not overwrite one of higher
rank; of equal rank, the later word counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import models

EVERYTHING_ELSE = "*"
MANUAL = "manual"
LOCKED, OUTRANKED = "locked", "outranked"
# Sources that are not named here have rank 0.
RANKS: Mapping[str, int] = {MANUAL: 100}


@dataclass(frozen=True, slots=True)
class Refused:
    """A value that was not written, and why: ``locked`` or ``outranked``."""

    field: str
    kept: Any
    offered: Any
    reason: str


def split(
    row: models.Model, values: Mapping[str, Any], *, source: str, ranks: Mapping[str, int] = RANKS
) -> tuple[dict[str, Any], list[Refused]]:
    """What of ``values`` differs from the row and may be written by ``source``; what differs and may not.

    Names are attribute names (``winner_fighter_id``).  Equal values are in neither part: writing what is there
    already takes no lock and no rank.
    """
    accepted: dict[str, Any] = {}
    refused: list[Refused] = []
    for field, offered in values.items():
        kept = getattr(row, field)
        if kept == offered:
            continue
        reason = _obstacle(row, field, source, ranks)
        if reason:
            refused.append(Refused(field, kept, offered, reason))
        else:
            accepted[field] = offered
    return accepted, refused


def write(row: models.Model, values: Mapping[str, Any], *, source: str) -> None:
    """Set the attributes and note where they come from.  Ask ``split`` first."""
    origins = dict(_origins(row))
    shared = origins.get(EVERYTHING_ELSE, {}).get("source")
    for field, value in values.items():
        setattr(row, field, value)
        if shared == source:
            origins.pop(field, None)
        else:
            origins[field] = {"source": source}
    row.provenance = origins  # type: ignore[attr-defined]


def whole(source: str) -> dict[str, Any]:
    """The column of a row that comes from one source as a whole."""
    return {EVERYTHING_ELSE: {"source": source}}


def lock(row: models.Model, fields: Iterable[str], *, by: str) -> None:
    """These values are a person's word now: no source overwrites them."""
    entry = {"source": MANUAL, "locked": True, "by": by}
    row.provenance = {**_origins(row), **dict.fromkeys(fields, entry)}  # type: ignore[attr-defined]


def release(row: models.Model, fields: Iterable[str]) -> None:
    """The values stay, but the next import may change them."""
    origins = dict(_origins(row))
    for field in fields:
        origins.pop(field, None)
    row.provenance = origins  # type: ignore[attr-defined]


def is_locked(row: models.Model, field: str) -> bool:
    return bool(_origins(row).get(field, {}).get("locked"))


def locked_fields(row: models.Model) -> dict[str, str]:
    """Field -> who locked it."""
    return {field: str(entry.get("by", "")) for field, entry in _origins(row).items() if entry.get("locked")}


def source_of(row: models.Model, field: str) -> str:
    """Empty for a value that nobody has claimed."""
    origins = _origins(row)
    return str((origins.get(field) or origins.get(EVERYTHING_ELSE) or {}).get("source", ""))


def _obstacle(row: models.Model, field: str, source: str, ranks: Mapping[str, int]) -> str:
    if is_locked(row, field):
        return LOCKED
    present = source_of(row, field)
    return OUTRANKED if ranks.get(present, 0) > ranks.get(source, 0) else ""


def _origins(row: models.Model) -> dict[str, dict[str, Any]]:
    return row.provenance or {}  # type: ignore[attr-defined]
