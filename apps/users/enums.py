"""Words of the users app that stand in rows and are never renamed."""

from __future__ import annotations

from django.db import models
from django.utils.translation import pgettext_lazy


class SessionEnd(models.TextChoices):
    """Why a sign-in by token was closed."""

    SIGNED_OUT = "signed_out", pgettext_lazy("sign-in ended", "signed out")
    REUSED = "reused", pgettext_lazy("sign-in ended", "a refresh token came twice")
    STATUS = "status", pgettext_lazy("sign-in ended", "the status was changed")
    PASSWORD = "password", pgettext_lazy("sign-in ended", "the password was changed")
    DELETED = "deleted", pgettext_lazy("sign-in ended", "the user was deleted")
    CLOSED_BY_STAFF = "closed_by_staff", pgettext_lazy("sign-in ended", "ended by staff")
