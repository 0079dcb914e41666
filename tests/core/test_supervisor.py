"""The supervisor with small stand-in children, and `make run`'s refusals with the real entry."""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from apps.core.local_services import (
    ChildSpec,
    Console,
    DirectoryLock,
    LocalServiceError,
    Places,
    Stopped,
    Supervisor,
    child,
    supervisor,
)
from apps.core.local_services.processes import wait_until

STUBBORN = "trap '' TERM; echo deaf; while :; do sleep 0.1; done"


class Bench:
    """A supervisor whose words are kept."""

    def __init__(self, root: Path) -> None:
        self.words = io.StringIO()
        self.places = Places.prepare(root)
        self.supervisor = Supervisor(
            Console(self.words), environment={"PATH": os.environ["PATH"]}, records=self.places.records
        )

    def lines(self) -> list[str]:
        return self.words.getvalue().splitlines()


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(child, "BACK_OFF_SECONDS", (0.05,))
    return Bench(tmp_path / "local")


def _shell(name: str, script: str, *, stop_rank: int = 0) -> ChildSpec:
    return ChildSpec(name, ("/bin/sh", "-c", script), stop_rank=stop_rank)


def test_lines_carry_the_name_of_their_process(bench: Bench) -> None:
    with bench.supervisor:
        bench.supervisor.run_once(_shell("web", "echo one; printf 'two\\nthree' >&2; printf '\\303'"))

    assert bench.lines() == ["web       | one", "web       | two", "web       | three�"]


def test_line_longer_than_the_pipe_is_passed_on(bench: Bench) -> None:
    with bench.supervisor:
        bench.supervisor.run_once(_shell("web", "head -c 200000 /dev/zero | tr '\\0' x; echo; echo end"))

    assert sum(line.count("x") for line in bench.lines()) == 200_000
    assert bench.lines()[-1] == "web       | end"


def test_failed_step_is_a_sentence_with_its_last_lines(bench: Bench) -> None:
    with pytest.raises(LocalServiceError) as caught, bench.supervisor:
        bench.supervisor.run_once(_shell("migrate", "echo no such table; exit 3"))

    assert caught.value.english == "The step migrate failed (exit code 3); its last lines follow."
    assert caught.value.chinese.startswith("步骤 migrate 失败")
    assert caught.value.details == "  no such table"


def test_dead_child_is_started_again_and_it_is_said(bench: Bench, tmp_path: Path) -> None:
    lives = tmp_path / "lives"
    script = f"echo life >> {lives}; [ $(wc -l < {lives}) -ge 3 ] && exec sleep 60; exit 7"
    with bench.supervisor:
        bench.supervisor.start([_shell("worker", script)])
        bench.supervisor.wait_ready(
            lambda: [] if lives.exists() and lives.read_text().count("life") == 3 else ["worker"], seconds=10
        )

    said = [line for line in bench.lines() if "worker ended (exit code 7)" in line]
    assert len(said) == 2
    assert "worker 已退出" in said[0]


def test_child_that_keeps_dying_at_start_ends_the_run_with_its_last_words(bench: Bench) -> None:
    with bench.supervisor:
        bench.supervisor.start([_shell("beat", "echo my last words; exit 1"), _shell("web", "exec sleep 60")])
        with pytest.raises(LocalServiceError) as caught:
            bench.supervisor.wait_ready(lambda: ["beat"], seconds=30)

    assert caught.value.english == "beat keeps ending right after its start; its last lines follow."
    assert caught.value.details.splitlines()[-1] == "  my last words"
    assert bench.supervisor.pid("web") is None


def test_run_that_never_gets_ready_names_who_is_silent(bench: Bench) -> None:
    with bench.supervisor:
        bench.supervisor.start([_shell("consumer", "exec sleep 60")])
        with pytest.raises(LocalServiceError, match="Not ready after 0 s: consumer"):
            bench.supervisor.wait_ready(lambda: ["consumer"], seconds=0.2)


