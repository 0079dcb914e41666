"""The event card as everybody sees it (E.1, E-8): plain data from rows, no query of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from apps.events.enums import OVER_STATES, BoutState, BoutStatus, EventStatus, Segment

if TYPE_CHECKING:
    from apps.events.models import Bout, Event

# Without a part named "main card" the first five are it (E-8).
MAIN_CARD_SIZE = 5
# A live feed that has not answered for so long is late: three polls at the slower pace.
LATE_AFTER = timedelta(seconds=180)
_RESULT_FIELDS: dict[str, Any] = {
    "result": "",
    "winner_id": None,
    "method": "",
    "method_detail": "",
    "round": None,
    "time_sec": None,
    "scores": [],
    "amend_reason": "",
    # A version and a moment would tell of corrections.
    "version": None,
    "updated_at": None,
}
# What of a bout may change before the eyes of those who hide how it ends; and its state, see ``veiled_state``.
_SEEN_WITHOUT_SPOILERS = frozenset(
    {
        "sequence_no",
        "card_segment",
        "weight_class",
        "title_kind",
        "scheduled_rounds",
        "red_fighter_id",
        "blue_fighter_id",
        "red_ranking",
        "blue_ranking",
        "cancel_reason",
    }
)


def list_item_of(event: Event, now: datetime) -> dict[str, Any]:
    """One line of the list."""
    return {
        "id": event.pk,
        "org": event.org,
        "name": event.name,
        "status": event.status,
        "starts_at": instant(event.starts_at),
        "venue": event.venue,
        "poster_url": event.poster_url,
        "promo_video_url": event.promo_video_url,
        "version": event.version,
        "updated_at": instant(event.updated_at),
        "freshness": freshness_of(event, now),
    }


def card_of(event: Event, bouts: Sequence[Bout], now: datetime, *, spoilers: bool = True) -> dict[str, Any]:
    """The card: ``bouts`` in the order of the card, the same again as main card and prelims.

    Cancelled bouts stay on the card with their reason, so that nobody takes a missing one for cancelled.  Without
    spoilers nothing that a result moves is in it, so that its ETag does not tell of one either.
    """
    shown = [bout_of(bout, spoilers=spoilers) for bout in bouts]
    main_card, prelims = split(shown)
    hidden = {} if spoilers else {"version": None, "updated_at": None}
    return {
        **list_item_of(event, now),
        **hidden,
        "segments": event.segments,
        "spoilers": spoilers,
        "bouts": shown,
        "main_card": main_card,
        "prelims": prelims,
    }


def split(bouts: Sequence[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Main card and prelims; a bout without a part counts as prelims, and without any main card the first five are
    it (E-8).  A cancelled bout takes no place among the five."""
    main_card = [bout for bout in bouts if bout["card_segment"] == Segment.MAIN_CARD]
    if not main_card:
        on = [bout["id"] for bout in bouts if bout["state"] != BoutState.CANCELLED][:MAIN_CARD_SIZE]
        main_card = [bout for bout in bouts if bout["id"] in on]
    ids = {bout["id"] for bout in main_card}
    return main_card, [bout for bout in bouts if bout["id"] not in ids]


def bout_of(bout: Bout, *, spoilers: bool = True) -> dict[str, Any]:
    """One bout in detail."""
    shown = {
        "id": bout.pk,
        "sequence_no": bout.sequence_no,
        "card_segment": bout.card_segment,
        # As the fighters' where the bout itself says none (E-8).
        "weight_class": bout.weight_class or bout.red_fighter.weight_class or bout.blue_fighter.weight_class,
        "title_kind": bout.title_kind,
        "scheduled_rounds": bout.scheduled_rounds,
        "red_fighter": _corner(bout.red_fighter, bout.red_ranking),
        "blue_fighter": _corner(bout.blue_fighter, bout.blue_ranking),
        "status": bout.status.value,
        "state": bout.state,
        "result": bout.result,
        "winner_id": bout.winner_fighter_id,
        "method": bout.method,
        "method_detail": bout.method_detail,
        "round": bout.round,
        "time_sec": bout.time_sec,
        "scores": bout.scores,
        "cancel_reason": bout.cancel_reason,
        "amend_reason": bout.amend_reason,
        "version": bout.version,
        "updated_at": instant(bout.updated_at),
    }
    return shown if spoilers else veiled_bout(shown)


def veiled_bout(shown: dict[str, Any]) -> dict[str, Any]:
    """Whether it is over may be known, how it ended not.  The records of the fighters count this evening too."""
    state = veiled_state(shown["state"])
    corners = {
        name: {**shown[name], "record": None} for name in ("red_fighter", "blue_fighter") if shown.get(name) is not None
    }
    status = BoutStatus.FINISHED if state == BoutState.STOPPED else BoutStatus.PENDING
    return {**shown, **_RESULT_FIELDS, **corners, "state": state, "status": status.value}


def veiled_change(told: dict[str, Any]) -> dict[str, Any]:
    """The same for an announced change, of a bout or of the event itself."""
    shown = {**told, "event_version": None}
    if told.get("bout") is not None:
        shown["bout"] = veiled_bout(told["bout"])
    if told.get("event") is not None:
        shown["event"] = {**told["event"], "version": None}
    return shown


def seen_without_spoilers(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether those who hide results see anything of this change of a bout (names of attributes)."""
    if "state" in new and veiled_state(old["state"]) != veiled_state(new["state"]):
        return True
    return bool(_SEEN_WITHOUT_SPOILERS & new.keys())


def veiled_state(state: str) -> str:
    """One word for all that is over, one for all that runs: a pause after the last round would tell of a decision,
    an end without one of a finish."""
    if state == BoutState.CANCELLED:
        return state
    if state in OVER_STATES:
        return BoutState.STOPPED.value
    return BoutState.IN_ROUND.value if state == BoutState.BETWEEN_ROUNDS else state


def _corner(fighter: Any, ranking: str) -> dict[str, Any]:
    return {
        "id": fighter.pk,
        "name": fighter.name,
        "name_zh": fighter.name_zh,
        "country": fighter.country,
        "rank": ranking,
        "weight_class": fighter.weight_class,
        "record": fighter.record,
        "avatar_url": fighter.avatar_url,
    }


def freshness_of(event: Event, now: datetime) -> dict[str, Any]:
    """How far the live data can be trusted.

    ``state``: "final" (completed, and no feed is asked any more), "no_feed" (nobody follows it), "by_hand" (a person
    runs it), "current" or "late".
    Only a late feed tells when it last answered: a moment that changes with every poll would change every ETag.
    """
    state, answered_at = _freshness(event, now)
    return {"state": state, "answered_at": instant(answered_at) if answered_at else None}


def _freshness(event: Event, now: datetime) -> tuple[str, datetime | None]:
    feed = getattr(event, "feed", None)
    if event.status == EventStatus.COMPLETED and not (feed and feed.settles_until and feed.settles_until > now):
        return "final", None
    if event.is_manual:
        return "by_hand", None
    if feed is None or event.status == EventStatus.SCHEDULED:
        return "no_feed", None
    if feed.answered_at is None or feed.alarmed_at or now - feed.answered_at > LATE_AFTER:
        return "late", feed.answered_at
    return "current", None


def instant(moment: datetime) -> str:
    """UTC to the second with Z (E.2)."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
