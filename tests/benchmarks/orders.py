"""The orders API beside a plain DRF viewset with the same bearer tokens over the same table (``orders_plain``).

Both are served by granian as ``make run`` starts it.  One read, a list of 20 and a create (ours with audit event and
Idempotency-Key) are asked of both in turns over one kept connection each.  Then ours: 1,000 kept connections, 300
requests a second in all for 30 s, and on from there until p99 reaches 500 ms; the plain one has 300 a second for 8 s,
which tells what the machine had to give at that time.
"""

from __future__ import annotations

import json
import logging
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from apps.orders.models import Order
from apps.users.api.tokens import pair_of
from apps.users.models import User
from project.local_run import Address, processes
from tests.benchmarks.harness import Row, row
from tests.benchmarks.orders_data import fill
from tests.benchmarks.orders_load import Outcome, offer, request_bytes
from tests.factories.users import TokenSessionFactory, UserFactory
from tests.faults.processes import Process, wait_until

ORDERS = 200_000
USERS = 1_000
OURS, PLAIN = 8061, 8062
CONNECTIONS = 1_000
RATE, SECONDS = 300, 30
STEP, STEP_SECONDS = 50, 8
P99_SECONDS = 0.5
# All ends within nine minutes, also where the machine is busy.
LIMIT_SECONDS = 480
ROUNDS = 9
TURNS = 100
PATH = "/api/v1/orders"


@dataclass(frozen=True)
class Caller:
    """The user whose orders are asked for, with a token."""

    token: str
    order_pks: list[int]


def run() -> list[Row]:
    began = time.monotonic()
    logging.getLogger("httpx").setLevel(logging.WARNING)
    caller = _prepare()
    with tempfile.TemporaryDirectory() as folder, _served(Path(folder)) as servers:
        rows = _ratios(caller, servers)
        rows += _load(caller, until=began + LIMIT_SECONDS)
    return rows


def _prepare() -> Caller:
    user = UserFactory()
    others = User.objects.bulk_create(
        User(username=f"bench{number}", email=f"bench{number}@example.com", password="!") for number in range(USERS)
    )
    ids = [user.pk, *(other.pk for other in others)]
    fill(ORDERS, user_ids=ids)
    token = pair_of(TokenSessionFactory(user=user)).access_token
    return Caller(token, list(Order.objects.of_user(user.pk).values_list("pk", flat=True)))


# --- the two servers --------------------------------------------------------------------------------------------------
@contextmanager
def _served(folder: Path) -> Iterator[tuple[Process, Process]]:
    ours = _server(folder, "ours", OURS, settings="project.settings")
    plain = _server(folder, "plain", PLAIN, settings="tests.benchmarks.orders_plain")
    with ours, plain:
        for process, port in ((ours, OURS), (plain, PLAIN)):
            wait_until(lambda port=port: _answers(port), seconds=60, what=f"{process.name} answers, see {process.log}")  # type: ignore[misc]
        yield ours, plain


def _server(folder: Path, name: str, port: int, *, settings: str) -> Process:
    """Not started yet."""
    (web,) = [one for one in processes(Address("127.0.0.1", port), dict(os.environ)) if one.name == "web"]
    command = list(web.command)
    if name == "plain":
        command[-1] = "tests.benchmarks.orders_plain_urls:application"
    return Process(
        name,
        command,
        folder,
        DJANGO_SETTINGS_MODULE=settings,
        DATABASE_POOL="1",
        SECURE_COOKIES="0",
        LOG_DIR=str(folder / f"{name}-logs"),
        DB_TIME_LIMIT_SECONDS="3",
        # Counted as always, refused never: here one user asks for a thousand.
        RATE_LIMIT_ADDRESS="6000000/min",
        RATE_LIMIT_USER="6000000/min",
    )


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=2).status_code < 500
    except httpx.HTTPError:
        return False


# --- beside the plain one ---------------------------------------------------------------------------------------------
class Asking:
    """One kept connection to one server."""

    def __init__(self, port: int, caller: Caller) -> None:
        self._client = httpx.Client(
            base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {caller.token}"}, timeout=30
        )
        self._caller = caller
        self._is_ours = port == OURS
        self._number = 0

    def read(self, turn: int) -> float:
        pks = self._caller.order_pks
        return self._timed("GET", f"{PATH}/{pks[turn % len(pks)]}")

    def list_of_twenty(self, turn: int) -> float:
        return self._timed("GET", PATH)

    def create(self, turn: int) -> float:
        self._number += 1
        key = f"{'ours' if self._is_ours else 'plain'}-{os.getpid()}-{self._number}"
        # The plain one has no numbers of its own.
        body = {"amount": 100, "remark": "measured"} | ({} if self._is_ours else {"order_id": key})
        headers = {"Idempotency-Key": key} if self._is_ours else {}
        return self._timed(
            "POST", PATH, content=json.dumps(body), headers=headers | {"Content-Type": "application/json"}
        )

    def _timed(self, method: str, path: str, **more: object) -> float:
        started = time.perf_counter()
        response = self._client.request(method, path, **more)  # type: ignore[arg-type]
        seconds = time.perf_counter() - started
        if response.status_code not in {200, 201}:
            raise SystemExit(f"{method} {path}: {response.status_code} {response.text[:300]}")
        return seconds


