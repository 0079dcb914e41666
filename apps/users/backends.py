"""How Django and django-axes ask us about people (``AUTHENTICATION_BACKENDS``, ``AXES_…`` in settings).

Works for the session of the admin and for tokens alike.  Whoever is unknown, deleted, inactive, locked or gave a
wrong password gets the same answer after the same work, so nobody can find out which it was.
"""

from __future__ import annotations

import math
from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from apps.core.admin.sign_in import SignInForm
from apps.core.client_ip import client_ip
from apps.users.models import User
from apps.users.services.login_lock import lock_address_of, lock_name_of, retry_after_seconds
from apps.users.services.sign_in import note_failed_sign_in, password_is_right


class NameOrEmailBackend(ModelBackend):
    """User name or e-mail address, in any spelling, and password."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **others: Any
    ) -> User | None:
        if not username or password is None:
            return None
        user = User.objects.named(username).first()
        if user is None or not self.user_can_authenticate(user):
            # The hash is computed all the same: the time must not tell whether the name is known.
            User().set_password(password)
            return None
        return user if password_is_right(user, password) else None


def lock_name(request: HttpRequest, credentials: dict[str, Any] | None = None) -> str:
    """The name that failures are counted under: the same for every spelling of one person's name and address."""
    typed = (credentials or {}).get("username") or request.POST.get("username") or ""
    return lock_name_of(str(typed))


def lock_address(request: HttpRequest) -> str:
    """The address that failures are counted under."""
    return lock_address_of(client_ip(request))


def locked_out(
    request: HttpRequest, original_response: HttpResponse, credentials: dict[str, Any] | None = None
) -> HttpResponse:
    """What django-axes answers for us: the door's own page or envelope with 429 and the time to wait."""
    original_response.status_code = 429
    if "Retry-After" not in original_response:
        typed = (credentials or {}).get("username") or ""
        original_response["Retry-After"] = str(retry_after_seconds(typed, client_ip(request), now=timezone.now()))
    return original_response


class BackOfficeSignInForm(SignInForm):
    """The sign-in page: one sentence for every wrong pair, another one with the time to wait while locked."""

    error_messages = {
        **SignInForm.error_messages,
        "invalid_login": _("User name or password is wrong, or this user may not use the back-office."),
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = _("User name or e-mail")
        # An address may be longer than a user name.
        self.fields["username"].widget.attrs["maxlength"] = User._meta.get_field("email").max_length

    def get_invalid_login_error(self) -> ValidationError:
        if not getattr(self.request, "axes_locked_out", False):
            wrong: ValidationError = super().get_invalid_login_error()
            return wrong
        name, address = self.cleaned_data.get("username", ""), client_ip(self.request)
        minutes = math.ceil(retry_after_seconds(name, address, now=timezone.now()) / 60)
        sentence = ngettext(
            "Too many failed attempts. Try again in %(minutes)d minute.",
            "Too many failed attempts. Try again in %(minutes)d minutes.",
            minutes,
        )
        return ValidationError(sentence % {"minutes": minutes}, code="locked")

    def confirm_login_allowed(self, user: Any) -> None:
        """Only staff.  Everybody else reads the same sentence as after a wrong password, and leaves a trace too."""
        try:
            super().confirm_login_allowed(user)
        except ValidationError:
            note_failed_sign_in(user.username, door="admin", why="not staff")
            raise
