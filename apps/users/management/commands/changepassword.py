"""Django's ``changepassword`` through the service: the rules hold, sign-ins end, and the audit log knows it."""

from __future__ import annotations

import getpass
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.core.actor import Actor
from apps.core.errors import AppError
from apps.users.management.prompts import new_password, sentence
from apps.users.models import User
from apps.users.services.accounts import change_password

ACTOR = Actor.command("changepassword")


class Command(BaseCommand):
    help = "设置新密码 Give a user a new password; whoever is signed in as them is signed out."
    requires_migrations_checks = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username", help="Name or address to sign in with")

    def handle(self, *args: Any, username: str, **options: Any) -> None:
        user = User.objects.alive().named(username).first()
        if user is None:
            raise CommandError(f"没有用户 {username}。 There is no user {username}.")
        try:
            change_password(user.pk, new_password(getpass.getpass), actor=ACTOR)
        except AppError as error:
            raise CommandError(f"密码未改。 Not changed: {sentence(error)}") from error
        self.stdout.write(f"已设置 {user.username} 的新密码。 The password is changed.")
