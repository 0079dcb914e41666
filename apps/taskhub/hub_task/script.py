"""Lua scripts on a connection that the thread keeps."""

from __future__ import annotations

import hashlib
import os
import threading
from typing import Any

import redis

from apps.core import redis as core_redis


class Script:
    """One script.

    Goes past redis-py's client, which costs as much again as the round trip itself (113 µs of processor time for two
    calls with it, 32 µs without), and every task needs three.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self.sha = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()

    def run(self, names: list[str], values: list[Any]) -> Any:
        """Run it; again on a new connection if the kept one turns out to be cut, so a script must bear to run twice.

        Raises redis.RedisError.
        """
        connection = _own_connection()
        was_open = connection._sock is not None
        try:
            return self._run(connection, names, values)
        except redis.ConnectionError:
            if not was_open:
                raise
            return self._run(connection, names, values)

    def _run(self, connection: Any, names: list[str], values: list[Any]) -> Any:
        try:
            try:
                return _ask(connection, "EVALSHA", self.sha, names, values)
            except redis.exceptions.NoScriptError:
                return _ask(connection, "EVAL", self.source, names, values)
        except BaseException:
            # Also when a time limit strikes in between: an answer left unread would be taken for the next one's.
            connection.disconnect()
            raise


def _ask(connection: Any, command: str, script: str, names: list[str], values: list[Any]) -> Any:
    connection.send_command(command, script, len(names), *names, *values)
    return connection.read_response()


_kept = threading.local()


def _own_connection() -> Any:
    """This thread's connection; a forked child opens its own."""
    if getattr(_kept, "process_id", None) != os.getpid():
        _kept.connection = core_redis.client().connection_pool.make_connection()
        _kept.process_id = os.getpid()
    return _kept.connection
