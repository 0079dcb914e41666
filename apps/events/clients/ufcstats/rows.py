"""What the tables hold, one row at a time, and what could not be understood."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Generic, TypeVar

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

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Problem:
    """A row that was left out, or of which (``is_row`` is false) a field was."""

    file: str
    line: int
    reason: str
    text: str = ""
    is_row: bool = True


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
