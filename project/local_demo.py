"""The demo user's password under ``make run``: a word in a file, and the line that tells it.

A missing file means a new word, which the next ``prepare`` gives to the demo user.  Only then does the file get its
name, so that a start which was killed in between begins again.  A word that no longer fits was replaced by a person:
the line says so instead of telling it.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from apps.core.local_services import ChildSpec
from project.local_environment import kept_secret

USER = "demo"
VARIABLE = "DEMO_PASSWORD_FILE"
PREPARE = (sys.executable, "-m", "project.prepare")


@dataclass(frozen=True, slots=True)
class DemoPassword:
    """The word in ``file``.  ``is_ours``: in our own folder, where we may make it."""

    file: Path
    is_ours: bool

    @classmethod
    def of(cls, root: Path, environment: Mapping[str, str]) -> DemoPassword:
        ours = root / "demo_password"
        file = Path(environment.get(VARIABLE) or ours)
        return cls(file, is_ours=file == ours)

    @property
    def is_missing(self) -> bool:
        return self.is_ours and not self.file.exists()

    @property
    def _unused(self) -> Path:
        return self.file.with_suffix(".new")

    def prepare_step(self) -> ChildSpec:
        """``prepare``, which gives the demo user a new word when there is none."""
        if not self.is_missing:
            return ChildSpec("prepare", PREPARE)
        kept_secret(self._unused, length=12)
        return ChildSpec("prepare", (*PREPARE, "--new-password"), environment={VARIABLE: str(self._unused)})

    def keep(self) -> None:
        """The demo user has the new word."""
        if self.is_missing:
            self._unused.replace(self.file)

    @property
    def word(self) -> str:
        return self.file.read_text(encoding="utf-8").strip()

    def ready_line(self, url: str) -> str:
        """Where and as whom.  Asks the database whether the word still fits."""
        told = self.word if fits(self.word) else f"已被更改 was changed{self._way_out}"
        return f"八角志已就绪 Bajiaozhi is ready: {url}/admin/  用户 user: {USER}  密码 password: {told}"

    @property
    def _way_out(self) -> str:
        if not self.is_ours:
            return ""
        return f"（删除 {self.file} 后重新启动即得新密码 delete that file and start again for a new one）"


def fits(word: str) -> bool:
    """Whether there is a demo user who signs in with this word; True when the database does not say.

    Past the ORM, because the supervisor loads no applications.  Not by signing in: that would be audited, and a word
    that does not fit would count as an attack.
    """
    from django.contrib.auth.hashers import check_password
    from django.db import Error, connection

    try:
        with warnings.catch_warnings():
            # Meant for code that asks before the applications are loaded; here they never will be.
            warnings.simplefilter("ignore", RuntimeWarning)
            with connection.cursor() as cursor:
                cursor.execute("SELECT password FROM tb_user WHERE is_demo = %s AND deleted_at IS NULL", [True])
                row = cursor.fetchone()
    except Error:
        return True
    finally:
        connection.close()
    return row is not None and check_password(word, row[0])
