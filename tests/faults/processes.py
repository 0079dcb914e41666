"""Real processes of the product on the database and Redis of this one: started, stopped, killed by their own id."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit, urlunsplit

from django.db import connection

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = "tests.faults.settings"


def environment(**more: str) -> dict[str, str]:
    """This process's environment, pointed at the scratch database that the connection has at present."""
    return os.environ | {
        "DJANGO_SETTINGS_MODULE": SETTINGS,
        "DATABASE_URL": _database_url(),
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        **more,
    }


def _database_url() -> str:
    name = str(connection.settings_dict["NAME"])
    parts = urlsplit(os.environ["DATABASE_URL"])
    path = f"/{name}"
    # Joined by hand: urlunsplit would drop the empty host of sqlite:////path.
    return f"sqlite://{path}" if parts.scheme == "sqlite" else urlunsplit(parts._replace(path=path))


def _die_with_parent() -> None:
    """On Linux: a run that is killed leaves no processes behind (PR_SET_PDEATHSIG)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)


class Process:
    """One process group with its log file."""

    def __init__(self, name: str, command: list[str], log_dir: Path, **more: str) -> None:
        self.name, self.command, self.more = name, command, more
        self.log = log_dir / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> Self:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            # A session of its own: a signal to the group reaches its children and nobody else.
            self._process = subprocess.Popen(
                self.command,
                cwd=ROOT,
                env=environment(**self.more),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )
        return self

    def kill(self, *, children_too: bool = False) -> None:
        """kill -9: of the main process, or of the whole group."""
        if self.is_running:
            (os.killpg if children_too else os.kill)(self.pid, signal.SIGKILL)
            assert self._process is not None
            self._process.wait()

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def stop(self, *, within_seconds: float = 30) -> None:
        if not self.is_running:
            return
        assert self._process is not None
        self._process.terminate()
        try:
            self._process.wait(within_seconds)
        except subprocess.TimeoutExpired:
            self.kill(children_too=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def worker(
    log_dir: Path, *, name: str = "worker", concurrency: int = 2, options: tuple[str, ...] = (), **more: str
) -> Process:
    command = [sys.executable, "-m", "celery", "-A", "project", "worker", "-l", "warning", "-c", str(concurrency)]
    return Process(name, [*command, "-n", f"{name}@%h", *options], log_dir, **more)


def consumer(log_dir: Path, *, name: str = "consumer") -> Process:
    return Process(name, [sys.executable, "manage.py", "consume"], log_dir, DATABASE_POOL="0")


def beat(log_dir: Path) -> Process:
    return Process("beat", [sys.executable, "-m", "celery", "-A", "project", "beat", "-l", "warning"], log_dir)


def wait_until(condition: Callable[[], bool], *, seconds: float, what: str, every_seconds: float = 0.05) -> float:
    """Seconds it took.  Raises TimeoutError naming ``what``."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > seconds:
            raise TimeoutError(f"not within {seconds:g} s: {what}")
        time.sleep(every_seconds)
    return time.monotonic() - began
