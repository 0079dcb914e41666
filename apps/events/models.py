"""Events, the bouts on their cards (E.1), and what live sources say about them.

``Bout`` is our word; ``BoutReport`` is the last word of each source beside it; ``BoutRevision`` keeps every earlier
word of ours.  Ids of other systems are rows of their own, because one bout may bear several of one source.
"""

from __future__ import annotations

import re
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from apps.events.enums import (
    DECIDED_STATES,
    OVER_STATES,
    RUNNING_STATES,
    BoutState,
    BoutStatus,
    EventStatus,
    HoldReason,
    Method,
    Result,
    Segment,
    TitleKind,
    UnknownStatus,
)
from apps.events.querysets import BoutQuerySet, BoutReportQuerySet, BoutRevisionQuerySet, EventQuerySet, FeedQuerySet

URL_LENGTH = 512
SOURCE_LENGTH = 32
DEFAULT_ROUND_SECONDS = 300
LONGEST_ROUND_SECONDS = 3600
MOST_ROUNDS = 12
_ROUND_LENGTHS = re.compile(r"\(([0-9]+(?:-[0-9]+)*)\)")


class Event(models.Model):
    """An evening of fights.  ``version`` rises with every change of the event or of a bout on its card."""

    Status = EventStatus

    org = models.CharField(_("organisation"), max_length=32)
    name = models.CharField(_("name"), max_length=255)
    status = models.CharField(_("status"), max_length=16, choices=EventStatus.choices, default=EventStatus.SCHEDULED)
    starts_at = models.DateTimeField(_("starts at"))
    venue = models.CharField(_("venue"), max_length=255, blank=True)
    # {"main_card": "2026-08-01T18:00:00Z", "prelims": …}
    segments = models.JSONField(_("starts of the parts"), default=dict, blank=True)
    # A data source of articles, one step up the ladder: its id only.
    source_id = models.PositiveBigIntegerField(_("source"), null=True, blank=True)
    external_url = models.CharField(_("page at the source"), max_length=URL_LENGTH, blank=True)
    poster_url = models.CharField(_("poster"), max_length=URL_LENGTH, blank=True)
    promo_video_url = models.CharField(_("promotion video"), max_length=URL_LENGTH, blank=True)
    is_manual = models.BooleanField(
        _("run by hand"), default=False, help_text=_("A person decides when it is live and over, no feed does")
    )
    provenance = models.JSONField(_("where the values come from"), default=dict, blank=True, editable=False)
    version = models.PositiveIntegerField(_("version"), default=1, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    objects = EventQuerySet.as_manager()

    class Meta:
        db_table = "events"
        verbose_name = pgettext_lazy("sports", "event")
        verbose_name_plural = pgettext_lazy("sports", "events")
        default_permissions = ("view", "change")
        permissions = [("run_event", "Can begin, end and take over a live event")]
        indexes = [
            models.Index(fields=["starts_at"], name="idx_events_starts_at"),
            models.Index(fields=["status", "starts_at"], name="idx_events_status_starts_at"),
            models.Index(fields=["external_url"], name="idx_events_external_url"),
            models.Index(fields=["org", "starts_at"], name="idx_events_org_starts_at"),
            models.Index(fields=["updated_at"], name="idx_events_updated_at"),
        ]
        constraints = [models.CheckConstraint(condition=Q(status__in=EventStatus.values), name="ck_events_status")]

    def __str__(self) -> str:
        return f"{self.org} {self.name}"


class Bout(models.Model):
    """Two fighters on one card.  ``sequence_no`` counts from 1, the main bout first."""

    Segment = Segment
    State = BoutState

    event = models.ForeignKey(
        Event, models.CASCADE, related_name="bouts", db_index=False, verbose_name=pgettext_lazy("sports", "event")
    )
    sequence_no = models.PositiveSmallIntegerField(_("place on the card"))
    card_segment = models.CharField(_("part of the card"), max_length=24, choices=Segment.choices, blank=True)
    weight_class = models.CharField(_("weight class"), max_length=64, blank=True)
    title_kind = models.CharField(_("at stake"), max_length=16, choices=TitleKind.choices, blank=True)
    scheduled_rounds = models.PositiveSmallIntegerField(
        _("scheduled rounds"), null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(MOST_ROUNDS)]
    )
    # As sources write it, "5 Rnd (5-5-5-5-5)": nineteen forms are known, some without rounds at all.
    time_format = models.CharField(_("time format"), max_length=64, blank=True)
    red_fighter = models.ForeignKey(
        "fighters.Fighter", models.PROTECT, related_name="bouts_in_red", verbose_name=_("red corner")
    )
    blue_fighter = models.ForeignKey(
        "fighters.Fighter", models.PROTECT, related_name="bouts_in_blue", verbose_name=_("blue corner")
    )
    red_ranking = models.CharField(_("ranking, red corner"), max_length=32, blank=True)
    blue_ranking = models.CharField(_("ranking, blue corner"), max_length=32, blank=True)
    state = models.CharField(_("state"), max_length=16, choices=BoutState.choices, default=BoutState.SCHEDULED)
    result = models.CharField(pgettext_lazy("bout", "result"), max_length=128, choices=Result.choices, blank=True)
    winner_fighter = models.ForeignKey(
        "fighters.Fighter", models.PROTECT, null=True, blank=True, related_name="bouts_won", verbose_name=_("winner")
    )
    method = models.CharField(pgettext_lazy("bout", "method"), max_length=128, choices=Method.choices, blank=True)
    method_detail = models.CharField(pgettext_lazy("bout", "method in detail"), max_length=255, blank=True)
    # While it runs: the round it is in.  Afterwards: the round it ended in.
    round = models.PositiveSmallIntegerField(pgettext_lazy("bout", "round"), null=True, blank=True)
    time_sec = models.PositiveSmallIntegerField(
        _("seconds into the round"), null=True, blank=True, validators=[MaxValueValidator(LONGEST_ROUND_SECONDS)]
    )
    referee = models.CharField(_("referee"), max_length=128, blank=True)
    # [{"judge": "Sal D'Amato", "red": 29, "blue": 28}, …]
    scores = models.JSONField(_("judges' scores"), default=list, blank=True)
    # One fight that stands on the card twice: the row that counts.
    duplicate_of = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="duplicates", verbose_name=_("duplicate of")
    )
    cancel_reason = models.CharField(_("why it was cancelled"), max_length=255, blank=True)
    amend_reason = models.CharField(_("why the result was amended"), max_length=255, blank=True)
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True)
    is_manual = models.BooleanField(
        _("run by hand"), default=False, help_text=_("A person's word; no feed changes it until it is released")
    )
    provenance = models.JSONField(_("where the values come from"), default=dict, blank=True, editable=False)
    version = models.PositiveIntegerField(_("version"), default=1, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    objects = BoutQuerySet.as_manager()

    class Meta:
        db_table = "bouts"
        verbose_name = _("bout")
        verbose_name_plural = _("bouts")
        default_permissions = ("view", "change")
        permissions = [("run_bout", "Can enter results of a live bout")]
        constraints = [
            models.UniqueConstraint(fields=["event", "sequence_no"], name="uk_bouts_event_sequence"),
            models.CheckConstraint(condition=Q(state__in=BoutState.values), name="ck_bouts_state"),
            models.CheckConstraint(condition=Q(result__in=["", *Result.values]), name="ck_bouts_result"),
            models.CheckConstraint(condition=~Q(red_fighter=F("blue_fighter")), name="ck_bouts_two_fighters"),
            models.CheckConstraint(
                condition=Q(winner_fighter__isnull=True)
                | Q(winner_fighter=F("red_fighter"))
                | Q(winner_fighter=F("blue_fighter")),
                name="ck_bouts_winner_fought",
            ),
            models.CheckConstraint(
                condition=Q(result=Result.WIN, winner_fighter__isnull=False)
                | (~Q(result=Result.WIN) & Q(winner_fighter__isnull=True)),
                name="ck_bouts_win_has_winner",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=DECIDED_STATES) | ~Q(result=""), name="ck_bouts_decided_has_result"
            ),
            models.CheckConstraint(
                condition=Q(duplicate_of__isnull=True) | Q(state=BoutState.CANCELLED), name="ck_bouts_void_is_cancelled"
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.sequence_no} {self.red_fighter_id}–{self.blue_fighter_id}"

    @property
    def status(self) -> BoutStatus:
        """pending → finished (E.1)."""
        return BoutStatus.FINISHED if self.is_decided else BoutStatus.PENDING

    @property
    def is_decided(self) -> bool:
        return self.state in DECIDED_STATES

    @property
    def is_running(self) -> bool:
        return self.state in RUNNING_STATES

    @property
    def is_void(self) -> bool:
        """A second row of another bout, put aside by a person."""
        return self.duplicate_of_id is not None

    @property
    def is_over(self) -> bool:
        return self.state in OVER_STATES

    @property
    def is_title(self) -> bool:
        return bool(self.title_kind)

    def round_seconds(self, number: int) -> int:
        """How long this round may last: as the time format says, else five minutes."""
        found = _ROUND_LENGTHS.search(self.time_format)
        lengths = [int(minutes) for minutes in found.group(1).split("-")] if found else []
        if 1 <= number <= len(lengths):
            return lengths[number - 1] * 60
        return LONGEST_ROUND_SECONDS if self.time_format and not lengths else DEFAULT_ROUND_SECONDS


class EventExternalId(models.Model):
    """The id that another system gave an event."""

    event = models.ForeignKey(
        Event, models.CASCADE, related_name="external_ids", verbose_name=pgettext_lazy("sports", "event")
    )
    source = models.CharField(_("source"), max_length=SOURCE_LENGTH)
    external_id = models.CharField(_("id at the source"), max_length=128)

    class Meta:
        db_table = "event_external_ids"
        verbose_name = _("event id at a source")
        verbose_name_plural = _("event ids at sources")
        default_permissions = ("view",)
        constraints = [models.UniqueConstraint(fields=["source", "external_id"], name="uk_event_external_ids")]

    def __str__(self) -> str:
        return f"{self.source}:{self.external_id}"


class BoutExternalId(models.Model):
    """The id that another system gave a bout.  Sources give a new one when a fighter is replaced.

    ``seen``: what the source said when it was last compared, and with which version of the bout (``fighters``'
    ``services.seen``); empty while a corner is known by name only.
    """

    bout = models.ForeignKey(Bout, models.CASCADE, related_name="external_ids", verbose_name=_("bout"))
    source = models.CharField(_("source"), max_length=SOURCE_LENGTH)
    external_id = models.CharField(_("id at the source"), max_length=128)
    seen = models.CharField(max_length=64, blank=True, default="", db_default="", editable=False)

    class Meta:
        db_table = "bout_external_ids"
        verbose_name = _("bout id at a source")
        verbose_name_plural = _("bout ids at sources")
        default_permissions = ("view",)
        constraints = [models.UniqueConstraint(fields=["source", "external_id"], name="uk_bout_external_ids")]

    def __str__(self) -> str:
        return f"{self.source}:{self.external_id}"


class LiveFeed(models.Model):
    """How the polling of one event goes.  Apart from the event, because it is written at every poll."""

    event = models.OneToOneField(
        Event, models.CASCADE, related_name="feed", verbose_name=pgettext_lazy("sports", "event")
    )
    next_poll_at = models.DateTimeField(_("next poll"), null=True, blank=True)
    polled_at = models.DateTimeField(_("last poll"), null=True, blank=True)
    answered_at = models.DateTimeField(_("last good answer"), null=True, blank=True)
    # Capture time of the newest answer that was applied, in milliseconds: what came before it does not win.
    sequence = models.BigIntegerField(_("newest answer"), default=0)
    content_hash = models.CharField(_("content of the last answer"), max_length=64, blank=True)
    failures = models.PositiveIntegerField(_("failures in a row"), default=0)
    last_error = models.CharField(_("last error"), max_length=500, blank=True)
    alarmed_at = models.DateTimeField(_("alarm since"), null=True, blank=True)
    # Results are corrected in the first minutes: a completed card is polled on until then.
    settles_until = models.DateTimeField(_("polled on until"), null=True, blank=True)
    # Since when the source says that the evening is over, while bouts are left on its card.
    over_since = models.DateTimeField(_("over, says the source, since"), null=True, blank=True)
    # Bouts of the feed that are none of ours: [{"external_id", "red", "blue"}], for a person to decide.
    unmatched = models.JSONField(_("unknown bouts"), default=list, blank=True)

    objects = FeedQuerySet.as_manager()

    class Meta:
        db_table = "live_feeds"
        verbose_name = _("live feed")
        verbose_name_plural = _("live feeds")
        default_permissions = ("view",)
        indexes = [models.Index(fields=["next_poll_at"], name="idx_live_feeds_next_poll")]

    def __str__(self) -> str:
        return f"#{self.event_id}"


class UnknownBout(models.Model):
    """A bout of a live source that is none of ours, and what a person said of it."""

    Status = UnknownStatus

    event = models.ForeignKey(
        Event,
        models.CASCADE,
        related_name="unknown_bouts",
        db_index=False,
        verbose_name=pgettext_lazy("sports", "event"),
    )
    source = models.CharField(_("source"), max_length=SOURCE_LENGTH)
    external_id = models.CharField(_("id at the source"), max_length=128)
    # [["4683395", "Zhao Hai"], …]: id there and name, in the order of the source.
    athletes = models.JSONField(_("athletes"), default=list)
    status = models.CharField(
        _("status"), max_length=16, choices=UnknownStatus.choices, default=UnknownStatus.OPEN, db_default="open"
    )
    bout = models.ForeignKey(
        Bout, models.SET_NULL, null=True, blank=True, related_name="linked_unknown", verbose_name=_("bout")
    )
    # Ids of athletes that became our fighters' by this decision: undoing it takes them away again.
    claimed = models.JSONField(_("ids of fighters"), default=list, editable=False)
    decided_by = models.CharField(_("decided by"), max_length=150, blank=True)
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True)
    version = models.PositiveIntegerField(_("version"), default=1, editable=False)

    class Meta:
        db_table = "unknown_bouts"
        verbose_name = _("unknown bout of a source")
        verbose_name_plural = _("unknown bouts of sources")
        default_permissions = ()
        # Begins with event, so that it serves the foreign key too.
        constraints = [
            models.UniqueConstraint(fields=["event", "source", "external_id"], name="uk_unknown_bouts"),
            models.CheckConstraint(condition=Q(status__in=UnknownStatus.values), name="ck_unknown_bouts_status"),
        ]

    def __str__(self) -> str:
        return " – ".join(name for _id, name in self.athletes)[:255] or self.external_id


