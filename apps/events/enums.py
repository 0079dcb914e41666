"""Words of events and bouts.  Their values are wire names: stored, published and filtered on; never renamed."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class EventStatus(models.TextChoices):
    """scheduled → live → completed (E.1).  Back by a person, or where a feed itself shows that it came too early."""

    SCHEDULED = "scheduled", pgettext_lazy("event status", "scheduled")
    LIVE = "live", pgettext_lazy("event status", "live")
    COMPLETED = "completed", pgettext_lazy("event status", "completed")


class BoutState(models.TextChoices):
    """Where a bout stands.  Sources skip states between two polls, so every later state may be entered from every
    earlier one; ``BOUT_RANK`` is the order."""

    SCHEDULED = "scheduled", pgettext_lazy("bout state", "scheduled")
    WALKOUTS = "walkouts", pgettext_lazy("bout state", "walking out")
    IN_ROUND = "in_round", pgettext_lazy("bout state", "in the round")
    BETWEEN_ROUNDS = "between_rounds", pgettext_lazy("bout state", "between rounds")
    # Over, but nobody has said who won.
    STOPPED = "stopped", pgettext_lazy("bout state", "stopped")
    PROVISIONAL = "provisional", pgettext_lazy("bout state", "provisional result")
    OFFICIAL = "official", pgettext_lazy("bout state", "official result")
    AMENDED = "amended", pgettext_lazy("bout state", "result amended")
    CANCELLED = "cancelled", pgettext_lazy("bout state", "cancelled")


BOUT_RANK = {
    BoutState.SCHEDULED: 0,
    BoutState.WALKOUTS: 1,
    BoutState.IN_ROUND: 2,
    BoutState.BETWEEN_ROUNDS: 2,
    BoutState.STOPPED: 3,
    BoutState.PROVISIONAL: 4,
    BoutState.OFFICIAL: 5,
    BoutState.AMENDED: 6,
    BoutState.CANCELLED: 7,
}
DECIDED_STATES = (BoutState.PROVISIONAL, BoutState.OFFICIAL, BoutState.AMENDED)
RUNNING_STATES = (BoutState.WALKOUTS, BoutState.IN_ROUND, BoutState.BETWEEN_ROUNDS)
# Nothing more is to come of these without a correction.
OVER_STATES = (BoutState.STOPPED, *DECIDED_STATES, BoutState.CANCELLED)


class BoutStatus(models.TextChoices):
    """The coarse word of E.1; it follows from the state."""

    PENDING = "pending", pgettext_lazy("bout status", "pending")
    FINISHED = "finished", pgettext_lazy("bout status", "finished")


class Segment(models.TextChoices):
    """Part of the card."""

    MAIN_CARD = "main_card", _("main card")
    PRELIMS = "prelims", _("preliminary card")


class TitleKind(models.TextChoices):
    """What is at stake."""

    TITLE = "title", pgettext_lazy("bout", "title bout")
    INTERIM = "interim", pgettext_lazy("bout", "interim title bout")
    TOURNAMENT = "tournament", pgettext_lazy("bout", "tournament bout")


class Result(models.TextChoices):
    """How it ended.  A no contest is a result, not a state."""

    WIN = "win", pgettext_lazy("bout result", "win")
    DRAW = "draw", pgettext_lazy("bout result", "draw")
    NO_CONTEST = "no_contest", pgettext_lazy("bout result", "no contest")


class Method(models.TextChoices):
    """By what.  Sources that say more say it in ``method_detail``."""

    KO_TKO = "ko_tko", pgettext_lazy("bout method", "KO/TKO")
    SUBMISSION = "submission", pgettext_lazy("bout method", "submission")
    DECISION_UNANIMOUS = "decision_unanimous", pgettext_lazy("bout method", "unanimous decision")
    DECISION_SPLIT = "decision_split", pgettext_lazy("bout method", "split decision")
    DECISION_MAJORITY = "decision_majority", pgettext_lazy("bout method", "majority decision")
    DECISION_TECHNICAL = "decision_technical", pgettext_lazy("bout method", "technical decision")
    DECISION = "decision", pgettext_lazy("bout method", "decision")
    TKO_DOCTOR = "tko_doctor", pgettext_lazy("bout method", "TKO, doctor's stoppage")
    COULD_NOT_CONTINUE = "could_not_continue", pgettext_lazy("bout method", "could not continue")
    DISQUALIFIED = "disqualified", pgettext_lazy("bout method", "disqualification")
    OVERTURNED = "overturned", pgettext_lazy("bout method", "overturned")
    OTHER = "other", pgettext_lazy("bout method", "other")


class UnknownStatus(models.TextChoices):
    """What a person said of a source's bout that is not on our card."""

    OPEN = "open", pgettext_lazy("unknown bout", "open")
    LINKED = "linked", pgettext_lazy("unknown bout", "linked")
    IGNORED = "ignored", pgettext_lazy("unknown bout", "ignored")


class HoldReason(models.TextChoices):
    """Why a report of a source was stored but not followed."""

    OPERATOR = "operator", _("a person runs this bout")
    OLDER = "older", _("older than what we have")
    ROUND_FELL = "round_fell", _("the round went back")
    STATE_FELL = "state_fell", _("the state went back")
    ROUND_TOO_HIGH = "round_too_high", _("more rounds than scheduled")
    TIME_TOO_LONG = "time_too_long", _("longer than a round")
    TIME_CONTRADICTS = "time_contradicts", _("the time of the end contradicts what was seen of the round")
    STRANGE_FIGHTERS = "strange_fighters", _("the fighters are not those of the bout")
    TWO_WINNERS = "two_winners", _("two winners")
    NO_WINNER = "no_winner", _("final without a winner")
    SAID_ONCE = "said_once", _("cancelled, but said only once")
    POSTPONED = "postponed", _("postponed, says the source")
    UNCLEAR = "unclear", _("the source says something that has no place here")
    MISSING = "missing", _("no longer in the feed")
