"""One set of servers per folder.  The kernel drops the lock when its holder dies, however it dies.

A second redis-server on the same folder starts silently and steals the socket: the lock comes first, always.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType


class AlreadyLockedError(Exception):
    """Somebody else holds the folder.  ``note`` is what the holder wrote down."""

    def __init__(self, note: str) -> None:
        super().__init__(note)
        self.note = note


class DirectoryLock:
    """A lock on a file, with a note for whoever is refused."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock at once.  Raises AlreadyLockedError."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            note = os.read(descriptor, 4096).decode(errors="replace").strip()
            os.close(descriptor)
            raise AlreadyLockedError(note) from None
        self._descriptor = descriptor
        self.write_note("")

    def write_note(self, note: str) -> None:
        """Leave a line for others, such as the address under which we answer."""
        if self._descriptor is None:
            raise RuntimeError("the lock is not held")
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, note.encode(), 0)

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> DirectoryLock:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
