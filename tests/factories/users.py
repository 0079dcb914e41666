"""Users for tests.

``UserFactory()`` is an ordinary user, ``UserFactory(role="editor")`` a member of staff with that role,
``UserFactory(superuser=True)`` may do everything, ``UserFactory(is_staff=True)`` is staff without any right.
Every password is ``PASSWORD`` unless one is given.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import factory
from django.contrib.auth.models import Group
from django.utils import timezone
from factory.django import DjangoModelFactory

from apps.users.models import Email, IdempotentRequest, TokenSession, User

PASSWORD = "correct-horse-9"


class UserFactory(DjangoModelFactory[User]):
    class Meta:
        model = User

    username = factory.Sequence(lambda number: f"user{number}")
    email = factory.LazyAttribute(lambda user: f"{user.username}@example.com")
    password = PASSWORD
    role = ""
    superuser = False

    @classmethod
    def _create(cls, model_class: type[User], *args: Any, **fields: Any) -> User:
        role, superuser = fields.pop("role"), fields.pop("superuser")
        fields.setdefault("is_staff", bool(role) or superuser)
        user = User.objects.create_user(is_superuser=superuser, **fields)
        if role:
            user.groups.add(Group.objects.get(name=role))
        return user


class TokenSessionFactory(DjangoModelFactory[TokenSession]):
    class Meta:
        model = TokenSession

    user = factory.SubFactory(UserFactory)
    current_jti = factory.Sequence(lambda number: f"{number:032x}")
    client_ip = "203.0.113.7"
    refreshed_at = factory.LazyFunction(timezone.now)
    expires_at = factory.LazyAttribute(lambda session: session.refreshed_at + timedelta(days=14))


class IdempotentRequestFactory(DjangoModelFactory[IdempotentRequest]):
    """A request that was answered."""

    class Meta:
        model = IdempotentRequest

    key = factory.Sequence(lambda number: f"{number:064x}")
    fingerprint = "0" * 64
    status = 201
    body = "null"
    created_at = factory.LazyFunction(timezone.now)


class EmailFactory(DjangoModelFactory[Email]):
    class Meta:
        model = Email

    request_id = factory.Sequence(lambda number: f"mail-{number}")
    task_id = factory.Sequence(lambda number: f"{number:032x}")
    message_id = factory.LazyAttribute(lambda mail: f"<{mail.request_id}@example.com>")
    sender = "Bajiaozhi <no-reply@example.com>"
    to = factory.List(["lin@example.com"])
    cc = factory.List([])
    recipients = "lin@example.com"
    subject = "Weigh-in at noon"
    text = "Bring your passport."
    digest = "0" * 64
