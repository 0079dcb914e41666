"""Weekly ranking lists as spells: from when to when somebody stood where.

A list that changes little from week to week leaves few rows, and any day's list is one query (``Ranking.on``).  A
file may begin where the last one ended, or hold everything again; the same file twice writes nothing.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils.translation import gettext as _

from apps.core.db import insert_rows, update_rows
from apps.core.time_limits import time_limit
from apps.fighters.enums import WEIGHT_LIMITS_LB
from apps.fighters.models import Ranking
from apps.fighters.services.best_ranks import set_best_ranks
from apps.fighters.services.identify import Mention, NameIndex, Question, ask_without_bouts
from apps.fighters.services.imports import IMPORT_SECONDS

if TYPE_CHECKING:
    from apps.fighters.clients.name_lists import PlaceRow

# A list that is absent from so many publications in a row has ended.
ENDED_AFTER = 4
MOST_REASONS = 200
_NOBODY = frozenset({"NA", "N/A", "VACANT", "TBD"})

# (division, fighter) -> (place, valid_from)
Open = dict[tuple[str, int], tuple[int, dt.date]]
# (division, fighter, valid_from) -> (place, valid_to)
Spells = dict[tuple[str, int, dt.date], tuple[int, dt.date | None]]


@transaction.atomic
@time_limit(seconds=IMPORT_SECONDS)
def import_rankings(rows: Iterable[PlaceRow], *, source: str, is_dry_run: bool = False) -> dict[str, Any]:
    """Returns the report.  Names that nobody has are asked at the identity desk; their places wait for the answer."""
    started = time.monotonic()
    people = _People(NameIndex())
    report: dict[str, Any] = {"rows": 0, "reasons": []}
    placed = sorted(_placed(rows, people, report), key=lambda item: item[0])
    wanted = _spells(placed, source)
    report |= _store(wanted, source, is_dry_run=is_dry_run)
    report["unknown_names"] = {name: len(question.mentions) for name, question in sorted(people.questions.items())}
    report["refused"] = sum(report["unknown_names"].values()) + people.nobody + report.pop("unreadable", 0)
    if not is_dry_run:
        report["new_questions"] = ask_without_bouts(people.questions.values(), source=source)
        report["ranks_changed"] = set_best_ranks()
    report["reasons"] += [
        {"what": "name", "where": "", "reason": _("nobody has one of these names"), "text": name}
        for name in people.questions
    ]
    report["seconds"] = round(time.monotonic() - started, 2)
    return report


@dataclass(slots=True)
class _People:
    """Names of the lists, each looked up once for a list and year."""

    index: NameIndex
    questions: dict[str, Question] = field(default_factory=dict)
    nobody: int = 0
    _known: dict[tuple[str, str, int], int | None] = field(default_factory=dict)

    def find(self, row: PlaceRow) -> int | None:
        if row.name.upper() in _NOBODY:
            self.nobody += 1
            return None
        key = (row.name, row.division, row.day.year)
        mention = Mention(row.name, row.day, WEIGHT_LIMITS_LB.get(row.division), row.division, row.division)
        if key not in self._known:
            self._known[key] = self.index.find(mention)
        if self._known[key] is None:
            is_ambiguous = bool(self.index.of_name(row.name))
            self.questions.setdefault(row.name, Question(row.name, is_ambiguous)).mentions.append(mention)
        return self._known[key]


def _placed(
    rows: Iterable[PlaceRow], people: _People, report: dict[str, Any]
) -> Iterator[tuple[dt.date, str, int, int]]:
    for row in rows:
        report["rows"] += 1
        if row.problem:
            report["unreadable"] = report.get("unreadable", 0) + 1
            if len(report["reasons"]) < MOST_REASONS:
                reason = {"what": "row", "where": str(row.line), "reason": row.problem, "text": row.name}
                report["reasons"].append(reason)
            continue
        fighter = people.find(row)
        if fighter is not None:
            yield row.day, row.division, fighter, row.place


def _spells(placed: list[tuple[dt.date, str, int, int]], source: str) -> Spells:
    """What the publications say, one after the other; spells that were open before the first go on."""
    spells: Spells = {}
    running: Open = _open_before(placed[0][0], source) if placed else {}
    last_seen: dict[str, dt.date] = {}
    days: list[dt.date] = []
    for day, of_day in groupby(placed, key=lambda item: item[0]):
        days.append(day)
        lists: dict[str, dict[int, int]] = {}
        for _day, division, fighter, place in of_day:
            of_list = lists.setdefault(division, {})
            of_list[fighter] = min(place, of_list.get(fighter, place))
        for division, standing in lists.items():
            last_seen[division] = day
            _turn(division, standing, day, running, spells)
    _end_lists(running, spells, last_seen, days)
    for (division, fighter), (place, since) in running.items():
        spells[(division, fighter, since)] = (place, None)
    return spells


def _turn(division: str, standing: dict[int, int], day: dt.date, running: Open, spells: Spells) -> None:
    """One publication of one list: spells that it no longer confirms end, new ones begin."""
    for key in [key for key in running if key[0] == division]:
        place, since = running[key]
        if standing.get(key[1]) != place:
            del running[key]
            if day > since:
                spells[(*key, since)] = (place, day)
    for fighter, place in standing.items():
        running.setdefault((division, fighter), (place, day))


def _end_lists(running: Open, spells: Spells, last_seen: dict[str, dt.date], days: list[dt.date]) -> None:
    for division, last in last_seen.items():
        later = [day for day in days if day > last]
        if len(later) >= ENDED_AFTER:
            for key in [key for key in running if key[0] == division]:
                place, since = running.pop(key)
                spells[(*key, since)] = (place, later[0])


def _open_before(day: dt.date, source: str) -> Open:
    rows = Ranking.objects.current().filter(source=source, valid_from__lt=day)
    return {
        (division, fighter): (place, since)
        for division, fighter, place, since in rows.values_list("division", "fighter_id", "place", "valid_from")
    }


def _store(wanted: Spells, source: str, *, is_dry_run: bool) -> dict[str, Any]:
    first = min((since for _division, _fighter, since in wanted), default=dt.date.max)
    present = {
        (division, fighter, since): (pk, place, until)
        for pk, division, fighter, since, place, until in Ranking.objects.filter(
            source=source, valid_from__gte=first
        ).values_list("id", "division", "fighter_id", "valid_from", "place", "valid_to")
    }
    fresh = [(key, value) for key, value in wanted.items() if key not in present]
    changed = [
        (present[key][0], value) for key, value in wanted.items() if key in present and present[key][1:] != value
    ]
    if not is_dry_run:
        insert_rows(
            Ranking,
            ("source", "division", "fighter_id", "valid_from", "place", "valid_to"),
            [(source, *key, *value) for key, value in fresh],
        )
        update_rows(Ranking, ["place", "valid_to"], [(*value, pk) for pk, value in changed])
    unchanged = len(wanted) - len(fresh) - len(changed)
    return {"added": len(fresh), "changed": len(changed), "unchanged": unchanged, "changes": len(fresh) + len(changed)}
