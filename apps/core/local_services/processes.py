"""Starting processes that don't outlive us, and finding those that did.

Two nets under one rope: on Linux the kernel signals a child when its parent dies (``PR_SET_PDEATHSIG``); everywhere
each child is written down with its pid and start time, and the next start ends what is still there.  A process is
ended only when pid, start time *and* command line agree (or session and environment, for what it started itself),
so a reused pid is never touched.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

PR_SET_PDEATHSIG = 1
# The kernel's start time and ours are read from different clocks.
START_TIME_TOLERANCE_SECONDS = 3.0
# Given to every supervised child, by which its own children are known as ours.
FOLDER_VARIABLE = "LOCAL_RECORDS"

_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def spawn(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    output: int | IO[bytes],
    dies_by: signal.Signals = signal.SIGTERM,
) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own: Ctrl-C reaches only us, and we stop the others in order.

    ``dies_by`` is what the kernel sends it when we die.  It is tied to the calling *thread*; call this from one
    that lives as long as the process should.
    """
    return subprocess.Popen(
        list(command),
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=_in_child(dies_by, os.getpid()),
    )


def _in_child(dies_by: signal.Signals, parent: int) -> Callable[[], None]:
    def prepare() -> None:
        # `make run &` ignores SIGINT in its children; ours must hear it.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        if _LIBC is not None:
            _LIBC.prctl(PR_SET_PDEATHSIG, int(dies_by), 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

    return prepare


def signal_group(pid: int, number: signal.Signals) -> None:
    """Signal a process that leads its session, and everything it started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def wait_until(condition: Callable[[], bool], seconds: float, *, every: float = 0.02) -> bool:
    """Poll until true.  False when the time is over."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(every)
    return True


def write_record(folder: Path, name: str, pid: int, mark: str, stop_signal: signal.Signals) -> None:
    """Write a started process down.  ``mark`` is a word of its command line."""
    try:
        created = psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return
    line = {"pid": pid, "created": created, "mark": mark, "signal": int(stop_signal)}
    (folder / f"{name}.json").write_text(json.dumps(line), encoding="utf-8")


def forget_record(folder: Path, name: str) -> None:
    (folder / f"{name}.json").unlink(missing_ok=True)


def end_left_over(folder: Path, *, seconds: float = 8.0) -> list[str]:
    """End what a killed supervisor left behind.  Call it with the folder's lock held.  Returns the names."""
    records = {path.stem: found for path in sorted(folder.glob("*.json")) if (found := _read_record(path)) is not None}
    left = {name: living for name, record in records.items() if (living := _left_of(record, folder))}
    for name, living in left.items():
        for process in living:
            _signal(process, records[name].stop_signal)
    everybody = [process for living in left.values() for process in living]
    wait_until(lambda: not any(_lives(process) for process in everybody), seconds)
    for process in everybody:
        _signal(process, signal.SIGKILL)
    wait_until(lambda: not any(_lives(process) for process in everybody), 2.0)
    for path in folder.glob("*.json"):
        path.unlink(missing_ok=True)
    return sorted(left)


@dataclass(frozen=True, slots=True)
class _Record:
    pid: int
    created: float
    mark: str
    stop_signal: signal.Signals


def _read_record(path: Path) -> _Record | None:
    try:
        line = json.loads(path.read_text(encoding="utf-8"))
        return _Record(line["pid"], line["created"], line["mark"], signal.Signals(line["signal"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _left_of(record: _Record, folder: Path) -> list[psutil.Process]:
    """The recorded process and its session: a pool's processes live on when only their parent was killed."""
    living = [process for process in psutil.process_iter() if _is_of_session(process, record.pid, folder)]
    try:
        process = psutil.Process(record.pid)
        same_start = abs(process.create_time() - record.created) < START_TIME_TOLERANCE_SECONDS
        if same_start and record.mark in " ".join(process.cmdline()) and _lives(process):
            living.append(process)
    except psutil.Error:
        pass
    return living


def _is_of_session(process: psutil.Process, leader: int, folder: Path) -> bool:
    """Started by a child of ours: the session is the child's, and the environment names our folder."""
    try:
        return (
            process.pid != leader
            and os.getsid(process.pid) == leader
            and process.environ().get(FOLDER_VARIABLE) == str(folder)
        )
    except (OSError, psutil.Error):
        return False


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    with suppress(psutil.Error):
        process.send_signal(number)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
