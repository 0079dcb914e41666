"""Django's ``createsuperuser`` through the service: same options, but the rules hold and the audit log knows it.

Takes the place of Django's own (this app stands before ``django.contrib.auth``), which would write past both.
"""

from __future__ import annotations

import getpass
import os
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.core.actor import Actor
from apps.core.errors import AppError
from apps.users.management.prompts import new_password, sentence
from apps.users.services.accounts import create_user

ACTOR = Actor.command("createsuperuser")


class Command(BaseCommand):
    help = "创建超级用户 Make a superuser. --noinput reads DJANGO_SUPERUSER_USERNAME, _EMAIL and _PASSWORD."
    requires_migrations_checks = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--username", help="Name to sign in with")
        parser.add_argument("--email", help="Address of the person")
        parser.add_argument(
            "--noinput",
            "--no-input",
            action="store_false",
            dest="interactive",
            help="Ask nothing: options or environment",
        )

    def handle(self, *args: Any, interactive: bool = True, **options: Any) -> None:
        if interactive and not sys.stdin.isatty():
            raise CommandError("没有终端，请用 --noinput。 There is no terminal: use --noinput.")
        given = self._asked(options) if interactive else self._given(options)
        try:
            user = create_user(
                username=given["username"],
                email=given["email"],
                password=given["password"],
                is_superuser=True,
                actor=ACTOR,
            )
        except AppError as error:
            raise CommandError(f"超级用户未创建。 Not made: {sentence(error)}") from error
        self.stdout.write(f"已创建超级用户 {user.username}。 Superuser made.")

    def _asked(self, options: dict[str, Any]) -> dict[str, str]:
        return {
            "username": options["username"] or input("用户名 user name: "),
            "email": options["email"] or input("邮箱 e-mail: "),
            "password": new_password(getpass.getpass),
        }

    def _given(self, options: dict[str, Any]) -> dict[str, str]:
        names = ("username", "email", "password")
        found = {name: options.get(name) or os.environ.get(f"DJANGO_SUPERUSER_{name.upper()}", "") for name in names}
        if missing := [name for name, value in found.items() if not value]:
            raise CommandError(f"缺少：{', '.join(missing)}。 Missing: {', '.join(missing)}.")
        return found
