"""What the carrier's data leaves behind, and for how long: tables end."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone

from apps.core.db import delete_in_batches
from apps.core.time_limits import time_limit
from apps.orders.models import SimUsage, SyncRequest, SyncRun

# A year and the month to compare it with; a whole year can be asked for at once (sim_sync.MAX_DAYS).
USAGE_KEPT = timedelta(days=400)
RUNS_KEPT = timedelta(days=90)
BATCH = 2_000
# Runs and requests are read as a whole, once a day.
STATEMENT_SECONDS = 60


def forget_old_sim_data(*, now: datetime) -> dict[str, int]:
    """Delete old usage, ended runs, and the requests whose runs are gone: their ids count as new from then on.

    Returns how many of each.  Safe to repeat.
    """
    oldest_day, moment = timezone.localdate(now) - USAGE_KEPT, now - RUNS_KEPT
    with time_limit(seconds=STATEMENT_SECONDS):
        return {
            "usage": delete_in_batches(SimUsage.objects.before(oldest_day), size=BATCH),
            "runs": delete_in_batches(SyncRun.objects.ended_before(moment), size=BATCH),
            "requests": delete_in_batches(SyncRequest.objects.forgettable(moment, SyncRun.objects.all()), size=BATCH),
        }
