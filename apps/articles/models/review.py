"""Pieces that wait for an editor, and what editors did with them (D.1)."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from apps.articles.models.lengths import TITLE_LENGTH, URL_LENGTH
from apps.articles.models.sources import IngestRun, Source
from apps.articles.querysets import PendingArticleQuerySet, ReviewStepQuerySet, StoryQuerySet


class RejectReason(models.TextChoices):
    """Why a piece is turned down; counted per source.  Only ``other`` needs words as well."""

    DUPLICATE = "duplicate", _("told already")
    OFF_TOPIC = "off_topic", _("not our subject")
    OUTDATED = "outdated", _("old news")
    RUMOUR = "rumour", _("rumour without a source")
    QUALITY = "quality", _("badly made")
    RIGHTS = "rights", _("rights unclear")
    SPAM = "spam", _("spam or advertising")
    OTHER = "other", _("another reason")


class PendingArticle(models.Model):
    """A piece that came in and waits for an editor, or on which an editor has decided.

    ``title`` and ``summary`` are plain text, ``content`` is cleaned HTML without pictures, for the reviewer's eyes
    only (D-8).  ``version`` rises with every change and lets a caller say which state the decision was made on; a
    claim is none.  ``edited_at``: an editor's words stand here, so that a source's new headline must not replace them.
    """

    class Status(models.TextChoices):
        PENDING = "pending", _("waiting for review")
        APPROVED = "approved", _("approved")
        REJECTED = "rejected", _("rejected")

    source = models.ForeignKey(
        Source, verbose_name=_("source"), null=True, on_delete=models.PROTECT, related_name="pending_articles"
    )
    identity_hash = models.CharField(max_length=64, editable=False)
    # Of the publisher's id within its source; empty without one.
    id_hash = models.CharField(max_length=64, blank=True, default="", editable=False)
    title = models.CharField(_("title"), max_length=TITLE_LENGTH)
    # Of title and summary together: what tells one wording from another.
    title_hash = models.CharField(max_length=64, editable=False)
    summary = models.TextField(_("summary"), blank=True, default="")
    content = models.TextField(_("text"), blank=True, default="")
    source_url = models.CharField(_("original"), max_length=URL_LENGTH, blank=True, default="")
    cover_url = models.CharField(_("picture"), max_length=URL_LENGTH, blank=True, default="")
    video_url = models.CharField(_("video"), max_length=URL_LENGTH, blank=True, default="")
    source_published_at = models.DateTimeField(_("published by the source"), null=True, blank=True)
    raw_payload = models.JSONField(_("as received"), default=dict)
    status = models.CharField(_("state"), max_length=16, choices=Status.choices, default=Status.PENDING)
    reviewer_id = models.PositiveBigIntegerField(_("reviewer"), null=True, editable=False)
    reviewer_label = models.CharField(_("reviewer"), max_length=150, blank=True, default="", editable=False)
    reviewed_at = models.DateTimeField(_("reviewed"), null=True, editable=False)
    reject_code = models.CharField(
        _("kind of reason"), max_length=16, choices=RejectReason.choices, blank=True, default="", editable=False
    )
    reject_reason = models.CharField(_("reason for rejection"), max_length=500, blank=True, default="", editable=False)
    story = models.ForeignKey(
        "articles.Story", verbose_name=_("story"), null=True, editable=False, on_delete=models.SET_NULL,
        related_name="pieces",
    )  # fmt: skip
    is_suspect = models.BooleanField(_("looks like spam"), default=False, editable=False)
    changed_after_review_at = models.DateTimeField(_("edited after review"), null=True, editable=False)
    edited_at = models.DateTimeField(_("edited by an editor"), null=True, editable=False)
    claimed_by_id = models.PositiveBigIntegerField(_("claimed by"), null=True, editable=False)
    claimed_by_label = models.CharField(_("claimed by"), max_length=150, blank=True, default="", editable=False)
    claimed_until = models.DateTimeField(_("claimed until"), null=True, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(_("received"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    objects = PendingArticleQuerySet.as_manager()

    class Meta:
        db_table = "pending_articles"
        verbose_name = _("piece for review")
        verbose_name_plural = _("review queue")
        ordering = ("id",)
        permissions = [("review_pendingarticle", "Can approve and reject pieces")]
        constraints = [models.UniqueConstraint(fields=["identity_hash"], name="uk_pending_articles_identity")]
        indexes = [
            models.Index(fields=["status", "created_at"], name="idx_pending_articles_status"),
            models.Index(fields=["status", "id"], name="idx_pending_articles_queue"),
            models.Index(fields=["source", "status"], name="idx_pending_articles_source"),
            models.Index(fields=["created_at"], name="idx_pending_articles_created"),
            models.Index(fields=["source", "created_at"], name="idx_pending_articles_arrival"),
            models.Index(fields=["source", "status", "reviewed_at"], name="idx_pending_articles_outcome"),
            models.Index(fields=["id_hash"], name="idx_pending_articles_id_hash"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_pending(self) -> bool:
        return self.status == self.Status.PENDING

    def claimant(self, now: datetime) -> str:
        """Name of the person who works on this piece now; empty when the claim has run out."""
        return self.claimed_by_label if self.claimed_until is not None and self.claimed_until > now else ""


class Story(models.Model):
    """Pieces of several sources that tell the same news.  ``lead`` is the one that the queue shows."""

    lead = models.ForeignKey(PendingArticle, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    objects = StoryQuerySet.as_manager()

    class Meta:
        db_table = "pending_stories"
        verbose_name = _("story")
        verbose_name_plural = _("stories")
        default_permissions = ()

    def __str__(self) -> str:
        return f"#{self.pk}"


class PendingRevision(models.Model):
    """A wording other than the present one under which the source has shown the same piece."""

    pending = models.ForeignKey(PendingArticle, on_delete=models.CASCADE, related_name="revisions")
    run = models.ForeignKey(IngestRun, null=True, on_delete=models.SET_NULL, related_name="+")
    title = models.CharField(_("title"), max_length=TITLE_LENGTH)
    # Of title and summary together.
    title_hash = models.CharField(max_length=64)
    summary = models.TextField(_("summary"), blank=True, default="")
    source_published_at = models.DateTimeField(_("published by the source"), null=True)
    created_at = models.DateTimeField(_("noticed"), auto_now_add=True)

    class Meta:
        db_table = "pending_article_revisions"
        verbose_name = _("revision")
        verbose_name_plural = _("revisions")
        ordering = ("id",)
        constraints = [models.UniqueConstraint(fields=["pending", "title_hash"], name="uk_pending_revisions_title")]

    def __str__(self) -> str:
        return self.title


class ReviewStep(models.Model):
    """One deed of an editor with what was there before: the way back (undo), one step for each deed.

    Steps of one bulk decision share ``batch`` and are undone together.  ``article_version`` is the version that the
    deed left; another one means that somebody went on from there.
    """

    class Kind(models.TextChoices):
        EDITED = "edited", _("edited")
        APPROVED = "approved", _("approved")
        SCHEDULED = "scheduled", pgettext_lazy("publication", "scheduled")
        REJECTED = "rejected", _("rejected")
        PUBLISHED = "published", _("published")
        CORRECTED = "corrected", _("corrected")
        RETRACTED = "retracted", _("retracted")
        OFFLINE = "offline", _("taken offline")
        NAMED = "named", pgettext_lazy("deed", "names chosen")
        LEADING = "leading", pgettext_lazy("deed", "shown for its story")
        APART = "apart", pgettext_lazy("deed", "taken out of its story")

    kind = models.CharField(_("deed"), max_length=16, choices=Kind.choices)
    pending = models.ForeignKey(PendingArticle, null=True, on_delete=models.CASCADE, related_name="steps")
    article = models.ForeignKey("articles.Article", null=True, on_delete=models.CASCADE, related_name="steps")
    actor_id = models.PositiveBigIntegerField(null=True)
    actor_label = models.CharField(_("by"), max_length=150, blank=True, default="")
    batch = models.CharField(max_length=32, blank=True, default="")
    pending_before = models.JSONField(null=True)
    article_before = models.JSONField(null=True)
    article_version = models.PositiveIntegerField(null=True)
    created_at = models.DateTimeField(_("time"), auto_now_add=True)
    undone_at = models.DateTimeField(pgettext_lazy("moment", "undone"), null=True)
    undone_by_label = models.CharField(_("undone by"), max_length=150, blank=True, default="")

    objects = ReviewStepQuerySet.as_manager()

    class Meta:
        db_table = "review_steps"
        verbose_name = _("step")
        verbose_name_plural = _("steps")
        ordering = ("id",)
        default_permissions = ()
        indexes = [
            models.Index(fields=["actor_id", "-id"], name="idx_review_steps_actor"),
            models.Index(fields=["batch"], name="idx_review_steps_batch"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} #{self.pk}"
