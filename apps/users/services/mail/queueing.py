"""Asking for a message: the row, its files and the task commit with whatever the caller changes.

The same request id with the same content asks for the same message again and gets its task; with another content it is
a mistake of the caller (1014).
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction

from apps.audit.enums import Action
from apps.audit.services import record
from apps.core.actor import Actor
from apps.core.errors import IdempotencyKeyReused
from apps.taskhub.hub_task import Queue
from apps.taskhub.services import EnqueueOptions, enqueue
from apps.users.audit_resources import email_reference
from apps.users.models import Email, EmailAttachment, EmailAttachmentPart
from apps.users.services.mail.content import CheckedFile, CheckedMail, Mail, check_request_id, checked, refuse_reserved
from apps.users.task_names import SEND_EMAIL

# MariaDB takes packets of 16 MB and doubles some bytes of a blob on the way.
PART_BYTES = 512 * 1024


@dataclass(frozen=True, slots=True)
class _Stored:
    email: Email
    is_new: bool


def queue_mail(mail: Mail, *, actor: Actor, request_id: str = "", queue: Queue | None = None) -> str:
    """Ask for a message to be sent.  Returns the id of its task, which is also the request id when none is given.

    Raises Invalid (fields named; also for a request id that only we may make), IdempotencyKeyReused.
    """
    refuse_reserved(request_id)
    return queue_own_mail(mail, actor=actor, request_id=request_id, queue=queue)


@transaction.atomic
def queue_own_mail(mail: Mail, *, actor: Actor, request_id: str, queue: Queue | None = None) -> str:
    """The same, also under a reserved request id: for our own letters."""
    task_id = uuid.uuid4().hex
    stored = _store(checked(mail), request_id=request_id or task_id, task_id=task_id, actor=actor)
    if stored.is_new:
        options = EnqueueOptions(task_id=task_id, queue=queue, actor=actor)
        enqueue(SEND_EMAIL, options=options, request_id=stored.email.request_id)
    return stored.email.task_id


@transaction.atomic
def accept_mail(mail: Mail, *, actor: Actor, request_id: str, task_id: str) -> None:
    """The row for a task that carries its message in its arguments; nothing when it is there already.

    Raises Invalid, IdempotencyKeyReused.
    """
    refuse_reserved(request_id)
    _store(checked(mail), request_id=request_id, task_id=task_id, actor=actor)


def _store(mail: CheckedMail, *, request_id: str, task_id: str, actor: Actor) -> _Stored:
    check_request_id(request_id)
    known = Email.objects.of_request(request_id).first()
    if known is None:
        email = _email(mail, request_id=request_id, task_id=task_id, actor=actor)
        try:
            with transaction.atomic():
                email.save(force_insert=True)
        except IntegrityError:
            # The same request at the same time: by now the other one has committed.
            known = Email.objects.of_request(request_id).get()
        else:
            _store_files(email, mail.attachments)
            record(Action.CREATED, email_reference(email), actor=actor, new=_told(email, mail))
            return _Stored(email, is_new=True)
    if known.digest != mail.digest:
        raise IdempotencyKeyReused
    return _Stored(known, is_new=False)


def _email(mail: CheckedMail, *, request_id: str, task_id: str, actor: Actor) -> Email:
    return Email(
        request_id=request_id,
        task_id=task_id,
        message_id=message_id_of(request_id),
        sender=settings.DEFAULT_FROM_EMAIL,
        to=mail.to,
        cc=mail.cc,
        recipients=" ".join([*mail.to, *mail.cc]),
        subject=mail.subject,
        text=mail.text,
        html=mail.html,
        digest=mail.digest,
        requested_by=actor.label[:160],
    )


def message_id_of(request_id: str) -> str:
    """The same request always has the same Message-ID, so that a mail system can tell a second copy."""
    digest = hashlib.sha256(f"{settings.SECRET_KEY}|{request_id}".encode()).hexdigest()[:40]
    return f"<{digest}@{settings.EMAIL_MESSAGE_ID_DOMAIN}>"


def _store_files(email: Email, files: list[CheckedFile]) -> None:
    for position, one in enumerate(files):
        attachment = EmailAttachment.objects.create(
            email=email,
            position=position,
            filename=one.filename,
            content_type=one.content_type,
            size=one.size,
            sha256=one.sha256,
        )
        for number, piece in enumerate(_pieces(one)):
            EmailAttachmentPart.objects.create(attachment=attachment, number=number, content=piece)


def _pieces(checked_file: CheckedFile) -> Iterator[bytes]:
    checked_file.file.seek(0)
    while piece := checked_file.file.read(PART_BYTES):
        yield piece


def _told(email: Email, mail: CheckedMail) -> dict[str, Any]:
    """What the audit log keeps: who is written to about what; not the letter itself."""
    return {
        "request_id": email.request_id,
        "to": mail.to,
        "cc": mail.cc,
        "subject": mail.subject,
        "attachments": [{"filename": one.filename, "size": one.size} for one in mail.attachments],
    }
