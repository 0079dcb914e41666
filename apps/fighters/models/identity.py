"""Who is who: ids at the sources, other spellings, search keys, and what waits for a person's decision."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from apps.fighters.models.fighters import Fighter
from apps.fighters.querysets import FighterMergeQuerySet, NameKeyQuerySet, UnmatchedNameQuerySet

NAME_LENGTH = 128
SOURCE_LENGTH = 32


class FighterExternalId(models.Model):
    """The id of a fighter at one source.  Names are no keys; this is.

    ``seen``: what the source said when it was last compared, and with which version of the row (``services.seen``).
    """

    fighter = models.ForeignKey(Fighter, models.CASCADE, related_name="external_ids", verbose_name=_("fighter"))
    source = models.CharField(_("source"), max_length=SOURCE_LENGTH)
    external_id = models.CharField(_("id at the source"), max_length=128)
    seen = models.CharField(max_length=64, blank=True, default="", db_default="", editable=False)

    class Meta:
        db_table = "fighter_external_ids"
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["source", "external_id"], name="uk_fighter_external_ids_source_id")
        ]

    def __str__(self) -> str:
        return f"{self.source}:{self.external_id}"


class FighterAlias(models.Model):
    """Another spelling of a fighter's name.  ``name_key`` is the spelling without case, accents and blanks."""

    fighter = models.ForeignKey(Fighter, models.CASCADE, related_name="aliases", db_index=False)
    name = models.CharField(pgettext_lazy("person", "name"), max_length=NAME_LENGTH)
    name_key = models.CharField(_("key"), max_length=NAME_LENGTH)
    source = models.CharField(_("source"), max_length=SOURCE_LENGTH, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        db_table = "fighter_aliases"
        default_permissions = ()
        indexes = [models.Index(fields=["name_key"], name="idx_fighter_aliases_name_key")]
        constraints = [models.UniqueConstraint(fields=["fighter", "name_key"], name="uk_fighter_aliases_fighter_key")]

    def __str__(self) -> str:
        return self.name


class FighterNameKey(models.Model):
    """One way to find a fighter: lower-case letters and digits only, so that every database sorts them alike.

    Derived from names and aliases (``apps.fighters.name_keys``); written by services only, never audited.
    """

    fighter = models.ForeignKey(Fighter, models.CASCADE, related_name="name_keys")
    name_key = models.CharField(max_length=96)
    kind = models.PositiveSmallIntegerField()

    objects = NameKeyQuerySet.as_manager()

    class Meta:
        db_table = "fighter_name_keys"
        default_permissions = ()
        indexes = [models.Index(fields=["name_key", "kind", "fighter"], name="idx_fighter_name_keys_key")]

    def __str__(self) -> str:
        return self.name_key


class UnmatchedName(models.Model):
    """A name that an importer could not give to one fighter.  A person decides; nothing is guessed.

    ``fighter``: who stands in its bouts meanwhile (a row known by name only), later who it is.  ``decision``: what the
    answer made, so that it can be taken back: {"merge": id}, {"alias": id} or {"confirmed": id of the fighter}.
    """

    class Status(models.TextChoices):
        OPEN = "open", pgettext_lazy("unmatched name", "open")
        MATCHED = "matched", pgettext_lazy("unmatched name", "is a known fighter")
        NEW = "new", pgettext_lazy("unmatched name", "is a new fighter")
        DISMISSED = "dismissed", pgettext_lazy("unmatched name", "dismissed")

    class Cause(models.TextChoices):
        UNKNOWN = "unknown", pgettext_lazy("unmatched name", "nobody has this name")
        # Several have it, or one who can hardly have fought there.
        AMBIGUOUS = "ambiguous", pgettext_lazy("unmatched name", "not sure who of this name is meant")

    source = models.CharField(_("source"), max_length=SOURCE_LENGTH)
    name = models.CharField(pgettext_lazy("person", "name"), max_length=NAME_LENGTH)
    name_key = models.CharField(_("key"), max_length=NAME_LENGTH)
    cause = models.CharField(_("cause"), max_length=16, choices=Cause.choices, default=Cause.UNKNOWN)
    status = models.CharField(_("status"), max_length=16, choices=Status.choices, default=Status.OPEN)
    mentions = models.PositiveIntegerField(_("mentions"), default=0)
    # Up to some mentions with what may tell who it is: {"where", "on", "weight_class", "against"}.
    examples = models.JSONField(_("examples"), default=list, blank=True)
    fighter = models.ForeignKey(
        Fighter, models.SET_NULL, null=True, blank=True, related_name="unmatched_names", verbose_name=_("fighter")
    )
    decided_by = models.CharField(_("decided by"), max_length=150, blank=True)
    decided_at = models.DateTimeField(pgettext_lazy("desk", "decided at"), null=True, blank=True)
    decision = models.JSONField(null=True, blank=True, editable=False)
    version = models.PositiveIntegerField(_("version"), default=1, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    objects = UnmatchedNameQuerySet.as_manager()

    class Meta:
        db_table = "fighter_unmatched_names"
        verbose_name = _("unmatched name")
        verbose_name_plural = _("unmatched names")
        default_permissions = ("view", "change")
        indexes = [models.Index(fields=["status", "id"], name="idx_unmatched_names_status")]
        constraints = [
            models.UniqueConstraint(fields=["source", "name_key"], name="uk_unmatched_names_source_key"),
            models.CheckConstraint(
                condition=Q(status__in=["open", "matched", "new", "dismissed"]), name="ck_unmatched_names_status"
            ),
            models.CheckConstraint(condition=Q(cause__in=["unknown", "ambiguous"]), name="ck_unmatched_names_cause"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_open(self) -> bool:
        return self.status == self.Status.OPEN


class FighterMerge(models.Model):
    """Two rows made one, or one made two; ``moved`` is what undoing it takes back.

    ``fighter`` is the row that lost (merge) or that was made (split); ``other`` the one that keeps the old address.
    """

    class Kind(models.TextChoices):
        MERGE = "merge", pgettext_lazy("fighters", "merged")
        SPLIT = "split", pgettext_lazy("fighters", "split")

    kind = models.CharField(_("kind"), max_length=8, choices=Kind.choices)
    fighter = models.ForeignKey(Fighter, models.CASCADE, related_name="merges_away", verbose_name=_("fighter"))
    other = models.ForeignKey(Fighter, models.CASCADE, related_name="merges_received", verbose_name=_("other fighter"))
    moved = models.JSONField(_("what was moved"), default=dict)
    reason = models.CharField(_("reason"), max_length=500, blank=True)
    actor_label = models.CharField(_("by"), max_length=150, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    undone_at = models.DateTimeField(_("undone at"), null=True, blank=True)

    objects = FighterMergeQuerySet.as_manager()

    class Meta:
        db_table = "fighter_merges"
        verbose_name = _("merge or split")
        verbose_name_plural = _("merges and splits")
        default_permissions = ("view",)
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=["merge", "split"]), name="ck_fighter_merges_kind"),
            models.CheckConstraint(condition=~Q(fighter=F("other")), name="ck_fighter_merges_two_fighters"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.fighter_id} {self.other_id}"

    @property
    def is_undone(self) -> bool:
        return self.undone_at is not None


class DistinctPair(models.Model):
    """Two fighters of like names of whom a person said that they are two: never suggested for a merge again."""

    lower = models.ForeignKey(Fighter, models.CASCADE, related_name="+", db_index=False)
    higher = models.ForeignKey(Fighter, models.CASCADE, related_name="+")
    decided_by = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "fighter_distinct_pairs"
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["lower", "higher"], name="uk_fighter_distinct_pairs"),
            models.CheckConstraint(condition=Q(lower__lt=F("higher")), name="ck_fighter_distinct_pairs_order"),
        ]

    def __str__(self) -> str:
        return f"{self.lower_id}≠{self.higher_id}"
