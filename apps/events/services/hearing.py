"""What a source's answers mean for one card.  No database: the rows are given, what changes is gathered."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from apps.events.enums import DECIDED_STATES, OVER_STATES, RUNNING_STATES, BoutState, EventStatus, HoldReason
from apps.events.models import Bout, BoutReport, Event, LiveFeed
from apps.events.services.answers import Answer, SaidOfBout
from apps.events.services.changing import Changes
from apps.events.services.judging import OFFICIAL_AFTER_DOUBT, Verdict, Word, judge
from apps.events.services.matching import BY_NAME_ONLY, Corners, Known, corners_of, match_names
from apps.fighters.services import provenance

# Two polls without it: then people are told.  Nothing is ever cancelled because it is missing.
MISSING_AFTER_POLLS = 2
# Results are corrected in the first minutes: a completed card is polled on for so long after its last change.
SETTLES_FOR = timedelta(minutes=30)
# While a result is provisional or lacks its winner: until a clock in doubt has stood long enough too.
SETTLES_OPEN_FOR = OFFICIAL_AFTER_DOUBT + SETTLES_FOR
# "The evening is over" while bouts are left on the card is believed when it has stood for so long.
OVER_AFTER = timedelta(minutes=10)
# A start that differs by less is the same one.
SAME_START = timedelta(minutes=1)
# An evening that the clock began, and that the source has begin so much later, has not begun.
NOT_YET = timedelta(minutes=10)
# Nobody fights for so long, whatever the source says, and whenever on its day the evening began.
EVENING_AT_MOST = timedelta(hours=48)
BEGUN = frozenset({BoutState.IN_ROUND, BoutState.BETWEEN_ROUNDS, BoutState.STOPPED, BoutState.PROVISIONAL})


@dataclass(slots=True)
class Outcome:
    """What the answers about one event led to, for the log and the tests.  ``ignored`` tells of the last one."""

    changed: list[int] = field(default_factory=list)
    held: dict[int, HoldReason] = field(default_factory=dict)
    unmatched: int = 0
    ignored: str = ""

    def tell_held(self, bout_id: int, reason: HoldReason | None) -> None:
        if reason:
            self.held[bout_id] = reason
        else:
            self.held.pop(bout_id, None)


@dataclass(slots=True)
class Place:
    """A bout of the card as far as every answer needs it, and what the source said of it last."""

    bout_id: int
    state: str
    is_manual: bool
    report: BoutReport | None

    @property
    def waits_for_time(self) -> bool:
        """Whether the same words again may change something: a result becomes official, an absence certain."""
        report = self.report
        if report is None:
            return False
        once = report.missing_polls == 1 or report.held == HoldReason.SAID_ONCE
        return once or self.state == BoutState.PROVISIONAL

    @property
    def is_open(self) -> bool:
        """Over, and the source may still say how."""
        return self.state in {BoutState.PROVISIONAL, BoutState.STOPPED} and not self.is_manual

    def has_news(self, said: SaidOfBout) -> bool:
        """Whether these words may lead to something: new ones, and those that were not followed or have to stand."""
        report = self.report
        if report is None or report.content_hash != said.content_hash or report.missing_polls:
            return True
        if self.is_manual:
            return report.held != HoldReason.OPERATOR
        return bool(report.held) or self.state == BoutState.PROVISIONAL


class Card:
    """One followed event with what a source said of it, as ``BoutReportQuerySet.followed`` reads it."""

    def __init__(self, event: Event, rows: Sequence[Any], *, source: str, now: datetime) -> None:
        self.event, self.source, self.now = event, source, now
        self.feed = LiveFeed(
            pk=rows[0].feed_id,
            event=event,
            sequence=rows[0].feed_sequence,
            content_hash=rows[0].feed_hash,
            unmatched=orjson.loads(rows[0].feed_unmatched),
            over_since=_moment(rows[0].feed_over_since),
        )
        self.feed_changes: set[str] = set()
        self.places: dict[int, Place] = {}
        self.known_as: dict[str, int] = {}
        self.bouts: dict[int, Bout] = {}
        self.reports: dict[int, BoutReport] = {}
        self.answers: list[Answer] = []
        self.known: Known = BY_NAME_ONLY
        self.unknown: list[SaidOfBout] = []
        self.outcome = Outcome()
        for row in rows:
            if row.our_id is not None:
                report = row if row.pk is not None else None
                self.places.setdefault(row.our_id, Place(row.our_id, row.our_state, bool(row.our_is_manual), report))
            if row.known_as is not None:
                self.known_as[row.known_as] = row.our_id

    def take(self, answers: Iterable[Answer]) -> None:
        """Choose the answers that may change something."""
        # Something on our side has changed: the same words count anew.
        self._afresh = not self.feed.content_hash
        waits = any(place.waits_for_time for place in self.places.values()) or self._waits_for_end()
        for answer in answers:
            if answer.sequence <= self.feed.sequence:
                self.outcome.ignored = "older"
                continue
            same = answer.content_hash == self.feed.content_hash and not waits and not self.answers
            self.outcome.ignored = "unchanged" if same else ""
            if not same:
                self.answers.append(answer)
            self._keep(sequence=answer.sequence, content_hash=answer.content_hash)

    def strange(self) -> list[SaidOfBout]:
        """What is said of bouts whose id we do not know."""
        return [said for answer in self.answers for said in answer.bouts if said.external_id not in self.known_as]

    def needed(self) -> Collection[int]:
        """The bouts that have to be looked at."""
        if self._afresh or len(self.answers) > 1 or self.strange():
            return self.places.keys() if self.answers else ()
        said = ((self.known_as[said.external_id], said) for answer in self.answers for said in answer.bouts)
        return {pk for pk, said in said if self.places[pk].has_news(said)}

    def unclear(self) -> list[SaidOfBout]:
        """What is said of people whose names are not those of our fighters."""
        return [said for answer in self.answers for said in answer.bouts if self._is_unclear(said)]

    def _is_unclear(self, said: SaidOfBout) -> bool:
        bout_id = self.known_as.get(said.external_id)
        if bout_id is None:
            return match_names(said.athletes, self.bouts.values()) is None
        return bout_id in self.bouts and corners_of(self.bouts[bout_id], said.athletes) is None

    def hear(self, changes: Changes) -> None:
        """Needs the bouts that ``needed`` tells in ``bouts``."""
        for answer in self.answers:
            heard, self.unknown = self._sorted(answer)
            changed_before = len(self.outcome.changed)
            for bout_id, said in heard.items():
                if self._afresh or self.places[bout_id].has_news(said):
                    self._hear(self.places[bout_id], said, answer, changes)
            self._miss(heard)
            self._settle_event(answer, changes, has_changed=len(self.outcome.changed) > changed_before)
            self._keep(unmatched=[_unknown(said) for said in self.unknown])
            self.outcome.unmatched = len(self.unknown)
            self._afresh = False

    def _sorted(self, answer: Answer) -> tuple[dict[int, SaidOfBout], list[SaidOfBout]]:
        """What is said of which of our bouts; and of bouts that are none of ours."""
        heard: dict[int, SaidOfBout] = {}
        unmatched = []
        for said in answer.bouts:
            bout_id = self.known_as.get(said.external_id)
            if bout_id is None or bout_id in heard:
                unmatched.append(said)
            else:
                heard[bout_id] = said
        return heard, unmatched

    def _hear(self, place: Place, said: SaidOfBout, answer: Answer, changes: Changes) -> None:
        bout = self.bouts[place.bout_id]
        corners = corners_of(bout, said.athletes, self.known)
        word = Word(
            state=said.state,
            round=said.round,
            clock_sec=said.clock_sec,
            winner_id=corners.fighter_of(said.winner) if corners and said.winner else None,
            winners=said.winners,
            unclear=said.unclear,
        )
        since = place.report.since if place.report is not None and _says(place.report, word) else self.now
        verdict = self._verdict(bout, word, corners, place.report, since, answer)
        self._report(place, said, answer, word, verdict, since)
        self.outcome.tell_held(bout.pk, verdict.held)
        if verdict.changes and changes.bout(bout, verdict.changes):
            place.state = bout.state
            self.outcome.changed.append(bout.pk)

    def _verdict(
        self,
        bout: Bout,
        word: Word,
        corners: Corners | None,
        earlier: BoutReport | None,
        since: datetime,
        answer: Answer,
    ) -> Verdict:
        if corners is None:
            return Verdict(held=HoldReason.STRANGE_FIGHTERS)
        passed = self._passed(earlier, answer) if earlier is not None else timedelta(0)
        return judge(bout, word, earlier, said_since=since, now=self.now, passed=passed)

    def _passed(self, earlier: BoutReport, answer: Answer) -> timedelta:
        """Answers that waited were captured one after the other, though they are heard at once."""
        return max(self.now - earlier.seen_at, timedelta(milliseconds=answer.sequence - earlier.sequence))

    def _report(
        self, place: Place, said: SaidOfBout, answer: Answer, word: Word, verdict: Verdict, since: datetime
    ) -> None:
        """Keep what was said.  A word that is the same as before is not written again."""
        report = place.report or BoutReport(bout_id=place.bout_id, source=self.source)
        values = {
            "state": word.state.value,
            "round": word.round,
            "clock_sec": word.clock_sec,
            "winner_fighter_id": word.winner_id,
            "since": since,
            "held": verdict.held.value if verdict.held else "",
            "clock_doubtful": verdict.clock_doubtful,
            "missing_polls": 0,
            "content_hash": said.content_hash,
        }
        if place.report is not None and all(getattr(report, name) == value for name, value in values.items()):
            return
        for name, value in values.items():
            setattr(report, name, value)
        report.seen_at, report.sequence = self.now, answer.sequence
        place.report = self.reports[place.bout_id] = report

    def _miss(self, heard: Collection[int]) -> None:
        """Bouts that the source named before and names no longer."""
        for bout_id, place in self.places.items():
            report = place.report
            if bout_id in heard or report is None or report.missing_polls >= MISSING_AFTER_POLLS:
                continue
            report.missing_polls += 1
            if report.missing_polls >= MISSING_AFTER_POLLS:
                report.held = HoldReason.MISSING
                self.outcome.held[bout_id] = HoldReason.MISSING
            self.reports[bout_id] = report

    def _waits_for_end(self) -> bool:
        return self.feed.over_since is not None and self.event.status != EventStatus.COMPLETED

    def _settle_event(self, answer: Answer, changes: Changes, *, has_changed: bool) -> None:
        self._keep(over_since=(self.feed.over_since or self.now) if answer.phase == "post" else None)
        if self.event.is_manual:
            return
        origins = Event(provenance=self.event.provenance)
        start = self._start(answer, origins)
        status = self._status(answer, start.get("starts_at", self.event.starts_at))
        if status != self.event.status:
            # A person's word about the status holds until the evening has gone on from there.
            provenance.release(origins, ["status"])
        moved = {"status": status.value, **start, "provenance": origins.provenance}
        has_changed |= changes.event(self.event, moved)
        if has_changed and status == EventStatus.COMPLETED:
            is_open = any(place.is_open for place in self.places.values())
            self._keep(settles_until=self.now + (SETTLES_OPEN_FOR if is_open else SETTLES_FOR))

    def _start(self, answer: Answer, origins: Event) -> dict[str, Any]:
        """When it begins, if the source knows better; its origin is noted on ``origins``.

        An evening that has begun is not moved to another day.
        """
        begins = answer.begins
        if begins is None or self.event.status == EventStatus.COMPLETED:
            return {}
        begun = any(place.state not in {BoutState.SCHEDULED, BoutState.CANCELLED} for place in self.places.values())
        moved = begins - self.event.starts_at
        possible = abs(moved) < EVENING_AT_MOST if begun else begins > self.now - EVENING_AT_MOST
        if abs(moved) < SAME_START or not possible:
            return {}
        accepted, _refused = provenance.split(self.event, {"starts_at": begins}, source=self.source)
        if accepted:
            provenance.write(origins, accepted, source=self.source)
        return accepted

    def _status(self, answer: Answer, starts_at: datetime) -> EventStatus:
        """The event goes live with its first bout and is over with its last: the provider's own word lags (§3.3).

        It was over too early when somebody fights again, unless a person has ended it.
        """
        ours = EventStatus(self.event.status)
        if ours == EventStatus.COMPLETED:
            too_late = self.now - self.event.starts_at > EVENING_AT_MOST
            locked = too_late or provenance.is_locked(self.event, "status")
            return EventStatus.LIVE if self._somebody_fights(answer) and not locked else ours
        if self._is_over(answer):
            return EventStatus.COMPLETED
        if answer.phase == "in" or any(said.state in BEGUN and not said.unclear for said in answer.bouts):
            return EventStatus.LIVE
        return EventStatus.SCHEDULED if self._is_put_off(answer, starts_at) else ours

    def _is_put_off(self, answer: Answer, starts_at: datetime) -> bool:
        """The clock has begun it, but nobody fights and the source has it begin later."""
        waits = all(place.state in {BoutState.SCHEDULED, BoutState.CANCELLED} for place in self.places.values())
        quiet = answer.phase == "pre" and not any(said.state in RUNNING_STATES for said in answer.bouts)
        later = starts_at - self.now > NOT_YET
        return quiet and waits and later and not provenance.is_locked(self.event, "status")

    def _somebody_fights(self, answer: Answer) -> bool:
        """By this answer and by our card: a step back that was held is none."""
        running = [self.known_as.get(said.external_id) for said in answer.bouts if said.state in RUNNING_STATES]
        return any(self.places[pk].state in RUNNING_STATES for pk in running if pk is not None)

    def _is_over(self, answer: Answer) -> bool:
        states = [place.state for place in self.places.values()]
        nothing_left = all(self._is_bout_over(said) for said in answer.bouts)
        if nothing_left and states and all(state in OVER_STATES for state in states):
            return True
        if answer.phase != "post" or any(state in RUNNING_STATES for state in states):
            return False
        if nothing_left and answer.bouts:
            return True
        # One such answer may be a slip.  An evening on which nobody fought was put off.
        stands = self.feed.over_since is not None and self.now - self.feed.over_since >= OVER_AFTER
        return stands and any(state in {BoutState.STOPPED, *DECIDED_STATES} for state in states)

    def _is_bout_over(self, said: SaidOfBout) -> bool:
        bout_id = self.known_as.get(said.external_id)
        if bout_id is not None:
            return self.places[bout_id].state in OVER_STATES
        return said.state in OVER_STATES and not said.unclear

    def _keep(self, **values: Any) -> None:
        for name, value in values.items():
            if getattr(self.feed, name) != value:
                setattr(self.feed, name, value)
                self.feed_changes.add(name)


def _says(report: BoutReport, word: Word) -> bool:
    said = (report.state, report.round, report.clock_sec, report.winner_fighter_id)
    return said == (word.state.value, word.round, word.clock_sec, word.winner_id)


def _unknown(said: SaidOfBout) -> dict[str, str]:
    names = [name for _, name in said.athletes]
    return {"external_id": said.external_id, "names": " – ".join(names)[:255]}


def _moment(value: Any) -> datetime | None:
    """Of a raw row: as the driver of each database gives it."""
    moment: datetime | None = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=UTC)
