"""The site in a thread of the test process, telling in a header how many queries a page cost."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.db import connection
from django.test.testcases import LiveServerThread

QUERIES = "X-Test-Queries"


class CountingHandler:
    """Answers like the web process, static files with their time to live too; says how many queries it took."""

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self.application = application

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        count = 0

        def counted(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            nonlocal count
            count += 1
            return execute(sql, params, many, context)

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            return start_response(status, [*headers, (QUERIES, str(count))], exc_info)

        with connection.execute_wrapper(counted):
            return self.application(environ, start)


def start() -> LiveServerThread:
    """Raises what the thread raised when it can't start."""
    thread = LiveServerThread("127.0.0.1", CountingHandler)
    thread.daemon = True
    thread.start()
    thread.is_ready.wait()
    if thread.error:
        raise thread.error
    return thread
