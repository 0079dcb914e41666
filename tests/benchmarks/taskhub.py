"""The hub beside plain Celery with the same settings, and beside Celery with django-celery-results.

Drain: 8,000 no-op tasks that wait in the queue, a worker with two children, until the queue is empty and nothing is
unacknowledged.  The hub's consumer writes its history at the same time, on the same processors.  Submitting: one by
one (each its own transaction, or inside one of its caller) and 1,000 at once.
"""

from __future__ import annotations

import os
import signal
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from celery import current_app, shared_task
from django.db import connection, transaction

from apps.core import redis as core_redis
from apps.taskhub.hub_task import hub_task
from apps.taskhub.hub_task.broker import TaskMessage, publish, redis_envelope
from apps.taskhub.hub_task.streams import EVENTS_STREAM
from apps.taskhub.models import Task
from apps.taskhub.services import enqueue, enqueue_many
from tests.benchmarks.harness import Row, interleaved, per_second, row
from tests.faults import processes

TASKS = 8_000
# The first tasks meet cold processes; they are drained but not counted.
WARM_UP = 500
# The slow peer drains fewer; its rate does not depend on how many.
RESULTS_TASKS = 2_000
SUBMISSIONS = 1_000
DRAIN_ROUNDS = 5
# All benches end within nine minutes; the rest takes one.
DRAIN_SECONDS = 330.0
SUBMIT_ROUNDS = 7
NOOP, PLAIN_NOOP = "workload.noop", "workload.plain_noop"


@hub_task(name=NOOP, soft_limit_seconds=60)
def noop(*, number: int = 0) -> None:
    """The name is what counts here; the workers run tests.faults.workload."""


@shared_task(name=PLAIN_NOOP, queue="plain")
def plain_noop(number: int = 0) -> None:
    """Likewise."""


def run() -> list[Row]:
    core_redis.client().flushdb()
    for name in ("plain", "results"):
        current_app.amqp.queues.add(name)
    rows = submitting()
    rows += parts_of_enqueue()
    with workers() as pids:
        rows += draining(pids)
    core_redis.client().flushdb()
    return rows


# --- submitting -----------------------------------------------------------------------------------------------------
def submitting() -> list[Row]:
    rates = interleaved(
        {
            "delay": partial(_rate, _delay_loop),
            "enqueue": partial(_rate, _enqueue_loop),
            "in transaction": partial(_rate, _enqueue_in_transactions),
            "enqueue_many": partial(_rate, _enqueue_many),
        },
        rounds=SUBMIT_ROUNDS,
    )
    make = partial(row, unit="per second", rounds=SUBMIT_ROUNDS)
    return [
        make("enqueue ÷ .delay(), plain", rates["enqueue"], rates["delay"]),
        make("enqueue in a transaction of its caller ÷ .delay(), plain", rates["in transaction"], rates["delay"]),
        make("enqueue_many(1,000) ÷ loop of .delay(), plain", rates["enqueue_many"], rates["delay"]),
        make("enqueue_many(1,000) ÷ loop of enqueue", rates["enqueue_many"], rates["enqueue"]),
    ]


def _rate(work: Callable[[], None]) -> float:
    clear()
    return per_second(work, SUBMISSIONS)


def _delay_loop() -> None:
    for number in range(SUBMISSIONS):
        plain_noop.delay(number=number)


def _enqueue_loop() -> None:
    for number in range(SUBMISSIONS):
        enqueue(NOOP, number=number)


def _enqueue_in_transactions() -> None:
    for number in range(SUBMISSIONS):
        with transaction.atomic():
            enqueue(NOOP, number=number)


def _enqueue_many() -> None:
    enqueue_many(NOOP, [{"number": number} for number in range(SUBMISSIONS)])


def parts_of_enqueue() -> list[Row]:
    """Where the time of one enqueue goes, in microseconds, beside a whole ``.delay()``."""
    message = TaskMessage("0" * 32, NOOP, "default", 1, 5, 0, 60, 30, {"number": 1}, None, "", "", None)

    def insert_only() -> None:
        with transaction.atomic():
            for number in range(SUBMISSIONS):
                enqueue(NOOP, number=number)
            transaction.set_rollback(True)

    def empty_transactions() -> None:
        for _ in range(SUBMISSIONS):
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT 1")

    def many(action: Callable[[], Any]) -> Callable[[], None]:
        return lambda: [action() for _ in range(SUBMISSIONS)] and None

    works: dict[str, Callable[[], None]] = {
        "delay": _delay_loop,
        "checks, row and INSERT": insert_only,
        "BEGIN, SELECT 1, COMMIT": empty_transactions,
        "building the message": many(lambda: redis_envelope(message)),
        "building and publishing": many(lambda: publish([message])),
    }
    times = interleaved({name: partial(lambda work: 1e6 / _rate(work), work) for name, work in works.items()}, rounds=5)
    return [
        row(f"time of enqueue: {name} ÷ whole .delay(), plain", times[name], times["delay"], unit="µs", rounds=5)
        for name in works
        if name != "delay"
    ]


