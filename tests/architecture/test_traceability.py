"""docs/traceability.md names code and tests that exist (decision 39)."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "traceability.md"
NAMED_PATH = re.compile(r"`((?:apps|project|tests|docs|deploy|templates)/[^`\s]*)`")


def test_every_named_path_exists() -> None:
    named = NAMED_PATH.findall(PAGE.read_text(encoding="utf-8"))

    assert len(named) > 50
    assert sorted({path for path in named if not (ROOT / path).exists()}) == []


def test_every_row_of_the_customers_lists_is_there() -> None:
    text = PAGE.read_text(encoding="utf-8")
    wanted = {f"S2:T{number:03}" for number in range(1, 122)}
    wanted |= {f"S3:{number}" for number in range(1, 9)}
    wanted |= {f"S4:T{number:03}" for number in range(1, 36)}
    found = set()
    for prefix, first, last in re.findall(r"(S[234]:T?)(\d+)(?:–T?(\d+))?", text):
        width = 3 if prefix.endswith("T") else 1
        found |= {f"{prefix}{number:0{width}}" for number in range(int(first), int(last or first) + 1)}

    assert sorted(wanted - found) == []
