"""One run of an import of files: who asked, how far it is, what came of it."""

from __future__ import annotations

from datetime import timedelta

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from apps.fighters.querysets import ImportRunQuerySet

# A command says every 20 s that it is alive; SQLite lets it only between the import's transactions.
LOST_AFTER = timedelta(minutes=5)


class ImportRun(models.Model):
    """An import of files.  It stands here, below events, because lists of fighters are imported too.

    ``report`` counts what was added, changed, left alone and refused, and gives the reasons of what was refused.
    """

    class Kind(models.TextChoices):
        UFCSTATS = "ufcstats", _("events, fights and fighters (ufcstats)")
        ALIASES = "aliases", _("other spellings of names")
        RANKINGS = "rankings", _("ranking lists")

    class Status(models.TextChoices):
        QUEUED = "queued", pgettext_lazy("import", "queued")
        RUNNING = "running", pgettext_lazy("import", "running")
        SUCCEEDED = "succeeded", pgettext_lazy("import", "succeeded")
        FAILED = "failed", pgettext_lazy("import", "failed")

    kind = models.CharField(_("kind"), max_length=16, choices=Kind.choices)
    status = models.CharField(_("status"), max_length=16, choices=Status.choices, default=Status.QUEUED)
    is_dry_run = models.BooleanField(_("dry run"), default=False)
    file_name = models.CharField(_("file"), max_length=255, blank=True)
    step = models.CharField(_("step"), max_length=64, blank=True)
    rows_done = models.PositiveIntegerField(_("rows read"), default=0)
    rows_total = models.PositiveIntegerField(_("rows in the files"), default=0)
    report = models.JSONField(_("report"), default=dict, blank=True)
    error = models.TextField(_("error"), blank=True)
    actor_label = models.CharField(_("by"), max_length=150, blank=True)
    task_id = models.CharField(_("task"), max_length=64, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    started_at = models.DateTimeField(_("started"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    # When the command that carries it out was last heard of; an import of a worker has its task instead.
    alive_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = ImportRunQuerySet.as_manager()

    class Meta:
        db_table = "import_runs"
        verbose_name = _("import")
        verbose_name_plural = _("imports")
        default_permissions = ("view", "add")
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["queued", "running", "succeeded", "failed"]), name="ck_import_runs_status"
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.get_kind_display()}"

    @property
    def is_open(self) -> bool:
        return self.status in (self.Status.QUEUED, self.Status.RUNNING)

    @property
    def is_lost(self) -> bool:
        """It is open, but the command that carried it out has not been heard of for too long."""
        heard_of = self.alive_at or self.started_at or self.created_at
        return self.is_open and not self.task_id and heard_of < timezone.now() - LOST_AFTER


class ImportFilePart(models.Model):
    """A piece of an uploaded file, until its import has ended: the worker may run on another machine."""

    run = models.ForeignKey(ImportRun, models.CASCADE, related_name="parts", db_index=False)
    number = models.PositiveIntegerField()
    content = models.BinaryField()

    class Meta:
        db_table = "import_file_parts"
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["run", "number"], name="uk_import_file_parts_run_number")]

    def __str__(self) -> str:
        return f"{self.run_id}/{self.number}"
