"""What importers wanted to write and were not allowed to."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from apps.fighters.querysets import RefusedChangeQuerySet


class RefusedChange(models.Model):
    """One value that a source offered for a field that a person has locked or a better source has written.

    Fighters, events and bouts share this table: type and id are plain, so that it stands below all of them.  The
    same offer stands here once, however often it comes (``offered_key``); one that was decided on stays decided.
    """

    class Status(models.TextChoices):
        OPEN = "open", pgettext_lazy("refused change", "open")
        TAKEN = "taken", pgettext_lazy("refused change", "taken over")
        DISMISSED = "dismissed", pgettext_lazy("refused change", "dismissed")

    resource_type = models.CharField(_("kind"), max_length=16)
    resource_id = models.PositiveBigIntegerField(_("id"))
    field = models.CharField(_("field"), max_length=64)
    source = models.CharField(_("source"), max_length=32)
    kept = models.JSONField(_("our value"), null=True)
    offered = models.JSONField(_("offered value"), null=True)
    offered_key = models.CharField(max_length=64, editable=False)
    reason = models.CharField(_("reason"), max_length=16)
    status = models.CharField(_("status"), max_length=16, choices=Status.choices, default=Status.OPEN)
    decided_by = models.CharField(_("decided by"), max_length=150, blank=True)
    decided_at = models.DateTimeField(pgettext_lazy("desk", "decided at"), null=True, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    objects = RefusedChangeQuerySet.as_manager()

    class Meta:
        db_table = "refused_changes"
        verbose_name = _("refused change")
        verbose_name_plural = _("refused changes")
        default_permissions = ("view", "change")
        indexes = [models.Index(fields=["status", "id"], name="idx_refused_changes_status")]
        constraints = [
            models.UniqueConstraint(
                fields=["resource_type", "resource_id", "field", "source", "offered_key"],
                name="uk_refused_changes_offer",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["open", "taken", "dismissed"]), name="ck_refused_changes_status"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.resource_type} {self.resource_id} {self.field}"