def _ratios(caller: Caller, servers: tuple[Process, Process]) -> list[Row]:
    ours, plain = Asking(OURS, caller), Asking(PLAIN, caller)
    rows = [_processor_time(ours, plain, servers)]
    for name, share, ask in (
        ("one read, p95, plain", 0.95, lambda one: one.read),
        ("list of 20, median, plain", 0.5, lambda one: one.list_of_twenty),
        ("create with audit and key, median, plain", 0.5, lambda one: one.create),
    ):
        mine, theirs = _alternately(ask(ours), ask(plain), share)
        rows.append(row(f"{name} (ms × 100)", mine * 100_000, theirs * 100_000, unit="10 µs", rounds=ROUNDS))
    return rows


def _processor_time(ours: Asking, plain: Asking, servers: tuple[Process, Process]) -> Row:
    """Of one read in the web process alone: the figure that a busy machine changes least.  One processor carries
    1,000 ms a second of it."""
    for turn in range(TURNS):
        ours.read(turn), plain.read(turn)
    before = [_spent(server) for server in servers]
    for turn in range(10 * TURNS):
        ours.read(turn), plain.read(turn)
    mine, theirs = ((_spent(server) - spent) / (10 * TURNS) for server, spent in zip(servers, before, strict=True))
    return row("one read, processor time, plain", mine * 100_000, theirs * 100_000, unit="10 µs", rounds=1)


def _spent(server: Process) -> float:
    """Seconds of processor time of the server and its children."""
    main = psutil.Process(server.pid)
    return sum(sum(one.cpu_times()[:2]) for one in (main, *main.children(recursive=True)))


def _alternately(ours: Callable[[int], float], plain: Callable[[int], float], share: float) -> tuple[float, float]:
    """Percentile of each round; the median of the rounds.  Strictly in turns, so that a busy moment hits both."""
    mine: list[float] = []
    theirs: list[float] = []
    for number in range(-1, ROUNDS):
        asked = [(ours(turn), plain(turn)) for turn in range(TURNS)]
        if number >= 0:
            mine.append(_percentile([pair[0] for pair in asked], share))
            theirs.append(_percentile([pair[1] for pair in asked], share))
    return statistics.median(mine), statistics.median(theirs)


def _percentile(values: list[float], share: float) -> float:
    return sorted(values)[int(len(values) * share)]


# --- many connections -------------------------------------------------------------------------------------------------
def _load(caller: Caller, *, until: float) -> list[Row]:
    requests = [request_bytes("GET", f"{PATH}/{pk}", caller.token) for pk in caller.order_pks]
    offer(OURS, requests, connections=50, rate=100, seconds=3)
    promised = offer(OURS, requests, connections=CONNECTIONS, rate=RATE, seconds=SECONDS)
    _tell(RATE, promised)
    plain = offer(PLAIN, requests, connections=CONNECTIONS, rate=RATE, seconds=STEP_SECONDS)
    _tell(RATE, plain, of="plain: ")
    highest, rate = 0, RATE
    outcome = promised
    while not outcome.errors and outcome.percentile(0.99) < P99_SECONDS and time.monotonic() < until:
        highest, rate = rate, rate + STEP
        outcome = offer(OURS, requests, connections=CONNECTIONS, rate=rate, seconds=STEP_SECONDS)
        _tell(rate, outcome)
    print(f"highest rate with p99 < {P99_SECONDS * 1000:.0f} ms: {highest} requests/s", flush=True)
    measure = f"{CONNECTIONS:,} connections, {RATE}/s for {SECONDS} s: p99 ÷ 500 ms"
    return [
        row(measure, promised.percentile(0.99) * 1000, P99_SECONDS * 1000, unit="ms", rounds=1),
        row("  errors (peer: requests)", len(promised.errors), RATE * SECONDS, unit="", rounds=1),
        row("highest rate with p99 < 500 ms ÷ 300", highest, RATE, unit="per second", rounds=1),
    ]


def _tell(rate: int, outcome: Outcome, *, of: str = "") -> None:
    median, high = outcome.percentile(0.5) * 1000, outcome.percentile(0.99) * 1000
    wrong = f", {len(outcome.errors)} errors ({', '.join(sorted(set(outcome.errors))[:3])})" if outcome.errors else ""
    print(f"  {of}{rate} requests/s: median {median:.1f} ms, p99 {high:.1f} ms{wrong}", flush=True)