def test_children_end_rank_by_rank(bench: Bench, tmp_path: Path) -> None:
    order = tmp_path / "order"
    script = "trap 'sleep {nap}; echo {name} >> {order}; exit 0' TERM; echo up; while :; do sleep 0.05; done"

    with bench.supervisor:
        bench.supervisor.start(
            [
                _shell("worker", script.format(nap=0, name="worker", order=order), stop_rank=1),
                _shell("web", script.format(nap=0.3, name="web", order=order), stop_rank=0),
            ]
        )
        bench.supervisor.wait_ready(lambda: ["up"] * (2 - bench.words.getvalue().count("up\n")), seconds=10)

    assert order.read_text().split() == ["web", "worker"]
    assert list(bench.places.records.iterdir()) == []


def test_deaf_child_and_what_it_started_are_killed_within_the_budget(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "STOP_BUDGET_SECONDS", 1.0)
    monkeypatch.setattr(supervisor, "SERVERS_SHARE_SECONDS", 0.2)
    with bench.supervisor:
        bench.supervisor.start([_shell("worker", f"sleep 63 & {STUBBORN}")])
        bench.supervisor.wait_ready(lambda: [] if "deaf" in bench.words.getvalue() else ["deaf"], seconds=10)
        pid = bench.supervisor.pid("worker")
        assert pid is not None
        family = psutil.Process(pid).children(recursive=True)
        began = time.monotonic()

    assert time.monotonic() - began < 5
    assert wait_until(lambda: not any(_lives(process) for process in family), 5)
    assert "worker did not end in time and was killed." in bench.words.getvalue()


def _lives(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_stops_everything(bench: Bench, number: signal.Signals) -> None:
    # Under nohup SIGHUP arrives here as ignored, and the supervisor rightly leaves it so.
    before = signal.signal(number, signal.SIG_DFL)
    try:
        with bench.supervisor:
            bench.supervisor.start([_shell("web", f"kill -{number.value} $PPID; exec sleep 60")])
            bench.supervisor.watch()
            pid = bench.supervisor.pid("web")
            assert pid is not None
    finally:
        signal.signal(number, before)

    assert not psutil.pid_exists(pid)


def test_signal_during_a_step_ends_it(bench: Bench) -> None:
    with pytest.raises(Stopped), bench.supervisor:
        bench.supervisor.run_once(_shell("migrate", "kill -INT $PPID; exec sleep 60"))


def test_closed_terminal_stops_everything(bench: Bench, tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream:
        quiet = Supervisor(Console(stream), environment=dict(os.environ), records=bench.places.records)
        with quiet:
            quiet.start([_shell("web", "echo hello; exec sleep 60")])
            quiet.watch()

    assert quiet.pid("web") is None


# --- the entry of make run --------------------------------------------------------------------------------------------
def _run(tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "project.local", "run"],
        env={**os.environ, "LOCAL_DIR": str(tmp_path / "local"), "LOCAL_SERVICES": "1", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_second_copy_is_refused_with_the_address_of_the_first(tmp_path: Path) -> None:
    with DirectoryLock(Places.prepare(tmp_path / "local").lock_file) as lock:
        lock.write_note("http://127.0.0.1:8123")
        refused = _run(tmp_path)

    assert refused.returncode == 1
    assert "The product already runs in this folder (http://127.0.0.1:8123)" in refused.stderr
    assert "本产品已在这个文件夹中运行" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (tmp_path / "local" / "postgres").exists()


def test_start_waits_for_a_run_that_is_stopping(tmp_path: Path) -> None:
    lock = DirectoryLock(Places.prepare(tmp_path / "local").lock_file)
    lock.acquire()
    lock.write_note("stopping")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        threading.Timer(2.0, lock.release).start()
        refused = _run(tmp_path, PORT=str(port))

    # It came as far as the port, so it got the lock.
    assert f"Port {port} can't be used" in refused.stderr


def test_taken_port_is_a_sentence_that_offers_another(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = _run(tmp_path, PORT=str(port))

    assert refused.returncode == 1
    assert f"Port {port} can't be used (Address already in use); choose another: PORT={port + 1} make run." in (
        refused.stderr
    )
    assert f"端口 {port} 无法使用" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (tmp_path / "local" / "postgres").exists()


@pytest.mark.parametrize("port", ["eight", "0", "70000"])
def test_port_that_is_none_is_refused(tmp_path: Path, port: str) -> None:
    refused = _run(tmp_path, PORT=port)

    assert refused.returncode == 1
    assert "PORT must be a number from 1 to 65535" in refused.stderr
    assert "PORT 必须是" in refused.stderr
