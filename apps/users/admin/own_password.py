"""One's own password, at the address of Django's own page (``project.urls``)."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.views import PasswordChangeView
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse

from apps.core.actor import Actor
from apps.core.admin.sign_in import OwnPasswordForm
from apps.users.models import User
from apps.users.services.accounts import change_password


class PasswordForm(OwnPasswordForm):
    def save(self, commit: bool = True) -> User:
        """Through the service.  The form's user, whom the session knows, gets the new hash and stays signed in."""
        changed = change_password(self.user.pk, self.cleaned_data["new_password1"], actor=Actor.of_user(self.user))
        self.user.password = changed.password
        return changed


def own_password(request: HttpRequest) -> HttpResponseBase:
    view = PasswordChangeView.as_view(
        form_class=PasswordForm,
        success_url=reverse("admin:password_change_done"),
        extra_context=admin.site.each_context(request),
    )
    return view(request)
