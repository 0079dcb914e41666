"""Live cards: a cached card beside FastAPI + SQLAlchemy, answers of a provider to fifty events, a thousand listeners.

Requests a second: two servers by granian on the same rows, asked in turns.  Answers: a hundred a second, each with a
change, on the stream; the time from there until the public card shows it.  Listeners: one live process; what it holds
more than without them, and how long a change takes to reach the last of them.
"""

from __future__ import annotations

import asyncio
import logging
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson
import psutil
from django.db import connection

from apps.core import redis as core_redis
from apps.core.actor import SYSTEM
from apps.core.streams import Runner, ensure_group
from apps.events import services
from apps.events.cache import bout_of
from apps.events.models import Bout, BoutRevision, Event
from apps.events.services import CHANGES
from apps.events.streams import ANSWERED
from project.local_run import Address, processes
from tests.benchmarks.harness import Row, interleaved, row
from tests.benchmarks.orders_load import Connection
from tests.factories.events import BoutFactory, EventFactory
from tests.faults.processes import Process, wait_until

OURS, FASTAPI, LIVE = 8081, 8083, 8085
EVENTS, BOUTS = 50, 12
LISTENERS = 1_000
CHANGES_TO_ALL = 10
# Who has heard nothing by then never will.
HEARD_WITHIN = 60
ANSWERS_PER_SECOND, ANSWER_SECONDS = 100, 8
CONNECTIONS, SECONDS, ROUNDS = 16, 2.0, 3


def run() -> list[Row]:
    logging.getLogger("apps").setLevel(logging.ERROR)
    events = [EventFactory(status="live") for _ in range(EVENTS)]
    for event in events:
        BoutFactory.create_batch(BOUTS, event=event, scheduled_rounds=5)
        services.follow(event.pk, source="espn", external_id=str(event.pk), actor=SYSTEM)
    rows = _served(events[0]) if connection.vendor == "postgresql" else []
    return [*rows, *_heard(events[0]), *_applied(events)]


# --- the cached card --------------------------------------------------------------------------------------------------
def _served(event: Event) -> list[Row]:
    return beside_fastapi(f"/api/v1/events/{event.pk}", "cached card ÷ FastAPI + SQLAlchemy")


def beside_fastapi(path: str, measure: str) -> list[Row]:
    """Requests a second for one path of ours, from the cache, and for the same path of the peer."""
    with tempfile.TemporaryDirectory() as folder, _servers(Path(folder), path):
        rates = interleaved(
            {str(port): (lambda port=port: asyncio.run(_rate(port, path))) for port in (OURS, FASTAPI)},  # type: ignore[misc]
            rounds=ROUNDS,
        )
    ours, peer = rates[str(OURS)], rates[str(FASTAPI)]
    return [row(measure, ours, peer, unit="per s", rounds=ROUNDS)]


@contextmanager
def _servers(folder: Path, path: str) -> Iterator[None]:
    commands = {spec.name: list(spec.command) for spec in processes(Address("127.0.0.1", OURS), dict(os.environ))}
    peer = [*commands["live"][:-1], "tests.benchmarks.live_fastapi:application"]
    peer[peer.index("--port") + 1] = str(FASTAPI)
    settings = {"DJANGO_SETTINGS_MODULE": "project.settings", "DATABASE_POOL": "1", "SECURE_COOKIES": "0"}
    ours = Process("ours", commands["web"], folder, LOG_DIR=str(folder / "logs"), **settings)
    with ours, Process("fastapi", peer, folder):
        for port in (OURS, FASTAPI):
            wait_until(lambda port=port: _answers(port, path), seconds=60, what=f"{port} answers")  # type: ignore[misc]
        yield


def _answers(port: int, path: str) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


async def _rate(port: int, path: str) -> float:
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    opened = [await Connection.open(port) for _ in range(CONNECTIONS)]
    until = time.perf_counter() + SECONDS

    async def keep_asking(one: Connection) -> int:
        count = 0
        while time.perf_counter() < until:
            if await one.ask(request) != 200:
                raise SystemExit(f"port {port} refuses")
            count += 1
        return count

    counts = await asyncio.gather(*(keep_asking(one) for one in opened))
    for one in opened:
        one.close()
    return sum(counts) / SECONDS


# --- a thousand listeners ---------------------------------------------------------------------------------------------
def _heard(event: Event) -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (live,) = [one for one in processes(Address("127.0.0.1", LIVE), dict(os.environ)) if one.name == "live"]
        command = list(live.command)
        command[command.index("--port") + 1] = str(LIVE)
        limits = {"LIVE_LISTENERS": "2000", "LIVE_LISTENERS_PER_ADDRESS": "2000"}
        settings = {"DJANGO_SETTINGS_MODULE": "project.settings", "LOG_DIR": str(folder / "logs"), **limits}
        with Process("live", command, folder, **settings) as process:
            wait_until(lambda: _answers(LIVE, "/healthz"), seconds=60, what="the live process answers")
            alone = _megabytes(process.pid)
            told = bout_of(event.bouts.with_corners().in_card_order()[0])
            full, seconds = asyncio.run(_listen(event.pk, told, process.pid))
    latency = statistics.median(seconds)
    print(f"  the live process: {alone:.0f} MB alone; slowest change reached all in {max(seconds):.2f} s", flush=True)
    return [
        row("1,000 listeners: memory of the live process beside the 300 MB allowed", full, 300, unit="MB", rounds=1),
        row(
            "1,000 listeners: a change has reached all, beside the 2 s allowed",
            latency * 1000,
            2000,
            unit="ms",
            rounds=CHANGES_TO_ALL,
        ),
    ]


