"""One model of ten fields, once for each contender."""

from __future__ import annotations

from django.apps import apps
from django.db import models


class TenFields(models.Model):
    title = models.CharField(max_length=200)
    body = models.TextField()
    status = models.CharField(max_length=20, default="draft")
    language = models.CharField(max_length=10, default="zh-hans")
    author = models.CharField(max_length=100)
    views = models.PositiveIntegerField(default=0)
    price = models.DecimalField(max_digits=10, decimal_places=2, default=0)
    is_pinned = models.BooleanField(default=False)
    published_at = models.DateTimeField(null=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.title


class PlainItem(TenFields):
    class Meta:
        db_table = "bench_plain"


class AuditedItem(TenFields):
    class Meta:
        db_table = "bench_audited"


if apps.is_installed("auditlog"):
    from auditlog.registry import auditlog

    @auditlog.register()
    class AuditlogItem(TenFields):
        class Meta:
            db_table = "bench_auditlog"


if apps.is_installed("simple_history"):
    from simple_history.models import HistoricalRecords

    class SimpleHistoryItem(TenFields):
        history = HistoricalRecords()

        class Meta:
            db_table = "bench_simple_history"


if apps.is_installed("pghistory"):
    import pghistory

    @pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
    class PghistoryItem(TenFields):
        class Meta:
            db_table = "bench_pghistory"
