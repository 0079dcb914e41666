"""Query counts as committed files: ``tests/<app>/query_counts.json``.

``record_count("audit", "admin: list", 7)`` compares with the file; ``QUERY_COUNTS=write`` rewrites it, so that a
reviewer sees ``7 -> 9`` as one line of the diff.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


def check_count(app: str, name: str, count: int, *, queries: list[str]) -> None:
    """Fail when the count differs from the committed one; the message shows the SQL."""
    path = FOLDER / app / "query_counts.json"
    known: dict[str, int] = json.loads(path.read_text()) if path.exists() else {}
    if os.environ.get("QUERY_COUNTS") == "write":
        known[name] = count
        path.write_text(json.dumps(dict(sorted(known.items())), indent=2, ensure_ascii=False) + "\n")
        return
    shown = "\n".join(queries)
    assert name in known, f"{name} has no committed count; run with QUERY_COUNTS=write (now {count})"
    assert count == known[name], f"{name}: {known[name]} -> {count} queries\n{shown}"
