"""What people do to a bout while it is fought.  Their word wins over every source until it is released.

Each verb demands the version the person saw: of two operators who act at once, the second is told (decision 35).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.audit.enums import Action
from apps.core.actor import Actor
from apps.core.errors import FieldError, Invalid, Text
from apps.events.enums import BoutState, EventStatus, Method, Result
from apps.events.errors import ImpossibleResult, MoveNotAllowed, NothingToUndo
from apps.events.models import MOST_ROUNDS, Bout
from apps.events.services.changing import locked_bout, write_bout, write_event
from apps.events.services.events import hear_again
from apps.fighters.services import provenance

OPERATOR = "operator"
UNDO_SECONDS = 60
# In a revision of a bout: what the event was before this bout began it.
EVENT_STATUS = "event_status"
REASON_LENGTH = 255
RESULT_FIELDS = ("state", "result", "winner_fighter_id", "method", "method_detail", "round", "time_sec", "scores")
_STEPS = frozenset(
    {BoutState.SCHEDULED, BoutState.WALKOUTS, BoutState.IN_ROUND, BoutState.BETWEEN_ROUNDS, BoutState.STOPPED}
)
_DECISIONS = frozenset({Method.DECISION, Method.DECISION_UNANIMOUS, Method.DECISION_SPLIT, Method.DECISION_MAJORITY})


class Kept(Enum):
    """What a person does not speak of stays as it is; that is another thing than an empty value."""

    KEPT = "kept"


KEPT = Kept.KEPT


@dataclass(frozen=True, slots=True)
class Ending:
    """How a bout ended, as a person says it.  ``winner``: "red" or "blue", empty without a winner.

    What is ``KEPT`` keeps the value that the bout has: who corrects the winner does not wipe the judges' scores.
    """

    result: Result
    winner: str = ""
    method: str | Kept = KEPT
    method_detail: str | Kept = KEPT
    round: int | Kept | None = KEPT
    time_sec: int | Kept | None = KEPT
    scores: Sequence[Mapping[str, Any]] | Kept = KEPT
    official: bool = False


@transaction.atomic
def step_bout(bout_id: int, *, to: BoutState, actor: Actor, expected_version: int, in_round: int | None = None) -> Bout:
    """Walk out, begin or end a round, stop.  Back is allowed too, for a wrong touch, but not behind a result.

    Raises NoSuchBout, BoutChanged, MoveNotAllowed, Invalid for a round that can't be.
    """
    bout = locked_bout(bout_id, expected_version)
    if to not in _STEPS or bout.is_decided or bout.state == BoutState.CANCELLED:
        raise MoveNotAllowed
    in_ring = to in {BoutState.IN_ROUND, BoutState.BETWEEN_ROUNDS, BoutState.STOPPED}
    number = (in_round or bout.round or 1) if in_ring else None
    _require_round(bout, number)
    _write(bout, {"state": to.value, "round": number, "time_sec": None}, actor)
    if in_ring:
        _begin_event(bout, actor)
    return bout


@transaction.atomic
def enter_result(bout_id: int, ending: Ending, *, actor: Actor, expected_version: int, reason: str = "") -> Bout:
    """Say how a bout ended.  A result that was official becomes amended, which needs a reason.

    Raises NoSuchBout, BoutChanged, MoveNotAllowed for a cancelled bout, ImpossibleResult, Invalid.
    """
    bout = locked_bout(bout_id, expected_version)
    if bout.state == BoutState.CANCELLED:
        raise MoveNotAllowed(_("The bout is cancelled."))
    values = _values_of(bout, ending)
    _require_possible(bout, ending, values)
    if bout.state in {BoutState.OFFICIAL, BoutState.AMENDED}:
        return _amend(bout, values, actor, reason)
    state = BoutState.OFFICIAL if ending.official else BoutState.PROVISIONAL
    _write(bout, {"state": state.value, **values}, actor)
    _begin_event(bout, actor)
    return bout


@transaction.atomic
def confirm_result(bout_id: int, *, actor: Actor, expected_version: int) -> Bout:
    """A provisional result becomes official.  Raises MoveNotAllowed for any other state."""
    bout = locked_bout(bout_id, expected_version)
    if bout.state != BoutState.PROVISIONAL:
        raise MoveNotAllowed
    _write(bout, {"state": BoutState.OFFICIAL.value}, actor)
    return bout


@transaction.atomic
def undo(bout_id: int, *, actor: Actor, expected_version: int) -> Bout:
    """Take back one's own last step, within a minute and unless something else happened since.

    An event that began with this step is scheduled again, unless something else has begun on its card.

    Raises NothingToUndo, BoutChanged.
    """
    bout = locked_bout(bout_id, expected_version)
    last = bout.revisions.newest_first().first()
    oldest = timezone.now() - timedelta(seconds=UNDO_SECONDS)
    mine = last is not None and last.version == bout.version and last.actor_id == actor.id
    if last is None or not mine or last.source != OPERATOR or last.created_at < oldest or last.reason == "undo":
        raise NothingToUndo
    if last.old.get("is_manual") is False:
        provenance.release(bout, RESULT_FIELDS)
        bout.save(update_fields=["provenance"])
    old = {name: value for name, value in last.old.items() if name != EVENT_STATUS}
    write_bout(bout, old, actor=actor, source=OPERATOR, reason="undo", action=Action.RESTORED)
    if EVENT_STATUS in last.old:
        _end_event_that_never_began(bout, last.old[EVENT_STATUS], actor)
    hear_again(bout.event_id)
    return bout


@transaction.atomic
def release_bout(bout_id: int, *, actor: Actor, expected_version: int) -> Bout:
    """Let the sources speak again: their next word counts.  Raises MoveNotAllowed for a duplicate."""
    bout = locked_bout(bout_id, expected_version)
    if bout.is_void:
        raise MoveNotAllowed
    provenance.release(bout, RESULT_FIELDS)
    bout.save(update_fields=["provenance"])
    write_bout(bout, {"is_manual": False}, actor=actor, source=OPERATOR, action=Action.UNLOCKED)
    hear_again(bout.event_id)
    return bout


def _write(bout: Bout, values: dict[str, Any], actor: Actor, *, reason: str = "") -> None:
    """A person's word: what it changes is locked against sources."""
    changed = [name for name in RESULT_FIELDS if name in values and getattr(bout, name) != values[name]]
    provenance.lock(bout, changed, by=actor.label)
    bout.save(update_fields=["provenance"])
    write_bout(bout, {**values, "is_manual": True}, actor=actor, source=OPERATOR, reason=reason)


