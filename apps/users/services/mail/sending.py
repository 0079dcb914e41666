"""How far a message got.  Each step is one short transaction; the network is never waited for inside one.

    waiting → claimed → sending → sent
                 ↓          ↓
         waiting, failed  unclear → a person says "sent" or "send again"

``claimed`` belongs to one attempt.  ``sending`` commits when the mail server has said 354 and before the first byte of
the content leaves.  From there to the commit of ``sent`` nobody can know from the outside whether the server has the
message; an attempt that dies in between leaves it ``sending``, and the next one makes it ``unclear`` instead of
sending it a second time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import structlog
from django.db import transaction
from django.utils import timezone

from apps.audit.enums import Action
from apps.audit.services import record
from apps.core.actor import Actor
from apps.core.db import locked
from apps.core.errors import Conflict, NotFound
from apps.taskhub.services import EnqueueOptions, enqueue
from apps.users.audit_resources import email_reference
from apps.users.errors import MailContentDropped, MailOutcomeUnknown, MailServerUnavailable, MailTakenOver
from apps.users.models import Email, EmailAttachmentPart
from apps.users.services.mail.rest import queue_rest
from apps.users.task_names import SEND_EMAIL

log = structlog.get_logger(__name__)

# Another task's attempt may still wait for the server's answer this long (settings.EMAIL_REPLY_TIMEOUT and a margin).
STILL_SENDING = timedelta(minutes=5)
_STATE = ["state", "claim", "last_error", "updated_at"]


@dataclass(frozen=True, slots=True)
class LetterFile:
    filename: str
    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Letter:
    """Everything that goes over the wire."""

    email_id: int
    message_id: str
    sender: str
    to: list[str]
    cc: list[str]
    subject: str
    text: str
    html: str
    files: list[LetterFile]


def claim(request_id: str, *, holder: str) -> Letter | None:
    """Take the message for this attempt (``<task>:<attempt>``).  None: it is sent already.

    Raises NotFound, MailOutcomeUnknown (an attempt died while sending), MailServerUnavailable (another is at it now),
    MailContentDropped.
    """
    with transaction.atomic():
        email = locked(Email.objects.of_request(request_id)).first()
        if email is None:
            raise NotFound
        if email.state == Email.State.SENT:
            return None
        if email.content_dropped_at is not None:
            raise MailContentDropped
        if email.state == Email.State.SENDING and not _is_over(email, holder):
            raise MailServerUnavailable(retry_after_seconds=int(STILL_SENDING.total_seconds()))
        unclear = email.state in (Email.State.SENDING, Email.State.UNCLEAR)
        email.state = Email.State.UNCLEAR if unclear else Email.State.CLAIMED
        email.claim = email.claim if unclear else holder
        email.save(update_fields=["state", "claim", "updated_at"])
    if unclear:
        log.error("email_unclear", request_id=email.request_id, email_id=email.pk)
        raise MailOutcomeUnknown
    return _letter(email)


def _is_over(email: Email, holder: str) -> bool:
    """The hub starts a task's next attempt only when the one before has ended or is dead."""
    same_task = email.claim.rpartition(":")[0] == holder.rpartition(":")[0]
    return same_task or email.sending_at is None or timezone.now() - email.sending_at > STILL_SENDING


def _letter(email: Email) -> Letter:
    files = []
    for attachment in email.attachments.order_by("position"):
        parts = attachment.parts.order_by("number").values_list("content", flat=True)
        content = b"".join(bytes(part) for part in parts)
        files.append(LetterFile(attachment.filename, attachment.content_type, content))
    return Letter(
        email.pk, email.message_id, email.sender, email.to, email.cc, email.subject, email.text, email.html, files
    )


def mark_sending(email_id: int, *, holder: str) -> None:
    """The last moment before the content leaves.  Raises MailTakenOver when the message is not ours any more."""
    now = timezone.now()
    held = Email.objects.filter(pk=email_id, state=Email.State.CLAIMED, claim=holder)
    if not held.update(state=Email.State.SENDING, sending_at=now, updated_at=now):
        raise MailTakenOver


@transaction.atomic
def mark_sent(email_id: int, *, holder: str, refused: dict[str, str]) -> None:
    """The server has it; whom it refused for the moment gets a message of their own.

    Also from ``unclear``: then the attempt that was thought dead knows better.
    """
    email = _held(email_id, holder, Email.State.SENDING, Email.State.UNCLEAR)
    if email is None:
        return
    email.state, email.last_error, email.refused, email.sent_at = Email.State.SENT, "", refused, timezone.now()
    email.save(update_fields=[*_STATE, "refused", "sent_at"])
    queue_rest(email, refused)
    EmailAttachmentPart.objects.filter(attachment__email=email).delete()


def give_back(email_id: int, *, holder: str, error: str, is_last: bool) -> None:
    """Not now: nothing was accepted, the next attempt may try again."""
    _settle(email_id, holder, Email.State.FAILED if is_last else Email.State.WAITING, error)


def mark_failed(email_id: int, *, holder: str, error: str) -> None:
    """The server refused it for good."""
    _settle(email_id, holder, Email.State.FAILED, error)


def mark_unclear(email_id: int, *, holder: str, error: str) -> None:
    """The connection was lost after the content had left."""
    _settle(email_id, holder, Email.State.UNCLEAR, error)


def hold_back(email_id: int, *, holder: str) -> None:
    """No mail server is configured: kept until a person sends it."""
    _settle(email_id, holder, Email.State.HELD, "")


@transaction.atomic
def _settle(email_id: int, holder: str, state: Email.State, error: str) -> None:
    email = _held(email_id, holder, Email.State.CLAIMED, Email.State.SENDING)
    if email is not None:
        email.state, email.last_error = state, error
        email.save(update_fields=_STATE)


def _held(email_id: int, holder: str, *states: Email.State) -> Email | None:
    return locked(Email.objects.filter(pk=email_id, claim=holder, state__in=states)).first()


# --- what people decide ---------------------------------------------------------------------------------------------
@transaction.atomic
def send_again(email_id: int, *, actor: Actor, reason: str) -> str:
    """Queue a message that failed, was held back or is unclear; the same Message-ID.  Returns the new task's id.

    Raises NotFound, Conflict.
    """
    email = _undecided(email_id)
    before = {"state": email.state}
    email.state, email.claim = Email.State.WAITING, ""
    email.task_id = enqueue(SEND_EMAIL, options=EnqueueOptions(actor=actor), request_id=email.request_id)
    email.save(update_fields=[*_STATE, "task_id"])
    record(Action.RETRIED, email_reference(email), actor=actor, old=before, new={"state": email.state}, reason=reason)
    return email.task_id


@transaction.atomic
def confirm_sent(email_id: int, *, actor: Actor, reason: str) -> None:
    """Somebody has seen that an unclear message arrived.  Raises NotFound, Conflict."""
    email = _undecided(email_id)
    if email.state not in (Email.State.UNCLEAR, Email.State.SENDING):
        raise Conflict
    before = {"state": email.state}
    email.state, email.sent_at = Email.State.SENT, email.sending_at
    email.save(update_fields=[*_STATE, "sent_at"])
    EmailAttachmentPart.objects.filter(attachment__email=email).delete()
    record(
        Action.APPROVED,
        email_reference(email),
        actor=actor,
        old=before,
        new={"state": email.state},
        reason=reason,
    )


def _undecided(email_id: int) -> Email:
    email = locked(Email.objects.filter(pk=email_id)).first()
    if email is None:
        raise NotFound
    if not email.needs_a_decision:
        raise Conflict
    return email
