"""Celery's worker events: the heartbeat of a worker process, and the limit of its patience when it is stopped.

The main process writes one row every 10 s with the attempts it holds (services.workers); its connection is opened and
closed for each beat, so that a child forked later inherits none.
"""

from __future__ import annotations

import os
import signal
import threading
from datetime import UTC, datetime
from typing import Any

import structlog
from celery.signals import worker_init, worker_ready, worker_shutdown, worker_shutting_down
from django.db import DatabaseError, InterfaceError, connections

from apps.core import heartbeat
from apps.taskhub.hub_task.celery_task import be_main_process
from apps.taskhub.services import ProcessReport, forget_old_processes, process_stopped, report_process
from apps.taskhub.services.workers import INTERVAL_SECONDS

log = structlog.get_logger(__name__)

# A stop takes 30 s at most (C-5); the rest is for ending the children and for the goodbye.
PATIENCE_SECONDS = 20.0


def held_attempts() -> list[tuple[str, int]]:
    """Attempts that this process has received and not finished, whether a child already runs them or not."""
    # Here, because every process imports this module and only workers need Celery's worker.
    from apps.taskhub.hub_task.worker_request import HubRequest

    return [(one.hub["id"], one.hub["attempt"]) for one in _requests() if isinstance(one, HubRequest) and one.hub]


def _requests() -> set[Any]:
    """Requests in hand.  Those that a child runs stand in both sets, but in the second only while Celery forgets what a
    lost broker had given it.

    Not ``state.requests``: that is keyed by task id, so when a second delivery is dropped at the fence Celery takes the
    entry of the running one out of it.
    """
    from celery.worker import state

    while True:
        try:
            return {*state.reserved_requests, *state.active_requests}
        except RuntimeError:
            # The main thread changed a set in between; they hold a few dozen, and the next look succeeds.
            continue


class WorkerPulse:
    """The thread that reports this process until ``stop``."""

    def __init__(self, *, concurrency: int, queues: list[str]) -> None:
        self.concurrency, self.queues = concurrency, queues
        self.host, self.pid, self.boot_id = heartbeat.identity()
        self.started_at = datetime.now(UTC)
        self._redis_heart = heartbeat.Heartbeat("worker")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="worker-pulse", daemon=True)

    def start(self) -> None:
        self._thread.start()
        self._redis_heart.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(timeout=5)
        self._redis_heart.stop()
        self._safely(lambda: process_stopped(self.boot_id))

    def beat(self) -> None:
        report_process(
            ProcessReport(
                boot_id=self.boot_id,
                host=self.host,
                pid=self.pid,
                started_at=self.started_at,
                concurrency=self.concurrency,
                queues=self.queues,
                running=held_attempts(),
            )
        )

    def _run(self) -> None:
        self._safely(forget_old_processes)
        while not self._stop.is_set():
            self._safely(self.beat)
            self._stop.wait(INTERVAL_SECONDS)

    def _safely(self, action: Any) -> None:
        """A database that is away must not end the pulse; the next beat tries again."""
        try:
            action()
        except (DatabaseError, InterfaceError) as error:
            log.warning("worker_heartbeat_failed", error=str(error))
        finally:
            connections.close_all()


_pulse: list[WorkerPulse] = []


@worker_init.connect
def on_worker_init(**_kwargs: Any) -> None:
    be_main_process()


@worker_ready.connect
def on_worker_ready(sender: Any, **_kwargs: Any) -> None:
    """``sender`` is the worker's consumer; the pool has forked its first children."""
    queues = sorted(sender.app.amqp.queues.consume_from)
    _pulse.append(WorkerPulse(concurrency=sender.controller.concurrency, queues=queues))
    _pulse[-1].start()


@worker_shutting_down.connect
def on_worker_shutting_down(how: str, **_kwargs: Any) -> None:
    """Celery's warm stop waits for running tasks without a limit; after PATIENCE_SECONDS they are given back."""
    if how == "Warm":
        patience = threading.Timer(PATIENCE_SECONDS, os.kill, (os.getpid(), signal.SIGQUIT))
        patience.daemon = True
        patience.start()


@worker_shutdown.connect
def on_worker_shutdown(**_kwargs: Any) -> None:
    while _pulse:
        _pulse.pop().stop()
