"""Fighters, their news and their pictures (F.1)."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from apps.fighters.querysets import FighterQuerySet, FighterUpdateQuerySet

URL_LENGTH = 512


class Fighter(models.Model):
    """One fighter.

    ``is_manual``: entered by a person.  ``is_unconfirmed``: known by name only, from a bout that named nobody we
    know; it waits at the identity desk.  ``merged_into``: another row of the same person, which answers for this id.
    ``record`` and the four numbers are computed from bouts (``services.set_records``); a record typed by a person
    for somebody without bouts stays.  ``provenance``: source and lock per field (``services.provenance``).
    """

    class Stance(models.TextChoices):
        ORTHODOX = "orthodox", pgettext_lazy("stance", "orthodox")
        SOUTHPAW = "southpaw", pgettext_lazy("stance", "southpaw")
        SWITCH = "switch", pgettext_lazy("stance", "switch")
        OPEN = "open", pgettext_lazy("stance", "open")
        SIDEWAYS = "sideways", pgettext_lazy("stance", "sideways")

    name = models.CharField(pgettext_lazy("person", "name"), max_length=128)
    name_zh = models.CharField(_("Chinese name"), max_length=128, blank=True)
    nickname = models.CharField(_("nickname"), max_length=128, blank=True)
    country = models.CharField(_("country"), max_length=64, blank=True)
    weight_class = models.CharField(_("weight class"), max_length=64, blank=True)
    weight_g = models.PositiveIntegerField(_("weight (g)"), null=True, blank=True)
    height_mm = models.PositiveSmallIntegerField(_("height (mm)"), null=True, blank=True)
    reach_mm = models.PositiveSmallIntegerField(_("reach (mm)"), null=True, blank=True)
    stance = models.CharField(_("stance"), max_length=16, choices=Stance.choices, blank=True)
    birth_date = models.DateField(_("date of birth"), null=True, blank=True)
    record = models.CharField(
        pgettext_lazy("fighter", "record"), max_length=64, blank=True, help_text=_("Wins-losses-draws, as 19-1-1")
    )
    wins = models.PositiveSmallIntegerField(_("wins"), default=0, editable=False)
    losses = models.PositiveSmallIntegerField(_("losses"), default=0, editable=False)
    draws = models.PositiveSmallIntegerField(_("draws"), default=0, editable=False)
    no_contests = models.PositiveSmallIntegerField(_("no contests"), default=0, editable=False)
    last_bout_on = models.DateField(_("last bout"), null=True, blank=True, editable=False)
    # Best place in a current ranking of a weight class, 0 for a champion: the better known come first in a search.
    best_rank = models.PositiveSmallIntegerField(_("best current rank"), null=True, blank=True, editable=False)
    # A data source of articles, two steps up the ladder: its id only.
    source_id = models.PositiveBigIntegerField(_("source"), null=True, blank=True)
    external_url = models.CharField(_("page at the source"), max_length=URL_LENGTH, blank=True)
    avatar_url = models.CharField(_("portrait"), max_length=URL_LENGTH, blank=True)
    intro_video_url = models.CharField(_("introduction video"), max_length=URL_LENGTH, blank=True)
    stats = models.JSONField(_("statistics"), default=dict, blank=True)
    records = models.JSONField(pgettext_lazy("fighter", "records"), default=list, blank=True)
    is_manual = models.BooleanField(_("entered by hand"), default=False)
    is_unconfirmed = models.BooleanField(_("known by name only"), default=False)
    merged_into = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="merged", verbose_name=_("merged into")
    )
    provenance = models.JSONField(_("provenance"), default=dict, blank=True, editable=False)
    version = models.PositiveIntegerField(_("version"), default=1, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    objects = FighterQuerySet.as_manager()

    class Meta:
        db_table = "fighters"
        verbose_name = _("fighter")
        verbose_name_plural = _("fighters")
        default_permissions = ("view", "change")
        permissions = [("merge_fighter", "Can merge and split fighters")]
        indexes = [
            models.Index(fields=["name"], name="idx_fighters_name"),
            models.Index(fields=["name_zh"], name="idx_fighters_name_zh"),
            models.Index(fields=["external_url"], name="idx_fighters_external_url"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_merged(self) -> bool:
        return self.merged_into_id is not None


class FighterUpdate(models.Model):
    """A short piece of news about one fighter."""

    fighter = models.ForeignKey(
        Fighter, models.CASCADE, related_name="updates", db_index=False, verbose_name=_("fighter")
    )
    content = models.TextField(_("content"))
    published_at = models.DateTimeField(_("published at"))
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    objects = FighterUpdateQuerySet.as_manager()

    class Meta:
        db_table = "fighter_updates"
        verbose_name = _("fighter update")
        verbose_name_plural = _("fighter updates")
        default_permissions = ("view", "change")
        # Begins with fighter, so that it serves the foreign key too.
        indexes = [models.Index(fields=["fighter", "published_at"], name="idx_fighter_updates_fighter")]

    def __str__(self) -> str:
        return self.content[:50]


class FighterMedia(models.Model):
    """A picture or video of a fighter, by its address, with the credit that goes with it."""

    class Kind(models.TextChoices):
        PHOTO = "photo", pgettext_lazy("media", "photo")
        VIDEO = "video", pgettext_lazy("media", "video")

    fighter = models.ForeignKey(Fighter, models.CASCADE, related_name="media", verbose_name=_("fighter"))
    kind = models.CharField(_("kind"), max_length=8, choices=Kind.choices, default=Kind.PHOTO)
    url = models.CharField(_("address"), max_length=URL_LENGTH)
    caption = models.CharField(_("caption"), max_length=255, blank=True)
    credit = models.CharField(_("credit"), max_length=128, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        db_table = "fighter_media"
        verbose_name = _("fighter photo")
        verbose_name_plural = _("fighter photos")
        default_permissions = ()
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=["photo", "video"]), name="ck_fighter_media_kind"),
        ]

    def __str__(self) -> str:
        return self.caption or self.url
