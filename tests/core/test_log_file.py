"""One log file for many processes: nothing lost, nothing torn, rotated by size."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections import Counter
from pathlib import Path

import pytest

from apps.core.log_file import BACKUPS, MAX_BYTES, LogFile

LINES = 3_000
PROCESSES = 4


def _write(folder: str, name: int, start: multiprocessing.synchronize.Event) -> None:  # type: ignore[name-defined]
    file = LogFile(Path(folder) / "a.log", max_bytes=100_000, backups=100)
    start.wait()
    for number in range(LINES):
        file.write(b'{"process": %d, "line": %d, "pad": "%s"}\n' % (name, number, b"x" * (number % 200)))


def _written(folder: Path) -> Counter[tuple[int, int]]:
    found: Counter[tuple[int, int]] = Counter()
    for path in folder.glob("a.log*"):
        if path.suffix != ".lock":
            for line in path.read_text().splitlines():
                head = line.split(", ")
                found[int(head[0].split(": ")[1]), int(head[1].split(": ")[1])] += 1
                assert line.endswith('"}')
    return found


def test_the_limits_are_those_of_the_requirement() -> None:
    assert (MAX_BYTES, BACKUPS) == (100 * 1024 * 1024, 10)


def test_four_processes_lose_no_line_while_rotating(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    start = context.Event()
    writers = [context.Process(target=_write, args=(str(tmp_path), name, start)) for name in range(PROCESSES)]
    for writer in writers:
        writer.start()
    start.set()
    for writer in writers:
        writer.join(60)

    assert [writer.exitcode for writer in writers] == [0] * PROCESSES
    written = _written(tmp_path)
    assert len(written) == PROCESSES * LINES
    assert set(written.values()) == {1}
    assert len(list(tmp_path.glob("a.log.*"))) > 5
    # Only lines that were under way may exceed the size.
    assert max(path.stat().st_size for path in tmp_path.glob("a.log*")) < 100_000 + PROCESSES * 300


def test_threads_share_a_file(tmp_path: Path) -> None:
    file = LogFile(tmp_path / "a.log", max_bytes=20_000, backups=100)

    def write(name: int) -> None:
        for number in range(500):
            file.write(b'{"process": %d, "line": %d, "pad": ""}\n' % (name, number))

    threads = [threading.Thread(target=write, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(_written(tmp_path)) == 4_000


def test_only_so_many_backups_stay(tmp_path: Path) -> None:
    file = LogFile(tmp_path / "a.log", max_bytes=100, backups=3)

    for number in range(100):
        file.write(b"%097d\n" % number)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.log", "a.log.1", "a.log.2", "a.log.3", "a.log.lock"]
    assert [(tmp_path / name).read_bytes() for name in ("a.log", "a.log.1", "a.log.3")] == [
        b"%097d\n" % 99, b"%097d\n" % 98, b"%097d\n" % 96,
    ]  # fmt: skip


def test_a_line_longer_than_the_file_is_written(tmp_path: Path) -> None:
    file = LogFile(tmp_path / "a.log", max_bytes=10, backups=2)

    assert file.write(b"x" * 50 + b"\n")
    assert file.write(b"y\n")

    assert (tmp_path / "a.log").read_bytes() == b"y\n"


@pytest.mark.parametrize("remove", [os.remove, lambda path: os.rename(path, f"{path}.moved")])
def test_a_file_that_is_taken_away_is_made_again(tmp_path: Path, remove: object) -> None:
    file = LogFile(tmp_path / "a.log")
    file.write(b"one\n")

    remove(tmp_path / "a.log")  # type: ignore[operator]
    file.write(b"two\n")

    assert (tmp_path / "a.log").read_bytes() == b"two\n"


def test_a_half_written_line_does_not_swallow_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = LogFile(tmp_path / "a.log")
    real_write, results = os.write, iter([4])

    def write(descriptor: int, data: bytes) -> int:
        limit = next(results, None)
        if limit is not None:
            return real_write(descriptor, data[:limit])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", write)
    assert not file.write(b"half-written\n")
    monkeypatch.undo()
    assert file.write(b"whole\n")

    assert (tmp_path / "a.log").read_bytes() == b"half\nwhole\n"


def test_a_lock_held_at_a_fork_does_not_stop_the_child(tmp_path: Path) -> None:
    file = LogFile(tmp_path / "a.log")
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with file._lock:
            held.set()
            done.wait(20)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    pid = os.fork()
    if pid == 0:
        os._exit(0 if file.write(b"child\n") else 1)
    status = os.waitpid(pid, 0)[1]
    done.set()
    holder.join()

    assert os.waitstatus_to_exitcode(status) == 0
    assert (tmp_path / "a.log").read_bytes() == b"child\n"
