"""Two kinds of lists as plain rows: other spellings of names, and weekly rankings.  CSV, gzipped or not."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from django.utils.translation import gettext as _

from apps.core.errors import Invalid

MOST_BYTES = 100_000_000
LONGEST_FIELD = 20_000


@dataclass(frozen=True, slots=True)
class SpellingRow:
    """Names of one person; the first is the one the list prefers.  ``problem``: why the row can't be read."""

    line: int
    names: tuple[str, ...]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class PlaceRow:
    """One place of one list on one day; 0 is the champion.  ``problem``: why the row can't be read."""

    line: int
    day: dt.date
    division: str
    name: str
    place: int
    problem: str = ""


def spellings(path: Path) -> Iterator[SpellingRow]:
    """Columns Fighter, Alternate1, Alternate2 …  Raises Invalid."""
    for line, row in _rows(path, {"FIGHTER", "ALTERNATE1"}):
        if "FIGHTER" not in row:
            yield SpellingRow(line, (), _("not as many values as columns"))
            continue
        names = [row["FIGHTER"], *(value for name, value in row.items() if name.startswith("ALTERNATE"))]
        cleaned = tuple(dict.fromkeys(" ".join(name.split())[:128] for name in names if name.strip()))
        if cleaned:
            yield SpellingRow(line, cleaned)


def places(path: Path) -> Iterator[PlaceRow]:
    """Columns date, weightclass, fighter, rank.  Raises Invalid."""
    for line, row in _rows(path, {"DATE", "WEIGHTCLASS", "FIGHTER", "RANK"}):
        try:
            day, place = dt.date.fromisoformat(row["DATE"]), int(row["RANK"])
        except (KeyError, ValueError):
            yield _unreadable(line, row, _("no date, or no rank"))
            continue
        if 0 <= place < 1000 and row["FIGHTER"] and row["WEIGHTCLASS"]:
            yield PlaceRow(line, day, row["WEIGHTCLASS"][:64], row["FIGHTER"][:128], place)
        else:
            yield _unreadable(line, row, _("no name, no list, or a rank that can't be"))


def _unreadable(line: int, row: dict[str, str], problem: str) -> PlaceRow:
    return PlaceRow(line, dt.date.min, "", ", ".join(row.values())[:128], 0, problem)


def _rows(path: Path, needed: set[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and values by column; no values for a line that has too few.  Raises Invalid."""
    csv.field_size_limit(LONGEST_FIELD)
    with _opened(path) as file:
        reader = csv.reader(_lines(io.TextIOWrapper(file, encoding="utf-8-sig", errors="replace", newline="")))
        try:
            header = [name.strip().upper() for name in next(reader, [])]
            if needed - set(header):
                raise Invalid(
                    _("%(file)s lacks the columns %(columns)s.")
                    % {"file": path.name, "columns": ", ".join(sorted(needed - set(header)))}
                )
            for values in reader:
                if values:
                    is_whole = len(values) >= len(needed)
                    cleaned = (value.strip() for value in values)
                    yield reader.line_num, dict(zip(header, cleaned, strict=False)) if is_whole else {}
        except (csv.Error, OSError, EOFError, zlib.error) as error:
            raise Invalid(_("%(file)s is no table: %(error)s") % {"file": path.name, "error": error}) from error


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    """Line by line, however long one claims to be.  Raises Invalid for more than a file may hold."""
    left = MOST_BYTES
    while line := text.readline(LONGEST_FIELD):
        left -= len(line)
        if left < 0:
            raise Invalid(_("The files are larger than %(size)d MB.") % {"size": MOST_BYTES // 1_000_000})
        yield line


def _opened(path: Path) -> IO[bytes]:
    file = path.open("rb")
    if file.peek(2)[:2] == b"\x1f\x8b":
        return cast("IO[bytes]", gzip.GzipFile(fileobj=file))
    return file
