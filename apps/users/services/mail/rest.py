"""The rest of a message: recipients whom the server refused for the moment (4xx) while it took the others."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta

import structlog
from django.utils import timezone

from apps.audit.enums import Action
from apps.audit.services import record
from apps.core.actor import SYSTEM
from apps.taskhub.services import EnqueueOptions, enqueue
from apps.users.audit_resources import email_reference
from apps.users.models import Email, EmailAttachment, EmailAttachmentPart
from apps.users.services.mail.content import REST_PREFIX
from apps.users.task_names import SEND_EMAIL

log = structlog.get_logger(__name__)

# After it the task's own retries follow, which is what greylisting servers wait for.
PAUSE = timedelta(minutes=1)
# A message of many recipients may come back in parts; a server that never takes all of them must not keep us for ever.
MOST_PARTS = 5
_REST = re.compile(rf"{REST_PREFIX}([0-9]+):([0-9]+)")


def queue_rest(email: Email, refused: dict[str, str]) -> None:
    """Queue the same letter to exactly those who were refused for the moment; its files move over to it.

    Called in the transaction that marks ``email`` sent, so there is one rest or none.  Whom the server refused for good
    stands in ``Email.refused`` and is not tried again.  Not promised: a rest of a message that a person confirmed.
    """
    for_now = {address for address, words in refused.items() if words.startswith("4")}
    to = [address for address in email.to if address in for_now]
    cc = [address for address in email.cc if address in for_now]
    if not to and not cc:
        return
    request_id = _next_request_id(email)
    if request_id is None or Email.objects.of_request(request_id).exists():
        log.error("email_rest_given_up", request_id=email.request_id, email_id=email.pk, recipients=len(to) + len(cc))
        return
    rest = _store(email, request_id, to=to or cc, cc=cc if to else [])
    _move_files(email, rest)
    record(Action.CREATED, email_reference(rest), actor=SYSTEM, new={"rest_of": email.request_id, "to": to, "cc": cc})
    options = EnqueueOptions(task_id=rest.task_id, run_at=timezone.now() + PAUSE)
    enqueue(SEND_EMAIL, options=options, request_id=request_id)


def _next_request_id(email: Email) -> str | None:
    """``rest:<part>:<key of the first message>``; None after the last part."""
    known = _REST.fullmatch(email.request_id)
    part, first = (int(known[1]) + 1, known[2]) if known else (1, str(email.pk))
    return f"{REST_PREFIX}{part}:{first}" if part <= MOST_PARTS else None


def _store(email: Email, request_id: str, *, to: list[str], cc: list[str]) -> Email:
    """The same letter with the same Message-ID: nobody whom it is written to has it yet."""
    return Email.objects.create(
        request_id=request_id,
        task_id=uuid.uuid4().hex,
        message_id=email.message_id,
        sender=email.sender,
        to=to,
        cc=cc,
        recipients=" ".join([*to, *cc]),
        subject=email.subject,
        text=email.text,
        html=email.html,
        digest=email.digest,
        requested_by=email.requested_by,
    )


def _move_files(email: Email, rest: Email) -> None:
    """The content goes from one message to the other instead of being copied and deleted."""
    for attachment in email.attachments.all():
        copy = EmailAttachment.objects.create(
            email=rest,
            position=attachment.position,
            filename=attachment.filename,
            content_type=attachment.content_type,
            size=attachment.size,
            sha256=attachment.sha256,
        )
        EmailAttachmentPart.objects.filter(attachment=attachment).update(attachment=copy)
