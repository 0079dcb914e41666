"""Small ufcstats snapshots, written by a test for the one quirk that it is about."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from tempfile import mkdtemp

from apps.core.actor import Actor
from apps.events.clients.ufcstats import open_dataset
from apps.events.clients.ufcstats import rows as tables
from apps.events.services.ufcstats import import_ufcstats
from apps.events.services.ufcstats.report import Report

Row = dict[str, str]
IMPORTER = Actor.command("import_ufcstats")


def page(kind: str, number: int) -> str:
    return f"http://ufcstats.com/{kind}-details/{number:016x}"


def fighter(name: str, number: int, **values: str) -> Row:
    known = {"HEIGHT": "5' 9\"", "WEIGHT": "155 lbs.", "REACH": '70"', "STANCE": "Orthodox", "DOB": "Jan 01, 1995"}
    return {"FIGHTER": name, **known, "URL": page("fighter", number), **values}


def event(name: str, number: int, date: str = "August 01, 2026", **values: str) -> Row:
    return {"EVENT": name, "URL": page("event", number), "DATE": date, "LOCATION": "Denver, Colorado, USA", **values}


def fight(where: str, red: str, blue: str, number: int, outcome: str = "W/L", **values: str) -> Row:
    known = {
        "EVENT": f"{where} ", "BOUT": f"{red} vs. {blue}", "OUTCOME": outcome, "WEIGHTCLASS": "Lightweight Bout",
        "METHOD": "KO/TKO ", "ROUND": "1", "TIME": "1:02", "TIME FORMAT": "3 Rnd (5-5-5)", "REFEREE": "Al Ruiz",
        "DETAILS": "Punches to Head On Ground ", "URL": page("fight", number),
    }  # fmt: skip
    return known | values


def write(folder: Path, name: str, rows: Sequence[Row], *, without: Sequence[str] = ()) -> None:
    columns = [column for column in tables.COLUMNS[name] if column not in without]
    with (folder / name).open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, columns, extrasaction="ignore")
        table.writeheader()
        table.writerows(rows)


def snapshot(folder: Path, *, events: Sequence[Row] = (), fights: Sequence[Row] = (), fighters: Sequence[Row]) -> Path:
    """A folder of its own below ``folder``."""
    made = Path(mkdtemp(dir=folder))
    write(made, tables.EVENTS, events)
    write(made, tables.RESULTS, fights)
    write(made, tables.TOTT, fighters)
    return made


def load(folder: Path) -> Report:
    with open_dataset(folder) as dataset:
        return import_ufcstats(dataset, actor=IMPORTER)
