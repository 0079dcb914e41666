"""Where the local servers keep their files.

Data, logs and records stand under one folder (``.local/``).  Sockets stand elsewhere: the kernel cuts their path
at 107 bytes (103 on macOS), and a checkout may lie deeper than that.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from apps.core.local_services.sentences import LocalServiceError

# 103 bytes fit everywhere; the longest name put behind the folder is "/.s.PGSQL.5432.lock".
SOCKET_FOLDER_LIMIT = 103 - len("/.s.PGSQL.5432.lock")


@dataclass(frozen=True, slots=True)
class Places:
    """The folders of one set of servers.  ``prepare`` makes them; two roots never share anything."""

    root: Path
    sockets: Path

    @classmethod
    def prepare(cls, root: Path) -> Places:
        root = root.resolve()
        try:
            for folder in (root, root / "logs", root / "records"):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise LocalServiceError(
                f"无法写入文件夹 {root}（{error.strerror}），请检查它的所有者和磁盘空间。",
                f"The folder {root} can't be written ({error.strerror}); check its owner and the disk.",
            ) from error
        return cls(root=root, sockets=_socket_folder(root))

    @property
    def lock_file(self) -> Path:
        return self.root / "lock"

    @property
    def records(self) -> Path:
        """One small file per started process, by which the next start finds what a killed one left behind."""
        return self.root / "records"

    def data(self, name: str) -> Path:
        return self.root / name

    def log(self, name: str) -> Path:
        return self.root / "logs" / f"{name}.log"


def _socket_folder(root: Path) -> Path:
    """A private folder with a short path, the same one for the same root at every start."""
    user = os.geteuid()
    digest = hashlib.sha256(str(root).encode()).hexdigest()[:10]
    for parent in _parents_for_sockets():
        folder = parent / f"bjz-{user}-{digest}"
        if len(os.fsencode(folder)) <= SOCKET_FOLDER_LIMIT:
            _make_private(folder, user)
            return folder
    raise LocalServiceError(
        "找不到路径足够短的临时文件夹来放置套接字，请设置 TMPDIR=/tmp。",
        "No temporary folder has a path short enough for sockets; set TMPDIR=/tmp.",
    )


def _parents_for_sockets() -> Iterator[Path]:
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    for candidate in (runtime, tempfile.gettempdir(), "/tmp"):  # noqa: S108  # the folder in it is 0700 and checked
        if candidate and os.access(candidate, os.W_OK | os.X_OK):
            yield Path(candidate)


def _make_private(folder: Path, user: int) -> None:
    """Ours alone, or refused: in a shared temporary folder somebody else may have made it first."""
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != user:
        raise LocalServiceError(
            f"{folder} 属于其他用户，不能用来放置套接字，请删除它或设置 TMPDIR。",
            f"{folder} belongs to somebody else and can't hold our sockets; remove it or set TMPDIR.",
        )
    if stat.S_IMODE(found.st_mode) != 0o700:
        folder.chmod(0o700)
