"""Two people at one row: the second learns that it changed instead of overwriting it (decision 35)."""

from __future__ import annotations

from typing import Protocol

from apps.core.errors import PreconditionFailed


class Versioned(Protocol):
    version: int


def require_version(row: Versioned, expected: int | None) -> None:
    """Call it with the row's lock.  ``None``: the caller does not care.  Raises PreconditionFailed."""
    if expected is not None and expected != row.version:
        raise PreconditionFailed(version=row.version)
