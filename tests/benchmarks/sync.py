"""Synchronisation of 100,000 SIM cards beside the plainest loop over the same pages.

Ours is the whole task: client with circuit, rows checked one by one, what differs found, one upsert per batch,
checkpoint in the same transaction, progress.  Plain: httpx, ``json()``, ``bulk_create`` of every page, nothing looked
at, nothing resumable.  The carrier is a process of its own, so that its work is not counted.  "Flat" is the growth of
the largest resident size while a run is under way, after a small run that has warmed everything up.
"""

from __future__ import annotations

import multiprocessing
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

import httpx
import psutil
from django.conf import settings
from django.db import connection

from apps.core import redis as core_redis
from apps.orders import tasks
from apps.orders.models import SimCard, SyncRun
from tests.benchmarks.harness import Row, interleaved, row
from tests.orders.carrier_server import KEY, serve_cards

CARDS = 100_000
WARM_UP = 5_000
PAGE = 1_000
ROUNDS = 3
WANTED_PER_SECOND = 5_000
MEGABYTE = 1024 * 1024


def run() -> list[Row]:
    core_redis.client().flushdb()
    with carrier(WARM_UP) as small, carrier(CARDS) as large:
        _aim(small)
        _ours_first()
        _plain()
        _aim(large)
        rates = interleaved(
            {
                "ours, first": lambda: _rate(_ours_first),
                "plain": lambda: _rate(_plain),
                "ours, again": lambda: _rate(_ours_again),
                "ours, changed": lambda: _rate(_ours_again, before=_change_all),
            },
            rounds=ROUNDS,
        )
        ours, plain = _growth(_ours_first), _growth(_plain)
    print(f"wanted: {WANTED_PER_SECOND:,} rows per second; first run {rates['ours, first']:,.0f}", flush=True)
    return [
        row("first run of 100,000 cards ÷ plain", rates["ours, first"], rates["plain"], unit="rows/s", rounds=ROUNDS),
        row("the same again ÷ plain", rates["ours, again"], rates["plain"], unit="rows/s", rounds=ROUNDS),
        row("all of them changed ÷ plain", rates["ours, changed"], rates["plain"], unit="rows/s", rounds=ROUNDS),
        row("growth of the peak RSS ÷ plain", max(ours, 0.1), max(plain, 0.1), unit="MB", rounds=1),
    ]


def _rate(work: Callable[[], None], *, before: Callable[[], None] = lambda: None) -> float:
    before()
    began = time.perf_counter()
    work()
    return CARDS / (time.perf_counter() - began)


# --- the contenders -------------------------------------------------------------------------------------------------
def _ours_first() -> None:
    _empty()
    _ours_again()


def _ours_again() -> None:
    result = tasks.data_sync(sync_type="sim_status", batch_size=PAGE, request_id=uuid.uuid4().hex)
    assert result["state"] == "finished", result


def _change_all() -> None:
    """Every card says something else than the carrier: each is an UPDATE and an audit event."""
    SimCard.objects.update(status=SimCard.Status.CLOSED)


def _plain() -> None:
    _empty()
    cursor: str | None = ""
    with httpx.Client(base_url=settings.CARRIER_BASE_URL, headers={"Authorization": f"Bearer {KEY}"}) as client:
        while cursor is not None:
            query = {"limit": PAGE, **({"cursor": cursor} if cursor else {})}
            page = client.get("/sims/status", params=query).json()
            SimCard.objects.bulk_create(SimCard(iccid=item["iccid"], status=item["status"]) for item in page["items"])
            cursor = page["next_cursor"]


def _empty() -> None:
    """As on the first day.  DELETE would leave dead rows behind, which the next upsert has to look at one by one."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE sim_cards, sim_sync_runs")
        return
    SimCard.objects.all().delete()
    SyncRun.objects.all().delete()


# --- the carrier ----------------------------------------------------------------------------------------------------
@contextmanager
def carrier(cards: int) -> Iterator[str]:
    """Address of a carrier with so many cards, in a process of its own."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=serve_cards, args=(cards, PAGE, theirs), daemon=True)
    process.start()
    # Only the carrier holds it now: its death is an end of file here, not a wait for ever.
    theirs.close()
    try:
        yield ours.recv()
    finally:
        process.terminate()
        process.join()


def _aim(origin: str) -> None:
    settings.CARRIER_BASE_URL, settings.CARRIER_API_KEY = origin, KEY
    settings.CARRIER_TIMEOUT_SECONDS = 30


# --- memory ---------------------------------------------------------------------------------------------------------
def _growth(work: Callable[[], None]) -> float:
    """How many MB more than before the process held at its worst moment."""
    process = psutil.Process()
    before = process.memory_info().rss
    with _Highest(process) as highest:
        work()
    return (highest.rss - before) / MEGABYTE


class _Highest:
    """The largest resident size while the block runs, looked at every 20 ms."""

    def __init__(self, process: psutil.Process) -> None:
        self.process, self.rss = process, 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self) -> None:
        while not self._stop.wait(0.02):
            self.rss = max(self.rss, self.process.memory_info().rss)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
