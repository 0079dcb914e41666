"""`make run` as a person uses it: start, look, stop, start again, and after kill -9."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import urlopen

import psutil
import psycopg
import pytest
from django.contrib.auth.hashers import check_password

from apps.core.local_services import Places
from apps.core.local_services.processes import wait_until
from project.env import Env

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

FIRST_START_SECONDS = 120
# The demand for the second start (issue 2), and for the end (C-5).
SECOND_START_SECONDS = 10
STOP_SECONDS = 30
READY = re.compile(r"Bajiaozhi is ready: (http://\S+)/admin/ .*user: (\S+) .*password: (\S+)")
PROCESSES = ("web", "live", "worker", "beat", "consumer")


@dataclass
class Run:
    """One start of the product in a folder of its own."""

    process: subprocess.Popen[str]
    output: Path
    ready_line: str = ""
    seconds_to_ready: float = 0.0
    family: list[psutil.Process] = field(default_factory=list)

    @property
    def text(self) -> str:
        return self.output.read_text(encoding="utf-8", errors="replace")

    def remember_family(self) -> None:
        self.family = psutil.Process(self.process.pid).children(recursive=True)

    def survivors(self) -> list[psutil.Process]:
        return [process for process in self.family if process.is_running() and process.status() != "zombie"]


class Product:
    """Starts and stops the product; nothing of it outlives the test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = _free_port()
        self.runs: list[Run] = []

    @property
    def places(self) -> Places:
        return Places.prepare(self.folder / "local")

    def start(self, *, within: float) -> Run:
        """Start and wait for the ready line."""
        output = self.folder / f"run-{len(self.runs)}.log"
        own = {name.upper() for name in Env.model_fields} | {"DJANGO_SETTINGS_MODULE", "MAKELEVEL"}
        environment = {key: value for key, value in os.environ.items() if key not in own}
        environment |= {
            "LOCAL_SERVICES": "1",
            "LOCAL_DIR": str(self.folder / "local"),
            "LOG_DIR": str(self.folder / "logs"),
            "PORT": str(self.port),
        }
        began = time.monotonic()
        with output.open("wb") as stream:
            process = subprocess.Popen(
                [sys.executable, "-m", "project.local", "run"],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                text=True,
            )
        run = Run(process, output)
        self.runs.append(run)
        ended = wait_until(lambda: READY.search(run.text) is not None or process.poll() is not None, within, every=0.1)
        found = READY.search(run.text)
        assert ended, f"not ready within {within} s:\n{run.text[-6000:]}"
        assert found is not None, f"ended with {process.returncode}:\n{run.text[-6000:]}"
        run.ready_line, run.seconds_to_ready = found[0], time.monotonic() - began
        run.remember_family()
        return run

    def stop(self, run: Run, number: signal.Signals = signal.SIGINT) -> float:
        """Stop as Ctrl-C does.  Returns the seconds it took."""
        began = time.monotonic()
        run.process.send_signal(number)
        assert run.process.wait(timeout=STOP_SECONDS) == 0, run.text[-4000:]
        return time.monotonic() - began


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Product]:
    product = Product(tmp_path)
    yield product
    for run in product.runs:
        if run.process.poll() is None:
            run.remember_family()
            run.process.kill()
            run.process.wait()
        for process in run.survivors():
            process.kill()


def _free_port() -> int:
    """The live process listens on the next one, which must be free too."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port: int = server.getsockname()[1]
            with suppress(OSError), socket.create_server(("127.0.0.1", port + 1)):
                return port


def _get(port: int, path: str) -> int:
    with urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return int(answer.status)


def _users(places: Places) -> list[tuple[str, str]]:
    """Names and password hashes, straight from the product's own database."""
    with psycopg.connect(f"host='{places.sockets}' port=5432 user=bajiaozhi dbname=bajiaozhi") as connection:
        return connection.execute("SELECT username, password FROM tb_user ORDER BY id").fetchall()


def test_start_use_stop_and_start_again(product: Product, tell: Callable[[str], None]) -> None:
    first = product.start(within=FIRST_START_SECONDS)
    assert _get(product.port, "/readyz") == 200
    assert _get(product.port, "/admin/login/") == 200
    users = _users(product.places)
    assert [name for name, _ in users] == ["demo"]
    assert all(f"{name:<10}|" in first.text for name in PROCESSES)

    assert product.stop(first) < STOP_SECONDS
    assert first.survivors() == []
    assert "Traceback" not in first.text
    assert list(product.places.records.iterdir()) == []

    second = product.start(within=FIRST_START_SECONDS)
    assert second.seconds_to_ready < SECOND_START_SECONDS, f"second start took {second.seconds_to_ready:.1f} s"
    # What makes it quick: nothing is prepared again.
    assert f"{'prepare':<10}|" in first.text
    assert f"{'prepare':<10}|" not in second.text
    assert second.seconds_to_ready < first.seconds_to_ready
    tell(f"make run: first start {first.seconds_to_ready:.1f} s, second {second.seconds_to_ready:.1f} s")
    assert second.ready_line == first.ready_line
    assert _users(product.places) == users
    product.stop(second, signal.SIGTERM)
    assert second.survivors() == []


def test_told_password_works_after_its_file_was_lost(product: Product) -> None:
    first = product.start(within=FIRST_START_SECONDS)
    product.stop(first)
    (product.places.root / "demo_password").unlink()

    second = product.start(within=FIRST_START_SECONDS)

    told = READY.search(second.ready_line)
    assert told is not None
    [(name, encoded)] = _users(product.places)
    assert (name, told[2]) == ("demo", "demo")
    assert told[3] != READY.search(first.ready_line)[3]  # type: ignore[index]
    assert check_password(told[3], encoded)
    assert "RuntimeWarning" not in first.text + second.text
    product.stop(second)


def test_killed_supervisor_is_survived_by_the_next_start(product: Product) -> None:
    first = product.start(within=FIRST_START_SECONDS)
    users = _users(product.places)

    first.process.kill()
    first.process.wait()
    second = product.start(within=FIRST_START_SECONDS)

    assert first.survivors() == []
    assert _users(product.places) == users
    assert _get(product.port, "/readyz") == 200
    product.stop(second)
    assert second.survivors() == []


def test_killed_processes_come_back_by_themselves(product: Product) -> None:
    run = product.start(within=FIRST_START_SECONDS)
    killed = {name: _recorded_pid(product, name) for name in (*PROCESSES, "postgres", "redis")}

    for pid in killed.values():
        os.kill(pid, signal.SIGKILL)

    def all_back() -> bool:
        try:
            return all(_recorded_pid(product, name) != pid for name, pid in killed.items()) and _ready(product.port)
        except FileNotFoundError:
            return False

    assert wait_until(all_back, 60, every=0.2), run.text[-6000:]
    for name in PROCESSES:
        assert f"{name} ended (SIGKILL), it starts again in 1 s." in run.text
    product.stop(run)


def _recorded_pid(product: Product, name: str) -> int:
    found = re.search(r'"pid": (\d+)', (product.places.records / f"{name}.json").read_text(encoding="utf-8"))
    assert found is not None
    return int(found[1])


def _ready(port: int) -> bool:
    try:
        return _get(port, "/readyz") == 200
    except OSError:
        return False
