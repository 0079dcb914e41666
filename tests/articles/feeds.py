"""Where the tests find feeds: our own fixtures everywhere, the shared collection where it is present."""

from __future__ import annotations

import os
from pathlib import Path

from apps.articles.clients.parsed import ParsedFeed
from apps.articles.clients.parsers import parse

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "tests" / "fixtures" / "feeds"
SHARED = Path(os.environ.get("SHARED_DATA", ROOT.parent / "shared" / "data")) / "feeds"


def fixture(name: str) -> bytes:
    return (FIXTURES / name).read_bytes()


def parsed(name: str, *, kind: str = "feed", url: str = "https://base.example/feed") -> ParsedFeed:
    return parse(kind, fixture(name), url=url)