class BoutReport(models.Model):
    """What one source said last about one bout.  ``held``: stored, but not followed, and why."""

    bout = models.ForeignKey(Bout, models.CASCADE, related_name="reports", db_index=False, verbose_name=_("bout"))
    source = models.CharField(_("source"), max_length=SOURCE_LENGTH)
    state = models.CharField(_("state"), max_length=16, choices=BoutState.choices)
    round = models.PositiveSmallIntegerField(pgettext_lazy("bout", "round"), null=True, blank=True)
    # As shown: what is left of the round while it runs, what has passed once it is final.
    clock_sec = models.PositiveSmallIntegerField(_("clock"), null=True, blank=True)
    winner_fighter = models.ForeignKey(
        "fighters.Fighter", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("winner")
    )
    method = models.CharField(pgettext_lazy("bout", "method"), max_length=128, choices=Method.choices, blank=True)
    content_hash = models.CharField(_("content"), max_length=64)
    sequence = models.BigIntegerField(_("capture time"), default=0)
    seen_at = models.DateTimeField(_("last seen"))
    # Since when the source has said exactly this.
    since = models.DateTimeField(_("said since"))
    held = models.CharField(_("not followed because"), max_length=24, choices=HoldReason.choices, blank=True)
    # The first "final" may still show what was left of the round: then this is our conclusion, not its word.
    clock_doubtful = models.BooleanField(_("clock in doubt"), default=False)
    missing_polls = models.PositiveSmallIntegerField(_("polls without it"), default=0)

    objects = BoutReportQuerySet.as_manager()

    class Meta:
        db_table = "bout_reports"
        verbose_name = _("report of a source")
        verbose_name_plural = _("reports of sources")
        default_permissions = ("view",)
        # Begins with bout, so that it serves the foreign key too.
        constraints = [models.UniqueConstraint(fields=["bout", "source"], name="uk_bout_reports")]

    def __str__(self) -> str:
        return f"{self.source}: {self.state}"


class BoutRevision(models.Model):
    """One change of a bout: what it was, what it became, by whom or what.  Rows are only added."""

    bout = models.ForeignKey(Bout, models.CASCADE, related_name="revisions", db_index=False, verbose_name=_("bout"))
    version = models.PositiveIntegerField(_("version"))
    source = models.CharField(_("source"), max_length=SOURCE_LENGTH)
    actor_id = models.CharField(_("id of the actor"), max_length=64)
    actor_label = models.CharField(_("actor"), max_length=150)
    reason = models.CharField(_("reason"), max_length=255, blank=True)
    old: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(_("before"), default=dict)
    new: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(_("after"), default=dict)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    objects = BoutRevisionQuerySet.as_manager()

    class Meta:
        db_table = "bout_revisions"
        verbose_name = _("revision of a bout")
        verbose_name_plural = _("revisions of bouts")
        default_permissions = ("view",)
        constraints = [models.UniqueConstraint(fields=["bout", "version"], name="uk_bout_revisions")]

    def __str__(self) -> str:
        return f"v{self.version}"
