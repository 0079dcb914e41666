"""The whole of ufcstats into our tables: fighters, events, fights, records.

Each batch is one transaction and every row is found by the source's id, so a run that was cut off is simply started
again, and a repeated one writes nothing.  What can't be understood is left out and reported; what nobody can decide
but a person becomes a question at the identity desk.  Not promised: rows that a newer snapshot lacks stay.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from django.db import transaction
from django.utils.translation import gettext as _

from apps.core.actor import Actor
from apps.core.db import tell_planner
from apps.core.time_limits import time_limit
from apps.events.models import Bout, BoutExternalId, Event
from apps.events.services.records import recompute_all
from apps.events.services.ufcstats.events import event_without_page, upsert_events
from apps.events.services.ufcstats.fights import Card, FightImport
from apps.events.services.ufcstats.report import Counts, Report
from apps.fighters.models import Fighter, FighterExternalId
from apps.fighters.services import seen
from apps.fighters.services.identify import NameIndex
from apps.fighters.services.importing import Imported, set_weight_classes, upsert_fighters

if TYPE_CHECKING:
    from apps.events.clients.ufcstats import Dataset, FighterRow, FightRow, Met

SOURCE = "ufcstats"
BATCH = 1_000
# So many new rows change what the planner should know of a table.
MANY = 500
# A batch writes thousands of rows, and all records are counted in one statement.
STATEMENT_SECONDS = 60
T = TypeVar("T")
Progress = Callable[[str, int], None]


class _Undo(Exception):
    """Ends a dry run: everything it wrote is rolled back."""


def import_ufcstats(
    dataset: Dataset, *, actor: Actor, is_dry_run: bool = False, progress: Progress = lambda _step, _rows: None
) -> Report:
    """Bring our tables to what the snapshot says, as far as people's edits allow.

    ``progress`` is told the step and the rows read so far.  A dry run does all of it in one transaction and takes it
    back, so that its report is true.  Raises Invalid for files that are none of the five tables.
    """
    report = Report(is_dry_run=is_dry_run)
    started = time.monotonic()
    with time_limit(seconds=STATEMENT_SECONDS):
        if is_dry_run:
            _import_and_undo(dataset, report, actor, progress)
        else:
            _import(dataset, report, actor, progress)
    _tell_problems(dataset, report)
    report.rows, report.seconds = dataset.rows_read, round(time.monotonic() - started, 2)
    return report


def _import_and_undo(dataset: Dataset, report: Report, actor: Actor, progress: Progress) -> None:
    try:
        with transaction.atomic():
            _import(dataset, report, actor, progress)
            raise _Undo
    except _Undo:
        pass


def _import(dataset: Dataset, report: Report, actor: Actor, progress: Progress) -> None:
    people = seen.last_digests(FighterExternalId, "fighter", source=SOURCE)
    for batch in in_batches(_news(dataset.fighters(people), report.fighters)):
        with transaction.atomic():
            outcome = upsert_fighters(map(_imported, batch), source=SOURCE)
        for name in ("added", "changed", "unchanged", "refused"):
            setattr(report.fighters, name, getattr(report.fighters, name) + getattr(outcome, name))
        progress("fighters", dataset.rows_read)
    if report.fighters.added >= MANY:
        tell_planner(Fighter)
    cards = _cards(dataset, report, progress)
    guessed = _on_guessed_events()
    fights = FightImport(NameIndex(), report, SOURCE, actor, set(guessed.values()))
    strays = _Strays()
    bouts = seen.last_digests(BoutExternalId, "bout", source=SOURCE)
    for external_id in guessed:
        # What such a row says may be the same: the name of its event is not.
        bouts.pop(external_id, None)
    for batch_of_fights in in_batches(_placed(dataset.fights(bouts), cards, strays, report)):
        with transaction.atomic():
            fights.store(batch_of_fights)
        progress("fights", dataset.rows_read)
    if report.fights.added >= MANY:
        tell_planner(Event, Bout)
    with transaction.atomic():
        fights.store(_place_strays(strays, cards, report))
    progress("records", dataset.rows_read)
    if fights.touched:
        with transaction.atomic():
            report.records_recomputed, classes = recompute_all(fights.touched)
            report.weight_classes_changed = set_weight_classes(classes, source=SOURCE)


def _cards(dataset: Dataset, report: Report, progress: Progress) -> _Cards:
    cards = _Cards()
    guessed = _on_guessed_events()
    named = dataset.event_names(guessed) if guessed else {}
    known_as: dict[str, int] = {}
    for external_id, event_name in named.items():
        known_as.setdefault(event_name, guessed[external_id])
    for events in in_batches(dataset.events()):
        with transaction.atomic():
            for name, event_id, day in upsert_events(events, report, known_as, source=SOURCE):
                cards.add(name, event_id, day)
        progress("events", dataset.rows_read)
    return cards


def _on_guessed_events() -> dict[str, int]:
    """Fights on events that this source's events file has never had: id of the fight -> our event."""
    rows = BoutExternalId.objects.filter(source=SOURCE).exclude(bout__event__external_ids__source=SOURCE)
    return dict(rows.values_list("external_id", "bout__event_id"))


