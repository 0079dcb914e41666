"""``make run``: the whole product on this machine, with one line at the end that says where and as whom.

Order: lock, leftovers of a killed run, port, databases, migrations and demo content, the five processes, readiness.
Everything it keeps stands under ``.local/``; Ctrl-C stops all of it and keeps the data.
"""

from __future__ import annotations

import http.client
import os
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil

from apps.core.local_services import (
    AlreadyLockedError,
    ChildSpec,
    Console,
    DirectoryLock,
    LocalServiceError,
    Places,
    PostgresServer,
    RedisServer,
    Stopped,
    Supervisor,
    end_left_over,
)
from apps.core.local_services.processes import wait_until
from project.local_demo import VARIABLE, DemoPassword
from project.local_environment import kept_secret, local_folder, local_servers_wanted, product_environment
from project.local_prepared import PreparedMark

READY_SECONDS = 180.0
PROBE_SECONDS = 2.0
# How long a second start waits for a first one that is just stopping.
STOPPING_SECONDS = 30.0
STOPPING = "stopping"

# Below this a machine gets smaller pools, else ten workers and 25 connections push it into its knees.
SMALL_CPUS = 4
SMALL_MEMORY_BYTES = 4 * 1024**3
SMALL_MACHINE = {
    "WORKER_CONCURRENCY": "4",
    "WEB_THREADS": "4",
    "DB_POOL_MAX_OPEN": "10",
    "DB_POOL_MIN_IDLE": "2",
    "REDIS_POOL_MIN_IDLE": "2",
}

# In a bare container everybody is root; Celery's page of warning about it would bury the first lines.
QUIET_AS_ROOT = {"PYTHONWARNINGS": "ignore:You're running the worker"}


@dataclass(frozen=True, slots=True)
class Address:
    """Where the web process listens, and how a browser on this machine reaches it."""

    host: str
    port: int

    @property
    def url(self) -> str:
        return f"http://{self.browser_host}:{self.port}"

    @property
    def live_port(self) -> int:
        """Of the live process: the next one."""
        return self.port + 1 if self.port < 65535 else self.port - 1

    @property
    def live_url(self) -> str:
        return f"http://{self.browser_host}:{self.live_port}"

    @property
    def is_open_to_all(self) -> bool:
        """Whether other machines reach us too, by names and addresses of which we know some."""
        return self.host in {"0.0.0.0", "::", ""}  # noqa: S104  # compared, not bound

    @property
    def browser_host(self) -> str:
        return "127.0.0.1" if self.is_open_to_all else self.host

    @property
    def hosts(self) -> list[str]:
        """By what browsers may call us."""
        here = ["localhost", "127.0.0.1", "[::1]", self.browser_host]
        return list(dict.fromkeys([*here, *(names_of_this_machine() if self.is_open_to_all else [])]))


def run_product() -> int:
    """Run until stopped.  Returns the exit code.  Raises LocalServiceError with what a person must know."""
    address = read_address()
    console = Console()
    places = Places.prepare(local_folder())
    lock = take_lock(places)
    try:
        for name in end_left_over(places.records):
            console.say(f"已结束上次遗留的进程 {name}。 Ended {name}, left over by a killed run.")
        require_free(address)
        require_free(Address(address.host, address.live_port))
        lock.write_note(address.url)
        return _supervise(console, places, lock, address)
    finally:
        lock.release()


def _supervise(console: Console, places: Places, lock: DirectoryLock, address: Address) -> int:
    def stopping() -> None:
        lock.write_note(STOPPING)
        console.say("正在停止 … Stopping …")

    environment = running_environment(places, address)
    _announce_small_machine(console, environment)
    supervisor = Supervisor(console, environment=environment, records=places.records, on_stop=stopping)
    try:
        with supervisor:
            database = _start_servers(supervisor, console, places, environment)
            password = DemoPassword.of(places.root, environment)
            _prepare(supervisor, places, database, password, environment["PUBLIC_URL"])
            supervisor.start(processes(address, environment))
            readiness = Readiness(supervisor, address, environment)
            supervisor.wait_ready(readiness.missing, seconds=READY_SECONDS)
            console.plain(password.ready_line(address.url))
            supervisor.watch()
    except Stopped:
        pass
    console.say(f"已停止，数据保留在 {places.root}。 Stopped; the data is kept under {places.root}.")
    return 0


