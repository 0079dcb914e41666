"""Many processes, one terminal: each line with the name of who said it, in a colour of its own."""

from __future__ import annotations

import os
import sys
from typing import TextIO

COLOURS = (36, 33, 35, 32, 34, 96, 93, 95)
WIDTH = 10
OWN_NAME = "bajiaozhi"


class Console:
    """Writes whole lines.  Colours only on a terminal, never with NO_COLOR.

    When the reader goes away (``make run | head``), ``closed`` turns true and further lines are dropped.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._coloured = self._stream.isatty() and "NO_COLOR" not in os.environ
        self._colours: dict[str, int] = {}
        self.closed = False

    def say(self, text: str) -> None:
        """A sentence of the supervisor itself."""
        for line in text.splitlines():
            self.line(OWN_NAME, line)

    def line(self, name: str, text: str) -> None:
        self._write(f"{self._prefix(name)} {text}\n")

    def plain(self, text: str) -> None:
        """A line without a name: what a person looks for."""
        self._write(f"{text}\n")

    def _prefix(self, name: str) -> str:
        label = f"{name:<{WIDTH}}|"
        if not self._coloured:
            return label
        colour = self._colours.setdefault(name, COLOURS[len(self._colours) % len(COLOURS)])
        return f"\x1b[{colour}m{label}\x1b[0m"

    def _write(self, text: str) -> None:
        if self.closed:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError:
            self.closed = True
            # Python flushes standard output once more at exit and would complain.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())
