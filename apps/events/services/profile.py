"""A fighter's bouts, as sections of the profile that fighters serves (F.2)."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet

from apps.events.cache import veiled_state
from apps.events.enums import DECIDED_STATES, OVER_STATES, BoutState, EventStatus, Result
from apps.events.models import Bout
from apps.fighters.registry import register_profile_section

MOST_PAST, MOST_NEXT = 50, 10
_NO_ENDING: dict[str, Any] = {"outcome": "", "method": "", "round": None, "time_sec": None}


def next_bouts(fighter_id: int, *, spoilers: bool = True) -> list[dict[str, Any]]:
    """Neither over nor cancelled, soonest first.  What a completed evening left open never took place."""
    bouts = _bouts(fighter_id).exclude(state__in=OVER_STATES).exclude(event__status=EventStatus.COMPLETED)
    return [_seen_from(fighter_id, bout, spoilers) for bout in bouts.order_by("event__starts_at", "id")[:MOST_NEXT]]


def past_bouts(fighter_id: int, *, spoilers: bool = True) -> list[dict[str, Any]]:
    """Decided, newest first; without spoilers all that are over."""
    over = DECIDED_STATES if spoilers else (*DECIDED_STATES, BoutState.STOPPED)
    bouts = _bouts(fighter_id).filter(state__in=over)
    return [_seen_from(fighter_id, bout, spoilers) for bout in bouts.order_by("-event__starts_at", "-id")[:MOST_PAST]]


def register() -> None:
    register_profile_section("next_bouts", next_bouts)
    register_profile_section("past_bouts", past_bouts)


def _bouts(fighter_id: int) -> QuerySet[Bout]:
    return (
        Bout.objects.counting()
        .filter(Q(red_fighter=fighter_id) | Q(blue_fighter=fighter_id))
        .select_related("event", "red_fighter", "blue_fighter")
    )


def _seen_from(fighter_id: int, bout: Bout, spoilers: bool) -> dict[str, Any]:
    opponent = bout.blue_fighter if bout.red_fighter_id == fighter_id else bout.red_fighter
    shown = {
        "id": bout.pk,
        "event_id": bout.event_id,
        "event_name": bout.event.name,
        "org": bout.event.org,
        "starts_at": bout.event.starts_at,
        "opponent_id": opponent.pk,
        "opponent_name": opponent.name,
        "opponent_name_zh": opponent.name_zh,
        "weight_class": bout.weight_class,
        "state": bout.state,
        "outcome": _outcome(fighter_id, bout),
        "method": bout.method,
        "round": bout.round,
        "time_sec": bout.time_sec,
    }
    return shown if spoilers else {**shown, "state": veiled_state(bout.state), **_NO_ENDING}


def _outcome(fighter_id: int, bout: Bout) -> str:
    if bout.result != Result.WIN:
        return str(bout.result)
    return "win" if bout.winner_fighter_id == fighter_id else "loss"
