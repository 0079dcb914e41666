"""What a source said last time, so that a repeated import passes over rows that say the same again.

For tables of external ids with a column ``seen``: the digest of the source's row together with the number and version
of ours.  Whatever changed our row since (an edit, a release of its locks, a merge, another source) changed its
version, and the two are compared in full again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import models

from apps.core.db import update_rows


def mark(digest: str, row_id: int, version: int) -> str:
    """Empty without a digest: such a row is always compared."""
    return f"{digest}.{row_id}.{version}" if digest else ""


def last_digests(external_ids: type[models.Model], owner: str, *, source: str) -> dict[str, str]:
    """Id at the source -> what it said, for rows of ours that nobody has touched since.  ``owner``: "fighter"."""
    rows = external_ids._default_manager.filter(source=source).exclude(seen="")
    told = rows.values_list("external_id", "seen", f"{owner}_id", f"{owner}__version")
    known = {}
    for external_id, seen, row_id, version in told.iterator(chunk_size=5_000):
        digest, _dot, state = seen.partition(".")
        if state == f"{row_id}.{version}":
            known[external_id] = digest
    return known


def remember(external_ids: type[models.Model], marks: Mapping[str, str], *, source: str) -> None:
    """Note what was compared, where it differs from what stands there, inside the caller's transaction."""
    marks = {external_id: told for external_id, told in marks.items() if told}
    if not marks:
        return
    rows: Any = external_ids._default_manager.filter(source=source, external_id__in=list(marks))
    differing = [
        (marks[external_id], pk)
        for pk, external_id, seen in rows.values_list("id", "external_id", "seen")
        if seen != marks[external_id]
    ]
    update_rows(external_ids, ["seen"], differing)
