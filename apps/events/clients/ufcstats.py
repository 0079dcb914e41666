"""The five ufcstats tables as plain rows: read, cleaned, and nothing guessed.

``open_dataset(path)`` takes a folder, a zip or one of the files' folder inside a zip; files may be gzipped.  Rows
come one at a time, so memory does not grow with the files.  A row that can't be understood is no error: it is a
``Problem`` with file, line and reason, and the others go on.  A field that can't is left out in the same way, and the
rest of its row is used.  Only the columns that say who, where and who won must be there.

Quirks that are dealt with here: blanks around EVENT, METHOD and DETAILS; ``--`` and empty for unknown; inches,
pounds and three forms of dates; "vs" without its dot; the id in the last 16 digits of a URL; three judges run
together in DETAILS, the loser's total first; a zip that holds a folder.  Never trusted: the size that a zip claims for
its entries.
"""

from __future__ import annotations

import csv
import datetime as dt
import functools
import gzip
import hashlib
import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from operator import itemgetter
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any, Generic, TypeVar, cast

from django.utils.translation import gettext as _

from apps.core.errors import FieldError, Invalid

SOURCE = "ufcstats"
EVENTS, FIGHTS, RESULTS = "ufc_event_details.csv", "ufc_fight_details.csv", "ufc_fight_results.csv"
FIGHTERS, TOTT = "ufc_fighter_details.csv", "ufc_fighter_tott.csv"
COLUMNS = {
    EVENTS: ("EVENT", "URL", "DATE", "LOCATION"),
    FIGHTS: ("EVENT", "BOUT", "URL"),
    RESULTS: (
        "EVENT", "BOUT", "OUTCOME", "WEIGHTCLASS", "METHOD", "ROUND", "TIME", "TIME FORMAT", "REFEREE", "DETAILS",
        "URL",
    ),
    FIGHTERS: ("FIRST", "LAST", "NICKNAME", "URL"),
    TOTT: ("FIGHTER", "HEIGHT", "WEIGHT", "REACH", "STANCE", "DOB", "URL"),
}  # fmt: skip
# Without these a row says nothing; the others may lack.
NEEDED = {
    EVENTS: ("EVENT", "URL", "DATE"),
    FIGHTS: ("EVENT", "BOUT", "URL"),
    RESULTS: ("EVENT", "BOUT", "OUTCOME", "URL"),
    FIGHTERS: ("FIRST", "LAST", "URL"),
    TOTT: ("FIGHTER", "URL"),
}
# What unpacked files may hold together, and the longest line; a zip bomb ends here.
MOST_BYTES = 300_000_000
LONGEST_FIELD = 20_000
MOST_PROBLEMS = 1_000
MM_PER_INCH = 25.4
GRAMS_PER_LB = 453.59237
# What the columns hold, and what a scale may show.
MOST_SMALL = 32_767
MOST_GRAMS = 1_000_000
_DAMAGED = (zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, lzma.LZMAError, EOFError, OSError)

# The address is shown as a link later: it must be one of the web as a whole.
_ID = re.compile(r"https?://[^\s/]+/(?:\S*/)?([0-9a-f]{16})/?\Z")
_FEET = re.compile(r"(\d+)'\s*(\d{1,2})\"")
_INCHES = re.compile(r"(\d+(?:\.\d+)?)\"")
_POUNDS = re.compile(r"(\d+(?:\.\d+)?) ?lbs?\.?")
_CLOCK = re.compile(r"(\d{1,3}):(\d\d)")
_VERSUS = re.compile(r"\s+vs\.?\s+", re.IGNORECASE)
_DAY = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ].*)?")
_DAY_FORMS = ("%B %d, %Y", "%b %d, %Y")
_ROUNDS = re.compile(r"(\d+) Rnd")
# A third of the older cards name no judges, and some run the name into the total.
_JUDGE = re.compile(r"(?:^|\.)\s*([^\d]*?)\s*(\d{1,3})\s*-\s*(\d{1,3})\s*(?=\.|$)")
_REMARK = re.compile(r"technical decision|[^:]*:|.*? by ", re.IGNORECASE)
_RUN_TOGETHER = re.compile(r"[a-z][A-Z]")
# Raised when rows are read otherwise than before: every row is then compared in full once more.
READING = "3"
_OUTCOMES = {"W/L": "red", "L/W": "blue", "D/D": "draw", "NC/NC": "no_contest"}
_STANCES = {
    "": "", "orthodox": "orthodox", "southpaw": "southpaw", "switch": "switch", "open stance": "open",
    "sideways": "sideways",
}  # fmt: skip
_CLASSES = (
    "Light Heavyweight", "Super Heavyweight", "Strawweight", "Flyweight", "Bantamweight", "Featherweight",
    "Lightweight", "Welterweight", "Middleweight", "Heavyweight",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Problem:
    """A row that was left out, or of which (``is_row`` is false) a field was."""

    file: str
    line: int
    reason: str
    text: str = ""
    is_row: bool = True


Row = TypeVar("Row")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Met(Generic[Row]):
    """Somebody or something that the files tell of; ``row`` is None where they say what they said last time.

    ``digest`` stands for what they say.
    """

    id: str
    row: Row | None
    event_name: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True)
