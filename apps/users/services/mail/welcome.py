"""The letter to a new user, in their language."""

from __future__ import annotations

from django.conf import settings
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import override

from apps.core.actor import Actor
from apps.users.models import User
from apps.users.services.mail.content import WELCOME_PREFIX, Mail
from apps.users.services.mail.queueing import queue_own_mail


def queue_welcome(user: User, *, actor: Actor) -> str:
    """Called in the registration's transaction: user and letter exist together or not at all.  Returns the task's id.

    One letter per user, however often it is asked for.
    """
    with override(user.language):
        mail = _letter(user)
    return queue_own_mail(mail, actor=actor, request_id=f"{WELCOME_PREFIX}{user.pk}")


def _letter(user: User) -> Mail:
    subject = _("Welcome to Bajiaozhi")
    greeting = _("Hello %(name)s,") % {"name": user.username}
    body = _("your account is ready: sign in with your user name or this e-mail address.")
    nobody = _("If you did not register, somebody mistyped their address; you need do nothing.")
    address = settings.PUBLIC_URL
    lines = [greeting, "", body, *([address] if address else []), "", nobody]
    link = format_html('<p><a href="{0}">{0}</a></p>', address) if address else ""
    html = format_html("<p>{}</p><p>{}</p>{}<p>{}</p>", greeting, body, link, nobody)
    return Mail(to=[user.email], subject=subject, text="\n".join(lines), html=html)
