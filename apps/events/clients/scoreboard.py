"""A live provider that answers in the form of ESPN's MMA scoreboard: one GET, its answer in our words.

What the form hides (research §3.3): the round is ``period``, not the number in ``IN_PROGRESS_2``; "-" is no clock;
the clock shows what is left while a bout runs and what has passed once it is final; ``winner: false`` before the end
is a default; a bout is ``in`` while its event is still ``pre``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from apps.core.http import FetchLimits, fetch
from apps.events.enums import BoutState, HoldReason
from apps.events.errors import FeedUnreadable

SOURCE = "espn"
# Shorter than the poll: an answer that comes later is no use.
LIMITS = FetchLimits(max_bytes=8 * 1024 * 1024, connect_seconds=3.0, read_seconds=8.0, total_seconds=12.0)
MOST_EVENTS = 200
MOST_BOUTS = 60
# As long as our columns; a longer id is none.
LONGEST_ID = 128
LONGEST_CLOCK = 3600
MOST_ROUNDS = 12
_CLOCK = re.compile(r"(\d{1,3}):([0-5]\d)(?:\.\d+)?", re.ASCII)
_IN_PROGRESS = re.compile(r"STATUS_IN_PROGRESS(_\d)?")
_STATES: Mapping[str, BoutState] = {
    "STATUS_SCHEDULED": BoutState.SCHEDULED,
    "STATUS_DELAYED": BoutState.SCHEDULED,
    "STATUS_PRE_FIGHT": BoutState.WALKOUTS,
    "STATUS_FIGHTERS_WALKING": BoutState.WALKOUTS,
    "STATUS_FIGHTERS_INTRODUCTION": BoutState.WALKOUTS,
    "STATUS_INTRODUCTION": BoutState.WALKOUTS,
    "STATUS_END_OF_ROUND": BoutState.BETWEEN_ROUNDS,
    "STATUS_END_OF_FIGHT": BoutState.STOPPED,
    "STATUS_FINAL": BoutState.PROVISIONAL,
    "STATUS_CANCELED": BoutState.CANCELLED,
    "STATUS_CANCELLED": BoutState.CANCELLED,
}
# What is none of our states: the nearest one, and why a person has to look at it.
_UNCLEAR: Mapping[str, tuple[BoutState, HoldReason]] = {
    "STATUS_POSTPONED": (BoutState.SCHEDULED, HoldReason.POSTPONED),
    "STATUS_SUSPENDED": (BoutState.BETWEEN_ROUNDS, HoldReason.UNCLEAR),
    "STATUS_ABANDONED": (BoutState.STOPPED, HoldReason.UNCLEAR),
    "STATUS_FORFEIT": (BoutState.STOPPED, HoldReason.UNCLEAR),
}
_PHASES = frozenset({"pre", "in", "post"})


@dataclass(frozen=True, slots=True)
class SaidBout:
    """What the provider says about one bout.  ``clock_sec`` as shown.  ``winner`` is the id of an athlete."""

    external_id: str
    state: str
    round: int | None
    clock_sec: int | None
    athletes: tuple[tuple[str, str], ...]
    winner: str
    winners: int
    # A HoldReason when the state is only the nearest of ours.
    unclear: str = ""


@dataclass(frozen=True, slots=True)
class SaidEvent:
    """What the provider says about one event.  ``phase``: pre, in or post."""

    external_id: str
    name: str
    phase: str
    bouts: tuple[SaidBout, ...] = field(default=())
    begins: datetime | None = None

    def as_message(self) -> dict[str, Any]:
        return {**asdict(self), "begins": self.begins.isoformat() if self.begins else ""}


@dataclass(frozen=True, slots=True)
class SaidPairing:
    """A bout as announced.  Corners are (id of the athlete, name); ``weight_class`` as we write it, or empty."""

    external_id: str
    begins: datetime | None
    weight_class: str
    scheduled_rounds: int | None
    red: tuple[str, str]
    blue: tuple[str, str]


@dataclass(frozen=True, slots=True)
class SaidCard:
    """An event as announced; ``pairings`` in the order of the card, the main bout first."""

    external_id: str
    org: str
    name: str
    begins: datetime
    venue: str
    pairings: tuple[SaidPairing, ...] = field(default=())


def ask_for_cards(url: str) -> list[SaidCard]:
    """What is announced.  Raises as ``ask_provider``."""
    return read_cards(_document(url))


def ask_provider(url: str) -> list[SaidEvent]:
    """Raises UpstreamFailed (FeedUnreadable among it) when there is no useful answer, Invalid for a wrong address."""
    return read_scoreboard(_document(url))


def _document(url: str) -> bytes:
    answer = fetch(url, headers={"Accept": "application/json"}, limits=LIMITS)
    if answer.status != 200:
        raise FeedUnreadable(f"HTTP {answer.status}")
    return answer.body


def read_scoreboard(body: bytes) -> list[SaidEvent]:
    """Raises FeedUnreadable.  An entry that can't be read is left out: its neighbours still count."""
    return [said for item in _events(body)[0] if (said := _event(item)) is not None]


