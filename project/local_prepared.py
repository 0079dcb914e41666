"""Whether ``project.prepare`` has anything to do: it costs a quarter of a second start.

Only for our own PostgreSQL.  The mark holds the state of the code, of Django's table of applied migrations and the
address of the site (the demo feed stands there); when one differs (an edit, an update, a ``migrate`` by hand, another
port), preparing runs again.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import psycopg

from project.local_environment import ROOT

CODE = ("apps", "project")


class PreparedMark:
    """The file that says for which code and which tables everything is prepared."""

    def __init__(self, path: Path, *, database_url: str, public_url: str) -> None:
        self._path = path
        self._database_url = database_url
        self._public_url = public_url

    def is_current(self) -> bool:
        return self._path.exists() and self._path.read_text(encoding="ascii") == self._state()

    def write(self) -> None:
        self._path.write_text(self._state(), encoding="ascii")

    def _state(self) -> str:
        return f"{_code_state()} {self._applied_migrations()} {self._public_url}"

    def _applied_migrations(self) -> str:
        try:
            with psycopg.connect(self._database_url, connect_timeout=2) as connection:
                rows = connection.execute("SELECT app, name, applied FROM django_migrations ORDER BY id").fetchall()
        except psycopg.Error:
            return "none"
        return hashlib.sha256(repr(rows).encode()).hexdigest()


def _code_state() -> str:
    """Path, size and time of every source file; contents would take longer than they are worth."""
    digest = hashlib.sha256()
    for folder in CODE:
        for path in sorted((ROOT / folder).rglob("*.py")):
            found = path.stat()
            digest.update(f"{path.relative_to(ROOT)} {found.st_size} {found.st_mtime_ns}\n".encode())
    return digest.hexdigest()
