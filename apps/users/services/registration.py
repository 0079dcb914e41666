"""How a person becomes a user by themselves, or is made one by staff: active, without roles (decision 10)."""

from __future__ import annotations

from django.db import transaction

from apps.core.actor import Actor
from apps.core.operations import logged
from apps.users.models import User
from apps.users.services.accounts import create_user
from apps.users.services.mail import queue_welcome


@logged("users.register", user_id="pk")
@transaction.atomic
def register_user(*, username: str, email: str, password: str, language: str, actor: Actor) -> User:
    """User, audit event and the letter of welcome commit together.

    Raises Invalid (fields named), Conflict (fields named) when the name or the address is taken.
    """
    user = create_user(username=username, email=email, password=password, language=language, actor=actor)
    queue_welcome(user, actor=actor)
    return user
