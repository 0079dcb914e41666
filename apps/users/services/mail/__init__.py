"""E-mail: what may be sent, asking for it, how far it got (B.1, B-3, decision 25)."""

from apps.users.services.mail.content import MAX_ATTACHMENT_BYTES, Mail, checked
from apps.users.services.mail.forgetting import forget_old_emails
from apps.users.services.mail.queueing import accept_mail, queue_mail
from apps.users.services.mail.sending import (
    Letter,
    LetterFile,
    claim,
    confirm_sent,
    give_back,
    hold_back,
    mark_failed,
    mark_sending,
    mark_sent,
    mark_unclear,
    send_again,
)
from apps.users.services.mail.welcome import queue_welcome

__all__ = [
    "MAX_ATTACHMENT_BYTES",
    "Letter",
    "LetterFile",
    "Mail",
    "accept_mail",
    "checked",
    "claim",
    "confirm_sent",
    "forget_old_emails",
    "give_back",
    "hold_back",
    "mark_failed",
    "mark_sending",
    "mark_sent",
    "mark_unclear",
    "queue_mail",
    "queue_welcome",
    "send_again",
]
