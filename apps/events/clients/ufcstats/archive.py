"""Where the tables lie: a folder, a zip, or one file of them; each may be gzipped.

Never trusted: the size that a zip claims for its entries.
"""

from __future__ import annotations

import gzip
import lzma
import zipfile
import zlib
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from django.utils.translation import gettext as _

from apps.core.errors import Invalid
from apps.events.clients.ufcstats.rows import COLUMNS

# What reading a broken archive raises.
DAMAGED = (zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, lzma.LZMAError, EOFError, OSError)


@dataclass(frozen=True, slots=True)
class Finder:
    places: dict[str, Callable[[], IO[bytes]]]

    def holds(self, name: str) -> bool:
        return name in self.places or f"{name}.gz" in self.places

    def open(self, name: str) -> IO[bytes] | None:
        if name in self.places:
            return self.places[name]()
        if f"{name}.gz" in self.places:
            return cast("IO[bytes]", gzip.GzipFile(fileobj=self.places[f"{name}.gz"]()))
        return None


def finder_of(path: Path, stack: ExitStack) -> Finder:
    """Raises Invalid for what is neither a folder, nor a table, nor a zip.  ``stack`` closes what was opened."""
    return _in_folder(path) if path.is_dir() else _in_file(path) or _in_zip(stack, path)


def _in_folder(path: Path) -> Finder:
    def opener(file: Path) -> Callable[[], IO[bytes]]:
        return lambda: file.open("rb")

    return Finder({file.name: opener(file) for file in path.iterdir() if file.is_file()})


def _in_file(path: Path) -> Finder | None:
    """One of the tables alone, known by its columns, whatever its name; or by its name, if some columns lack."""
    with path.open("rb") as file:
        start = file.read(2)
    opener = gzip.open if start == b"\x1f\x8b" else open
    try:
        with opener(path, "rb") as table:
            head = table.readline(2_000).decode("utf-8-sig", "replace")
    except DAMAGED:
        return None
    columns = {name.strip().upper() for name in head.split(",")}
    fitting = [name for name, needed in COLUMNS.items() if set(needed) <= columns]
    fitting = fitting or [name for name in COLUMNS if name == path.name.removesuffix(".gz")]
    if not fitting:
        return None
    # Results have all the columns of fights, and more.
    name = max(fitting, key=lambda one: len(COLUMNS[one]))
    return Finder({name: lambda: cast("IO[bytes]", opener(path, "rb"))})


def _in_zip(stack: ExitStack, path: Path) -> Finder:
    """By the last part of the names: many archives hold a folder.  The shallowest of two wins."""
    if not zipfile.is_zipfile(path):
        raise Invalid(_("Neither a folder nor a zip archive."))
    archive = stack.enter_context(zipfile.ZipFile(path))

    def opener(entry: zipfile.ZipInfo) -> Callable[[], IO[bytes]]:
        return lambda: _opened(archive, entry)

    entries = sorted(archive.infolist(), key=lambda entry: -entry.filename.count("/"))
    return Finder({Path(entry.filename).name: opener(entry) for entry in entries if not entry.is_dir()})


def _opened(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> IO[bytes]:
    """Raises Invalid for an entry that is encrypted or packed in a way that we don't know."""
    try:
        return archive.open(entry)
    except RuntimeError as error:
        # Encrypted; an unknown packing is a subclass of it.
        raise Invalid(_("The file is damaged: %(error)s") % {"error": error}) from error
