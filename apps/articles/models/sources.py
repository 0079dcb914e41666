"""Sources and their polls (D.1)."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from apps.articles.enums import IdentityPolicy, ParserKind
from apps.articles.models.lengths import URL_LENGTH
from apps.articles.querysets import IngestRunErrorQuerySet, IngestRunQuerySet, SourceQuerySet

DEFAULT_INTERVAL_SECONDS = 900


class Language(models.TextChoices):
    """What sources write in.  Empty: not known."""

    ZH_HANS = "zh-hans", _("Chinese (simplified)")
    ZH_HANT = "zh-hant", _("Chinese (traditional)")
    EN = "en", _("English")
    JA = "ja", _("Japanese")
    KO = "ko", _("Korean")
    RU = "ru", _("Russian")
    PT = "pt", _("Portuguese")
    ES = "es", _("Spanish")
    FR = "fr", _("French")
    DE = "de", _("German")
    PL = "pl", _("Polish")
    TH = "th", _("Thai")
    OTHER = "other", _("another language")


class Source(models.Model):
    """Where pieces come from: one address that is polled.

    ``etag`` and ``last_modified`` are set only by the transaction that stores the last item of a run and emptied
    when a new answer arrives, so an answer that was not stored completely is always fetched again in full.
    """

    class Type(models.TextChoices):
        NEWS = "news", _("news")
        SCHEDULE = "schedule", _("fight schedule")
        FIGHTER = "fighter", _("fighters")

    class Kind(models.TextChoices):
        GENERIC = ParserKind.GENERIC.value, _("generic: feed, else page")
        FEED = ParserKind.FEED.value, _("RSS, Atom or RDF feed")
        JSON_FEED = ParserKind.JSON_FEED.value, _("JSON Feed")
        PAGE = ParserKind.PAGE.value, _("HTML page")

    class FetchStatus(models.TextChoices):
        NEVER = "", _("never fetched")
        STORED = "stored", _("stored")
        UNCHANGED = "unchanged", _("unchanged")
        FAILED = "failed", _("failed")
        GONE = "gone", _("gone for good")

    class Policy(models.TextChoices):
        URL = IdentityPolicy.URL.value, _("address")
        URL_FRAGMENT = IdentityPolicy.URL_FRAGMENT.value, _("address with fragment")
        ID = IdentityPolicy.ID.value, _("the publisher's id")
        TITLE = IdentityPolicy.TITLE.value, _("title and time")

    class Arrival(models.TextChoices):
        QUEUE = "queue", _("into the review queue")
        PUBLISH = "publish", _("published at once")
        DROP = "drop", _("dropped and counted")

    class WaitReason(models.TextChoices):
        INTERVAL = "interval", _("the interval that was set")
        ADAPTIVE = "adaptive", _("half of the mean gap between new pieces")
        MAX_AGE = "max_age", _("the server says its answer is good for so long")
        RETRY_AFTER = "retry_after", _("the server asked to wait")
        BACK_OFF = "back_off", _("failures in a row")
        HOST = "host", _("another source of this server is being asked")

    name = models.CharField(_("name"), max_length=128)
    source_type = models.CharField(_("type"), max_length=16, choices=Type.choices, default=Type.NEWS)
    platform = models.CharField(_("platform"), max_length=64, blank=True, default="")
    account_id = models.CharField(_("account"), max_length=64, blank=True, default="")
    source_url = models.CharField(_("address"), max_length=URL_LENGTH)
    url_hash = models.CharField(max_length=64, editable=False)
    parser_kind = models.CharField(_("parser"), max_length=32, choices=Kind.choices, default=Kind.GENERIC)
    enabled = models.BooleanField(_("enabled"), default=True)
    is_builtin = models.BooleanField(_("built in"), default=False, editable=False)
    interval_seconds = models.PositiveIntegerField(_("interval in seconds"), default=DEFAULT_INTERVAL_SECONDS)
    adaptive = models.BooleanField(
        _("adapt the interval"), default=True, help_text=_("A quiet source is asked less often, up to every 12 hours.")
    )
    arrival_policy = models.CharField(_("new pieces go"), max_length=16, choices=Arrival.choices, default=Arrival.QUEUE)
    owner = models.CharField(_("looked after by"), max_length=150, blank=True, default="")
    identity_policy = models.CharField(
        _("pieces told apart by"), max_length=16, choices=Policy.choices, default=Policy.URL, editable=False
    )
    language = models.CharField(_("language"), max_length=16, choices=Language.choices, blank=True, default="")
    rights_display = models.BooleanField(_("right to show pictures"), default=False)
    rights_playback = models.BooleanField(_("right to play videos"), default=False)
    rights_ai_summary = models.BooleanField(_("right to summarise by machine"), default=False)
    rights_expires_at = models.DateTimeField(_("rights expire"), null=True, blank=True)
    rights_proof_url = models.CharField(_("proof of rights"), max_length=URL_LENGTH, blank=True, default="")

    next_poll_at = models.DateTimeField(_("next poll"), default=timezone.now)
    next_poll_reason = models.CharField(
        _("why then"), max_length=16, choices=WaitReason.choices, default=WaitReason.INTERVAL, editable=False
    )
    # What was observed: when a piece came that we did not have, and the decaying mean of the gaps between such.
    last_new_at = models.DateTimeField(_("last new piece"), null=True, editable=False)
    mean_gap_seconds = models.PositiveIntegerField(_("mean gap between new pieces"), null=True, editable=False)
    silent_since = models.DateTimeField(_("silent since"), null=True, editable=False)
    last_fetch_at = models.DateTimeField(_("last poll"), null=True, editable=False)
    last_fetch_status = models.CharField(
        _("last result"),
        max_length=16,
        choices=FetchStatus.choices,
        default=FetchStatus.NEVER,
        blank=True,
        editable=False,
    )
    last_fetch_error = models.CharField(_("last error"), max_length=1024, blank=True, default="", editable=False)
    last_success_at = models.DateTimeField(_("last good answer"), null=True, editable=False)
    failures_in_a_row = models.PositiveIntegerField(_("failures in a row"), default=0, editable=False)
    etag = models.CharField(max_length=512, blank=True, default="", editable=False)
    last_modified = models.CharField(max_length=64, blank=True, default="", editable=False)
    # The newest run that received items: only this one may make its validators valid.
    newest_run_id = models.PositiveBigIntegerField(null=True, editable=False)

    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    objects = SourceQuerySet.as_manager()

    class Meta:
        db_table = "data_sources"
        verbose_name = _("source")
        verbose_name_plural = _("sources")
        ordering = ("id",)
        permissions = [("fetch_source", "Can fetch a source now")]
        constraints = [models.UniqueConstraint(fields=["url_hash"], name="uk_data_sources_url")]
        indexes = [models.Index(fields=["enabled", "next_poll_at"], name="idx_data_sources_due")]

    def __str__(self) -> str:
        return self.name

    def may_show_pictures(self, now: datetime) -> bool:
        return self.rights_display and not self._rights_expired(now)

    def may_play_videos(self, now: datetime) -> bool:
        """Both rights and none of them expired (D-9)."""
        return self.rights_display and self.rights_playback and not self._rights_expired(now)

    def _rights_expired(self, now: datetime) -> bool:
        return self.rights_expires_at is not None and self.rights_expires_at <= now


class FetchHost(models.Model):
    """One server: asked by one poll at a time, with a gap between two polls, whatever sources it carries."""

    name = models.CharField(_("server"), max_length=253, unique=True)
    run_id = models.PositiveBigIntegerField(null=True)
    busy_until = models.DateTimeField(null=True)
    free_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "fetch_hosts"
        verbose_name = _("server")
        verbose_name_plural = _("servers")
        default_permissions = ()

    def __str__(self) -> str:
        return self.name


class IngestRun(models.Model):
    """One poll of one source: from the question to the last item stored.

    ``received`` is a bitmap of the positions that were stored.  Stream messages may arrive twice and in any order;
    the bitmap makes the counts exact and tells which message was the last.
    """

    class Status(models.TextChoices):
        QUEUED = "queued", pgettext_lazy("run", "queued")
        RUNNING = "running", _("running")
        SUCCEEDED = "succeeded", _("succeeded")
        FAILED = "failed", _("failed")

    # A run that has not ended after this long lost its worker or its stream; the next poll may begin.
    LEASE = timedelta(minutes=5)

    source = models.ForeignKey(Source, verbose_name=_("source"), on_delete=models.PROTECT, related_name="runs")
    source_url = models.CharField(_("address"), max_length=URL_LENGTH)
    parser_kind = models.CharField(_("parser"), max_length=32)
    status = models.CharField(_("state"), max_length=16, choices=Status.choices, default=Status.QUEUED)
    task_id = models.CharField(_("task"), max_length=128, blank=True, default="")
    http_status = models.PositiveSmallIntegerField(_("HTTP status"), null=True)
    fetched_count = models.PositiveIntegerField(_("items fetched"), default=0)
    received_count = models.PositiveIntegerField(_("items received"), default=0)
    stored_count = models.PositiveIntegerField(_("new pieces"), default=0)
    revised_count = models.PositiveIntegerField(_("edited pieces"), default=0)
    dropped_count = models.PositiveIntegerField(_("dropped pieces"), default=0)
    duplicate_count = models.PositiveIntegerField(_("known pieces"), default=0)
    error_count = models.PositiveIntegerField(_("errors"), default=0)
    error_msg = models.CharField(_("error"), max_length=1024, blank=True, default="")
    received = models.BinaryField(default=b"")
    etag = models.CharField(max_length=512, blank=True, default="")
    last_modified = models.CharField(max_length=64, blank=True, default="")
    started_at = models.DateTimeField(_("started"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    objects = IngestRunQuerySet.as_manager()

    class Meta:
        db_table = "ingest_runs"
        verbose_name = _("ingest run")
        verbose_name_plural = _("ingest runs")
        ordering = ("-id",)
        indexes = [
            models.Index(fields=["source", "-id"], name="idx_ingest_runs_source"),
            models.Index(fields=["status", "started_at"], name="idx_ingest_runs_status"),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"

    def has_received(self, position: int) -> bool:
        octet, bit = divmod(position, 8)
        return octet < len(self.received) and bool(self.received[octet] & (1 << bit))

    def receive(self, position: int) -> None:
        """Mark one position as stored (in memory; the service saves)."""
        octet, bit = divmod(position, 8)
        bitmap = bytearray(self.received)
        bitmap.extend(b"\0" * (octet + 1 - len(bitmap)))
        bitmap[octet] |= 1 << bit
        self.received = bytes(bitmap)
        self.received_count += 1

    @property
    def is_complete(self) -> bool:
        return self.received_count >= self.fetched_count


class IngestRunError(models.Model):
    """Something a run could not use: the answer as a whole, or one item of it."""

    class Kind(models.TextChoices):
        FETCH = "fetch", _("fetching")
        PARSE = "parse", _("reading the answer")
        ITEM = "item", _("one item")
        LOST = "lost", _("items lost on the way")

    run = models.ForeignKey(IngestRun, verbose_name=_("ingest run"), on_delete=models.CASCADE, related_name="errors")
    kind = models.CharField(_("kind"), max_length=16, choices=Kind.choices)
    position = models.PositiveIntegerField(pgettext_lazy("item", "position"), null=True)
    message = models.CharField(_("error"), max_length=1024)
    sample = models.TextField(_("sample"), blank=True, default="")
    created_at = models.DateTimeField(_("time"), auto_now_add=True)

    objects = IngestRunErrorQuerySet.as_manager()

    class Meta:
        db_table = "ingest_run_errors"
        verbose_name = _("ingest error")
        verbose_name_plural = _("ingest errors")
        ordering = ("-id",)

    def __str__(self) -> str:
        return self.message
