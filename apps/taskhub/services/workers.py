"""What worker processes say about themselves: alive, and which attempts they hold (decision 33)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models.functions import Now

from apps.core.time_limits import time_limit
from apps.taskhub.enums import DEFAULT_WORKER
from apps.taskhub.models import Worker, WorkerProcess

INTERVAL_SECONDS = 10.0
# Four missed beats.  What a process held is then given back, so it must not be a mere hiccup (services.recovery).
DEAD_AFTER = timedelta(seconds=45)
# Rows of processes that ended are history for a week.
FORGET_AFTER = timedelta(days=7)
# Once at a start, in a thread of its own: all of it is one statement.
FORGETTING_SECONDS = 60


@dataclass(frozen=True, slots=True)
class ProcessReport:
    """One heartbeat.  ``boot_id`` names the process for ever; a pid may be used again."""

    boot_id: str
    host: str
    pid: int
    started_at: datetime
    concurrency: int
    queues: list[str]
    running: list[tuple[str, int]]
    worker_name: str = DEFAULT_WORKER


@transaction.atomic
def report_process(report: ProcessReport, *, now: datetime | None = None) -> None:
    """Write the heartbeat of a process and of its worker group, stamped by the database: hosts' clocks differ."""
    moment: Any = now or Now()
    targeted = connection.features.supports_update_conflicts_with_target
    WorkerProcess.objects.bulk_create(
        [
            WorkerProcess(
                boot_id=report.boot_id,
                worker_name=report.worker_name,
                host=report.host,
                pid=report.pid,
                concurrency=report.concurrency,
                queues=report.queues,
                running=[list(pair) for pair in report.running],
                started_at=report.started_at,
                heartbeat_at=moment,
            )
        ],
        update_conflicts=True,
        unique_fields=["boot_id"] if targeted else None,
        update_fields=["concurrency", "queues", "running", "heartbeat_at"],
    )
    Worker.objects.bulk_create(
        [Worker(worker_name=report.worker_name, last_heartbeat_at=moment)],
        update_conflicts=True,
        unique_fields=["worker_name"] if targeted else None,
        update_fields=["last_heartbeat_at"],
    )


def process_stopped(boot_id: str, *, now: datetime | None = None) -> None:
    """The process ended in order; it holds nothing any more."""
    WorkerProcess.objects.filter(boot_id=boot_id).update(stopped_at=now or datetime.now(UTC), running=[])


@time_limit(seconds=FORGETTING_SECONDS)
def forget_old_processes(*, now: datetime | None = None) -> int:
    """Delete rows of processes that were last heard of a week ago.  Returns how many."""
    moment = now or datetime.now(UTC)
    return WorkerProcess.objects.filter(heartbeat_at__lt=moment - FORGET_AFTER).delete()[0]
