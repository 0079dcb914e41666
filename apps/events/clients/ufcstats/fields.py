"""One value of a row: names, measures, days, clocks, judges.

What can't be read raises ValueError with a sentence for the report; ``readable`` lets the rest of the row stand.
"""

from __future__ import annotations

import datetime as dt
import functools
import re
from collections.abc import Callable
from typing import TypeVar

from django.utils.translation import gettext as _

from apps.events.clients.ufcstats.rows import JudgeRow

MM_PER_INCH = 25.4
GRAMS_PER_LB = 453.59237
# What the columns hold, and what a scale may show.
MOST_SMALL = 32_767
MOST_GRAMS = 1_000_000
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
_STANCES = {
    "": "", "orthodox": "orthodox", "southpaw": "southpaw", "switch": "switch", "open stance": "open",
    "sideways": "sideways",
}  # fmt: skip
_CLASSES = (
    "Light Heavyweight", "Super Heavyweight", "Strawweight", "Flyweight", "Bantamweight", "Featherweight",
    "Lightweight", "Welterweight", "Middleweight", "Heavyweight",
)  # fmt: skip

T = TypeVar("T")


def stated(text: str) -> str:
    return "" if text == "--" else text


def readable(dropped: list[str], parse: Callable[[str], T | None], text: str) -> T | None:
    """The value of one field.  None, with its reason noted, when it can't be read: the rest of the row stands."""
    try:
        return parse(text)
    except ValueError as error:
        dropped.append(str(error))
        return None


def two_names(bout: str) -> tuple[str, str]:
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


def height_of(text: str) -> int | None:
    if not stated(text):
        return None
    found = _FEET.fullmatch(text)
    if found is None:
        raise ValueError(_("no height: %(text)s") % {"text": text})
    return _possible((int(found.group(1)) * 12 + int(found.group(2))) * MM_PER_INCH, text)


def reach_of(text: str) -> int | None:
    return _measure(text, _INCHES, MM_PER_INCH)


def weight_of(text: str) -> int | None:
    return _measure(text, _POUNDS, GRAMS_PER_LB, most=MOST_GRAMS)


def _measure(text: str, form: re.Pattern[str], factor: float, *, most: int = MOST_SMALL) -> int | None:
    if not stated(text):
        return None
    found = form.fullmatch(text)
    if found is None:
        raise ValueError(_("no measure: %(text)s") % {"text": text})
    return _possible(float(found.group(1)) * factor, text, most=most)


def stance_of(text: str) -> str:
    stance = stated(text).lower()
    if stance not in _STANCES:
        raise ValueError(_("unknown stance %(stance)s") % {"stance": text})
    return _STANCES[stance]


def date_of(text: str) -> dt.date:
    """ "August 01, 2026", "Aug 01, 2026" or 2026-08-01.  Raises ValueError."""
    iso = _DAY.fullmatch(text)
    for form in ("%Y-%m-%d",) if iso else _DAY_FORMS:
        try:
            return dt.datetime.strptime(iso.group(1) if iso else text, form).replace(tzinfo=dt.UTC).date()
        except ValueError:
            continue
    raise ValueError(_("no date: %(text)s") % {"text": text})


def round_of(text: str) -> int | None:
    return _possible(int(text), text) if text.isdecimal() else None


def seconds_of(text: str) -> int | None:
    found = _CLOCK.fullmatch(text)
    return _possible(int(found.group(1)) * 60 + int(found.group(2)), text) if found else None


def scheduled_rounds_of(text: str) -> int | None:
    found = _ROUNDS.match(text)
    return _possible(int(found.group(1)), found.group()) if found else None


def _possible(number: float, text: str, *, most: int = MOST_SMALL) -> int:
    """A whole number that its column can hold.  Raises ValueError."""
    if number > most:
        raise ValueError(_("too large a number: %(text)s") % {"text": text[:32]})
    return round(number)
