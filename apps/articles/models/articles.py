"""Published pieces, what was corrected in them, and complaints about them (D.1)."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from apps.articles.models.lengths import TITLE_LENGTH, URL_LENGTH
from apps.articles.models.review import PendingArticle
from apps.articles.models.sources import Language, Source
from apps.articles.querysets import ArticleQuerySet
from apps.articles.title_keys import KEY_LENGTH


class Article(models.Model):
    """A published piece: title, summary and the way to the source (D-8).  Publication apart from review.

    ``publish_at`` is set while publication is scheduled.  ``notice`` tells readers why the piece was corrected or
    retracted.  ``first_published_at`` stays for ever: who has been told of a piece must learn that it is gone.
    """

    class Status(models.TextChoices):
        PENDING = "pending", _("not published")
        PUBLISHED = "published", _("published")
        OFFLINE = "offline", _("taken offline")
        RETRACTED = "retracted", _("retracted")

    class PublishedMode(models.TextChoices):
        MANUAL = "manual", _("by an editor")
        AI = "ai", _("by machine")

    source = models.ForeignKey(
        Source, verbose_name=_("source"), null=True, on_delete=models.PROTECT, related_name="articles"
    )
    pending = models.OneToOneField(
        PendingArticle, verbose_name=_("reviewed piece"), null=True, on_delete=models.PROTECT, related_name="article"
    )
    identity_hash = models.CharField(max_length=64, editable=False)
    language = models.CharField(_("language"), max_length=16, choices=Language.choices, blank=True, default="")
    title = models.CharField(_("title"), max_length=TITLE_LENGTH)
    summary = models.TextField(_("summary"), blank=True, default="")
    content = models.TextField(_("text"), blank=True, default="")
    source_url = models.CharField(_("original"), max_length=URL_LENGTH, blank=True, default="")
    cover_url = models.CharField(_("picture"), max_length=URL_LENGTH, blank=True, default="")
    video_url = models.CharField(_("video"), max_length=URL_LENGTH, blank=True, default="")
    source_published_at = models.DateTimeField(_("published by the source"), null=True, blank=True)
    status = models.CharField(_("state"), max_length=16, choices=Status.choices, default=Status.PENDING)
    published_mode = models.CharField(
        _("published by"), max_length=16, choices=PublishedMode.choices, default=PublishedMode.MANUAL
    )
    published_at = models.DateTimeField(_("published at"), null=True, blank=True)
    publish_at = models.DateTimeField(_("publication planned"), null=True, blank=True)
    first_published_at = models.DateTimeField(_("first published"), null=True, editable=False)
    corrected_at = models.DateTimeField(_("corrected"), null=True, editable=False)
    retracted_at = models.DateTimeField(_("retracted"), null=True, editable=False)
    notice = models.CharField(_("notice to readers"), max_length=500, blank=True, default="")
    version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    objects = ArticleQuerySet.as_manager()

    class Meta:
        db_table = "articles"
        verbose_name = _("article")
        verbose_name_plural = _("articles")
        ordering = ("-published_at", "-id")
        constraints = [models.UniqueConstraint(fields=["identity_hash"], name="uk_articles_identity")]
        indexes = [
            models.Index(fields=["status", "-published_at", "-id"], name="idx_articles_public_list"),
            models.Index(fields=["source", "status", "-published_at", "-id"], name="idx_articles_source_list"),
            models.Index(fields=["language", "status", "-published_at", "-id"], name="idx_articles_language_list"),
            models.Index(fields=["updated_at", "id"], name="idx_articles_changes"),
            models.Index(fields=["status", "publish_at"], name="idx_articles_scheduled"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_scheduled(self) -> bool:
        return self.status == self.Status.PENDING and self.publish_at is not None


class ArticleTitleKey(models.Model):
    """One way to find an article by its title (``apps.articles.title_keys``); written by services, never audited."""

    article = models.ForeignKey(Article, on_delete=models.CASCADE, related_name="title_keys")
    key = models.CharField(max_length=KEY_LENGTH)

    class Meta:
        db_table = "article_title_keys"
        default_permissions = ()
        indexes = [models.Index(fields=["key", "article"], name="idx_article_title_keys_key")]

    def __str__(self) -> str:
        return self.key


class ArticleRevision(models.Model):
    """What a correction replaced, with the notice that readers got."""

    article = models.ForeignKey(Article, on_delete=models.CASCADE, related_name="revisions")
    version = models.PositiveIntegerField(_("version"))
    title = models.CharField(_("title"), max_length=TITLE_LENGTH)
    summary = models.TextField(_("summary"), blank=True, default="")
    notice = models.CharField(_("notice to readers"), max_length=500, blank=True, default="")
    actor_label = models.CharField(_("by"), max_length=150, blank=True, default="")
    created_at = models.DateTimeField(_("time"), auto_now_add=True)

    class Meta:
        db_table = "article_revisions"
        verbose_name = _("revision")
        verbose_name_plural = _("revisions")
        ordering = ("id",)
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["article", "version"], name="uk_article_revisions_version")]

    def __str__(self) -> str:
        return self.title


class Takedown(models.Model):
    """Somebody says that an article must go (D-10): open until it was taken offline or the complaint was refused."""

    class Target(models.TextChoices):
        ARTICLE = "article", _("article")

    class Status(models.TextChoices):
        OPEN = "open", pgettext_lazy("complaint", "open")
        RESOLVED = "resolved", _("closed")

    class Action(models.TextChoices):
        OFFLINED = "offlined", _("taken offline")
        REJECTED = "rejected", _("complaint refused")

    target_type = models.CharField(_("about"), max_length=16, choices=Target.choices, default=Target.ARTICLE)
    article = models.ForeignKey(Article, verbose_name=_("article"), on_delete=models.PROTECT, related_name="takedowns")
    reason = models.CharField(_("reason"), max_length=500)
    complainant = models.CharField(_("complainant"), max_length=128, blank=True, default="")
    evidence_url = models.CharField(_("evidence"), max_length=URL_LENGTH, blank=True, default="")
    status = models.CharField(_("state"), max_length=16, choices=Status.choices, default=Status.OPEN)
    action = models.CharField(_("outcome"), max_length=16, choices=Action.choices, blank=True, default="")
    opened_by_label = models.CharField(_("opened by"), max_length=150, blank=True, default="")
    resolved_by_label = models.CharField(_("closed by"), max_length=150, blank=True, default="")
    resolved_at = models.DateTimeField(_("closed"), null=True)
    created_at = models.DateTimeField(_("received"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        db_table = "rights_takedowns"
        verbose_name = _("takedown request")
        verbose_name_plural = _("takedown requests")
        ordering = ("-id",)
        default_permissions = ("view",)
        indexes = [models.Index(fields=["status", "-id"], name="idx_rights_takedowns_status")]

    def __str__(self) -> str:
        return f"#{self.pk}"

    @property
    def is_open(self) -> bool:
        return self.status == self.Status.OPEN
