"""The consumer process: every registered stream consumer and loop, a thread each, until SIGTERM or SIGINT."""

from __future__ import annotations

import signal
import threading
from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

import structlog
from django.core.management.base import BaseCommand, CommandError
from django.utils.module_loading import autodiscover_modules

from apps.core import cache, streams
from apps.core.heartbeat import Heartbeat
from apps.core.metrics import start_publishing
from apps.core.starting import require_fit_to_start

log = structlog.get_logger(__name__)

STOP_WITHIN_SECONDS = 25.0

Job = Callable[[threading.Event], None]


class Command(BaseCommand):
    help = "Run the stream consumers and loops of all apps."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--only", action="append", default=[], help="Name of one consumer or loop; repeatable")

    def handle(self, *args: Any, **options: Any) -> None:
        require_fit_to_start()
        autodiscover_modules("streams")
        jobs = self._chosen(options["only"])
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: stop.set())
        heart = Heartbeat("consumer")
        heart.start()
        start_publishing("consumer")
        threads = [threading.Thread(target=job, args=(stop,), name=name, daemon=True) for name, job in jobs.items()]
        for thread in threads:
            thread.start()
        log.info("consumer_started", jobs=sorted(jobs))
        self._wait(stop, threads)
        heart.stop()
        log.info("consumer_stopped")

    def _wait(self, stop: threading.Event, threads: list[threading.Thread]) -> None:
        while not stop.wait(1.0):
            if not all(thread.is_alive() for thread in threads):
                raise CommandError("a consumer thread died; ending so that the supervisor starts a new process")
        for thread in threads:
            thread.join(timeout=STOP_WITHIN_SECONDS)

    def _chosen(self, only: list[str]) -> dict[str, Job]:
        jobs = _all_jobs()
        unknown = sorted(set(only) - set(jobs))
        if unknown:
            raise CommandError(f"unknown: {', '.join(unknown)}; known: {', '.join(sorted(jobs))}")
        return {name: job for name, job in jobs.items() if not only or name in only}


def _all_jobs() -> dict[str, Job]:
    loops = [cache.SECOND_DELETE, *streams.registry.loops.values()]
    jobs: dict[str, Job] = {name: streams.Runner(one).run for name, one in streams.registry.consumers.items()}
    jobs |= {loop.name: _loop_job(loop) for loop in loops}
    return jobs


def _loop_job(loop: streams.Loop) -> Job:
    def run(stop: threading.Event) -> None:
        streams.run_loop(loop, stop)

    return run