# --- before the start -------------------------------------------------------------------------------------------------
def read_address() -> Address:
    host, port = os.environ.get("HOST") or "127.0.0.1", os.environ.get("PORT") or "8000"
    if not port.isdigit() or not 0 < int(port) < 65536:
        raise LocalServiceError(
            f"PORT 必须是 1 到 65535 之间的数字，现在是“{port}”。",
            f"PORT must be a number from 1 to 65535, not “{port}”.",
        )
    return Address(host=host, port=int(port))


def take_lock(places: Places) -> DirectoryLock:
    """The folder for us alone.  Waits for a run that is stopping; refuses beside one that runs."""
    lock = DirectoryLock(places.lock_file)
    note = ""

    def taken() -> bool:
        nonlocal note
        try:
            lock.acquire()
        except AlreadyLockedError as error:
            note = error.note
            return note != STOPPING
        note = ""
        return True

    if wait_until(taken, STOPPING_SECONDS, every=0.2) and not note:
        return lock
    raise LocalServiceError(
        f"本产品已在这个文件夹中运行（{note or places.root}）；请先停止它，或用 LOCAL_DIR 指定另一个数据文件夹。",
        f"The product already runs in this folder ({note or places.root}); stop it first, "
        "or name another data folder with LOCAL_DIR.",
    )