def _begin_event(bout: Bout, actor: Actor) -> None:
    """A bout that is fought is fought at an event that is live; its revision keeps that this began it."""
    before = bout.event.status
    if before != EventStatus.SCHEDULED:
        return
    write_event(bout.event, {"status": EventStatus.LIVE.value}, actor=actor)
    revision = bout.revisions.get(version=bout.version)
    revision.old[EVENT_STATUS], revision.new[EVENT_STATUS] = before, EventStatus.LIVE.value
    revision.save(update_fields=["old", "new"])


def _end_event_that_never_began(bout: Bout, status: str, actor: Actor) -> None:
    has_begun = bout.event.bouts.exclude(state__in=[BoutState.SCHEDULED, BoutState.WALKOUTS, BoutState.CANCELLED])
    if bout.event.status == EventStatus.LIVE and not has_begun.exists():
        write_event(bout.event, {"status": status}, actor=actor, reason="undo")


def _amend(bout: Bout, values: dict[str, Any], actor: Actor, reason: str) -> Bout:
    if all(getattr(bout, name) == value for name, value in values.items()):
        return bout
    reason = checked_reason(reason, _("Say why the official result is amended."))
    _write(bout, {"state": BoutState.AMENDED.value, **values, "amend_reason": reason}, actor, reason=reason)
    return bout


def _values_of(bout: Bout, ending: Ending) -> dict[str, Any]:
    winners = {"red": bout.red_fighter_id, "blue": bout.blue_fighter_id}
    said = {
        "method": ending.method,
        "method_detail": ending.method_detail,
        "round": ending.round,
        "time_sec": ending.time_sec,
        "scores": ending.scores if isinstance(ending.scores, Kept) else list(ending.scores),
    }
    return {
        "result": ending.result.value,
        "winner_fighter_id": winners.get(ending.winner),
        **{name: value for name, value in said.items() if value is not KEPT},
    }


def _require_possible(bout: Bout, ending: Ending, values: Mapping[str, Any]) -> None:
    """Judged by what will stand there, kept values included."""
    method, number, time_sec = (values.get(name, getattr(bout, name)) for name in ("method", "round", "time_sec"))
    if (ending.result == Result.WIN) != (ending.winner in {"red", "blue"}):
        raise _impossible("winner", _("A win has a winner; a draw and a no contest have none."))
    if method and method not in Method.values:
        raise _impossible("method", _("There is no such method."))
    if ending.result == Result.DRAW and method and method not in _DECISIONS | {Method.DECISION_TECHNICAL}:
        raise _impossible("method", _("A draw is a decision of the judges."))
    _require_round(bout, number)
    if time_sec is not None and not 0 <= time_sec <= bout.round_seconds(number or 1):
        raise _impossible("time_sec", _("Longer than the round."))
    if time_sec is not None and number is None:
        raise _impossible("round", _("A time needs its round."))


def _require_round(bout: Bout, number: int | None) -> None:
    if number is not None and not 1 <= number <= (bout.scheduled_rounds or MOST_ROUNDS):
        raise _impossible("round", _("The bout has no such round."))


def _impossible(name: str, sentence: Text) -> ImpossibleResult:
    return ImpossibleResult(sentence, errors=[FieldError(name, "impossible", sentence)])


def checked_reason(reason: str, sentence: Text) -> str:
    """Raises Invalid without a reason, or with one that is too long."""
    reason = reason.strip()
    if not reason or len(reason) > REASON_LENGTH:
        raise Invalid(sentence, errors=[FieldError("reason", "required", sentence)])
    return reason
