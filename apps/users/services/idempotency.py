"""One effect for one ``Idempotency-Key`` (``core.idempotency.AnswerOnce``): the table behind ``@idempotent``.

The row is inserted before the work and filled after it, in the transaction of the work.  Whoever comes at the same
time waits at the unique key: if the first commits, they find its answer; if it fails, they do the work.  How long
they wait is the database's time limit for a statement; after it they are told to come again.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import OperationalError, connection, transaction
from django.db.models.constants import OnConflict
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.core.db import gave_up_waiting, locked
from apps.core.errors import Conflict, IdempotencyKeyReused
from apps.core.idempotency import Answer
from apps.users.models import IdempotentRequest

KEPT = timedelta(hours=24)


@transaction.atomic
def answer_once(key: str, *, fingerprint: str, work: Callable[[], Answer]) -> Answer:
    """Raises IdempotencyKeyReused, Conflict while the first request is not done, and whatever ``work`` raises."""
    row = _claimed(key, fingerprint, now=timezone.now())
    if row.status:
        if row.fingerprint != fingerprint:
            raise IdempotencyKeyReused
        return Answer(row.status, row.body.encode(), row.headers, replayed=True)
    answer = work()
    row.status, row.headers, row.body = answer.status, answer.headers, answer.body.decode()
    row.save(update_fields=["status", "headers", "body"])
    return answer


def _claimed(key: str, fingerprint: str, *, now: datetime) -> IdempotentRequest:
    """The row of this key, locked: ours to fill (status 0), or one that was answered within the last day."""
    try:
        if _inserted(key, fingerprint, now):
            return IdempotentRequest(key=key, fingerprint=fingerprint, created_at=now)
        row = locked(IdempotentRequest.objects.filter(key=key)).first()
    except OperationalError as error:
        if gave_up_waiting(error):
            raise _in_progress() from None
        raise
    if row is None:
        # Forgotten between the two statements.
        raise _in_progress()
    if row.status and row.created_at <= now - KEPT:
        row.fingerprint, row.status, row.created_at = fingerprint, 0, now
        row.save(update_fields=["fingerprint", "status", "created_at"])
    return row


def _inserted(key: str, fingerprint: str, now: datetime) -> bool:
    """True for a key that was new: then the row needs no second look.  By hand, because ``bulk_create`` doesn't say."""
    quote = connection.ops.quote_name
    columns = ("key", "fingerprint", "status", "headers", "body", "created_at")
    insert = connection.ops.insert_statement(on_conflict=OnConflict.IGNORE)
    suffix = connection.ops.on_conflict_suffix_sql([], OnConflict.IGNORE, [], [])
    names = ", ".join(quote(column) for column in columns)
    statement = f"{insert} tb_idempotent_request ({names}) VALUES (%s, %s, %s, %s, %s, %s) {suffix}"
    moment = connection.ops.adapt_datetimefield_value(now)
    with connection.cursor() as cursor:
        cursor.execute(statement, [key, fingerprint, 0, "{}", "", moment])
        return bool(cursor.rowcount == 1)


def _in_progress() -> Conflict:
    return Conflict(_("The first request with this key is not done yet."), retry_after_seconds=1)