async def _listen(event_id: int, told: dict[str, Any], pid: int) -> tuple[float, list[float]]:
    """Memory with all listeners, and the seconds until each change had reached the last of them."""
    request = f"GET /api/v1/events/{event_id}/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    opened = []
    for _ in range(LISTENERS):
        reader, writer = await asyncio.open_connection("127.0.0.1", LIVE)
        writer.write(request)
        opened.append((reader, writer))
    async with asyncio.timeout(HEARD_WITHIN):
        for reader, _writer in opened:
            await reader.readuntil(b"event: card")
            await reader.readuntil(b"\n\n")
    seconds = []
    for number in range(CHANGES_TO_ALL):
        mark = f'"mark":{number}'.encode()
        began = time.perf_counter()
        change = {"event_id": event_id, "kind": "bout", "event_version": number, "bout": told | {"mark": number}}
        await asyncio.to_thread(CHANGES.publish, change)
        async with asyncio.timeout(HEARD_WITHIN):
            for reader, _writer in opened:
                await reader.readuntil(mark)
        seconds.append(time.perf_counter() - began)
    full = _megabytes(pid)
    for _reader, writer in opened:
        writer.close()
    return full, seconds


def _megabytes(pid: int) -> float:
    """Of the process with its children, shared pages once."""
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return sum(one.memory_full_info().pss for one in family) / 1e6


# --- fifty events at once ---------------------------------------------------------------------------------------------
def _applied(events: list[Event]) -> list[Row]:
    """From the stream to the announcement that follows the commit; every answer changes the round of one bout."""
    ensure_group(ANSWERED)
    stop = threading.Event()
    consumer = threading.Thread(target=Runner(ANSWERED).run, args=(stop,), daemon=True)
    consumer.start()
    bouts = {event.pk: list(event.bouts.in_card_order().with_corners()) for event in events}
    sent: dict[tuple[int, int], float] = {}
    began = time.time()
    total = ANSWERS_PER_SECOND * ANSWER_SECONDS
    for number in range(total):
        event = events[number % len(events)]
        turn = number // len(events)
        bout = bouts[event.pk][turn % BOUTS]
        sent[bout.pk, 2 + turn // BOUTS] = time.time()
        said = _said(event, bouts[event.pk], turn)
        services.publish_answers([(event.pk, said)], source="espn", sequence=number + 1)
        time.sleep(max(0.0, began + (number + 1) / ANSWERS_PER_SECOND - time.time()))
    published = time.time() - began
    wait_until(lambda: BoutRevision.objects.count() >= total, seconds=60, what="all answers are applied")
    stop.set()
    consumer.join(10)
    # Told after the commit and after the cached card was dropped: who asks now sees it.
    entries: Any = core_redis.client().xrange(CHANGES.name, min=f"{int(began * 1000)}-0")
    late = sorted(
        int(entry_id.split(b"-")[0]) / 1000 - sent[told["bout"]["id"], told["bout"]["version"]]
        for entry_id, fields in entries
        if (told := orjson.loads(fields[b"body"]))["kind"] == "bout"
    )
    if len(late) < total:
        raise SystemExit(f"{len(late)} of {total} changes were announced")
    p99 = late[int(len(late) * 0.99)]
    print(f"  {total / published:.0f} answers a second; median {late[len(late) // 2] * 1000:.0f} ms", flush=True)
    measure = "50 live events, 100 answers a second: p99 until visible, beside the 1 s allowed"
    return [row(measure, p99 * 1000, 1000, unit="ms", rounds=total)]


def _said(event: Event, bouts: list[Bout], turn: int) -> dict[str, Any]:
    """The whole card as the provider tells it in its ``turn``-th answer: one bout is a round further."""
    told = []
    for place, bout in enumerate(bouts):
        rounds = turn // BOUTS + (1 if place <= turn % BOUTS else 0)
        athletes = [[f"r{bout.pk}", bout.red_fighter.name], [f"b{bout.pk}", bout.blue_fighter.name]]
        state = "in_round" if rounds else "scheduled"
        told.append(
            {
                "external_id": f"{event.pk}-{bout.pk}",
                "state": state,
                "round": rounds or None,
                "clock_sec": 100 if rounds else None,
                "athletes": athletes,
                "winner": "",
                "winners": 0,
            }
        )
    return {"external_id": str(event.pk), "name": event.name, "phase": "in", "bouts": told}
