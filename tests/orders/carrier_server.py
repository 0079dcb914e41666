"""A carrier on loopback that speaks real HTTP: 100,000 cards if need be, and every bad habit that a test asks for."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from typing import Any
from urllib.parse import parse_qs, urlsplit

KEY = "carrier-key"
Answer = Callable[["Handler"], None]


class CarrierServer(ThreadingHTTPServer):
    """``items`` by the last part of the path (status, real-name, usage).  ``interventions`` are taken first, one per
    request: a function that answers, or None to let the request through."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        self.items: dict[str, list[dict[str, Any]]] = {"status": [], "real-name": [], "usage": []}
        self.interventions: list[Answer | None] = []
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.asked_cards: list[list[str]] = []
        self.before_each: Callable[[], None] = lambda: None
        self._pages: dict[tuple[str, int, int], bytes] = {}
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def configure(self, settings: Any) -> None:
        settings.CARRIER_BASE_URL, settings.CARRIER_API_KEY = self.origin, KEY
        settings.CARRIER_TIMEOUT_SECONDS = 2

    @property
    def environment(self) -> dict[str, str]:
        return {"CARRIER_BASE_URL": self.origin, "CARRIER_API_KEY": KEY}

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up early is what several tests are about."""

    def page(self, kind: str, offset: int, limit: int) -> bytes:
        """Kept: the bench asks for the same pages again and again."""
        key = (kind, offset, limit)
        if key not in self._pages:
            items = self.items[kind]
            following = offset + limit if offset + limit < len(items) else None
            body = {
                "items": items[offset : offset + limit],
                "next_cursor": None if following is None else f"o{following}",
                "total": len(items),
            }
            self._pages[key] = json.dumps(body).encode()
        return self._pages[key]

    def forget_pages(self) -> None:
        self._pages.clear()


class Handler(BaseHTTPRequestHandler):
    server: CarrierServer
    protocol_version = "HTTP/1.1"
    # Header and body in two packets would wait for each other's acknowledgement.
    disable_nagle_algorithm = True
    wbufsize = 65_536

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        kind = parts.path.rsplit("/", 1)[-1]
        self.server.requests.append(("GET", parts.path, query))
        if self._intervened() or self._stranger():
            return
        offset = int(query.get("cursor", "o0").removeprefix("o"))
        self.send(self.server.page(kind, offset, int(query["limit"])))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append(("POST", self.path, {}))
        if self._intervened() or self._stranger():
            return
        self.server.asked_cards.append(body["iccids"])
        known = {item["iccid"]: item for item in self.server.items["status"]}
        self.send(json.dumps({"items": [known[one] for one in body["iccids"] if one in known]}).encode())

    def _intervened(self) -> bool:
        self.server.before_each()
        intervention = self.server.interventions.pop(0) if self.server.interventions else None
        if intervention is None:
            return False
        intervention(self)
        return True

    def _stranger(self) -> bool:
        if self.headers.get("Authorization") == f"Bearer {KEY}":
            return False
        self.send(b'{"error": "key"}', status=401)
        return True

    def send(self, body: bytes, *, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        pass


def says(body: bytes | dict[str, Any] = b"", *, status: int = 200, **headers: str) -> Answer:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lambda handler: handler.send(content, status=status, **headers)


def hangs_up(handler: Handler) -> None:
    handler.close_connection = True
    handler.connection.close()


def dawdles(seconds: float) -> Answer:
    def wait(handler: Handler) -> None:
        time.sleep(seconds)
        hangs_up(handler)

    return wait


@contextmanager
def carrier_serving() -> Iterator[CarrierServer]:
    server = CarrierServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def serve_cards(cards: int, page: int, told: Connection) -> None:
    """Entry of a process of its own (the bench): so many cards, all pages made beforehand, the address told."""
    server = CarrierServer()
    words = ("active", "inactive", "suspended")
    server.items["status"] = [
        {"iccid": f"8986{number:016d}", "status": words[number % len(words)]} for number in range(cards)
    ]
    for offset in range(0, cards, page):
        server.page("status", offset, page)
    told.send(server.origin)
    server.serve_forever()
