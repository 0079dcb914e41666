"""The live board: the card as it is fought.  Big targets, a result in two steps, undo, the source's word beside ours.

``board`` is the page; ``board_state`` gives the bouts as a fragment, asked for every few seconds; ``board_act`` takes
one deed by POST.  Every deed carries the version of the bout that was on the screen: of two operators who act at once
the second is told, and keeps what he typed (decision 35).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.core.actor import Actor
from apps.core.errors import FieldError, Invalid, PreconditionRequired
from apps.events import services
from apps.events.admin.pages import EventPages, carry_out, event_or_404, names_waiting, number, require
from apps.events.cache import freshness_of
from apps.events.enums import BoutState, EventStatus, HoldReason, Method, Result
from apps.events.models import MOST_ROUNDS, Bout, BoutReport, BoutRevision, Event
from apps.events.services import KEPT, UNDO_SECONDS, Ending

VIEW, RUN = "events.view_bout", "events.run_bout"
RUN_EVENT = "events.run_event"
# Deeds that move the event, not a bout.
_OF_THE_EVENT = frozenset({"status", "by_hand"})
# Offered where nobody has said how many are scheduled: main and title bouts have five.
USUAL_ROUNDS = 5
_TIME = re.compile(r"(\d{1,2}):([0-5]\d)", re.ASCII)
_TONES = {
    BoutState.SCHEDULED: "neutral",
    BoutState.CANCELLED: "neutral",
    BoutState.PROVISIONAL: "info",
    BoutState.OFFICIAL: "success",
    BoutState.AMENDED: "success",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One big button: what it does and says."""

    to: str
    round: int | None
    label: str
    primary: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A bout as the board shows it."""

    bout: Bout
    tone: str
    steps: list[Step]
    report: BoutReport | None
    report_text: str
    held_text: str
    undo_seconds: int
    rounds: range
    # What the form's first question is answered with already: a corner, a draw, a no contest or nothing.
    outcome: str
    # Since we were told, by a person or a source, that the round began; None when none is under way.
    elapsed_seconds: int | None

    @property
    def is_open(self) -> bool:
        return not self.bout.is_decided and self.bout.state != BoutState.CANCELLED


class BoardViews(EventPages):
    """The board's pages, mixed into the admin of events."""

    def get_urls(self) -> list[Any]:
        ours = [
            self.own("board", self.board),
            self.own("board_state", self.board_state),
            self.own("board_act", self.board_act),
        ]
        return [*ours, *super().get_urls()]  # type: ignore[misc]

    def board(self, request: HttpRequest, object_id: int) -> HttpResponse:
        require(request, VIEW)
        event = event_or_404(object_id)
        context = {
            **self.admin_site.each_context(request),
            **_shown(request, event),
            "title": _("Live board"),
            "state_address": self.address("board_state", event.pk),
            "act_address": self.address("board_act", event.pk),
            "list_address": self.address("changelist"),
            "editor_address": self.address("editor", event.pk),
        }
        return TemplateResponse(request, "events/board.html", context)

    def board_state(self, request: HttpRequest, object_id: int) -> HttpResponse:
        require(request, VIEW)
        return TemplateResponse(request, "events/board_bouts.html", _shown(request, event_or_404(object_id)))

    def board_act(self, request: HttpRequest, object_id: int) -> HttpResponse:
        require(request, RUN_EVENT if request.POST.get("deed") in _OF_THE_EVENT else RUN)
        return carry_out(request, _DEEDS, object_id, self.address("board", object_id))


def _shown(request: HttpRequest, event: Event) -> dict[str, Any]:
    now = timezone.now()
    bouts = event.bouts.for_board()
    feed = getattr(event, "feed", None)
    return {
        "event": event,
        "feed": feed,
        "freshness": freshness_of(event, now)["state"],
        # The evening runs from the bottom of the card to its top.
        "rows": [_row(bout, str(request.user.pk), now) for bout in reversed(bouts)],
        "unmatched": names_waiting(event),
        "may_run": request.user.has_perm(RUN),
        "may_move": request.user.has_perm(RUN_EVENT),
        "methods": Method.choices,
        "statuses": EventStatus,
        "now": now,
    }


