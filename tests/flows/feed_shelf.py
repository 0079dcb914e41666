"""Feeds served over local HTTP: files with an ETag, a series of polls, and one that keeps its reader waiting."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from tests.articles.feeds import FIXTURES, SHARED
from tests.core.http_server import Answer, LocalServer

WAITING_SECONDS = 60


@dataclass(frozen=True)
class Shelf:
    """Which feeds there are: our own fixtures everywhere, the shared collection where it is present."""

    files: dict[str, Path]
    polls: list[Path]
    has_shared: bool

    @classmethod
    def of_this_machine(cls) -> Shelf:
        own = {path.name: path for path in _files(FIXTURES)}
        if not SHARED.is_dir():
            return cls(own, sorted((FIXTURES / "polls").glob("*.json")), has_shared=False)
        shared = {path.name: path for path in _files(SHARED)}
        return cls(own | shared, sorted((SHARED / "polls_bbc_chinese_trad").glob("*.json")), has_shared=True)

    @property
    def words(self) -> str:
        which = "our fixtures and the shared feeds" if self.has_shared else "our fixtures only"
        return f"{which}: {len(self.files)} feeds, {len(self.polls)} polls of one publisher"


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix in {".rss", ".atom", ".rdf", ".json", ".html"})


@dataclass
class Waiting:
    """An answer that is held back: ``asked`` tells that somebody waits, ``release`` lets him have it."""

    body: bytes
    asked: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        self.asked.set()
        self.release.wait(WAITING_SECONDS)
        document(self.body)(handler)


def document(body: bytes) -> Answer:
    """A well-mannered server: 304 for those who have this version."""
    etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'

    def write(handler: BaseHTTPRequestHandler) -> None:
        known = handler.headers.get("If-None-Match") == etag
        handler.send_response(304 if known else 200)
        handler.send_header("ETag", etag)
        handler.send_header("Content-Length", "0" if known else str(len(body)))
        handler.end_headers()
        if not known:
            handler.wfile.write(body)

    return write


def fill(server: LocalServer, shelf: Shelf) -> None:
    for name, path in shelf.files.items():
        server.answers[f"/{name}"] = document(path.read_bytes())


def feed_of(name: str, count: int) -> bytes:
    """A feed with so many pieces that nobody else has."""
    items = "".join(
        f"<item><title>{name} {number}</title><link>https://{name}.example/{number}</link>"
        f"<description>Piece {number} of {count}.</description></item>"
        for number in range(count)
    )
    return f"<?xml version='1.0'?><rss version='2.0'><channel><title>{name}</title>{items}</channel></rss>".encode()
