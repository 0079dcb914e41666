"""The tables of one snapshot, read row by row."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from operator import itemgetter
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any

from django.utils.translation import gettext as _

from apps.core.errors import FieldError, Invalid
from apps.events.clients.ufcstats import making
from apps.events.clients.ufcstats.archive import DAMAGED, finder_of
from apps.events.clients.ufcstats.fields import stated
from apps.events.clients.ufcstats.making import digest_of
from apps.events.clients.ufcstats.rows import (
    COLUMNS,
    EVENTS,
    FIGHTERS,
    FIGHTS,
    NEEDED,
    RESULTS,
    TOTT,
    EventRow,
    FighterRow,
    FightRow,
    Met,
    Problem,
)

# What unpacked files may hold together, and the longest line; a zip bomb ends here.
MOST_BYTES = 300_000_000
LONGEST_FIELD = 20_000
MOST_PROBLEMS = 1_000
# The address is shown as a link later: it must be one of the web as a whole.
_ID = re.compile(r"https?://[^\s/]+/(?:\S*/)?([0-9a-f]{16})/?\Z")


@contextmanager
def open_dataset(path: Path) -> Iterator[Dataset]:
    """Raises Invalid when nothing there is one of the five tables, one lacks a column, or a zip is broken."""
    csv.field_size_limit(LONGEST_FIELD)
    with ExitStack() as stack:
        finder = finder_of(path, stack)
        if all(not finder.holds(name) for name in COLUMNS):
            raise Invalid(_("None of the five ufcstats tables is there."))
        try:
            dataset = Dataset(finder.open)
            dataset.check_columns()
            yield dataset
        except DAMAGED as error:
            raise Invalid(_("The file is damaged: %(error)s") % {"error": error}) from error


@dataclass(slots=True)
class Dataset:
    """The files of one snapshot.  ``problems`` fills while rows are read.

    Readers take ``known``, the digests of last time by id: rows that say the same again are not read.
    """

    open_file: Callable[[str], IO[bytes] | None]
    problems: list[Problem] = field(default_factory=list)
    rows_read: int = 0
    _left: int = MOST_BYTES

    def fighters(self, known: Mapping[str, str] = MappingProxyType({})) -> Iterator[Met[FighterRow]]:
        """Everybody in either file of fighters, once, with what both know."""
        nicknames: dict[str, tuple[str, str]] = {}
        for line, values in self._rows(FIGHTERS):
            row = dict(zip(COLUMNS[FIGHTERS], values, strict=True))
            identity = self._identity(FIGHTERS, line, row["URL"], values)
            if identity:
                name = " ".join(f"{row['FIRST']} {row['LAST']}".split())
                nicknames.setdefault(identity, (name, stated(row["NICKNAME"])))
        seen: set[str] = set()
        for line, values in self._rows(TOTT):
            identity = self._identity(TOTT, line, values[-1], values)
            if not identity or identity in seen:
                continue
            others = nicknames.get(identity, ("", ""))
            digest = digest_of((*values, *others))
            is_news = known.get(identity) != digest
            made = self._made(TOTT, line, values, identity, digest, others) if is_news else None
            if made is not None or not is_news:
                seen.add(identity)
                yield Met(identity, made, digest=digest)
        for identity in nicknames.keys() - seen:
            name, nickname = nicknames[identity]
            digest = digest_of((name, nickname))
            if known.get(identity) == digest:
                yield Met(identity, None)
            elif name:
                url = f"http://ufcstats.com/fighter-details/{identity}"
                yield Met(identity, FighterRow(identity, url, name[:128], nickname[:128], digest=digest))

    def events(self) -> Iterator[EventRow]:
        for line, values in self._rows(EVENTS):
            identity = self._identity(EVENTS, line, values[1], values)
            made = identity and self._made(EVENTS, line, values, identity, "", ("", ""))
            if made:
                yield made

    def fights(self, known: Mapping[str, str] = MappingProxyType({})) -> Iterator[Met[FightRow]]:
        """Rows of results, then fights that have none yet.  The same fight may come twice under two event names."""
        with_result: set[str] = set()
        for name in (RESULTS, FIGHTS):
            for line, values in self._rows(name):
                identity = self._identity(name, line, values[-1], values)
                if not identity or (name == FIGHTS and identity in with_result):
                    continue
                digest = digest_of(values[1:])
                is_news = known.get(identity) != digest
                made = self._made(name, line, values, identity, digest, ("", "")) if is_news else None
                if made is not None or not is_news:
                    if name == RESULTS:
                        with_result.add(identity)
                    yield Met(identity, made, values[0], digest)

    def check_columns(self) -> None:
        """Raises Invalid when a file lacks a column that it needs: before anything of another file is written."""
        for name in COLUMNS:
            with ExitStack() as stack:
                self._table(name, stack)

    def _table(self, name: str, stack: ExitStack) -> tuple[Any, list[str]] | None:
        """A reader past its header, and the header; None without such a file."""
        file = self.open_file(name)
        if file is None:
            return None
        stack.callback(file.close)
        text = io.TextIOWrapper(self._bounded(file), encoding="utf-8-sig", errors="replace", newline="")
        reader = csv.reader(text)
        try:
            header = [column.strip().upper() for column in next(reader, [])]
        except csv.Error as error:
            raise _no_table(name, error) from error
        lacking = set(NEEDED[name]) - set(header)
        if lacking:
            detail = _("%(file)s lacks the columns %(columns)s.") % {
                "file": name,
                "columns": ", ".join(sorted(lacking)),
            }
            raise Invalid(detail, errors=[FieldError("file", "invalid", detail)])
        return reader, header

    def event_names(self, fight_ids: Container[str]) -> dict[str, str]:
        """Under which event these fights stand, by the last row of each; for few fights: it reads the files through."""
        read, told = self.rows_read, len(self.problems)
        names = {}
        for name in (FIGHTS, RESULTS):
            for _line, values in self._rows(name):
                found = _ID.match(values[-1])
                if found and found.group(1) in fight_ids:
                    names[found.group(1)] = values[0]
        # These rows are read, and told of, once more later.
        self.rows_read = read
        del self.problems[told:]
        return names

    def _rows(self, name: str) -> Iterator[tuple[int, tuple[str, ...]]]:
        """Line number and stripped values in the order of ``COLUMNS``.  Raises Invalid for columns that lack."""
        with ExitStack() as stack:
            table = self._table(name, stack)
            if table is None:
                return
            reader, header = table
            width, strip = len(header), str.strip
            # A column that is not there is empty everywhere: one more value stands for it.
            wanted = itemgetter(*(header.index(one) if one in header else width for one in COLUMNS[name]))
            is_whole = set(COLUMNS[name]) <= set(header)
            try:
                for values in reader:
                    if not values:
                        continue
                    self.rows_read += 1
                    if len(values) != width:
                        self._problem(name, reader.line_num, _("not as many values as columns"), values)
                        continue
                    if not is_whole:
                        values.append("")
                    yield reader.line_num, tuple(map(strip, wanted(values)))
            except csv.Error as error:
                raise _no_table(name, error) from error

    def _bounded(self, file: IO[bytes]) -> io.BufferedReader:
        return io.BufferedReader(_Bounded(file, self), 65_536)

    def take(self, count: int) -> None:
        """Raises Invalid when the files hold more than they may."""
        self._left -= count
        if self._left < 0:
            raise Invalid(_("The files are larger than %(size)d MB.") % {"size": MOST_BYTES // 1_000_000})

    def _identity(self, name: str, line: int, url: str, values: Sequence[str]) -> str:
        found = _ID.match(url)
        if found is None:
            self._problem(name, line, _("no id in the address"), values)
            return ""
        return found.group(1)

    def _made(
        self, name: str, line: int, values: tuple[str, ...], identity: str, digest: str, others: tuple[str, str]
    ) -> Any:
        row = dict(zip(COLUMNS[name], values, strict=True))
        dropped: list[str] = []
        made: FighterRow | EventRow | FightRow
        try:
            if name == TOTT:
                made = making.fighter_row(row, identity, others, digest, dropped)
            else:
                made = (
                    making.event_row(row, identity)
                    if name == EVENTS
                    else making.fight_row(row, identity, line, digest, dropped)
                )
        except ValueError as error:
            self._problem(name, line, str(error), values)
            return None
        for reason in dropped:
            self._problem(name, line, reason, values, is_row=False)
        # Without a digest such a row is read, and told of, with every import.
        return replace(made, digest="") if dropped and not isinstance(made, EventRow) else made

    def _problem(self, name: str, line: int, reason: str, values: Any, *, is_row: bool = True) -> None:
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(Problem(name, line, reason, ", ".join(values)[:300], is_row))


def _no_table(name: str, error: csv.Error) -> Invalid:
    return Invalid(_("%(file)s is no table: %(error)s") % {"file": name, "error": error})


class _Bounded(io.RawIOBase):
    """Counts what is unpacked, so that a small file can't become an endless one."""

    def __init__(self, inner: IO[bytes], dataset: Dataset) -> None:
        self._inner, self._dataset = inner, dataset

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._inner.read(len(buffer))
        self._dataset.take(len(data))
        buffer[: len(data)] = data
        return len(data)
