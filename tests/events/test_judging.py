"""What a source's word is worth (research §3.3, §3.4): pure decisions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apps.events.enums import BoutState, HoldReason
from apps.events.models import Bout, BoutReport
from apps.events.services.judging import Verdict, Word, judge

NOW = datetime(2026, 5, 2, 12, 0, tzinfo=UTC)
RED, BLUE, STRANGER = 11, 12, 99
S = BoutState


def bout(**values: Any) -> Bout:
    return Bout(**{"red_fighter_id": RED, "blue_fighter_id": BLUE, "scheduled_rounds": 3, **values})


def verdict(ours: Bout, word: Word, *, earlier: BoutReport | None = None, stood: int = 0, passed: int = 30) -> Verdict:
    since, gap = NOW - timedelta(seconds=stood), timedelta(seconds=passed)
    return judge(ours, word, earlier, said_since=since, now=NOW, passed=gap)


WON = {"result": "win", "winner_fighter_id": RED, "round": 2, "time_sec": 83}


@pytest.mark.parametrize(
    ("ours", "word", "changes"),
    [
        ({}, Word(S.WALKOUTS), {"state": "walkouts", "round": None}),
        ({}, Word(S.IN_ROUND, 1, 238), {"state": "in_round", "round": 1}),
        ({"state": "in_round", "round": 1}, Word(S.BETWEEN_ROUNDS, 1, 0), {"state": "between_rounds", "round": 1}),
        # Polls skip: from the beginning to the third round.
        ({}, Word(S.IN_ROUND, 3, 121), {"state": "in_round", "round": 3}),
        ({"state": "in_round", "round": 2}, Word(S.STOPPED, 2, 100), {"state": "stopped", "round": 2}),
        # It was called off by the source alone, and is fought.
        ({"state": "cancelled"}, Word(S.IN_ROUND, 1, 238), {"state": "in_round", "round": 1, "cancel_reason": ""}),
        (
            {"state": "cancelled"},
            Word(S.PROVISIONAL, 1, 62, RED, 1),
            {"state": "provisional", "winner_fighter_id": RED},
        ),
    ],
)
def test_forward_is_followed_from_every_earlier_state(ours: Any, word: Word, changes: dict[str, Any]) -> None:
    found = verdict(bout(**ours), word)

    assert found.held is None
    assert {name: found.changes[name] for name in changes} == changes
    assert ("winner_fighter_id" in found.changes) == word.is_final


@pytest.mark.parametrize(
    ("ours", "word", "reason"),
    [
        ({"is_manual": True}, Word(S.IN_ROUND, 1), HoldReason.OPERATOR),
        ({"state": "in_round", "round": 2}, Word(S.IN_ROUND, 1), HoldReason.ROUND_FELL),
        ({"state": "in_round", "round": 2}, Word(S.PROVISIONAL, 1, 62, RED, 1), HoldReason.ROUND_FELL),
        ({"state": "in_round", "round": 2}, Word(S.WALKOUTS), HoldReason.STATE_FELL),
        ({"state": "official", **WON}, Word(S.IN_ROUND, 3), HoldReason.STATE_FELL),
        ({"state": "cancelled"}, Word(S.SCHEDULED), HoldReason.STATE_FELL),
        ({"state": "cancelled"}, Word(S.PROVISIONAL, 1, 62), HoldReason.STATE_FELL),
        ({"state": "cancelled", "is_manual": True}, Word(S.IN_ROUND, 1), HoldReason.OPERATOR),
        ({}, Word(S.CANCELLED), HoldReason.SAID_ONCE),
        ({"state": "walkouts"}, Word(S.CANCELLED), HoldReason.SAID_ONCE),
        ({"state": "in_round", "round": 1}, Word(S.CANCELLED), HoldReason.ROUND_FELL),
        ({}, Word(S.SCHEDULED, unclear=HoldReason.POSTPONED), HoldReason.POSTPONED),
        ({"state": "in_round", "round": 1}, Word(S.STOPPED, 1, unclear=HoldReason.UNCLEAR), HoldReason.UNCLEAR),
        ({}, Word(S.IN_ROUND, 4, 100), HoldReason.ROUND_TOO_HIGH),
        ({"scheduled_rounds": None}, Word(S.IN_ROUND, 13, 100), HoldReason.ROUND_TOO_HIGH),
        ({}, Word(S.IN_ROUND, 1, 301), HoldReason.TIME_TOO_LONG),
        ({}, Word(S.PROVISIONAL, 1, 62, STRANGER, 1), HoldReason.STRANGE_FIGHTERS),
        ({}, Word(S.PROVISIONAL, 1, 62, None, 2), HoldReason.TWO_WINNERS),
        ({"state": "official", **WON}, Word(S.PROVISIONAL, 2, 83), HoldReason.NO_WINNER),
        ({"state": "official", **WON}, Word(S.CANCELLED), HoldReason.STATE_FELL),
        ({"state": "provisional", **WON}, Word(S.CANCELLED), HoldReason.STATE_FELL),
    ],
)
def test_what_can_not_be_is_held_and_changes_nothing(ours: Any, word: Word, reason: HoldReason) -> None:
    found = verdict(bout(**ours), word)

    assert (found.held, found.changes) == (reason, {})


def test_what_is_called_off_twice_is_called_off() -> None:
    earlier = BoutReport(state=S.CANCELLED, held=HoldReason.SAID_ONCE)

    found = verdict(bout(), Word(S.CANCELLED), earlier=earlier)

    assert (found.held, found.changes["state"]) == (None, "cancelled")


def test_a_final_without_winner_stops_the_bout_and_asks_for_a_person() -> None:
    found = verdict(bout(state="in_round", round=3), Word(S.PROVISIONAL, 3, 300))

    assert found.held == HoldReason.NO_WINNER
    assert found.changes == {"state": "stopped", "round": 3, "time_sec": 300}


def test_a_draw_that_a_person_entered_agrees_with_a_final_without_winner() -> None:
    assert verdict(bout(state="official", result="draw", round=3, time_sec=300), Word(S.PROVISIONAL, 3, 300)) == (
        Verdict()
    )


@pytest.mark.parametrize(
    ("before", "shown", "time_sec", "doubtful"),
    [
        # What was left of the round, frozen: 2:01 left are 2:59 passed.
        ((S.IN_ROUND, 3, 121), 121, 179, True),
        ((S.IN_ROUND, 3, 121), 179, 179, False),
        ((S.IN_ROUND, 2, 121), 121, 121, False),
        ((S.BETWEEN_ROUNDS, 3, 0), 0, 300, True),
        ((S.IN_ROUND, 3, 150), 150, 150, False),
        (None, 121, 121, False),
    ],
)
def test_the_frozen_countdown_is_turned_round(before: Any, shown: int, time_sec: int, doubtful: bool) -> None:
    earlier = BoutReport(state=before[0], round=before[1], clock_sec=before[2]) if before else None

    found = verdict(bout(state="in_round", round=3), Word(S.PROVISIONAL, 3, shown, RED, 1), earlier=earlier)

    assert (found.changes["time_sec"], found.clock_doubtful) == (time_sec, doubtful)
    assert found.changes["state"] == "provisional"


@pytest.mark.parametrize(
    ("before", "passed", "shown", "time_sec", "doubtful"),
    [
        # 2:35 had passed when it was last seen: 2:01 is what was left.
        ((S.IN_ROUND, 145), 30, 121, 179, True),
        ((S.IN_ROUND, 145), 30, 179, 179, False),
        # Ten seconds had passed: 4:40 can't have passed half a minute later.
        ((S.IN_ROUND, 290), 30, 280, 20, True),
        # Nobody looked for so long that it can.
        ((S.IN_ROUND, 290), 280, 280, 280, False),
        # Both can be: what is shown counts.
        ((S.IN_ROUND, 170), 30, 160, 160, False),
        ((S.IN_ROUND, 170), 30, 140, 140, False),
        # As it was seen: what was left.
        ((S.IN_ROUND, 155), 30, 155, 145, True),
        ((S.STOPPED, 130), 0, 121, 179, True),
        # The round was over, whichever clock is shown meanwhile.
        ((S.BETWEEN_ROUNDS, 0), 30, 300, 300, False),
        ((S.BETWEEN_ROUNDS, 300), 30, 300, 300, False),
        ((S.BETWEEN_ROUNDS, 300), 30, 0, 300, True),
        ((S.IN_ROUND, None), 30, 121, 121, False),
    ],
)
def test_the_end_lies_where_the_round_was_last_seen(
    before: Any, passed: int, shown: int, time_sec: int, doubtful: bool
) -> None:
    earlier = BoutReport(state=before[0], round=2, clock_sec=before[1])

    found = verdict(
        bout(state="in_round", round=2), Word(S.PROVISIONAL, 2, shown, RED, 1), earlier=earlier, passed=passed
    )

    assert (found.changes["time_sec"], found.clock_doubtful, found.held) == (time_sec, doubtful, None)


def test_an_end_that_can_not_be_is_held_but_the_winner_counts() -> None:
    # 4:30 had passed: neither 1:00 nor 4:00 can be the end.
    earlier = BoutReport(state=S.IN_ROUND, round=2, clock_sec=30)
    word = Word(S.PROVISIONAL, 2, 60, RED, 1)

    found = verdict(bout(state="in_round", round=2), word, earlier=earlier)

    assert found.held == HoldReason.TIME_CONTRADICTS
    assert (found.changes["state"], found.changes["winner_fighter_id"]) == ("provisional", RED)
    assert found.changes["time_sec"] is None

    again = BoutReport(state=S.PROVISIONAL, round=2, clock_sec=60, clock_doubtful=True, held=found.held)
    ours = bout(state="provisional", result="win", winner_fighter_id=RED, round=2)
    found = verdict(ours, word, earlier=again, stood=600)
    assert (found.held, found.changes["state"]) == (HoldReason.TIME_CONTRADICTS, "provisional")
    corrected = verdict(ours, Word(S.PROVISIONAL, 2, 275, RED, 1), earlier=again)
    assert (corrected.held, corrected.changes["time_sec"], corrected.clock_doubtful) == (None, 275, False)


@pytest.mark.parametrize(("ours", "shown", "time_sec"), [(179, 179, 179), (179, 121, 179), (250, 245, 245)])
def test_a_step_back_that_was_held_is_no_evidence_against_a_result(ours: int, shown: int, time_sec: int) -> None:
    won = {"result": "win", "winner_fighter_id": RED, "round": 3, "time_sec": ours}
    earlier = BoutReport(state=S.IN_ROUND, round=3, clock_sec=240, held=HoldReason.STATE_FELL)

    found = verdict(bout(state="official", **won), Word(S.PROVISIONAL, 3, shown, RED, 1), earlier=earlier)

    assert found.changes.get("time_sec", ours) == time_sec


def test_a_doubtful_clock_stays_turned_while_it_is_repeated() -> None:
    ours = bout(state="provisional", result="win", winner_fighter_id=RED, round=3, time_sec=179)
    earlier = BoutReport(state=S.PROVISIONAL, round=3, clock_sec=121, clock_doubtful=True)

    found = verdict(ours, Word(S.PROVISIONAL, 3, 121, RED, 1), earlier=earlier, stood=600)

    assert found.clock_doubtful
    assert (found.changes["state"], found.changes["time_sec"]) == ("provisional", 179)


@pytest.mark.parametrize(("stood", "state"), [(119, "provisional"), (120, "official")])
def test_what_stands_for_two_minutes_is_official(stood: int, state: str) -> None:
    found = verdict(bout(state="provisional", **WON), Word(S.PROVISIONAL, 2, 83, RED, 1), stood=stood)

    assert found.changes["state"] == state


@pytest.mark.parametrize(("ours", "state"), [("provisional", "provisional"), ("official", "amended")])
def test_a_correction_of_an_official_result_is_an_amendment(ours: str, state: str) -> None:
    found = verdict(bout(state=ours, **WON), Word(S.PROVISIONAL, 2, 83, BLUE, 1), stood=500)

    assert (found.changes["state"], found.changes["winner_fighter_id"]) == (state, BLUE)


@pytest.mark.parametrize("state", ["official", "amended"])
def test_official_never_becomes_provisional_by_itself(state: str) -> None:
    assert verdict(bout(state=state, **WON), Word(S.PROVISIONAL, 2, 83, RED, 1)) == Verdict()


def test_a_final_without_clock_and_round_takes_nothing_from_a_result() -> None:
    assert verdict(bout(state="official", **WON), Word(S.PROVISIONAL, None, None, RED, 1)) == Verdict()
    corrected = verdict(bout(state="official", **WON), Word(S.PROVISIONAL, None, None, BLUE, 1))
    assert corrected.changes["winner_fighter_id"] == BLUE
    assert {"round", "time_sec"}.isdisjoint(corrected.changes)