def require_free(address: Address) -> None:
    """Raises LocalServiceError when somebody else answers on the port."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.host, address.port))
        except OSError as error:
            raise LocalServiceError(
                f"端口 {address.port} 无法使用（{error.strerror}），请换一个：PORT={address.port + 1} make run。",
                f"Port {address.port} can't be used ({error.strerror}); "
                f"choose another: PORT={address.port + 1} make run.",
            ) from error


def running_environment(places: Places, address: Address) -> dict[str, str]:
    """What every process of this run gets.  Values a person has set always win."""
    environment = product_environment()
    environment.setdefault("SECRET_KEY", kept_secret(places.root / "secret_key", length=48))
    defaults = {
        "DEMO_CONTENT": "1",
        VARIABLE: str(DemoPassword.of(places.root, environment).file),
        "PUBLIC_URL": address.url,
        # Who found us by another name or address finds the live process by it too.
        **({"LIVE_PORT": str(address.live_port)} if address.is_open_to_all else {"LIVE_URL": address.live_url}),
        # The demo feed is served by the product itself.
        "HTTP_ALLOWED_PRIVATE": f"{address.browser_host}:{address.port}",
        "ALLOWED_HOSTS": ",".join(address.hosts),
        **(SMALL_MACHINE if is_small_machine() else {}),
    }
    for key, value in defaults.items():
        environment.setdefault(key, value)
    return environment


def names_of_this_machine() -> list[str]:
    """Its name, also as the local network spells it, and its addresses."""
    name = socket.gethostname().lower()
    both = {socket.AF_INET, socket.AF_INET6}
    found = [one.address for card in psutil.net_if_addrs().values() for one in card if one.family in both]
    # Without the zone of link-local addresses, which no browser sends.
    return [name, f"{name}.local", *(f"[{ip.partition('%')[0]}]" if ":" in ip else ip for ip in found)]


def is_small_machine() -> bool:
    return (os.cpu_count() or 1) < SMALL_CPUS or psutil.virtual_memory().total < SMALL_MEMORY_BYTES


def _announce_small_machine(console: Console, environment: dict[str, str]) -> None:
    lowered = [f"{key}={value}" for key, value in SMALL_MACHINE.items() if environment.get(key) == value]
    if is_small_machine() and lowered:
        values = ", ".join(lowered)
        console.say(f"这台机器较小，已降低：{values}。 This is a small machine, lowered: {values}.")


# --- what runs --------------------------------------------------------------------------------------------------------
def _start_servers(
    supervisor: Supervisor, console: Console, places: Places, environment: dict[str, str]
) -> PostgresServer | None:
    """Start what no address was given for, and add the addresses.  Returns our own database, if there is one."""
    database = None
    if local_servers_wanted("DATABASE_URL", environment):
        database = PostgresServer(places)
        console.say(f"启动 PostgreSQL … Starting PostgreSQL ({places.data(database.name)}) …")
        supervisor.start_server(database)
        environment["DATABASE_URL"] = database.url()
    if local_servers_wanted("REDIS_URL", environment):
        redis = RedisServer(places)
        console.say(f"启动 Redis … Starting Redis ({places.data(redis.name)}) …")
        supervisor.start_server(redis)
        environment["REDIS_URL"] = redis.url()
    return database


def _prepare(
    supervisor: Supervisor, places: Places, database: PostgresServer | None, password: DemoPassword, public_url: str
) -> None:
    """Tables and demo content; nothing when our own database already has them for this very code."""
    mark = None
    if database is not None:
        mark = PreparedMark(places.root / "prepared", database_url=database.url(), public_url=public_url)
    if mark is not None and mark.is_current() and not password.is_missing:
        return
    supervisor.run_once(password.prepare_step())
    password.keep()
    if mark is not None:
        mark.write()


def processes(address: Address, environment: dict[str, str]) -> tuple[ChildSpec, ...]:
    """Web, live and beat end first, so that nothing new is begun; then worker and consumer finish what they hold."""
    programs = Path(sys.executable).parent
    celery = (str(programs / "celery"), "-A", "project")
    web = (
        str(programs / "granian"),
        *("--interface", "wsgi", "--no-ws", "--host", address.host, "--port", str(address.port)),
        *("--blocking-threads", environment.get("WEB_THREADS", "8"), "--workers-kill-timeout", "10"),
        "project.wsgi:application",
    )
    live = (
        str(programs / "granian"),
        *("--interface", "asgi", "--no-ws", "--host", address.host, "--port", str(address.live_port)),
        *("--workers-kill-timeout", "5"),
        "project.asgi:application",
    )
    # Workers need to know nothing of each other; asking around takes a second at every start.
    worker = (*celery, "worker", "-l", "info", "--without-gossip", "--without-mingle")
    return (
        ChildSpec("web", web, stop_rank=0),
        ChildSpec("live", live, stop_rank=0),
        ChildSpec("beat", (*celery, "beat", "-l", "info"), stop_rank=0),
        ChildSpec("worker", worker, stop_rank=1, environment=QUIET_AS_ROOT),
        ChildSpec("consumer", (sys.executable, "manage.py", "consume"), stop_rank=1),
    )


# --- ready ------------------------------------------------------------------------------------------------------------
class Readiness:
    """Each process of *this* run has beaten once, and /readyz is green."""

    KINDS = ("web", "live", "worker", "beat", "consumer")

    def __init__(self, supervisor: Supervisor, address: Address, environment: dict[str, str]) -> None:
        self._supervisor = supervisor
        self._address = address
        # The heartbeats are read through the product's own settings, which exist from here on.
        os.environ.update(environment)
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")

    def missing(self) -> list[str]:
        silent = [kind for kind in self.KINDS if not self._beats(kind)]
        if silent:
            return silent
        return [] if self._readyz_is_green() else ["/readyz"]

    def _beats(self, kind: str) -> bool:
        """A line of an earlier run may still stand in Redis, so only our own processes count."""
        import redis

        from apps.core import heartbeat

        try:
            living = heartbeat.alive(kind)
        except redis.RedisError:
            return False
        return bool({process.pid for process in living if process.host == socket.gethostname()} & self._family(kind))

    def _family(self, name: str) -> set[int]:
        pid = self._supervisor.pid(name)
        if pid is None:
            return set()
        try:
            return {pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))}
        except psutil.NoSuchProcess:
            return set()

    def _readyz_is_green(self) -> bool:
        connection = http.client.HTTPConnection(self._address.browser_host, self._address.port, timeout=PROBE_SECONDS)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
