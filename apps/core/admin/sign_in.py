"""The forms around the sign-in, with the look of the back-office.  Whose account is good is an app's affair."""

from __future__ import annotations

from unfold.forms import AdminOwnPasswordChangeForm, AuthenticationForm


class SignInForm(AuthenticationForm):
    """Derive, and name the class in ``UNFOLD["LOGIN"]["form"]``."""


class OwnPasswordForm(AdminOwnPasswordChangeForm):
    """Old password, and the new one twice.  Derive and override ``save``, which would write past the services."""