def _row(bout: Bout, user_id: str, now: datetime) -> Row:
    report = next(iter(bout.reports.all()), None)
    return Row(
        bout=bout,
        tone=_TONES.get(BoutState(bout.state), "warning"),
        steps=_steps(bout),
        report=report,
        report_text=_said(report) if report else "",
        held_text=str(HoldReason(report.held).label) if report and report.held else "",
        undo_seconds=_undo_seconds(bout, user_id, now),
        rounds=range(1, (bout.scheduled_rounds or max(USUAL_ROUNDS, bout.round or 0)) + 1),
        outcome=_outcome_of(bout),
        elapsed_seconds=elapsed_seconds(bout, now),
    )


def _outcome_of(bout: Bout) -> str:
    if bout.result != Result.WIN:
        return bout.result
    return "red" if bout.winner_fighter_id == bout.red_fighter_id else "blue"


def _steps(bout: Bout) -> list[Step]:
    """What usually comes next, the likeliest first."""
    state, current = BoutState(bout.state), bout.round or 1
    most = bout.scheduled_rounds or MOST_ROUNDS
    if state == BoutState.SCHEDULED:
        return [Step("walkouts", None, _("Fighters walk out"), primary=True), _begin(1)]
    if state == BoutState.WALKOUTS:
        return [_begin(1, primary=True)]
    if state == BoutState.IN_ROUND:
        end = Step("between_rounds", current, _("End of round %(number)d") % {"number": current}, primary=True)
        return [end, Step("stopped", current, _("Stopped"))]
    if state == BoutState.BETWEEN_ROUNDS:
        following = [_begin(current + 1, primary=True)] if current < most else []
        return [*following, Step("stopped", current, _("Stopped"))]
    if state == BoutState.STOPPED:
        return [Step("in_round", current, _("Goes on in round %(number)d") % {"number": current})]
    return []


def _begin(number_of_round: int, *, primary: bool = False) -> Step:
    return Step(
        "in_round", number_of_round, _("Round %(number)d begins") % {"number": number_of_round}, primary=primary
    )


def _said(report: BoutReport) -> str:
    """The source's word in one line."""
    parts = [str(BoutState(report.state).label)]
    if report.round:
        parts.append(_("round %(number)d") % {"number": report.round})
    if report.clock_sec is not None:
        parts.append(f"{report.clock_sec // 60}:{report.clock_sec % 60:02}")
    if report.winner_fighter is not None:
        parts.append(_("winner: %(name)s") % {"name": report.winner_fighter.name})
    return " · ".join(parts)


def _undo_seconds(bout: Bout, user_id: str, now: datetime) -> int:
    """How long the person may still take back the last step; 0 when it was another's, or is too old."""
    last = max(bout.revisions.all(), key=lambda revision: revision.version, default=None)
    if last is None or last.actor_id != user_id or last.version != bout.version or last.reason == "undo":
        return 0
    left = last.created_at + timedelta(seconds=UNDO_SECONDS) - now
    return max(0, int(left.total_seconds()))


def elapsed_seconds(bout: Bout, now: datetime) -> int | None:
    """Since we know that the round is fought; a source tells it a poll later.  None when none is, or nobody said so."""
    if bout.state != BoutState.IN_ROUND:
        return None
    begun = [revision for revision in bout.revisions.all() if _begins_round(revision)]
    if not begun:
        return None
    last = max(begun, key=lambda revision: revision.version)
    return max(0, int((now - last.created_at).total_seconds()))


def _begins_round(revision: BoutRevision) -> bool:
    """Polls skip the pause between two rounds.  What was stopped and goes on, or was taken back, began before."""
    if revision.reason == "undo":
        return False
    enters = revision.new.get("state") == BoutState.IN_ROUND and revision.old.get("state") != BoutState.STOPPED
    return enters or ("round" in revision.new and "state" not in revision.new)


