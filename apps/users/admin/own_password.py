"""One's own password, at the address of Django's own page (``project.urls``)."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth import authenticate
from django.contrib.auth.views import PasswordChangeView
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from apps.core.actor import Actor
from apps.core.admin.sign_in import OwnPasswordForm
from apps.core.errors import WrongCredentials
from apps.users.models import User
from apps.users.services.accounts import change_own_password


class PasswordForm(OwnPasswordForm):
    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._request = request
        self._proved = ""

    def clean_old_password(self) -> str:
        """An open browser is no way to guess the password: failures count as at sign-in and lock the name."""
        password: str = self.cleaned_data["old_password"]
        user = authenticate(self._request, username=self.user.get_username(), password=password)
        if isinstance(user, User):
            self._proved = user.password
            return password
        if getattr(self._request, "axes_locked_out", False):
            raise ValidationError(_("Too many failed sign-ins: wait, then try again."), code="locked")
        raise self.wrong_old_password()

    def wrong_old_password(self) -> ValidationError:
        return ValidationError(self.error_messages["password_incorrect"], code="password_incorrect")

    def save(self, commit: bool = True) -> User:
        """Through the service.  The form's user, whom the session knows, gets the new hash and stays signed in."""
        changed = change_own_password(
            self.user.pk,
            self.cleaned_data["new_password1"],
            proved=self._proved,
            actor=Actor.of_user(self.user),
        )
        self.user.password = changed.password
        return changed


class _PasswordView(PasswordChangeView):
    form_class = PasswordForm

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "request": self.request}

    def form_valid(self, form: Any) -> HttpResponse:
        try:
            return super().form_valid(form)
        except WrongCredentials:
            # Changed in another window since it was compared.
            form.add_error("old_password", form.wrong_old_password())
            return self.form_invalid(form)


def own_password(request: HttpRequest) -> HttpResponseBase:
    view = _PasswordView.as_view(
        success_url=reverse("admin:password_change_done"),
        extra_context=admin.site.each_context(request),
    )
    return view(request)
