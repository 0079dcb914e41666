"""Whom and what a piece or an article is about: fighters and events, suggested by their names, confirmed by people."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from apps.articles.models.articles import Article
from apps.articles.models.review import PendingArticle
from apps.articles.querysets import MentionQuerySet

FOUND_LENGTH = 128


class Mention(models.Model):
    """One fighter or one event that a piece names.

    ``found`` is the text in which it was recognised, empty when a person added it.  ``is_sure``: the name is nobody
    else's, so that the desk ticks it beforehand.  ``article`` is set when the piece is approved: a confirmed row with
    an article is public.  A fighter who was merged into another stays here; readers are led to the other.
    """

    class State(models.TextChoices):
        SUGGESTED = "suggested", pgettext_lazy("mention", "suggested")
        CONFIRMED = "confirmed", pgettext_lazy("mention", "confirmed")
        DISMISSED = "dismissed", pgettext_lazy("mention", "dismissed")

    pending = models.ForeignKey(
        PendingArticle, models.CASCADE, null=True, related_name="mentions", db_index=False, verbose_name=_("piece")
    )
    article = models.ForeignKey(
        Article, models.CASCADE, null=True, related_name="mentions", db_index=False, verbose_name=_("article")
    )
    fighter = models.ForeignKey(
        "fighters.Fighter", models.CASCADE, null=True, related_name="+", db_index=False, verbose_name=_("fighter")
    )
    event = models.ForeignKey(
        "events.Event", models.CASCADE, null=True, related_name="+", db_index=False,
        verbose_name=pgettext_lazy("sports", "event"),
    )  # fmt: skip
    state = models.CharField(_("state"), max_length=16, choices=State.choices, default=State.SUGGESTED)
    is_sure = models.BooleanField(_("nobody else has this name"), default=False)
    found = models.CharField(_("found as"), max_length=FOUND_LENGTH, blank=True, default="")
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    objects = MentionQuerySet.as_manager()

    class Meta:
        db_table = "article_mentions"
        verbose_name = _("name in an article")
        verbose_name_plural = _("names in articles")
        ordering = ("id",)
        default_permissions = ()
        # Each begins with a foreign key and serves it too.
        indexes = [
            models.Index(fields=["fighter", "state", "article"], name="idx_article_mentions_fighter"),
            models.Index(fields=["event", "state", "article"], name="idx_article_mentions_event"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["pending", "fighter"], name="uk_article_mentions_piece_f"),
            models.UniqueConstraint(fields=["pending", "event"], name="uk_article_mentions_piece_e"),
            models.UniqueConstraint(fields=["article", "fighter"], name="uk_article_mentions_article_f"),
            models.UniqueConstraint(fields=["article", "event"], name="uk_article_mentions_article_e"),
            models.CheckConstraint(
                condition=Q(fighter__isnull=False, event__isnull=True) | Q(fighter__isnull=True, event__isnull=False),
                name="ck_article_mentions_one_target",
            ),
            models.CheckConstraint(
                condition=Q(pending__isnull=False) | Q(article__isnull=False), name="ck_article_mentions_place"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["suggested", "confirmed", "dismissed"]), name="ck_article_mentions_state"
            ),
        ]

    def __str__(self) -> str:
        return self.key

    @property
    def key(self) -> str:
        """``fighter:12`` or ``event:7``: what forms and undo call it."""
        return f"fighter:{self.fighter_id}" if self.fighter_id is not None else f"event:{self.event_id}"

    @property
    def is_confirmed(self) -> bool:
        return self.state == self.State.CONFIRMED

    @property
    def is_dismissed(self) -> bool:
        return self.state == self.State.DISMISSED
