"""Our own PostgreSQL: the server of the wheel, on a socket only, as root without the rights of root.

PostgreSQL refuses to run as root.  In a bare container there is often nobody else, so ``setpriv`` (util-linux, part
of every Debian and Ubuntu) gives it another user id and only the right to reach its files: no user is created, no
folder above ours is opened.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql

from apps.core.local_services.binaries import POSTGRES_MAJOR, postgres_programs
from apps.core.local_services.places import Places
from apps.core.local_services.processes import wait_until
from apps.core.local_services.sentences import LocalServiceError
from apps.core.local_services.server import LAST_LINES, LocalServer

USER = "bajiaozhi"
DATABASE = "bajiaozhi"
# "nobody" nearly everywhere.
UNPRIVILEGED_ID = 65534
INITDB_SECONDS = 120


class PostgresServer(LocalServer):
    name: ClassVar[str] = "postgres"
    label: ClassVar[str] = "PostgreSQL"
    # "Fast": running statements are cancelled, everything committed is kept.
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT

    def __init__(
        self, places: Places, *, max_connections: int = 200, shared_buffers: str = "256MB", durable: bool = True
    ) -> None:
        super().__init__(places)
        self._max_connections = max_connections
        self._shared_buffers = shared_buffers
        self._durable = durable
        self._programs = postgres_programs()

    def url(self) -> str:
        return f"postgres://{USER}@/{DATABASE}?host={quote(str(self.places.sockets))}&port=5432"

    @property
    def _data(self) -> Path:
        return self.places.data(self.name)

    def _mark(self) -> str:
        return str(self._data)

    def _command(self) -> list[str]:
        options = {
            "max_connections": str(self._max_connections),
            "shared_buffers": self._shared_buffers,
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        if not self._durable:
            options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        return [
            *self._as_other_user(),
            str(self._programs / "postgres"),
            *("-D", str(self._data), "-k", str(self.places.sockets), "-h", "", "-p", "5432"),
            *(word for key, value in options.items() for word in ("-c", f"{key}={value}")),
        ]

    # --- before the start ----------------------------------------------------------------------------------------
    def _heal(self) -> None:
        if not self._data.exists():
            self._create()
        self._check_version()
        self._drop_stale_files()

    def _create(self) -> None:
        """initdb beside the real place and rename: a killed initdb never counts as data."""
        half_made = self.places.data(f"{self.name}.new")
        shutil.rmtree(half_made, ignore_errors=True)
        command = [
            *self._as_other_user(),
            str(self._programs / "initdb"),
            *("-D", str(half_made), "-U", USER, "-A", "trust", "-E", "UTF8", "--no-locale"),
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"),
            *(() if self._durable else ("--no-sync",)),
        ]
        try:
            subprocess.run(
                command,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                timeout=INITDB_SECONDS,
                check=True,
            )
        except (OSError, subprocess.SubprocessError) as error:
            output = getattr(error, "output", b"") or b""
            raise LocalServiceError(
                "PostgreSQL 的数据文件夹创建失败，请检查磁盘空间，或把 DATABASE_URL 设为已有的服务器。",
                "PostgreSQL's data folder can't be created; check the disk, or set DATABASE_URL to a server of yours.",
                details="\n".join(f"  {line}" for line in output.decode(errors="replace").splitlines()[-LAST_LINES:]),
            ) from error
        half_made.rename(self._data)

    def _check_version(self) -> None:
        try:
            made_by = (self._data / "PG_VERSION").read_text(encoding="ascii").strip()
        except OSError as error:
            raise LocalServiceError(
                f"无法读取 {self._data}（{error.strerror}），它可能属于其他用户或已损坏。",
                f"{self._data} can't be read ({error.strerror}); it may belong to another user or be damaged.",
            ) from error
        if made_by != str(POSTGRES_MAJOR):
            raise LocalServiceError(
                f"{self._data} 由 PostgreSQL {made_by} 创建，现在的版本是 {POSTGRES_MAJOR}；请先导出数据再移走它。",
                f"{self._data} was made by PostgreSQL {made_by}, this is {POSTGRES_MAJOR}; "
                "dump its data and move the folder away.",
            )

    def _drop_stale_files(self) -> None:
        """PostgreSQL refuses to start while its pid or socket lock names any living process, even a foreign one."""
        path = self._data / "postmaster.pid"
        try:
            pid = int(path.read_text(encoding="ascii", errors="replace").splitlines()[0])
        except (OSError, ValueError, IndexError):
            pid = 0
        if (server := self._our_server(pid)) is not None:
            self._end(server)
        for stale in (path, *self.places.sockets.glob(".s.PGSQL.*")):
            stale.unlink(missing_ok=True)

    def _end(self, server: psutil.Process) -> None:
        """We hold the lock of the folder, so this one has lost its supervisor."""
        for number, seconds in ((signal.SIGINT, 10.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
            with suppress(psutil.NoSuchProcess):
                server.send_signal(number)
            if wait_until(lambda: self._our_server(server.pid) is None, seconds):
                return

    def _our_server(self, pid: int) -> psutil.Process | None:
        try:
            process = psutil.Process(pid)
            words = process.cmdline()
        except psutil.Error:
            return None
        return process if str(self._data) in words and "postgres" in words[0] else None

    def _as_other_user(self) -> list[str]:
        """The words before a command that must not run as root; none for everybody else."""
        if os.geteuid() != 0:
            return []
        if shutil.which("setpriv") is None:
            raise LocalServiceError(
                "以 root 运行 PostgreSQL 需要 setpriv（属于 util-linux），请安装它、换用普通用户或设置 DATABASE_URL。",
                "To run PostgreSQL as root, setpriv (of util-linux) is needed: install it, use an ordinary user, "
                "or set DATABASE_URL.",
            )
        user = self._data.stat().st_uid if self._data.exists() else _unprivileged_id()
        rights = "+dac_override,+dac_read_search"
        return [
            "setpriv",
            *(f"--reuid={user}", f"--regid={user}", "--clear-groups"),
            *(f"--inh-caps={rights}", f"--ambient-caps={rights}"),
            # The kernel forgets this at every change of user, so it is set again behind it.
            "--pdeathsig=INT",
        ]

    # --- after the start -----------------------------------------------------------------------------------------
    def _answers(self) -> bool:
        address = f"host='{self.places.sockets}' port=5432 user={USER} dbname=postgres connect_timeout=2"
        try:
            with psycopg.connect(address, autocommit=True) as connection:
                found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
                if found is None:
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
        except psycopg.OperationalError:
            return False
        return True

    def _may_start_later(self) -> bool:
        # The backends of a killed server need a moment to notice that it is gone.
        return "shared memory block" in self.last_lines()


def _unprivileged_id() -> int:
    """A user id other than root's.  It must stand in the password file: initdb looks its name up."""
    known = {entry.pw_uid for entry in pwd.getpwall()} - {0}
    return UNPRIVILEGED_ID if UNPRIVILEGED_ID in known or not known else max(known)
