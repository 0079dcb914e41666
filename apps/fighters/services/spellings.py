"""Other spellings from a list: added to whom one of them already names, and to nobody else."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils.translation import gettext as _

from apps.core.time_limits import time_limit
from apps.fighters.cache import forget_fighters
from apps.fighters.models import FighterAlias
from apps.fighters.name_keys import fold
from apps.fighters.services.identify import NameIndex
from apps.fighters.services.imports import IMPORT_SECONDS
from apps.fighters.services.keys import write_keys

if TYPE_CHECKING:
    from apps.fighters.clients.name_lists import SpellingRow

MOST_REASONS = 200


@transaction.atomic
@time_limit(seconds=IMPORT_SECONDS)
def import_spellings(rows: Iterable[SpellingRow], *, source: str, is_dry_run: bool = False) -> dict[str, Any]:
    """Returns the report: added, unchanged, refused with reasons.  A repeated import writes nothing.

    A row whose names belong to nobody, or to several fighters, is refused: it may be a reason to merge them.
    """
    started = time.monotonic()
    index = NameIndex()
    known = set(FighterAlias.objects.values_list("fighter_id", "name_key"))
    report: dict[str, Any] = {"added": 0, "changed": 0, "unchanged": 0, "refused": 0, "rows": 0, "reasons": []}
    fresh: list[FighterAlias] = []
    waiting = []
    for row in rows:
        report["rows"] += 1
        if row.problem:
            _refuse(report, row, row.problem)
        else:
            waiting.append(row)
    # A name that one row gives to somebody may tell whom another row means.
    before = -1
    while waiting and len(waiting) != before:
        before, later = len(waiting), []
        for row in waiting:
            owners = _owners(row, index)
            if len(owners) != 1:
                later.append(row)
                continue
            (owner,) = owners
            unknown = [name for name in row.names if not index.of_name(name)]
            missing = {fold(name): name for name in unknown if fold(name) and (owner, fold(name)) not in known}
            for key, name in missing.items():
                fresh.append(FighterAlias(fighter_id=owner, name=name, name_key=key, source=source))
                known.add((owner, key))
                index.add_spelling(owner, name)
            report["added" if missing else "unchanged"] += 1
        waiting = later
    for row in waiting:
        has_owners = bool(_owners(row, index))
        reason = _("several fighters have these names") if has_owners else _("nobody has one of these names")
        _refuse(report, row, reason)
    report["changes"] = len(fresh)
    if fresh and not is_dry_run:
        FighterAlias.objects.bulk_create(fresh, batch_size=500)
        touched = {alias.fighter_id for alias in fresh}
        write_keys(touched)
        forget_fighters(touched)
    report["seconds"] = round(time.monotonic() - started, 2)
    return report


def _owners(row: SpellingRow, index: NameIndex) -> set[int]:
    return {one.id for name in row.names for one in index.of_name(name)}


def _refuse(report: dict[str, Any], row: SpellingRow, reason: str) -> None:
    report["refused"] += 1
    if len(report["reasons"]) < MOST_REASONS:
        report["reasons"].append(
            {"what": "row", "where": str(row.line), "reason": reason, "text": ", ".join(row.names)[:300]}
        )
