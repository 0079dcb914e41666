"""Hub tasks of the users app."""

from __future__ import annotations

import time
from typing import Any

import structlog
from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.taskhub.hub_task import Queue, RetryPolicy, current_run, hub_task
from apps.users.clients import smtp
from apps.users.errors import MailOutcomeUnknown, MailRefused, MailServerUnavailable
from apps.users.services import mail, retention
from apps.users.task_names import FORGET_OLD_EMAILS, FORGET_OLD_SIGN_INS, SEND_EMAIL

log = structlog.get_logger(__name__)


@hub_task(
    name=FORGET_OLD_SIGN_INS,
    queue=Queue.LOW,
    label=_("Forget old sign-ins"),
    retry=RetryPolicy(max_retries=3),
)
def forget_old_sign_ins() -> dict[str, int]:
    """Safe to run twice: what is gone is not found again."""
    return retention.forget_old_sign_ins(now=timezone.now())


@hub_task(
    name=SEND_EMAIL,
    queue=Queue.DEFAULT,
    label=_("Send an e-mail"),
    soft_limit_seconds=300,
    # Greylisting servers want to be asked again after some minutes.
    retry=RetryPolicy(max_retries=8, base_seconds=15, cap_seconds=1800),
)
def send_email(
    *,
    request_id: str = "",
    to: list[str] | str = "",
    cc: list[str] | str = "",
    subject: str = "",
    body: str = "",
    html: str = "",
) -> dict[str, Any]:
    """Send the message of this request, once (B-3).

    ``services.mail.queue_mail`` has stored it, or it stands in the arguments (a schedule); without a request id the
    task's own id makes it single.  Safe to run twice: what was sent, or may have been, is not sent again.
    """
    began = time.monotonic()
    request_id = request_id or current_run.task_id
    if to:
        wanted = mail.Mail(to=_addresses(to), cc=_addresses(cc), subject=subject, text=body, html=html)
        mail.accept_mail(wanted, actor=current_run.actor, request_id=request_id, task_id=current_run.task_id)
    holder = f"{current_run.task_id}:{current_run.attempt}"
    letter = mail.claim(request_id, holder=holder)
    if letter is None:
        return {"sent": False, "reason": "sent before"}
    if not settings.EMAIL_HOST:
        mail.hold_back(letter.email_id, holder=holder)
        return {"sent": False, "reason": "no mail server is configured"}
    delivery = _deliver(letter, holder)
    mail.mark_sent(letter.email_id, holder=holder, refused=delivery.refused)
    log.info("email_sent", request_id=request_id, duration_ms=round((time.monotonic() - began) * 1000))
    return {"sent": True, "message_id": letter.message_id, "refused": sorted(delivery.refused)}


def _addresses(given: list[str] | str) -> list[str]:
    """B.1 has one address as a text, and lists."""
    return [given] if isinstance(given, str) and given else list(given)


def _deliver(letter: mail.Letter, holder: str) -> smtp.Delivery:
    """Writes down how it failed before the error leaves."""
    try:
        return smtp.deliver(letter, before_content=lambda: mail.mark_sending(letter.email_id, holder=holder))
    except MailServerUnavailable as error:
        is_last = current_run.is_last_attempt
        mail.give_back(letter.email_id, holder=holder, error=str(error), is_last=is_last)
        raise
    except MailRefused as error:
        mail.mark_failed(letter.email_id, holder=holder, error=str(error))
        raise
    except MailOutcomeUnknown as error:
        mail.mark_unclear(letter.email_id, holder=holder, error=str(error))
        raise


@hub_task(
    name=FORGET_OLD_EMAILS,
    queue=Queue.LOW,
    label=_("Forget old e-mails"),
    retry=RetryPolicy(max_retries=3),
)
def forget_old_emails() -> dict[str, int]:
    """Safe to run twice: what is emptied is not found again."""
    return {"emptied": mail.forget_old_emails(now=timezone.now())}
