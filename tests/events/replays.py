"""Evenings minute by minute: recorded answers as they are, and whole cards wound back from a recorded last answer."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import Any

import orjson
from django.db.models import Count

from apps.events.clients.scoreboard import SaidBout, read_scoreboard
from apps.events.enums import BOUT_RANK, BoutState
from apps.events.models import Bout, Event
from apps.events.services.matching import is_called
from tests.events.recordings import SHARED

ROUND_MINUTES, BREAK_MINUTES = 5, 1
DEFAULT_ROUNDS = 3

Document = dict[str, Any]


def recorded(name: str) -> Document:
    """A shared recording."""
    return dict(orjson.loads((SHARED / f"{name}.json").read_bytes()))


def settled(document: Document) -> Document:
    """A card that was recorded before it began, with an end of our making for every bout: knock-outs, decisions."""
    last = copy.deepcopy(document)
    for place, bout in enumerate(_bouts(last)):
        rounds = bout.get("format", {}).get("regulation", {}).get("periods", DEFAULT_ROUNDS)
        number = place % rounds + 1
        clock = "5:00" if number == rounds else f"{1 + place % 3}:{11 + place}"
        _set(bout, "STATUS_FINAL", "post", number, clock)
        bout["competitors"][place % 2]["winner"] = True
    _set_event(last, "post")
    return last


def minute_by_minute(last: Document) -> Iterator[Document]:
    """What the provider would have answered in each minute before ``last``, its last answer."""
    begin = [0]
    for bout in _bouts(last):
        begin.append(begin[-1] + ceil(_minutes(bout)) + 1)
    for minute in range(begin[-1]):
        document = copy.deepcopy(last)
        for bout, begins in zip(_bouts(document), begin, strict=False):
            _wind_back(bout, minute - begins)
        _set_event(document, "pre" if minute < 2 else "in")
        yield document
    yield last


def _minutes(bout: Document) -> float:
    """From the walk to the ring to the end."""
    number, (minutes, seconds) = bout["status"]["period"], map(int, bout["status"]["displayClock"].split(":"))
    return float(1 + (number - 1) * (ROUND_MINUTES + BREAK_MINUTES) + minutes + seconds / 60)


def _wind_back(bout: Document, minute: int) -> None:
    """``minute``: since its fighters walked in; negative before."""
    if minute >= _minutes(bout):
        return
    for competitor in bout["competitors"]:
        competitor["winner"] = False
    if minute < 0:
        _set(bout, "STATUS_SCHEDULED", "pre", 0, "-")
    elif minute < 1:
        _set(bout, "STATUS_FIGHTERS_WALKING", "in", 0, "-")
    else:
        done, into = divmod(minute - 1, ROUND_MINUTES + BREAK_MINUTES)
        name = "STATUS_IN_PROGRESS" + (f"_{done + 1}" if done else "")
        between = into >= ROUND_MINUTES
        clock = "0:00" if between else f"{ROUND_MINUTES - int(into)}:00"
        _set(bout, "STATUS_END_OF_ROUND" if between else name, "in", int(done) + 1, clock)


def _set(bout: Document, name: str, coarse: str, number: int, clock: str) -> None:
    bout["status"] = {"period": number, "displayClock": clock, "type": {"name": name, "state": coarse}}


def _set_event(document: Document, phase: str) -> None:
    document["events"][0]["status"] = {"type": {"state": phase}}


def _bouts(document: Document) -> list[Document]:
    return list(document["events"][0]["competitions"])


# --- what has to be true of it ----------------------------------------------------------------------------------------
@dataclass(slots=True)
class Watch:
    """Looks at a card again and again: no bout may go back, and every change has its version and revision."""

    event: Event
    ranks: dict[int, tuple[int, int]]

    @classmethod
    def over(cls, event: Event) -> Watch:
        return cls(event, {})

    def look(self) -> None:
        for bout in self.event.bouts.annotate(revision_count=Count("revisions")):
            now = BOUT_RANK[BoutState(bout.state)], bout.round or 0
            before = self.ranks.get(bout.pk, (0, 0))
            assert now[0] >= before[0], f"{bout}: {before} -> {bout.state}"
            # A result may correct the round; a bout that runs counts upwards.
            assert bout.is_over or now >= before, f"{bout}: {before} -> {bout.state} {bout.round}"
            assert bout.revision_count == bout.version - 1
            self.ranks[bout.pk] = now


def disagreements(event: Event, document: Document, *, clock_is_certain: bool = True) -> list[str]:
    """Where our card is not what the provider says: winner, round and time of each of its bouts.

    Where answers were lost or contradict each other no clock is certain: it may be turned round, or not known.
    """
    [said] = read_scoreboard(orjson.dumps(document))
    ours = {bout.external_ids.all()[0].external_id: bout for bout in event.bouts.prefetch_related("external_ids")}
    return [
        f"{bout.external_id}: {bout} but {ours[bout.external_id].__dict__}"
        for bout in said.bouts
        if not _is_so(ours[bout.external_id], bout, clock_is_certain=clock_is_certain)
    ]


def _is_so(bout: Bout, said: SaidBout, *, clock_is_certain: bool) -> bool:
    name = dict(said.athletes).get(said.winner, "")
    winner = bout.winner_fighter
    same = is_called(winner, name) if winner is not None else not name
    times = {said.clock_sec}
    if not clock_is_certain and said.clock_sec is not None:
        times |= {bout.round_seconds(said.round or 1) - said.clock_sec, None}
    return same and bout.round == said.round and bout.time_sec in times
