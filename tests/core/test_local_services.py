"""The product's own PostgreSQL and Redis, with real servers and real kills."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from apps.core.local_services import (
    AlreadyLockedError,
    DirectoryLock,
    LocalServer,
    LocalServiceError,
    Places,
    PostgresServer,
    RedisServer,
    binaries,
    end_left_over,
    places,
)
from apps.core.local_services.processes import FOLDER_VARIABLE, wait_until, write_record
from project.local_prepared import PreparedMark

HOLDER = """
import sys, time
from pathlib import Path
from apps.core.local_services import DirectoryLock, Places, PostgresServer, RedisServer
places = Places.prepare(Path(sys.argv[1]))
with DirectoryLock(places.lock_file) as lock:
    lock.write_note("http://127.0.0.1:9")
    for server in (PostgresServer(places, durable=False), RedisServer(places)):
        server.start()
        print(server.pid, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def here(tmp_path: Path) -> Places:
    return Places.prepare(tmp_path / "local")


@pytest.fixture
def running() -> Iterator[list[LocalServer]]:
    """Servers put in here are ended after the test."""
    servers: list[LocalServer] = []
    yield servers
    for server in servers:
        server.stop(seconds=5)


def _postgres(here: Places, running: list[LocalServer], *, durable: bool = False) -> PostgresServer:
    server = PostgresServer(here, durable=durable, shared_buffers="16MB", max_connections=20)
    running.append(server)
    server.start()
    return server


def _redis(here: Places, running: list[LocalServer]) -> RedisServer:
    server = RedisServer(here)
    running.append(server)
    server.start()
    return server


def _hold(here: Places) -> tuple[subprocess.Popen[bytes], list[int]]:
    """A process that runs both servers, and their pids."""
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(here.root)], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    return holder, [int(holder.stdout.readline()) for _ in range(2)]