# --- draining -------------------------------------------------------------------------------------------------------
@contextmanager
def workers() -> Iterator[dict[str, int]]:
    """A worker per contender, each on queues of its own, and the hub's consumer."""
    with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        logs = Path(folder)
        start = partial(processes.worker, logs, concurrency=2, WORKLOAD_YARDSTICKS="1")
        running = {
            "hub": stack.enter_context(start(name="hub", options=("-Q", "critical,default,low"))),
            "plain": stack.enter_context(start(name="plain", options=("-Q", "plain"))),
            "results": stack.enter_context(start(name="results", options=("-Q", "results"), WORKLOAD_RESULTS="1")),
        }
        stack.enter_context(processes.consumer(logs))
        for name in ("plain", "results", "default"):
            _probe(name)
        yield {name: process.pid for name, process in running.items()}


def _probe(queue: str) -> None:
    """Wait until the worker of this queue takes a message."""
    _push(queue, 1)
    processes.wait_until(lambda: _left(queue) == 0, seconds=60, what=f"the worker of {queue} takes a message")


def draining(pids: dict[str, int]) -> list[Row]:
    recorded: list[float] = []
    for queue, name in (("default", "hub"), ("plain", "plain"), ("results", "results")):
        drain(queue, pids[name], WARM_UP)

    def hub() -> float:
        rate = drain("default", pids["hub"], TASKS)
        began = time.perf_counter()
        processes.wait_until(_all_recorded, seconds=60, what="the recorder has written everything", every_seconds=0.01)
        recorded.append(time.perf_counter() - began)
        return rate

    rates, rounds = _in_turns(
        {
            "hub": hub,
            "plain": lambda: drain("plain", pids["plain"], TASKS),
            "results": lambda: drain("results", pids["results"], RESULTS_TASKS),
        }
    )
    make = partial(row, unit="tasks per second", rounds=rounds)
    drained = TASKS / rates["hub"]
    return [
        make(f"drain of {TASKS:,} no-op tasks ÷ plain Celery", rates["hub"], rates["plain"]),
        make(f"drain of {TASKS:,} no-op tasks ÷ Celery with django-celery-results", rates["hub"], rates["results"]),
        make(
            "the same until the history is written ÷ plain Celery",
            TASKS / (drained + statistics.median(recorded)),
            rates["plain"],
        ),
    ]


def _in_turns(contenders: dict[str, Callable[[], float]]) -> tuple[dict[str, float], int]:
    """Medians of as many rounds as fit into DRAIN_SECONDS, and their number: a busy machine gets fewer."""
    began, order = time.monotonic(), list(contenders)
    results: dict[str, list[float]] = {name: [] for name in order}
    for done in range(DRAIN_ROUNDS):
        if done and (time.monotonic() - began) * (done + 1) / done > DRAIN_SECONDS:
            break
        for name in order:
            results[name].append(contenders[name]())
        order = order[1:] + order[:1]
    return {name: statistics.median(values) for name, values in results.items()}, len(results["hub"])


def drain(queue: str, pid: int, tasks: int) -> float:
    """Fill the queue while its worker stands still, let it go on, and count tasks per second."""
    clear()
    os.kill(pid, signal.SIGSTOP)
    try:
        _push(queue, tasks + WARM_UP)
    finally:
        os.kill(pid, signal.SIGCONT)
    processes.wait_until(lambda: _left(queue) <= tasks, seconds=60, what="the drain begins", every_seconds=0.002)
    started, left = time.perf_counter(), _left(queue)
    processes.wait_until(lambda: _left(queue) == 0, seconds=120, what=f"{queue} is empty", every_seconds=0.002)
    return left / (time.perf_counter() - started)


def _push(queue: str, count: int) -> None:
    if queue == "default":
        enqueue_many(NOOP, [{"number": number} for number in range(count)])
        return
    with current_app.producer_pool.acquire(block=True) as producer:
        for number in range(count):
            options = {"queue": queue, "producer": producer, "ignore_result": queue == "plain"}
            plain_noop.apply_async(kwargs={"number": number}, **options)


def _left(queue: str) -> int:
    with core_redis.client().pipeline(transaction=False) as pipe:
        pipe.llen(queue)
        pipe.hlen("unacked")
        return sum(pipe.execute())


def _all_recorded() -> bool:
    return core_redis.client().xlen(EVENTS_STREAM) == 0


def clear() -> None:
    """Each round begins with empty tables and queues."""
    core_redis.client().delete("plain", "results", "default")
    Task.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM task_attempts")
        if connection.vendor == "postgresql":
            cursor.execute("VACUUM tasks, task_attempts")
