"""The demo user of ``make run``: a superuser whose password lies in a file, so nothing for a real installation."""

from __future__ import annotations

import sys

from django.conf import settings
from django.contrib.auth.hashers import check_password
from django.db import DatabaseError, connections, transaction

from apps.core.actor import Actor
from apps.users.models import User
from apps.users.services.accounts import change_password, create_user, delete_user

USERNAME = "demo"
EMAIL = "demo@example.com"
ACTOR = Actor.command("demo_user")
REFUSAL = """\
无法启动：数据库中存在演示用户，正式环境不允许。请先删除：manage.py demo_user --delete
Cannot start: there is a demo user, which production does not allow. Delete it first: manage.py demo_user --delete"""


class DemoUserPresent(SystemExit):
    """A process that must not start.  Exit status 1."""


def ensure_demo_user(password: str) -> User | None:
    """Make the demo user unless there is one.  Returns it if it is new."""
    with transaction.atomic():
        if User.objects.demo().exists():
            return None
        return create_user(
            username=USERNAME, email=EMAIL, password=password, actor=ACTOR, is_superuser=True, is_demo=True
        )


def renew_demo_password(password: str) -> bool:
    """Give the demo users who are there this password, unless they have it.  True when one got it.

    For a word that is new; one that a person replaced in the admin is theirs.  Raises Invalid.
    """
    others = [user.pk for user in User.objects.demo() if not check_password(password, user.password)]
    for pk in others:
        change_password(pk, password, actor=ACTOR)
    return bool(others)


def delete_demo_users() -> int:
    """Delete every demo user.  Returns how many there were."""
    users = list(User.objects.demo().values_list("pk", flat=True))
    for pk in users:
        delete_user(pk, actor=ACTOR, reason="demo users are not for production")
    return len(users)


def refuse_start_with_demo_user() -> None:
    """Asked by web, worker, beat and consumer as they start (``START_CHECKS``).  Raises DemoUserPresent.

    A database that does not answer, or has no tables yet, has no demo user to sign in with either: not our refusal.
    """
    if settings.DEMO_CONTENT:
        return
    try:
        present = User.objects.demo().exists()
    except DatabaseError:
        return
    finally:
        # A worker forks after this; an open connection must not cross the fork.
        for connection in connections.all(initialized_only=True):
            if not connection.in_atomic_block:
                connection.close()
    if present:
        # The real stream: Celery has replaced sys.stderr by then, and the web server prints no message of SystemExit.
        sys.__stderr__.write(f"{REFUSAL}\n")  # type: ignore[union-attr]
        raise DemoUserPresent(1)
