"""What the commands for accounts ask at the terminal, and how they say what was refused."""

from __future__ import annotations

from collections.abc import Callable

from django.core.management.base import CommandError

from apps.core.errors import AppError


def new_password(ask: Callable[[str], str]) -> str:
    """Typed twice.  Raises CommandError when the two differ or are empty."""
    password = ask("新密码 new password: ")
    if not password:
        raise CommandError("密码是空的。 The password is empty.")
    if ask("再输一次 again: ") != password:
        raise CommandError("两次输入不同。 The two differ.")
    return password


def sentence(error: AppError) -> str:
    details = "; ".join(f"{item.field}: {item.detail}" for item in error.errors)
    return f"{error} {details}".strip()
