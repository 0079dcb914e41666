"""What nobody needs any more of an old message: its text and its files.

The row stays: its request id must never send a second time (B-3), and it says who was written to about what.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction

from apps.core.db import locked
from apps.core.time_limits import time_limit
from apps.users.models import Email, EmailAttachmentPart

RETENTION = timedelta(days=90)
AT_ONCE = 500
# A failed message may have files of 10 MB; once a day, and nobody waits for it.
STATEMENT_SECONDS = 60


def forget_old_emails(*, now: datetime) -> int:
    """Empty what was sent or has failed and is older than 90 days, in portions.  Returns how many there were.

    What waits for the mail server or for a person keeps its content until it is decided.
    """
    emptied, moment = 0, now - RETENTION
    with time_limit(seconds=STATEMENT_SECONDS):
        while ids := list(Email.objects.done_before(moment).values_list("pk", flat=True)[:AT_ONCE]):
            emptied += _drop_contents(ids, moment=moment, now=now)
    return emptied


@transaction.atomic
def _drop_contents(ids: Sequence[int], *, moment: datetime, now: datetime) -> int:
    """Asked again under the lock: somebody may be sending a failed one again just now."""
    done = list(locked(Email.objects.done_before(moment).filter(pk__in=ids)).values_list("pk", flat=True))
    EmailAttachmentPart.objects.filter(attachment__email__in=done).delete()
    return Email.objects.filter(pk__in=done).update(text="", html="", content_dropped_at=now)
