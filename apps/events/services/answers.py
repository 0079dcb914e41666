"""What a live provider said of one event, as the stream delivers it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

import orjson

from apps.core.errors import Invalid
from apps.events.enums import BoutState, HoldReason


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of a provider about one event, as the stream delivers it."""

    event_id: int
    source: str
    sequence: int
    content_hash: str
    phase: str
    bouts: tuple[SaidOfBout, ...]
    # When the evening begins, with a zone.
    begins: datetime | None = None

    @classmethod
    def from_message(cls, body: Mapping[str, Any]) -> Self:
        """Raises Invalid for a message that is none of ours."""
        try:
            said = body["said"]
            return cls(
                event_id=int(body["event_id"]),
                source=str(body["source"]),
                sequence=int(body["sequence"]),
                content_hash=str(body["hash"]),
                phase=str(said["phase"]),
                bouts=tuple(SaidOfBout.from_message(each) for each in said["bouts"]),
                begins=datetime.fromisoformat(said["begins"]) if said.get("begins") else None,
            )
        except (KeyError, TypeError, ValueError) as error:  # orjson's error is a TypeError
            raise Invalid(f"not a live message: {error!r}") from error


@dataclass(frozen=True, slots=True)
class SaidOfBout:
    external_id: str
    state: BoutState
    round: int | None
    clock_sec: int | None
    athletes: tuple[tuple[str, str], ...]
    winner: str
    winners: int
    # The same words have the same hash.
    content_hash: str
    # Why the state is only the nearest of ours.
    unclear: HoldReason | None = None

    @classmethod
    def from_message(cls, body: Mapping[str, Any]) -> Self:
        return cls(
            external_id=str(body["external_id"]),
            state=BoutState(body["state"]),
            round=body["round"],
            clock_sec=body["clock_sec"],
            athletes=tuple((str(athlete), str(name)) for athlete, name in body["athletes"]),
            winner=str(body["winner"]),
            winners=int(body["winners"]),
            content_hash=hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest(),
            unclear=HoldReason(body["unclear"]) if body.get("unclear") else None,
        )
