"""A log file that any number of processes append to and rotate (C-8: 100 MB × 10), without losing lines.

Each line is one ``write`` to a file opened for appending: the system puts it behind everybody else's.  Whoever finds
the file full renames it under a lock; the others notice by the changed inode before their next line.  A size can be
exceeded by the few lines that were under way.

A disk that is full, read-only or gone never stops the caller: the line is dropped, counted in ``dropped`` and told
once a minute on standard error; ``on_drop`` is called so that somebody raises an alarm.

Measured against concurrent-log-handler: docs/decisions/0020-own-log-file.md.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path

MAX_BYTES = 100 * 1024 * 1024
BACKUPS = 10
TELL_EVERY_SECONDS = 60.0


class LogFile:
    """Append-only file with rotation.  ``write`` never raises."""

    def __init__(
        self,
        path: Path,
        *,
        max_bytes: int = MAX_BYTES,
        backups: int = BACKUPS,
        on_drop: Callable[[int], None] | None = None,
    ) -> None:
        self.path = path
        self.max_bytes = max_bytes
        self.backups = backups
        self.dropped = 0
        self._on_drop = on_drop
        self._lock = threading.Lock()
        self._descriptor = -1
        self._inode = -1
        self._torn = False
        self._told_at = -TELL_EVERY_SECONDS
        _files.add(self)

    def write(self, line: bytes) -> bool:
        """Append a line (with its newline).  False when it was dropped."""
        with self._lock:
            try:
                self._append(line)
            except OSError as error:
                self._close()
                self._count_drop(error)
                return False
        return True

    def close(self) -> None:
        with self._lock:
            self._close()

    def _append(self, line: bytes) -> None:
        size = self._open_current()
        if size and size + len(line) > self.max_bytes:
            self._rotate()
        if self._torn:
            line = b"\n" + line
        written = os.write(self._descriptor, line)
        self._torn = written < len(line)
        while written < len(line):
            # The disk took a part.  The rest raises ENOSPC, or ends the line after all.
            written += os.write(self._descriptor, line[written:])
        self._torn = False

    def _open_current(self) -> int:
        """Make sure that our descriptor is the file of this name.  Returns its size."""
        try:
            status = os.stat(self.path)
        except FileNotFoundError:
            status = None
        if status is not None and status.st_ino == self._inode and self._descriptor >= 0:
            return status.st_size
        self._close()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        found = os.fstat(self._descriptor)
        self._inode = found.st_ino
        return found.st_size

    def _rotate(self) -> None:
        """Rename the full file, unless another process was faster, and open the new one."""
        lock = os.open(f"{self.path}.lock", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if self._still_full():
                self._shift()
        finally:
            os.close(lock)
        self._open_current()

    def _still_full(self) -> bool:
        try:
            status = os.stat(self.path)
        except FileNotFoundError:
            return False
        return status.st_ino == self._inode

    def _shift(self) -> None:
        for number in range(self.backups - 1, 0, -1):
            with contextlib.suppress(FileNotFoundError):
                os.replace(f"{self.path}.{number}", f"{self.path}.{number + 1}")
        os.replace(self.path, f"{self.path}.1")

    def _close(self) -> None:
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):
                os.close(self._descriptor)
        self._descriptor = self._inode = -1

    def _count_drop(self, error: OSError) -> None:
        self.dropped += 1
        if self._on_drop is not None:
            self._on_drop(1)
        now = time.monotonic()
        if now - self._told_at >= TELL_EVERY_SECONDS:
            self._told_at = now
            # Standard error may be gone too; nothing is left to tell it to then.
            with contextlib.suppress(OSError, ValueError):
                sys.stderr.write(f"{self.path.name}: {error.strerror}; {self.dropped} line(s) lost 日志无法写入\n")
                sys.stderr.flush()

    def _renew_lock(self) -> None:
        self._lock = threading.Lock()


_files: weakref.WeakSet[LogFile] = weakref.WeakSet()


def _after_fork() -> None:
    """A lock that another thread held at the fork would never be released in the child."""
    for file in _files:
        file._renew_lock()


os.register_at_fork(after_in_child=_after_fork)