def read_cards(body: bytes) -> list[SaidCard]:
    """Raises FeedUnreadable.  Events without id, name or start and bouts without two people are left out."""
    events, org = _events(body)
    return [said for item in events if (said := _card(item, org)) is not None]


def _events(body: bytes) -> tuple[list[Any], str]:
    """The entries, and the organisation whose scoreboard it is."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise FeedUnreadable(f"not JSON: {error}") from error
    events = document.get("events") if isinstance(document, dict) else None
    if not isinstance(events, list):
        raise FeedUnreadable("there is no list of events")
    leagues = document.get("leagues")
    league = leagues[0] if isinstance(leagues, list) and leagues and isinstance(leagues[0], dict) else {}
    return events[:MOST_EVENTS], _text(league.get("abbreviation"))[:32]


def _card(item: Any, org: str) -> SaidCard | None:
    if not isinstance(item, dict):
        return None
    begins, name, competitions = _moment(item.get("date")), _text(item.get("name"))[:255], item.get("competitions")
    if not _id(item) or not name or begins is None:
        return None
    pairings = [said for each in _dicts(competitions)[:MOST_BOUTS] if (said := _pairing(each)) is not None]
    return SaidCard(
        external_id=_id(item),
        org=org,
        name=name,
        begins=begins,
        venue=_venue(item),
        # The provider begins with what is fought first.
        pairings=tuple(reversed(pairings)),
    )


def _pairing(item: dict[str, Any]) -> SaidPairing | None:
    corners = [(each.get("order"), _id(each), _name(each)) for each in _dicts(item.get("competitors"))]
    if not _id(item) or len(corners) != 2 or not all(name for _order, _athlete, name in corners):
        return None
    # The first is the red corner; whoever stands first in the list is not always it.
    first, second = sorted(corners, key=lambda corner: corner[0] != 1)
    return SaidPairing(
        external_id=_id(item),
        begins=_moment(item.get("date")),
        weight_class=_weight_class(item.get("type")),
        scheduled_rounds=_scheduled(item.get("format")),
        red=first[1:],
        blue=second[1:],
    )


def _weight_class(kind: Any) -> str:
    text = _text(kind.get("abbreviation")) if isinstance(kind, dict) else ""
    return f"Women's {text[2:]}"[:64] if text.startswith("W ") else text[:64]


def _scheduled(form: Any) -> int | None:
    regulation = form.get("regulation") if isinstance(form, dict) else None
    periods = _round(regulation.get("periods")) if isinstance(regulation, dict) else None
    return periods if periods is not None and periods <= MOST_ROUNDS else None


def _venue(item: dict[str, Any]) -> str:
    bouts = _dicts(item.get("competitions"))
    venues = _dicts(item.get("venues")) or _dicts([each.get("venue") for each in bouts[:1]])
    venue = venues[0] if venues else {}
    address = venue.get("address")
    places = (
        venue.get("fullName"),
        *((address.get("city"), address.get("country")) if isinstance(address, dict) else ()),
    )
    return ", ".join(text for place in places if (text := _text(place)))[:255]


def _moment(value: Any) -> datetime | None:
    """As ``2026-08-01T14:00Z``; no zone means UTC."""
    try:
        moment = datetime.fromisoformat(_text(value))
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _event(item: Any) -> SaidEvent | None:
    if not isinstance(item, dict) or not _id(item):
        return None
    competitions = item.get("competitions")
    return SaidEvent(
        external_id=_id(item),
        name=_text(item.get("name"))[:255],
        phase=_phase(item),
        bouts=tuple(_bouts(competitions if isinstance(competitions, list) else [])),
        begins=_moment(item.get("date")),
    )


def _bouts(competitions: list[Any]) -> Iterator[SaidBout]:
    for item in competitions[:MOST_BOUTS]:
        if isinstance(item, dict) and _id(item) and isinstance(item.get("competitors"), list):
            yield _bout(item)


def _bout(item: dict[str, Any]) -> SaidBout:
    status = item.get("status")
    status = status if isinstance(status, dict) else {}
    competitors = [each for each in item["competitors"][:4] if isinstance(each, dict)]
    winners = [_id(each) for each in competitors if each.get("winner") is True]
    state, unclear = _state(status)
    final = state == BoutState.PROVISIONAL
    return SaidBout(
        external_id=_id(item),
        state=state.value,
        round=_round(status.get("period")),
        clock_sec=_clock(status.get("displayClock")),
        athletes=tuple((_id(each), _name(each)) for each in competitors),
        # Before the end the flag means nothing.
        winner=winners[0] if final and len(winners) == 1 else "",
        winners=len(winners) if final else 0,
        unclear=str(unclear),
    )


def _state(status: dict[str, Any]) -> tuple[BoutState, str]:
    """And why it is only the nearest of ours; empty when it is one."""
    kind = status.get("type")
    kind = kind if isinstance(kind, dict) else {}
    name, coarse = _text(kind.get("name")), _text(kind.get("state"))
    if _IN_PROGRESS.fullmatch(name):
        # The first seconds of a bout come without round and clock.
        return BoutState.IN_ROUND if _round(status.get("period")) else BoutState.WALKOUTS, ""
    if name in _STATES:
        return _STATES[name], ""
    if name in _UNCLEAR:
        return _UNCLEAR[name]
    if coarse == "in":
        return BoutState.IN_ROUND if _round(status.get("period")) else BoutState.WALKOUTS, ""
    if coarse == "post":
        # Some say "post" of what was put off or broken off: only what is complete has been fought.
        return (BoutState.PROVISIONAL, "") if kind.get("completed") is True else (BoutState.STOPPED, HoldReason.UNCLEAR)
    return BoutState.SCHEDULED, ""


def _phase(item: dict[str, Any]) -> str:
    status = item.get("status")
    kind = status.get("type") if isinstance(status, dict) else None
    phase = _text(kind.get("state")) if isinstance(kind, dict) else ""
    return phase if phase in _PHASES else "pre"


def _clock(shown: Any) -> int | None:
    found = _CLOCK.fullmatch(_text(shown))
    seconds = int(found.group(1)) * 60 + int(found.group(2)) if found else None
    return seconds if seconds is None or seconds <= LONGEST_CLOCK else None


def _round(period: Any) -> int | None:
    return period if isinstance(period, int) and not isinstance(period, bool) and 1 <= period <= 99 else None


def _id(item: dict[str, Any]) -> str:
    text = _text(item.get("id"))
    return text if len(text) <= LONGEST_ID else ""


def _name(competitor: dict[str, Any]) -> str:
    athlete = competitor.get("athlete")
    athlete = athlete if isinstance(athlete, dict) else {}
    return (_text(athlete.get("fullName")) or _text(athlete.get("displayName")))[:128]


def _text(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    # PostgreSQL keeps no NUL.
    return value.replace("\0", "").strip() if isinstance(value, str) else ""