class FighterRow:
    """``digest`` stands for everything that the source says of the fighter; empty where a field could not be read."""

    id: str
    url: str
    name: str
    nickname: str = ""
    height_mm: int | None = None
    reach_mm: int | None = None
    weight_g: int | None = None
    stance: str = ""
    birth_date: dt.date | None = None
    digest: str = ""


@dataclass(frozen=True, slots=True)
class EventRow:
    id: str
    url: str
    name: str
    date: dt.date
    location: str


@dataclass(frozen=True, slots=True)
class JudgeRow:
    judge: str
    red: int
    blue: int


@dataclass(frozen=True, slots=True)
class FightRow:
    """One fight.  ``outcome``: red, blue, draw, no_contest, or empty when there is no result yet.

    ``digest`` stands for all that the source says of the fight, but for the name of its event; empty where a field
    could not be read.
    """

    id: str
    url: str
    event_name: str
    red: str
    blue: str
    line: int
    outcome: str = ""
    weight_class: str = ""
    is_title: bool = False
    is_interim: bool = False
    is_tournament: bool = False
    method: str = ""
    details: str = ""
    round: int | None = None
    time_sec: int | None = None
    scheduled_rounds: int | None = None
    time_format: str = ""
    referee: str = ""
    judges: tuple[JudgeRow, ...] = ()
    digest: str = ""


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
                made = _fighter(row, identity, others, digest, dropped)
            else:
                made = _event(row, identity) if name == EVENTS else _fight(row, identity, line, digest, dropped)
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


@contextmanager
def open_dataset(path: Path) -> Iterator[Dataset]:
    """Raises Invalid when nothing there is one of the five tables, one lacks a column, or a zip is broken."""
    csv.field_size_limit(LONGEST_FIELD)
    with ExitStack() as stack:
        finder = _in_folder(path) if path.is_dir() else _in_file(path) or _in_zip(stack, path)
        if all(not finder.holds(name) for name in COLUMNS):
            raise Invalid(_("None of the five ufcstats tables is there."))
        try:
            dataset = Dataset(finder.open)
            dataset.check_columns()
            yield dataset
        except _DAMAGED as error:
            raise Invalid(_("The file is damaged: %(error)s") % {"error": error}) from error


@dataclass(frozen=True, slots=True)
class _Finder:
    places: dict[str, Callable[[], IO[bytes]]]

    def holds(self, name: str) -> bool:
        return name in self.places or f"{name}.gz" in self.places

    def open(self, name: str) -> IO[bytes] | None:
        if name in self.places:
            return self.places[name]()
        if f"{name}.gz" in self.places:
            return cast("IO[bytes]", gzip.GzipFile(fileobj=self.places[f"{name}.gz"]()))
        return None


def _in_folder(path: Path) -> _Finder:
    def opener(file: Path) -> Callable[[], IO[bytes]]:
        return lambda: file.open("rb")

    return _Finder({file.name: opener(file) for file in path.iterdir() if file.is_file()})


def _in_file(path: Path) -> _Finder | None:
    """One of the tables alone, known by its columns, whatever its name; or by its name, if some columns lack."""
    with path.open("rb") as file:
        start = file.read(2)
    opener = gzip.open if start == b"\x1f\x8b" else open
    try:
        with opener(path, "rb") as table:
            head = table.readline(2_000).decode("utf-8-sig", "replace")
    except _DAMAGED:
        return None
    columns = {name.strip().upper() for name in head.split(",")}
    fitting = [name for name, needed in COLUMNS.items() if set(needed) <= columns]
    fitting = fitting or [name for name in COLUMNS if name == path.name.removesuffix(".gz")]
    if not fitting:
        return None
    # Results have all the columns of fights, and more.
    name = max(fitting, key=lambda one: len(COLUMNS[one]))
    return _Finder({name: lambda: cast("IO[bytes]", opener(path, "rb"))})


