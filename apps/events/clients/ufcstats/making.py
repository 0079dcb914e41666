"""A line of a table becomes a row of ours.  Raises ValueError for a line that says nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from django.utils.translation import gettext as _

from apps.events.clients.ufcstats import fields
from apps.events.clients.ufcstats.fields import readable, stated
from apps.events.clients.ufcstats.rows import EventRow, FighterRow, FightRow

# Raised when rows are read otherwise than before: every row is then compared in full once more.
READING = "3"
_OUTCOMES = {"W/L": "red", "L/W": "blue", "D/D": "draw", "NC/NC": "no_contest"}


def digest_of(values: Sequence[str]) -> str:
    return hashlib.blake2b("\x1f".join((READING, *values)).encode(), digest_size=12).hexdigest()


def fighter_row(
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
        height_mm=readable(dropped, fields.height_of, row["HEIGHT"]),
        reach_mm=readable(dropped, fields.reach_of, row["REACH"]),
        weight_g=readable(dropped, fields.weight_of, row["WEIGHT"]),
        stance=readable(dropped, fields.stance_of, row["STANCE"]) or "",
        birth_date=readable(dropped, fields.date_of, row["DOB"]) if stated(row["DOB"]) else None,
        digest=digest,
    )


def event_row(row: dict[str, str], identity: str) -> EventRow:
    if not row["EVENT"]:
        raise ValueError(_("an event without a name"))
    return EventRow(
        id=identity,
        url=row["URL"],
        name=row["EVENT"][:255],
        date=fields.date_of(row["DATE"]),
        location=row["LOCATION"][:255],
    )


def fight_row(row: dict[str, str], identity: str, line: int, digest: str, dropped: list[str]) -> FightRow:
    red, blue = fields.two_names(row["BOUT"])
    if "OUTCOME" not in row:
        return FightRow(identity, row["URL"], row["EVENT"], red[:128], blue[:128], line, digest=digest)
    outcome = _OUTCOMES.get("".join(row["OUTCOME"].upper().split()), "")
    if not outcome:
        raise ValueError(_("unknown outcome %(outcome)s") % {"outcome": row["OUTCOME"]})
    kind = row["WEIGHTCLASS"].lower()
    details, judges = fields.judges_of(row["DETAILS"], outcome)
    return FightRow(
        id=identity,
        url=row["URL"],
        event_name=row["EVENT"],
        red=red[:128],
        blue=blue[:128],
        line=line,
        outcome=outcome,
        weight_class=fields.weight_class_of(kind),
        is_title="title" in kind,
        is_interim="interim" in kind,
        is_tournament="tournament" in kind,
        method=row["METHOD"],
        details=details,
        round=readable(dropped, fields.round_of, row["ROUND"]),
        time_sec=readable(dropped, fields.seconds_of, row["TIME"]),
        scheduled_rounds=readable(dropped, fields.scheduled_rounds_of, row["TIME FORMAT"]),
        time_format=row["TIME FORMAT"],
        referee=row["REFEREE"],
        judges=judges,
        digest=digest,
    )
