"""What can go wrong with e-mail (B-3)."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.core.errors import Conflict, Unavailable


class MailServerUnavailable(Unavailable):
    """Not now: the server can't be reached, or it said 4xx.  The task is tried again."""

    default_message = _("The mail server does not take the message at the moment.")


class MailRefused(Conflict):
    """Never: the server said 5xx."""

    default_message = _("The mail server refuses the message.")


class MailOutcomeUnknown(Conflict):
    """The connection was lost after the content had left: the message may have been accepted or not.

    Not tried again by itself, because the same request must never be sent twice: a person decides.
    """

    default_message = _("Nobody knows whether the mail server accepted the message: look, then decide.")


class MailTakenOver(Conflict):
    """Another attempt holds the message by now; this one stops before anything left."""

    default_message = _("Another attempt has taken over this message.")


class MailContentDropped(Conflict):
    """Failed so long ago that its text and its files are gone (``services.mail.forgetting``)."""

    default_message = _("The message is too old to be sent: its text and its files were dropped.")
