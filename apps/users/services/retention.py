"""What signing in leaves behind, and for how long: rows that nobody needs any more go in small batches."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from axes.models import AccessAttempt
from django.contrib.sessions.models import Session
from django.db.models import QuerySet

from apps.core.db import delete_in_batches
from apps.core.time_limits import time_limit
from apps.users.models import IdempotentRequest, TokenSession
from apps.users.services.idempotency import KEPT

# Counted failures matter for a quarter of an hour (AXES_COOLOFF_TIME); the audit log has them for longer.
FAILURES_KEPT = timedelta(days=1)
BATCH = 1000
# Finding the old ones may read a whole table, once a day.
STATEMENT_SECONDS = 60


def forget_old_sign_ins(*, now: datetime) -> dict[str, int]:
    """Delete closed and expired sign-ins, old failures and the answers kept for repeated requests.

    Returns how many of each.  Safe to repeat.
    """
    with time_limit(seconds=STATEMENT_SECONDS):
        return {
            "token_sessions": _delete_in_batches(TokenSession.objects.forgettable(now)),
            "sessions": _delete_in_batches(Session.objects.filter(expire_date__lt=now)),
            "answered_requests": _delete_in_batches(IdempotentRequest.objects.filter(created_at__lt=now - KEPT)),
            "failures": _delete_in_batches(AccessAttempt.objects.filter(attempt_time__lt=now - FAILURES_KEPT)),
        }


def _delete_in_batches(rows: QuerySet[Any]) -> int:
    return delete_in_batches(rows.order_by("pk"), size=BATCH)
