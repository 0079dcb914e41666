"""What a source's word is worth: what follows from it for our bout, or why it is only kept beside it (§3.3, §3.4).

Pure: no database, no clock of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from apps.events.enums import BOUT_RANK, RUNNING_STATES, BoutState, HoldReason, Result
from apps.events.models import MOST_ROUNDS, Bout, BoutReport

# A first "final" is often corrected at the next poll; what stands for two minutes is official.
OFFICIAL_AFTER = timedelta(seconds=120)
# With a clock in doubt sources have taken two hours to correct themselves.
OFFICIAL_AFTER_DOUBT = timedelta(hours=3)
# How far a bout may have gone on since it was last seen running: answers are cached on the way, the clock of the
# feed is stopped by hand, and the commission counts from the referee's hand.
CLOCK_LAGS = timedelta(seconds=60)
CLOCK_RUNS_AHEAD_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Word:
    """What a source says of one of our bouts, its fighters already ours.  ``clock_sec`` as shown."""

    state: BoutState
    round: int | None = None
    clock_sec: int | None = None
    winner_id: int | None = None
    winners: int = 0
    # Why the state is only the nearest of ours: then nothing follows from it.
    unclear: HoldReason | None = None

    @property
    def is_final(self) -> bool:
        return self.state == BoutState.PROVISIONAL


@dataclass(frozen=True, slots=True)
class Verdict:
    """``changes`` for the bout (attribute names), or ``held``: why there are none."""

    changes: dict[str, Any] = field(default_factory=dict)
    held: HoldReason | None = None
    clock_doubtful: bool = False


def judge(
    bout: Bout,
    word: Word,
    earlier: BoutReport | None,
    *,
    said_since: datetime,
    now: datetime,
    passed: timedelta = timedelta(0),
) -> Verdict:
    """``earlier`` is the same source's last report, which it first gave ``passed`` before this; ``said_since`` since
    when it has said exactly this."""
    if bout.is_manual:
        return Verdict(held=HoldReason.OPERATOR)
    held = word.unclear or _impossible(bout, word) or _backwards(bout, word) or _said_once(bout, word, earlier)
    if held:
        return Verdict(held=held)
    if word.is_final:
        verdict = _ended(bout, word, _end_of(bout, word, earlier, passed), said_since=said_since, now=now)
    elif word.state == BoutState.CANCELLED:
        verdict = Verdict({"state": BoutState.CANCELLED.value, "round": None, "time_sec": None})
    else:
        verdict = Verdict({"state": word.state.value, "round": word.round, "time_sec": None})
    if bout.state == BoutState.CANCELLED and word.state != BoutState.CANCELLED:
        verdict.changes["cancel_reason"] = ""
    return verdict


def _impossible(bout: Bout, word: Word) -> HoldReason | None:
    """What no bout can be like."""
    if word.winners > 1:
        return HoldReason.TWO_WINNERS
    if word.round and word.round > (bout.scheduled_rounds or MOST_ROUNDS):
        return HoldReason.ROUND_TOO_HIGH
    if word.clock_sec is not None and word.clock_sec > bout.round_seconds(word.round or 1):
        return HoldReason.TIME_TOO_LONG
    if word.winner_id is not None and word.winner_id not in {bout.red_fighter_id, bout.blue_fighter_id}:
        return HoldReason.STRANGE_FIGHTERS
    return None


def _backwards(bout: Bout, word: Word) -> HoldReason | None:
    """Going back is up to a person, or to a corrected final result."""
    ours = BoutState(bout.state)
    if bout.is_decided and word.is_final:
        return None if word.winner_id or bout.result != Result.WIN else HoldReason.NO_WINNER
    if bout.is_decided and word.state == BoutState.CANCELLED:
        # What was fought can't be called off.
        return HoldReason.STATE_FELL
    if ours == BoutState.CANCELLED:
        # It is fought after all.  A person who called it off runs it by hand, so that this was the source's word only.
        goes_on = word.state in {*RUNNING_STATES, BoutState.STOPPED, BoutState.CANCELLED} or word.winner_id is not None
        return None if goes_on else HoldReason.STATE_FELL
    if BOUT_RANK[word.state] < BOUT_RANK[ours]:
        return HoldReason.STATE_FELL
    if bout.is_running and bout.round and (word.round or 0) < bout.round and not word.is_final:
        return HoldReason.ROUND_FELL
    if bout.is_running and bout.round and word.is_final and word.round and word.round < bout.round:
        return HoldReason.ROUND_FELL
    return None


def _said_once(bout: Bout, word: Word, earlier: BoutReport | None) -> HoldReason | None:
    """One poll is no cancellation: the next one has to say so too."""
    if word.state != BoutState.CANCELLED or bout.state == BoutState.CANCELLED:
        return None
    repeated = earlier is not None and earlier.state == BoutState.CANCELLED
    return None if repeated else HoldReason.SAID_ONCE


@dataclass(frozen=True, slots=True)
class _End:
    """Seconds into the round, and whether that is our conclusion; held when no reading of the clock can be true."""

    time_sec: int | None
    doubtful: bool = False
    held: HoldReason | None = None


def _ended(bout: Bout, word: Word, end: _End, *, said_since: datetime, now: datetime) -> Verdict:
    when = {"round": word.round, "time_sec": end.time_sec}
    if bout.is_decided:
        # No clock and no round are no word about them.
        when = {name: value for name, value in when.items() if value is not None}
    if word.winner_id is None:
        # A draw, a no contest, or a flag that comes late: the form does not say which.
        if bout.is_decided:
            return Verdict(clock_doubtful=end.doubtful)
        return Verdict({"state": BoutState.STOPPED.value, **when}, HoldReason.NO_WINNER, end.doubtful)
    result = {"result": Result.WIN.value, "winner_fighter_id": word.winner_id, **when}
    same = all(getattr(bout, name) == value for name, value in result.items())
    if not bout.is_decided or bout.state == BoutState.PROVISIONAL:
        stood = now - said_since >= (OFFICIAL_AFTER_DOUBT if end.doubtful else OFFICIAL_AFTER)
        official = same and bout.state == BoutState.PROVISIONAL and stood
        state = BoutState.OFFICIAL if official else BoutState.PROVISIONAL
        return Verdict({"state": state.value, **result}, end.held, end.doubtful)
    if same:
        return Verdict(held=end.held, clock_doubtful=end.doubtful)
    return Verdict({"state": BoutState.AMENDED.value, "amend_reason": "", **result}, end.held, end.doubtful)


def _end_of(bout: Bout, word: Word, earlier: BoutReport | None, passed: timedelta) -> _End:
    """What the clock of a final means.

    A final that still shows the clock of the running bout shows what was left of the round.  What was last seen of
    the running round tells which of the two it is: the end can't lie before it, nor much later than the time that
    has passed since.
    """
    shown = word.clock_sec
    if shown is None or word.round is None or earlier is None or earlier.round != word.round:
        return _End(shown)
    turned = bout.round_seconds(word.round) - shown
    if _was_final(earlier):
        # The same word as before means the same as before.
        if not earlier.clock_doubtful or earlier.clock_sec != shown:
            return _End(shown)
        held = HoldReason.TIME_CONTRADICTS
        return _End(None, True, held) if earlier.held == held else _End(turned, True)
    if bout.is_decided and bout.round == word.round and bout.time_sec in {shown, turned}:
        return _End(shown) if bout.time_sec == shown else _End(turned, True)
    if earlier.clock_sec is None or earlier.held in {HoldReason.STATE_FELL, HoldReason.ROUND_FELL}:
        return _End(shown)
    seen = _seconds_seen(bout, earlier)
    latest = seen + (passed + CLOCK_LAGS).total_seconds()
    fits, fits_turned = (seen - CLOCK_RUNS_AHEAD_SECONDS <= end <= latest for end in (shown, turned))
    if fits and (not fits_turned or shown == turned or shown != earlier.clock_sec):
        return _End(shown)
    return _End(turned, True) if fits_turned else _End(None, True, HoldReason.TIME_CONTRADICTS)


def _seconds_seen(bout: Bout, report: BoutReport) -> int:
    """How much of its round had passed when the source said this."""
    length, left = bout.round_seconds(report.round or 1), report.clock_sec or 0
    # After a round some show the next one's clock already.
    over = report.state == BoutState.BETWEEN_ROUNDS and left == length
    return length if over else length - left


def _was_final(report: BoutReport) -> bool:
    return report.state == BoutState.PROVISIONAL