# --- deeds by name ----------------------------------------------------------------------------------------------
def _bout_and_version(event_id: int, sent: Mapping[str, str]) -> tuple[int, int]:
    """Raises PreconditionRequired without the version that was on the screen."""
    bout_id, version = number(sent, "bout"), number(sent, "version")
    if bout_id is None or version is None:
        raise PreconditionRequired
    if not Bout.objects.filter(pk=bout_id, event_id=event_id).exists():
        raise Invalid(_("This bout is not on the card."))
    return bout_id, version


def _step(event_id: int, actor: Actor, sent: Mapping[str, str]) -> str:
    bout_id, version = _bout_and_version(event_id, sent)
    to = sent.get("to", "")
    if to not in BoutState.values:
        raise Invalid(_("There is no such state."))
    bout = services.step_bout(
        bout_id, to=BoutState(to), in_round=number(sent, "round"), actor=actor, expected_version=version
    )
    return str(BoutState(bout.state).label)


def _result(event_id: int, actor: Actor, sent: Mapping[str, str]) -> str:
    bout_id, version = _bout_and_version(event_id, sent)
    ending = Ending(
        result=_outcome(sent),
        winner=sent.get("winner", "") if sent.get("winner") in {"red", "blue"} else "",
        # The form shows what the bout has; what is not sent at all stays.
        method=sent.get("method", KEPT),
        method_detail=sent["method_detail"].strip()[:255] if "method_detail" in sent else KEPT,
        round=number(sent, "round") if "round" in sent else KEPT,
        time_sec=_seconds(sent["time"]) if "time" in sent else KEPT,
        official=sent.get("official") == "1",
    )
    services.enter_result(bout_id, ending, actor=actor, expected_version=version, reason=sent.get("reason", ""))
    return _("The result is entered.")


def _outcome(sent: Mapping[str, str]) -> Result:
    """ "red" and "blue" are wins; the other two say themselves what they are."""
    winner = sent.get("winner", "")
    if winner in {"red", "blue"}:
        return Result.WIN
    if winner in {Result.DRAW, Result.NO_CONTEST}:
        return Result(winner)
    sentence = _("Say who won.")
    raise Invalid(sentence, errors=[FieldError("winner", "required", sentence)])


def _seconds(text: str) -> int | None:
    if not text.strip():
        return None
    found = _TIME.fullmatch(text.strip())
    if found is None:
        sentence = _("The time as minutes and seconds: 1:23.")
        raise Invalid(sentence, errors=[FieldError("time", "invalid", sentence)])
    return int(found.group(1)) * 60 + int(found.group(2))


def _confirm(event_id: int, actor: Actor, sent: Mapping[str, str]) -> str:
    bout_id, version = _bout_and_version(event_id, sent)
    services.confirm_result(bout_id, actor=actor, expected_version=version)
    return _("The result is official.")


def _undo(event_id: int, actor: Actor, sent: Mapping[str, str]) -> str:
    bout_id, version = _bout_and_version(event_id, sent)
    services.undo(bout_id, actor=actor, expected_version=version)
    return _("Taken back.")


def _release(event_id: int, actor: Actor, sent: Mapping[str, str]) -> str:
    bout_id, version = _bout_and_version(event_id, sent)
    services.release_bout(bout_id, actor=actor, expected_version=version)
    return _("The source speaks again for this bout.")


def _status(event_id: int, actor: Actor, sent: Mapping[str, str]) -> str:
    status = sent.get("status", "")
    if status not in EventStatus.values:
        raise Invalid(_("There is no such state."))
    services.change_event(event_id, status=status, actor=actor, expected_version=number(sent, "version"))
    return _("Saved.")


def _by_hand(event_id: int, actor: Actor, sent: Mapping[str, str]) -> str:
    services.run_by_hand(event_id, actor=actor, by_hand=sent.get("by_hand") == "1")
    return _("Saved.")


_DEEDS = {
    "step": _step,
    "result": _result,
    "confirm": _confirm,
    "undo": _undo,
    "release": _release,
    "status": _status,
    "by_hand": _by_hand,
}
