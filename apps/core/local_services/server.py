"""What PostgreSQL and Redis have in common: heal, start in the foreground, wait, stop."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from apps.core.local_services.places import Places
from apps.core.local_services.processes import forget_record, signal_group, spawn, write_record
from apps.core.local_services.sentences import LocalServiceError

# A database that was killed replays its log before it answers; that may take long on a slow disk.
READY_WITHIN_SECONDS = 120.0
POLL_SECONDS = 0.03
RETRY_SECONDS = 0.5
LAST_LINES = 12


class LocalServer(ABC):
    """One server as a foreground child.  Its log is a file of its own, so it needs nobody who reads a pipe."""

    name: ClassVar[str]
    label: ClassVar[str]
    stop_signal: ClassVar[signal.Signals]

    def __init__(self, places: Places) -> None:
        self.places = places
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def url(self) -> str:
        """The address in the spelling of DATABASE_URL or REDIS_URL."""

    @abstractmethod
    def _command(self) -> list[str]: ...

    @abstractmethod
    def _mark(self) -> str:
        """A word of the command line by which the process is known."""

    @abstractmethod
    def _heal(self) -> None:
        """Make the data folder fit to start on: create it, remove what a killed server left."""

    @abstractmethod
    def _answers(self) -> bool: ...

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def has_died(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def start(self, *, give_up: Callable[[], bool] = lambda: False) -> None:
        """Start and wait until it answers.  ``give_up`` ends the waiting early.  Raises LocalServiceError."""
        deadline = time.monotonic() + READY_WITHIN_SECONDS
        self._heal()
        self._launch()
        while not give_up() and not self._answers():
            if self.has_died() and self._may_start_later() and time.monotonic() < deadline:
                time.sleep(RETRY_SECONDS)
                self._launch()
            elif self.has_died() or time.monotonic() > deadline:
                raise self._failure()
            time.sleep(POLL_SECONDS)

    def _launch(self) -> None:
        with self.places.log(self.name).open("wb") as log:
            try:
                self._process = spawn(
                    self._command(), environment=self._environment(), output=log, dies_by=self.stop_signal
                )
            except OSError as error:
                raise LocalServiceError(
                    f"{self.label} 无法启动：{error}。", f"{self.label} can't be started: {error}."
                ) from error
        write_record(self.places.records, self.name, self._process.pid, self._mark(), self.stop_signal)

    def _may_start_later(self) -> bool:
        """Whether the death at start has a cause that passes by itself."""
        return False

    def _failure(self) -> LocalServiceError:
        died = self.has_died()
        self.stop(seconds=5)
        log = self.places.log(self.name)
        return LocalServiceError(
            f"{self.label} {'启动后退出' if died else '没有响应'}，日志：{log}。",
            f"{self.label} {'ended at once' if died else 'does not answer'}; its log: {log}.",
            details=self.last_lines(),
        )

    def stop(self, *, seconds: float) -> None:
        """End it cleanly; by force when the time is over."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            signal_group(process.pid, self.stop_signal)
            try:
                process.wait(timeout=seconds)
            except subprocess.TimeoutExpired:
                signal_group(process.pid, signal.SIGKILL)
                process.wait()
        forget_record(self.places.records, self.name)

    def last_lines(self) -> str:
        path = self.places.log(self.name)
        if not path.exists():
            return ""
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(f"  {line}" for line in lines[-LAST_LINES:])

    def _environment(self) -> dict[str, str]:
        return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C", "TZ": "UTC", "HOME": str(Path("/"))}
