"""Django's own events that users answer to: after ``migrate`` the groups follow the table of roles; sign-ins leave
their trace.  Sign-ins by token end in ``services.token_sessions`` instead; only their failures come here.
"""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.apps import apps as installed_apps
from django.contrib.auth.management import create_permissions
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db.models.signals import post_migrate
from django.http import HttpRequest

from apps.users.models import User
from apps.users.services.roles import follow_role_table
from apps.users.services.sign_in import Door, Refusal, note_failed_sign_in, note_sign_in, note_sign_out


def connect() -> None:
    """Called once by ``apps.py``."""
    post_migrate.connect(_follow_role_table, dispatch_uid="users.follow_role_table")
    user_logged_in.connect(_signed_in, dispatch_uid="users.signed_in")
    user_logged_out.connect(_signed_out, dispatch_uid="users.signed_out")
    # After django-axes, which decides in its own receiver whether this failure locks the name.
    user_login_failed.connect(_failed, dispatch_uid="users.sign_in_failed")


def _follow_role_table(sender: AppConfig, using: str, apps: Any = installed_apps, **_: Any) -> None:
    """``apps`` holds the models as migrated so far: on the way to zero the permissions may be gone already.

    ``flush`` sends the signal without it: then all of them stand.  The permissions are made here: the receiver of
    the auth app, which makes them too, comes later.
    """
    try:
        apps.get_model("auth", "Permission")
    except LookupError:
        return
    create_permissions(sender, verbosity=0, using=using, apps=apps)
    follow_role_table(sender.label, using=using)


def _signed_in(sender: type, request: HttpRequest, user: User, **_: Any) -> None:
    note_sign_in(user, door="admin")


def _signed_out(sender: type, request: HttpRequest, user: User | None, **_: Any) -> None:
    if user is not None:
        note_sign_out(user, door="admin")


def _failed(sender: type | str, credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any) -> None:
    door: Door = "api" if request is not None and request.path.startswith("/api/") else "admin"
    why: Refusal = "locked after failures" if getattr(request, "axes_locked_out", False) else "wrong credentials"
    note_failed_sign_in(str(credentials.get("username") or ""), door=door, why=why)