class _Cards:
    """Events of the file by name.  A name that two of them have tells of neither."""

    def __init__(self) -> None:
        self.by_name: dict[str, tuple[int, dt.date]] = {}
        self.twice: set[str] = set()

    def add(self, name: str, event_id: int, day: dt.date) -> None:
        if self.by_name.setdefault(name, (event_id, day))[0] != event_id:
            self.twice.add(name)

    def of(self, name: str) -> tuple[int, dt.date] | None:
        return None if name in self.twice else self.by_name.get(name)


def _news(met: Iterable[Met[T]], counts: Counts) -> Iterator[T]:
    """Without those of whom the files say what they said last time: they are counted only."""
    for one in met:
        if one.row is None:
            counts.unchanged += 1
        else:
            yield one.row


class _Strays:
    """Fights whose event the events file lacks, with the day of the fight before them in the file, or of the first."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Met[FightRow], dt.date]] = []
        self.first_day = dt.date.min
        # What was said of each fight where it first stood.
        self.seen: dict[str, str] = {}

    def is_repeated(self, met: Met[FightRow], report: Report) -> bool:
        """Whether the fight stood in the files already; a row that says otherwise there is told of, not followed."""
        if met.id not in self.seen:
            self.seen[met.id] = met.digest
            return False
        report.repeated_rows += 1
        if self.seen[met.id] != met.digest:
            report.fights.refused += 1
            where = f"{met.event_name}: {met.row.red} vs. {met.row.blue}" if met.row else met.event_name
            report.refuse("fight", where, _("another row of this fight says otherwise"), met.id)
        return True


def _placed(
    rows: Iterable[Met[FightRow]], cards: _Cards, strays: _Strays, report: Report
) -> Iterator[tuple[FightRow, Card]]:
    """Each fight once, with its card.  Rows of one fight under an old name of its event wait with the strays."""
    day = dt.date.min
    for met in rows:
        card = cards.of(met.event_name)
        if card is None:
            strays.waiting.append((met, day))
            continue
        event_id, day = card
        if strays.first_day == dt.date.min:
            strays.first_day = day
        if strays.is_repeated(met, report):
            continue
        if met.row is None:
            report.fights.unchanged += 1
        else:
            yield met.row, Card(event_id, day)


def _place_strays(strays: _Strays, cards: _Cards, report: Report) -> list[tuple[FightRow, Card]]:
    """A fight that we know stays on its card, whatever its event is called here.  Others that stood nowhere else get an
    event of their own, whose day is a guess that the report names."""
    placed: list[tuple[FightRow, Card]] = []
    events: dict[str, int] = {}
    own = _own_cards([met.id for met, _day in strays.waiting])
    for met, before in strays.waiting:
        if strays.is_repeated(met, report):
            continue
        row, card = met.row, own.get(met.id)
        if card is not None and card.is_guessed:
            report.name_without_date(met.event_name)
        if row is None:
            report.fights.unchanged += 1
            continue
        day = strays.first_day if before == dt.date.min else before
        if card is not None:
            placed.append((row, card))
        elif obstacle := _obstacle(row.event_name, day, cards):
            report.fights.refused += 1
            report.refuse("fight", row.url, obstacle, row.event_name)
        else:
            if row.event_name not in events:
                events[row.event_name] = event_without_page(row.event_name, day, report, source=SOURCE)
                report.name_without_date(row.event_name)
            placed.append((row, Card(events[row.event_name], day)))
    return placed


def _obstacle(event_name: str, day: dt.date, cards: _Cards) -> str:
    """Why no event can be made of this name; empty if one can."""
    if event_name in cards.twice:
        return _("two events of the file have this name")
    return "" if event_name and day != dt.date.min else _("the event is unknown")


def _own_cards(external_ids: list[str]) -> dict[str, Card]:
    """Where the fights of these ids stand."""
    found: dict[str, Card] = {}
    guessed = _on_guessed_events() if external_ids else {}
    for batch in in_batches(external_ids):
        rows = BoutExternalId.objects.filter(source=SOURCE, external_id__in=batch)
        for external_id, event_id, begins in rows.values_list(
            "external_id", "bout__event_id", "bout__event__starts_at"
        ):
            found[external_id] = Card(event_id, begins.date(), is_guessed=external_id in guessed)
    return found


def _imported(row: FighterRow) -> Imported:
    return Imported(
        external_id=row.id,
        digest=row.digest,
        values={
            "name": row.name,
            "nickname": row.nickname,
            "height_mm": row.height_mm,
            "reach_mm": row.reach_mm,
            "weight_g": row.weight_g,
            "stance": row.stance,
            "birth_date": row.birth_date,
            "external_url": row.url,
        },
    )


def _tell_problems(dataset: Dataset, report: Report) -> None:
    kinds = {
        "ufc_fighter": report.fighters, "ufc_event": report.events, "ufc_fight_": report.fights,
    }  # fmt: skip
    for problem in dataset.problems:
        counts = next(counts for beginning, counts in kinds.items() if problem.file.startswith(beginning))
        counts.refused += problem.is_row
        report.refuse(
            "row" if problem.is_row else "field", f"{problem.file}:{problem.line}", problem.reason, problem.text
        )


def in_batches(rows: Iterable[T]) -> Iterator[list[T]]:
    remaining = iter(rows)
    while batch := list(islice(remaining, BATCH)):
        yield batch