def _gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_both_servers_keep_their_data_over_a_restart(here: Places, running: list[LocalServer]) -> None:
    postgres, cache = _postgres(here, running), _redis(here, running)
    with psycopg.connect(postgres.url()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    redis.Redis.from_url(cache.url()).set("kept", "42")

    for server in (cache, postgres):
        server.stop(seconds=10)
    postgres, cache = _postgres(here, running), _redis(here, running)

    with psycopg.connect(postgres.url()) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchall() == [(42,)]
    assert redis.Redis.from_url(cache.url()).get("kept") == b"42"


def test_killed_servers_start_again_with_their_data(here: Places, running: list[LocalServer]) -> None:
    postgres, cache = _postgres(here, running, durable=True), _redis(here, running)
    with psycopg.connect(postgres.url()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")

    for server in (postgres, cache):
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        assert wait_until(server.has_died, 5)
    assert (here.data("postgres") / "postmaster.pid").exists()
    assert (here.sockets / "redis.sock").exists()
    postgres, cache = _postgres(here, running, durable=True), _redis(here, running)

    with psycopg.connect(postgres.url()) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchall() == [(42,)]
    assert redis.Redis.from_url(cache.url()).ping()


def test_pid_file_that_names_a_foreign_process_is_removed_and_the_process_lives(
    here: Places, running: list[LocalServer]
) -> None:
    _postgres(here, running).stop(seconds=10)
    foreign = subprocess.Popen(["sleep", "60"])
    try:
        (here.data("postgres") / "postmaster.pid").write_text(f"{foreign.pid}\n{here.data('postgres')}\n")
        (here.sockets / ".s.PGSQL.5432.lock").write_text(f"{foreign.pid}\n")

        server = _postgres(here, running)

        assert not server.has_died()
        assert foreign.poll() is None
    finally:
        foreign.kill()
        foreign.wait()


def test_half_made_data_folder_does_not_count(here: Places, running: list[LocalServer]) -> None:
    half_made = here.data("postgres.new")
    half_made.mkdir()
    (half_made / "PG_VERSION").write_text("18\n")

    _postgres(here, running)

    assert not half_made.exists()


def test_data_of_another_postgres_version_is_left_alone(here: Places) -> None:
    here.data("postgres").mkdir()
    (here.data("postgres") / "PG_VERSION").write_text("17\n")

    with pytest.raises(LocalServiceError, match="PostgreSQL 17"):
        PostgresServer(here).start()

    assert [path.name for path in here.data("postgres").iterdir()] == ["PG_VERSION"]


def test_failing_server_shows_the_end_of_its_log(here: Places) -> None:
    server = PostgresServer(here, durable=False, shared_buffers="nonsense")

    with pytest.raises(LocalServiceError) as caught:
        server.start()

    assert "PostgreSQL 启动后退出" in caught.value.chinese
    assert "ended at once" in caught.value.english
    assert 'invalid value for parameter "shared_buffers"' in caught.value.details


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux's")
def test_servers_end_with_a_killed_holder(here: Places, running: list[LocalServer]) -> None:
    holder, pids = _hold(here)

    holder.kill()
    holder.wait()

    assert wait_until(lambda: all(_gone(pid) for pid in pids), 10)
    assert not _postgres(here, running).has_died()


def test_second_holder_is_refused_and_reads_the_note_until_the_first_is_killed(here: Places) -> None:
    holder, _ = _hold(here)
    try:
        with pytest.raises(AlreadyLockedError) as caught:
            DirectoryLock(here.lock_file).acquire()
        assert caught.value.note == "http://127.0.0.1:9"
    finally:
        holder.kill()
        holder.wait()

    with DirectoryLock(here.lock_file):
        end_left_over(here.records)


def test_left_over_process_is_ended_and_its_record_removed(here: Places) -> None:
    orphan = subprocess.Popen(["sleep", "61"], start_new_session=True)
    # The kernel shows the words of a command a moment after Popen has returned.
    assert wait_until(lambda: bool(psutil.Process(orphan.pid).cmdline()), 5)
    write_record(here.records, "orphan", orphan.pid, "61", signal.SIGTERM)

    assert end_left_over(here.records) == ["orphan"]

    assert orphan.wait(timeout=5) == -signal.SIGTERM
    assert list(here.records.iterdir()) == []


@pytest.mark.parametrize("difference", ["start time", "command line"])
def test_foreign_process_under_a_recorded_pid_is_never_touched(
    here: Places, difference: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign = subprocess.Popen(["sleep", "62"], start_new_session=True)
    mark = "62" if difference == "start time" else "granian"
    write_record(here.records, "web", foreign.pid, mark, signal.SIGTERM)
    if difference == "start time":
        record = here.records / "web.json"
        started = psutil.Process(foreign.pid).create_time()
        record.write_text(record.read_text().replace(str(started), str(started - 60)))
    try:
        assert end_left_over(here.records) == []

        assert foreign.poll() is None
        assert list(here.records.iterdir()) == []
    finally:
        foreign.kill()
        foreign.wait()


@pytest.mark.parametrize("ours", [True, False])
def test_what_a_dead_leader_started_is_ended_only_when_its_environment_says_so(here: Places, ours: bool) -> None:
    """kill -9 of supervisor and child at once leaves the child's own children, under no recorded pid."""
    environment = {**os.environ, **({FOLDER_VARIABLE: str(here.records)} if ours else {})}
    leader = subprocess.Popen(["sh", "-c", "sleep 64 & sleep 64"], start_new_session=True, env=environment)
    write_record(here.records, "worker", leader.pid, "sleep 64", signal.SIGTERM)
    assert wait_until(lambda: len(psutil.Process(leader.pid).children()) == 2, 5)
    family = psutil.Process(leader.pid).children()
    leader.kill()
    leader.wait()
    try:
        assert end_left_over(here.records) == (["worker"] if ours else [])

        assert [_gone(process.pid) for process in family] == [ours, ours]
    finally:
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.kill()


def test_socket_folder_is_private_and_short_for_a_deep_checkout(tmp_path: Path) -> None:
    deep = Places.prepare(tmp_path / ("deep" * 40) / "local")

    assert len(str(deep.sockets / ".s.PGSQL.5432.lock")) <= 103
    assert deep.sockets.stat().st_mode & 0o777 == 0o700
    assert deep.sockets == Places.prepare(deep.root).sockets


def test_too_long_temporary_folder_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = tmp_path / ("x" * 90)
    long.mkdir()
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setattr(places.tempfile, "gettempdir", lambda: str(long))

    assert Places.prepare(tmp_path / "local").sockets.parent == Path("/tmp")


def test_socket_folder_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trap = tmp_path / "trap"
    trap.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(places, "SOCKET_FOLDER_LIMIT", 1000)
    expected = Places.prepare(tmp_path / "local").sockets
    expected.rmdir()
    expected.symlink_to(trap)

    with pytest.raises(LocalServiceError, match="belongs to somebody else"):
        Places.prepare(tmp_path / "local")


def test_missing_wheel_is_one_sentence_that_names_the_two_urls(here: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries.importlib.util, "find_spec", lambda name: None)

    for server, setting in ((PostgresServer, "DATABASE_URL"), (RedisServer, "REDIS_URL")):
        with pytest.raises(LocalServiceError) as caught:
            server(here)
        assert f"set {setting} to a server of yours" in caught.value.english
        assert "DATABASE_URL" in caught.value.chinese
        assert "REDIS_URL" in caught.value.chinese


@pytest.mark.skipif(os.geteuid() != 0, reason="the other tests of this file are the ordinary user's already")
def test_root_runs_postgres_without_the_rights_of_root(here: Places, running: list[LocalServer]) -> None:
    server = _postgres(here, running)

    assert psutil.Process(server.pid).uids().effective == 65534
    assert here.data("postgres").stat().st_uid == 65534


@pytest.mark.skipif(os.geteuid() != 0, reason="the other tests of this file are the ordinary user's already")
def test_ordinary_user_runs_the_servers(tmp_path: Path) -> None:
    user, home = pwd.getpwnam("nobody").pw_uid, tmp_path / "home"
    home.mkdir()
    os.chown(home, user, user)
    # May read the checkout, which often stands in root's own folder; nothing else is left of root.
    rights = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
    command = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *rights, sys.executable]
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents:
        if parent.stat().st_mode & 0o005 == 0 and parent.is_relative_to("/tmp"):
            parent.chmod(parent.stat().st_mode | 0o005)

    holder = subprocess.Popen([*command, "-c", HOLDER, str(home / "local")], stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        pids = [int(holder.stdout.readline()) for _ in range(2)]
        assert [psutil.Process(pid).uids().effective for pid in pids] == [user, user]
    finally:
        holder.terminate()
        holder.wait()
    assert wait_until(lambda: all(_gone(pid) for pid in pids), 10)


def test_waiting_ends_when_the_time_is_over() -> None:
    began = time.monotonic()

    assert not wait_until(lambda: False, 0.1)

    assert 0.1 <= time.monotonic() - began < 2


def test_prepared_mark_holds_until_a_migration_is_applied_or_undone(here: Places, running: list[LocalServer]) -> None:
    url = _postgres(here, running).url()
    site = "http://127.0.0.1:8000"
    mark = PreparedMark(here.root / "prepared", database_url=url, public_url=site)
    assert not mark.is_current()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE django_migrations (id int, app text, name text, applied timestamptz)")
        connection.execute("INSERT INTO django_migrations VALUES (1, 'users', '0001_initial', now())")
    mark.write()
    assert mark.is_current()
    assert not PreparedMark(here.root / "prepared", database_url=url, public_url=f"{site}1").is_current()

    with psycopg.connect(url) as connection:
        connection.execute("DELETE FROM django_migrations")

    assert not mark.is_current()
