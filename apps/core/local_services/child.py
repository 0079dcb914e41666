"""One supervised process: its start, its lines, its deaths and how long to wait before the next try."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from apps.core.local_services.processes import FOLDER_VARIABLE, forget_record, signal_group, spawn, write_record

# After these waits a child is tried every 30 s, for ever: what it lacks may come back.
BACK_OFF_SECONDS = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
# A child that lived this long was well; its next death starts the waits anew.
WELL_AFTER_SECONDS = 60.0
LAST_LINES = 20
LONGEST_LINE = 64 * 1024


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """What to run.  ``stop_rank``: all of a lower rank have ended before the next rank is told to."""

    name: str
    command: tuple[str, ...]
    stop_rank: int = 0
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def mark(self) -> str:
        """What tells its command line from others."""
        return self.command[-1]


class Child:
    """One process of a spec, started again and again."""

    def __init__(self, spec: ChildSpec, *, environment: Mapping[str, str], records: Path) -> None:
        self.spec = spec
        self.deaths_in_a_row = 0
        self.start_at = 0.0
        self.last_lines: deque[str] = deque(maxlen=LAST_LINES)
        self._environment = {**environment, **spec.environment, FOLDER_VARIABLE: str(records)}
        self._records = records
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._rest = b""

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def is_running(self) -> bool:
        return self._process is not None

    def start(self) -> int:
        """Start it.  Returns the descriptor its lines come from."""
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        try:
            self._process = spawn(self.spec.command, environment=self._environment, output=writing)
        except OSError:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        self._started_at = time.monotonic()
        self._rest = b""
        write_record(self._records, self.spec.name, self._process.pid, self.spec.mark, signal.SIGTERM)
        return reading

    def lines(self, descriptor: int) -> tuple[list[str], bool]:
        """The complete lines that wait, and whether the pipe is still open."""
        try:
            chunk = os.read(descriptor, LONGEST_LINE)
        except BlockingIOError:
            return [], True
        text = self._rest + chunk
        if not chunk or len(text) > LONGEST_LINE:
            complete, self._rest = text.splitlines(), b""
        else:
            *complete, self._rest = text.split(b"\n")
        decoded = [line.decode(errors="replace").rstrip("\r") for line in complete]
        self.last_lines.extend(line for line in decoded if line.strip())
        return decoded, bool(chunk)

    def exit_code(self) -> int | None:
        """The code of a child that has just died, else None.  Whatever it started is ended too."""
        if self._process is None or (code := self._process.poll()) is None:
            return None
        signal_group(self._process.pid, signal.SIGKILL)
        self._process = None
        forget_record(self._records, self.spec.name)
        well = time.monotonic() - self._started_at > WELL_AFTER_SECONDS
        self.deaths_in_a_row = 1 if well else self.deaths_in_a_row + 1
        return code

    def postpone(self) -> float:
        """Decide when to try again.  Returns the seconds until then."""
        wait = BACK_OFF_SECONDS[min(self.deaths_in_a_row, len(BACK_OFF_SECONDS)) - 1]
        self.start_at = time.monotonic() + wait
        return wait

    def signal(self, number: signal.Signals) -> None:
        """Only the process itself: a worker ends its pool in its own order."""
        if self._process is not None:
            self._process.send_signal(number)

    def kill(self) -> None:
        if self._process is not None:
            signal_group(self._process.pid, signal.SIGKILL)


def describe_exit(code: int) -> str:
    """ "exit code 1" or "SIGKILL"."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
