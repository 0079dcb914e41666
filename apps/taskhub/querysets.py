"""Reads of the hub's tables."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce

from apps.taskhub.enums import TaskStatus

if TYPE_CHECKING:
    from apps.taskhub.models import Task, TaskAttempt, Worker, WorkerProcess  # noqa: F401  # type arguments below


class TaskQuerySet(models.QuerySet["Task"]):
    def for_admin_list(self) -> Self:
        return self.defer("payload", "result", "error_stack")

    def waiting(self) -> Self:
        """Not started, or failed with another attempt to come."""
        return self.filter(status__in=[TaskStatus.PENDING, TaskStatus.FAIL])

    def due_to_send(self, now: datetime) -> Self:
        return self.filter(send_at__lte=now).order_by("send_at")


class TaskAttemptQuerySet(models.QuerySet["TaskAttempt"]):
    def of_task(self, task_id: str) -> Self:
        return self.filter(task_id=task_id).order_by("attempt")


class WorkerQuerySet(models.QuerySet["Worker"]):
    def by_name(self) -> Self:
        return self.order_by("worker_name")

    def with_living_processes(self, alive: WorkerProcessQuerySet) -> Self:
        """Each with the number of its ``living`` processes, out of ``alive``, and their ``slots``."""
        grouped = alive.filter(worker_name=models.OuterRef("worker_name")).order_by().values("worker_name")
        zero = models.Value(0)
        return self.annotate(
            living=Coalesce(models.Subquery(grouped.annotate(n=models.Count("id")).values("n")), zero),
            slots=Coalesce(models.Subquery(grouped.annotate(n=models.Sum("concurrency")).values("n")), zero),
        )


class WorkerProcessQuerySet(models.QuerySet["WorkerProcess"]):
    def alive(self, since: datetime | Combinable) -> Self:
        """Processes that spoke after ``since`` and did not say goodbye.  They stamp with the database's clock, so
        ``Now() - …`` judges them whatever the clock of this host says."""
        return self.filter(heartbeat_at__gte=since, stopped_at__isnull=True)