def _in_zip(stack: ExitStack, path: Path) -> _Finder:
    """By the last part of the names: many archives hold a folder.  The shallowest of two wins."""
    if not zipfile.is_zipfile(path):
        raise Invalid(_("Neither a folder nor a zip archive."))
    archive = stack.enter_context(zipfile.ZipFile(path))

    def opener(entry: zipfile.ZipInfo) -> Callable[[], IO[bytes]]:
        return lambda: _opened(archive, entry)

    entries = sorted(archive.infolist(), key=lambda entry: -entry.filename.count("/"))
    return _Finder({Path(entry.filename).name: opener(entry) for entry in entries if not entry.is_dir()})


def _opened(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> IO[bytes]:
    """Raises Invalid for an entry that is encrypted or packed in a way that we don't know."""
    try:
        return archive.open(entry)
    except RuntimeError as error:
        # Encrypted; an unknown packing is a subclass of it.
        raise Invalid(_("The file is damaged: %(error)s") % {"error": error}) from error


# --- one row -------------------------------------------------------------------------------------------------------
def stated(text: str) -> str:
    return "" if text == "--" else text


def digest_of(values: Sequence[str]) -> str:
    return hashlib.blake2b("\x1f".join((READING, *values)).encode(), digest_size=12).hexdigest()


def _readable(dropped: list[str], parse: Callable[[str], T | None], text: str) -> T | None:
    """The value of one field.  None, with its reason noted, when it can't be read: the rest of the row stands."""
    try:
        return parse(text)
    except ValueError as error:
        dropped.append(str(error))
        return None


def _fighter(
    row: dict[str, str], identity: str, others: tuple[str, str], digest: str, dropped: list[str]
) -> FighterRow:
    """``others``: name and nickname in the other file of fighters."""
    name = " ".join(row["FIGHTER"].split()) or others[0]
    if not name:
        raise ValueError(_("a fighter without a name"))
    return FighterRow(
        id=identity,
        url=row["URL"],
        name=name[:128],
        nickname=others[1][:128],
        height_mm=_readable(dropped, _height, row["HEIGHT"]),
        reach_mm=_readable(dropped, _reach, row["REACH"]),
        weight_g=_readable(dropped, _weight, row["WEIGHT"]),
        stance=_readable(dropped, _stance, row["STANCE"]) or "",
        birth_date=_readable(dropped, _date, row["DOB"]) if stated(row["DOB"]) else None,
        digest=digest,
    )


def _event(row: dict[str, str], identity: str) -> EventRow:
    if not row["EVENT"]:
        raise ValueError(_("an event without a name"))
    return EventRow(
        id=identity,
        url=row["URL"],
        name=row["EVENT"][:255],
        date=_date(row["DATE"]),
        location=row["LOCATION"][:255],
    )


def _fight(row: dict[str, str], identity: str, line: int, digest: str, dropped: list[str]) -> FightRow:
    red, blue = _two_names(row["BOUT"])
    if "OUTCOME" not in row:
        return FightRow(identity, row["URL"], row["EVENT"], red[:128], blue[:128], line, digest=digest)
    outcome = _OUTCOMES.get("".join(row["OUTCOME"].upper().split()), "")
    if not outcome:
        raise ValueError(_("unknown outcome %(outcome)s") % {"outcome": row["OUTCOME"]})
    kind = row["WEIGHTCLASS"].lower()
    details, judges = judges_of(row["DETAILS"], outcome)
    return FightRow(
        id=identity,
        url=row["URL"],
        event_name=row["EVENT"],
        red=red[:128],
        blue=blue[:128],
        line=line,
        outcome=outcome,
        weight_class=weight_class_of(kind),
        is_title="title" in kind,
        is_interim="interim" in kind,
        is_tournament="tournament" in kind,
        method=row["METHOD"],
        details=details,
        round=_readable(dropped, _round, row["ROUND"]),
        time_sec=_readable(dropped, _seconds, row["TIME"]),
        scheduled_rounds=_readable(dropped, _scheduled, row["TIME FORMAT"]),
        time_format=row["TIME FORMAT"],
        referee=row["REFEREE"],
        judges=judges,
        digest=digest,
    )


def _two_names(bout: str) -> tuple[str, str]:
    names = [" ".join(name.split()) for name in _VERSUS.split(bout, maxsplit=1)]
    if len(names) != 2 or not all(names):
        raise ValueError(_("a bout without two names"))
    return names[0], names[1]


@functools.lru_cache(maxsize=1_024)
def weight_class_of(text: str) -> str:
    """ "UFC Interim Women's Strawweight Title Bout" is Women's Strawweight.  Empty when the text names none."""
    text = text.lower()
    if "catch weight" in text:
        return "Catchweight"
    if "open weight" in text:
        return "Open Weight"
    name = next((name for name in _CLASSES if name.lower() in text), "")
    return f"Women's {name}" if name and "women" in text else name


def judges_of(details: str, outcome: str) -> tuple[str, tuple[JudgeRow, ...]]:
    """What DETAILS tells beside the scores ("Point Deducted: …", "Failed Drug Test by …"), and the scores.

    The source puts the loser's total first, whichever corner that was.  Without a loser it keeps no order: unequal
    totals then stay text, because nobody could say whose they are.  Some judges are without a name.
    """
    found = _JUDGE.findall(details)
    if not found:
        return details, ()
    (first, *totals), *others = found
    remark, first = _without_remark(first)
    rows = [(name, int(one), int(other)) for name, one, other in ((first, *totals), *others)]
    if outcome not in ("red", "blue") and any(one != other for _name, one, other in rows):
        return details, ()
    loser_is_red = outcome == "blue"
    return remark, tuple(
        JudgeRow(name, one, other) if loser_is_red else JudgeRow(name, other, one) for name, one, other in rows
    )


def _without_remark(text: str) -> tuple[str, str]:
    """A remark and the name that is run into it: "Eye Poke by SongMike Bell"."""
    beginning = _REMARK.match(text)
    if beginning is None:
        return "", text
    end = _RUN_TOGETHER.search(text, beginning.end() - 1)
    place = end.start() + 1 if end else beginning.end()
    remark, name = text[:place].strip(), text[place:].strip()
    # "… Headbutt by Quinonez" alone: nobody is named after it.
    return (text, "") if end is None and " by " in text else (remark, name)


def _height(text: str) -> int | None:
    if not stated(text):
        return None
    found = _FEET.fullmatch(text)
    if found is None:
        raise ValueError(_("no height: %(text)s") % {"text": text})
    return _possible((int(found.group(1)) * 12 + int(found.group(2))) * MM_PER_INCH, text)


def _measure(text: str, form: re.Pattern[str], factor: float, *, most: int = MOST_SMALL) -> int | None:
    if not stated(text):
        return None
    found = form.fullmatch(text)
    if found is None:
        raise ValueError(_("no measure: %(text)s") % {"text": text})
    return _possible(float(found.group(1)) * factor, text, most=most)


def _reach(text: str) -> int | None:
    return _measure(text, _INCHES, MM_PER_INCH)


def _weight(text: str) -> int | None:
    return _measure(text, _POUNDS, GRAMS_PER_LB, most=MOST_GRAMS)


def _stance(text: str) -> str:
    stance = stated(text).lower()
    if stance not in _STANCES:
        raise ValueError(_("unknown stance %(stance)s") % {"stance": text})
    return _STANCES[stance]


def _date(text: str) -> dt.date:
    """ "August 01, 2026", "Aug 01, 2026" or 2026-08-01.  Raises ValueError."""
    iso = _DAY.fullmatch(text)
    for form in ("%Y-%m-%d",) if iso else _DAY_FORMS:
        try:
            return dt.datetime.strptime(iso.group(1) if iso else text, form).replace(tzinfo=dt.UTC).date()
        except ValueError:
            continue
    raise ValueError(_("no date: %(text)s") % {"text": text})


def _round(text: str) -> int | None:
    return _possible(int(text), text) if text.isdecimal() else None


def _seconds(text: str) -> int | None:
    found = _CLOCK.fullmatch(text)
    return _possible(int(found.group(1)) * 60 + int(found.group(2)), text) if found else None


def _scheduled(text: str) -> int | None:
    found = _ROUNDS.match(text)
    return _possible(int(found.group(1)), found.group()) if found else None


def _possible(number: float, text: str, *, most: int = MOST_SMALL) -> int:
    """A whole number that its column can hold.  Raises ValueError."""
    if number > most:
        raise ValueError(_("too large a number: %(text)s") % {"text": text[:32]})
    return round(number)
