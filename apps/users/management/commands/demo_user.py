"""Make or delete the demo user.

Making it needs ``DEMO_CONTENT`` and a password in the file that ``DEMO_PASSWORD_FILE`` names; deleting it needs
nothing, so that an installation that has one by mistake can be put right.
"""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from apps.core.errors import AppError
from apps.users.services.demo import USERNAME, delete_demo_users, ensure_demo_user, renew_demo_password


class Command(BaseCommand):
    help = "Make the demo user once (make run only), or delete it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--delete", action="store_true", help="Delete the demo user instead")
        parser.add_argument(
            "--renew-password", action="store_true", help="Give one who is there the password of the file"
        )

    def handle(self, *args: Any, delete: bool = False, renew_password: bool = False, **options: Any) -> None:
        if delete:
            self._delete()
            return
        if not settings.DEMO_CONTENT:
            raise CommandError("未开启演示内容，不创建演示用户。 No demo user without DEMO_CONTENT.")
        password = self._password()
        try:
            if ensure_demo_user(password) is not None:
                self.stdout.write(f"已创建演示用户 {USERNAME}。 Demo user made.")
            elif renew_password and renew_demo_password(password):
                self.stdout.write(f"已为演示用户 {USERNAME} 设置新密码。 The demo user has a new password.")
        except AppError as error:
            details = "; ".join(str(item.detail) for item in error.errors)
            raise CommandError(f"演示用户未创建。 The demo user was not made: {error} {details}".strip()) from error

    def _delete(self) -> None:
        try:
            deleted = delete_demo_users()
        except AppError as error:
            details = "; ".join(str(item.detail) for item in error.errors)
            raise CommandError(f"演示用户未删除。 Not deleted: {error} {details}".strip()) from error
        self.stdout.write(f"已删除演示用户 {deleted} 个。 Demo users deleted.")

    def _password(self) -> str:
        name = settings.DEMO_PASSWORD_FILE
        if not name:
            raise CommandError("缺少环境变量 DEMO_PASSWORD_FILE。 DEMO_PASSWORD_FILE is not set.")
        try:
            password = Path(name).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise CommandError(f"密码文件无法读取。 The password file can't be read: {error.strerror}") from error
        if not password:
            raise CommandError("密码文件是空的。 The password file is empty.")
        return password
