"""A client for many kept connections: HTTP/1.1 by hand, so that it takes as little as can be of the processors that
the server needs.  Open loop: a request has its time, and its latency counts from there, waited for or not.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Outcome:
    """Seconds of each answer from its due time, and what went wrong."""

    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def percentile(self, share: float) -> float:
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("inf")


class Connection:
    """One kept connection; one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._turn = asyncio.Lock()

    @classmethod
    async def open(cls, port: int) -> Connection:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def ask(self, request: bytes) -> int:
        """The status.  Raises OSError or EOFError when the server closed the connection."""
        async with self._turn:
            self._writer.write(request)
            head = await self._reader.readuntil(b"\r\n\r\n")
            length = _length(head)
            if length:
                await self._reader.readexactly(length)
            return int(head[9:12])

    def close(self) -> None:
        self._writer.close()


def _length(head: bytes) -> int:
    lower = head.lower()
    start = lower.find(b"content-length:")
    return int(lower[start + 15 : lower.index(b"\r\n", start)]) if start >= 0 else 0


def request_bytes(method: str, path: str, token: str, body: bytes = b"", **headers: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {token}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def offer(port: int, requests: Sequence[bytes], *, connections: int, rate: int, seconds: float) -> Outcome:
    """``rate`` requests a second in all, one after the other over all the connections."""
    return asyncio.run(_offer(port, requests, connections, rate, seconds))


async def _offer(port: int, requests: Sequence[bytes], connections: int, rate: int, seconds: float) -> Outcome:
    outcome = Outcome()
    opened = await _open_all(port, connections)
    asking: set[asyncio.Task[None]] = set()
    begin = time.perf_counter() + 0.1
    try:
        for number in range(int(rate * seconds)):
            due = begin + number / rate
            if (wait := due - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            task = asyncio.create_task(
                _one(opened[number % connections], requests[number % len(requests)], due, outcome)
            )
            asking.add(task)
            task.add_done_callback(asking.discard)
        if asking:
            _, late = await asyncio.wait(asking, timeout=15)
            outcome.errors += ["no answer within 15 s"] * len(late)
            for task in late:
                task.cancel()
    finally:
        for connection in opened:
            connection.close()
    return outcome


async def _open_all(port: int, count: int) -> list[Connection]:
    """Some at a time, as clients arrive."""
    opened: list[Connection] = []
    while len(opened) < count:
        some = min(50, count - len(opened))
        opened += await asyncio.gather(*(Connection.open(port) for _ in range(some)))
    return opened


async def _one(connection: Connection, request: bytes, due: float, outcome: Outcome) -> None:
    try:
        status = await connection.ask(request)
    except (OSError, EOFError, asyncio.IncompleteReadError) as error:
        outcome.errors.append(type(error).__name__)
        return
    if status >= 400:
        outcome.errors.append(f"status {status}")
    outcome.seconds.append(time.perf_counter() - due)
