"""One command on throw-away servers: a fresh data folder each, without fsync, gone at the end.

Any number may run at once in one checkout.  What a killed run left behind is removed by the next one.
"""

from __future__ import annotations

import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from apps.core.local_services import (
    AlreadyLockedError,
    DirectoryLock,
    LocalServer,
    Places,
    PostgresServer,
    RedisServer,
    end_left_over,
)
from project.local_environment import local_folder, local_servers_wanted, product_environment

STOP_SECONDS = 10.0
# Every xdist worker has its own database and its pools; 64 Redis databases are enough for 63 of them.
MAX_CONNECTIONS = 300
REDIS_DATABASES = 64


def run_with_test_servers(command: list[str]) -> int:
    """Run the command and return its exit code.  Raises LocalServiceError when a server can't be started."""
    folder = local_folder() / "test"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    remove_left_over(folder)
    with ExitStack() as stack:
        environment = product_environment()
        environment.setdefault("SECRET_KEY", secrets.token_urlsafe(32))
        places = stack.enter_context(own_folder(folder))
        environment.setdefault("LOG_DIR", str(places.root / "logs"))
        for setting, server in _servers(places, environment).items():
            stack.callback(server.stop, seconds=STOP_SECONDS)
            server.start()
            environment[setting] = server.url()
        return _run(command, environment)


@contextmanager
def own_folder(folder: Path) -> Iterator[Places]:
    """A folder that only this run uses, with its lock, removed at the end."""
    places = Places.prepare(Path(tempfile.mkdtemp(prefix="run-", dir=folder)))
    try:
        with DirectoryLock(places.lock_file):
            yield places
    finally:
        shutil.rmtree(places.root, ignore_errors=True)
        shutil.rmtree(places.sockets, ignore_errors=True)


def remove_left_over(folder: Path) -> None:
    """Runs that were killed: end their servers, remove their data.  Running ones hold their lock and stay."""
    for root in folder.glob("run-*"):
        places = Places.prepare(root)
        try:
            with DirectoryLock(places.lock_file):
                end_left_over(places.records)
                shutil.rmtree(places.root, ignore_errors=True)
                shutil.rmtree(places.sockets, ignore_errors=True)
        except AlreadyLockedError:
            continue


def _servers(places: Places, environment: dict[str, str]) -> dict[str, LocalServer]:
    servers: dict[str, LocalServer] = {}
    if local_servers_wanted("DATABASE_URL", environment):
        servers["DATABASE_URL"] = PostgresServer(places, max_connections=MAX_CONNECTIONS, durable=False)
    if local_servers_wanted("REDIS_URL", environment):
        servers["REDIS_URL"] = RedisServer(places, databases=REDIS_DATABASES, durable=False)
    return servers


def _run(command: list[str], environment: dict[str, str]) -> int:
    """The command keeps our terminal and process group: Ctrl-C is its business, we only wait and clean up."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    process = subprocess.Popen(command, env=environment, preexec_fn=_hear_interrupt)
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    try:
        code = process.wait()
    finally:
        signal.signal(signal.SIGINT, before)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    return code if code >= 0 else 128 - code


def _hear_interrupt() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
