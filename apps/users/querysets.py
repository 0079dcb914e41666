"""Reads of users, and the one spelling under which names compare.

``fold("Straße@Example.COM") == "strasse@example.com"``: names compare without case and without the differences that
Unicode calls compatibility, computed here and not by the database, so that all three servers agree (decision 4).
"""

from __future__ import annotations

import unicodedata
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from django.contrib.auth.models import BaseUserManager
from django.db import models

if TYPE_CHECKING:
    from apps.users.models import Email, User  # noqa: F401  # below


def fold(name: str) -> str:
    """The form under which a user name or an e-mail address is compared and unique."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


class UserQuerySet(models.QuerySet["User"]):
    def alive(self) -> Self:
        """Not deleted.  Everything but the audit log and the foreign keys of old orders reads through this."""
        return self.filter(deleted_at__isnull=True)

    def named(self, name: str) -> Self:
        """Alive, with this user name or e-mail address in any spelling.  A user name never holds an ``@``."""
        key = fold(name.strip())
        return self.alive().filter(**({"email_key": key} if "@" in key else {"username_key": key}))

    def for_api(self) -> Self:
        """Newest first, with what an answer shows."""
        return self.alive().prefetch_related("groups").order_by("-id")

    def for_admin_list(self) -> Self:
        return self.alive().prefetch_related("groups").order_by("-id")

    def demo(self) -> Self:
        return self.alive().filter(is_demo=True)


class UserManager(BaseUserManager.from_queryset(UserQuerySet)):  # type: ignore[misc]
    """Makes users.  Checks nothing: rules for names and passwords stand in ``users.services``."""

    use_in_migrations = False

    def create_user(self, username: str, email: str, password: str | None = None, **fields: Any) -> User:
        """A new user; without a password nobody can sign in as it."""
        if not username or not email:
            raise ValueError("a user needs a user name and an e-mail address")
        user: User = self.model(
            username=unicodedata.normalize("NFKC", username), email=self.normalize_email(email), **fields
        )
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, username: str, email: str, password: str | None = None, **fields: Any) -> User:
        return self.create_user(username, email, password, **{**fields, "is_staff": True, "is_superuser": True})

    def get_by_natural_key(self, username: str | None) -> User:
        user: User = self.alive().get(username_key=fold(username or ""))
        return user


class TokenSessionQuerySet(models.QuerySet[Any]):
    """Sign-ins by token (``models.TokenSession``)."""

    def open(self) -> Self:
        return self.filter(revoked_at__isnull=True)

    def usable(self, now: datetime) -> Self:
        """Open, not expired, each with its user (who may be deleted or locked: ask ``user.is_active``)."""
        return self.open().filter(expires_at__gt=now).select_related("user")

    def forgettable(self, now: datetime) -> Self:
        """Expired, or closed so long ago that no token of theirs can be valid."""
        return self.filter(models.Q(expires_at__lt=now) | models.Q(revoked_at__lt=now - timedelta(days=1)))


class EmailQuerySet(models.QuerySet["Email"]):
    def of_request(self, request_id: str) -> Self:
        return self.filter(request_id=request_id)

    def for_admin_list(self) -> Self:
        """Without the bodies, which may be long and are for the page of one message."""
        return self.defer("text", "html").order_by("-id")

    def done_before(self, moment: datetime) -> Self:
        """Older than this, sent or failed, and still with their content."""
        return self.filter(content_dropped_at__isnull=True, created_at__lt=moment, state__in=("sent", "failed"))
