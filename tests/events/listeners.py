"""Listeners of live cards, spoken to as an ASGI server would."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from django.db import connections

from apps.events.api.listening import LiveApplication


class Listener:
    """One client: collects what arrives, and can hang up."""

    def __init__(
        self, app: LiveApplication, path: str, *, address: str = "10.0.0.1", heard: str = "", query: str = ""
    ) -> None:
        headers = [(b"last-event-id", heard.encode())] if heard else []
        scope = {"type": "http", "path": path, "method": "GET", "headers": headers, "client": (address, 1)}
        scope["query_string"] = query.encode()
        self.status = 0
        self.body = b""
        self.ended = False
        self._hung_up = asyncio.Event()
        self.task = asyncio.ensure_future(app(scope, self._receive, self._send))

    async def _receive(self) -> dict[str, Any]:
        await self._hung_up.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        else:
            self.body += message["body"]
            self.ended = not message.get("more_body", False)

    @property
    def events(self) -> list[tuple[str, str, Any]]:
        """(event, id, data) of every event so far."""
        found = []
        for block in self.body.decode().split("\n\n"):
            fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line and line[0] != ":")
            if "id" in fields:
                found.append((fields["event"], fields["id"], orjson.loads(fields["data"])))
        return found

    @property
    def beats(self) -> list[Any]:
        """What the beats told."""
        blocks = self.body.decode().split("\n\n")
        return [orjson.loads(block.partition("data: ")[2]) for block in blocks if block.startswith("event: beat")]

    async def hang_up(self) -> None:
        self._hung_up.set()
        await asyncio.wait_for(self.task, 5)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


def run(story: Callable[[LiveApplication], Awaitable[None]]) -> None:
    """With a running application."""

    async def whole() -> None:
        app = LiveApplication()
        await app.reader.start()
        try:
            await story(app)
        finally:
            await app.reader.stop()

    asyncio.run(whole())


async def in_thread(act: Callable[[], None]) -> None:
    """What other processes do meanwhile."""

    def whole() -> None:
        try:
            act()
        finally:
            connections.close_all()

    await asyncio.to_thread(whole)
