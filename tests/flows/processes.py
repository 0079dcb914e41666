"""The product's five processes as `make run` starts them, on the database and Redis of the test."""

from __future__ import annotations

import os
import signal
import socket
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
from django.db import connection

from apps.core import heartbeat
from project.local_run import Address, processes
from tests.faults.processes import Process, wait_until

KINDS = ("web", "live", "worker", "beat", "consumer")
# A start takes some seconds alone; several at once on two busy cores take longer.
START_SECONDS = 120
LAST_LINES = 60


class Product:
    """Starts, stops, freezes and kills; nothing of it outlives the ``with`` block."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.address = Address("127.0.0.1", _free_port())
        given = {
            "DJANGO_SETTINGS_MODULE": "project.settings",
            "SECURE_COOKIES": "0",
            "PUBLIC_URL": self.address.url,
            "ALLOWED_HOSTS": "127.0.0.1",
            "LOG_DIR": str(folder / "logs"),
            "METRICS_DIR": str(folder / "metrics"),
            "WORKER_CONCURRENCY": "2",
            "WEB_THREADS": "4",
            "DB_POOL_MAX_OPEN": "5",
            "DB_POOL_MIN_IDLE": "1",
            "RATE_LIMIT_LOGIN": "1000/min",
            # One local server carries all feeds of a story: it needs no rest.
            "FETCH_HOST_GAP_SECONDS": "0",
            **environment,
        }
        self._processes = {
            spec.name: Process(spec.name, list(spec.command), folder, **{**given, **spec.environment})
            for spec in processes(self.address, given)
        }

    # --- all of them ------------------------------------------------------------------------------------------
    def start(self) -> None:
        """Start what does not run, and wait until each has beaten and /readyz is green."""
        missing = [process for process in self._processes.values() if not process.is_running]
        for process in missing:
            process.start()
        wait_until(self._is_ready, seconds=START_SECONDS, what="ready", every_seconds=0.2)

    def start_web(self) -> None:
        """Only the process that answers requests, for stories without background work."""
        self._processes["web"].start()
        wait_until(self._web_is_ready, seconds=START_SECONDS, what="the web process", every_seconds=0.2)

    def stop(self) -> None:
        """As Ctrl-C does: web and beat first, then those who finish what they hold."""
        for kind in ("beat", "web", "live", "worker", "consumer"):
            self._processes[kind].stop()

    # --- one of them ------------------------------------------------------------------------------------------
    def kill(self, kind: str) -> None:
        """kill -9 of the process with all its children."""
        self._processes[kind].kill(children_too=True)

    def freeze(self, kind: str) -> None:
        os.killpg(self._processes[kind].pid, signal.SIGSTOP)

    def thaw(self, kind: str) -> None:
        os.killpg(self._processes[kind].pid, signal.SIGCONT)

    def last_words(self) -> str:
        """The end of every log, for the report of a failure."""
        return "\n".join(
            f"--- {name}\n" + "\n".join(_lines(process.log)[-LAST_LINES:]) for name, process in self._processes.items()
        )

    def _is_ready(self) -> bool:
        return all(self._beats(kind) for kind in KINDS) and self._readyz() == 200

    def _web_is_ready(self) -> bool:
        assert self._processes["web"].is_running, f"web has ended:\n{self.last_words()}"
        return self._readyz() == 200

    def _beats(self, kind: str) -> bool:
        """Whether the process of now has spoken; lines of its predecessors stay in Redis for a while."""
        process = self._processes[kind]
        assert process.is_running, f"{kind} has ended:\n{self.last_words()}"
        return any(_is_of(living.pid, process.pid) for living in heartbeat.alive(kind))

    def _readyz(self) -> int:
        try:
            return httpx.get(f"{self.address.url}/readyz", timeout=5).status_code
        except httpx.HTTPError:
            return 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Shown with the report of a failure only.
        print(self.last_words())
        for process in self._processes.values():
            process.kill(children_too=True)
        wait_until(_is_alone, seconds=15, what="the end of the others' connections")


def _is_alone() -> bool:
    """The test's database can't be removed while a killed process's connection lives on."""
    if connection.vendor != "postgresql":
        return True
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        return bool(cursor.fetchone()[0] <= 1)


def _is_of(pid: int, leader: int) -> bool:
    """Whether a process belongs to the group that its leader leads."""
    try:
        return os.getpgid(pid) == leader
    except ProcessLookupError:
        return False


def _lines(log: Path) -> list[str]:
    return log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []


def _free_port() -> int:
    """The live process listens on the next one, which must be free too."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port: int = server.getsockname()[1]
            with suppress(OSError), socket.create_server(("127.0.0.1", port + 1)):
                return port
