"""Who stood where in which list, and from when to when."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from apps.fighters.models.fighters import Fighter
from apps.fighters.querysets import RankingQuerySet


class Ranking(models.Model):
    """A fighter's place in a list from one publication (``valid_from``) until that which no longer had it so.

    ``valid_to`` is null as long as the place is current.  0 is the champion; ties and interim champions share a place.
    Weekly lists differ little, so spells take a tenth of the rows of the lists themselves.
    """

    fighter = models.ForeignKey(
        Fighter, models.CASCADE, related_name="rankings", db_index=False, verbose_name=_("fighter")
    )
    source = models.CharField(_("source"), max_length=32)
    division = models.CharField(_("list"), max_length=64)
    place = models.PositiveSmallIntegerField(_("place"))
    valid_from = models.DateField(_("from"))
    valid_to = models.DateField(_("until"), null=True, blank=True)

    objects = RankingQuerySet.as_manager()

    class Meta:
        db_table = "fighter_rankings"
        verbose_name = _("ranking")
        verbose_name_plural = _("rankings")
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["fighter", "valid_from"], name="idx_rankings_fighter"),
            models.Index(fields=["division", "valid_from"], name="idx_rankings_division"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["source", "division", "fighter", "valid_from"], name="uk_rankings_spell"),
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gt=F("valid_from")), name="ck_rankings_spell"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.division} {self.place}"
