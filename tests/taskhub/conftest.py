"""Tasks that only these tests know, a closed breaker, and a Redis that can be taken away."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from apps.core.errors import Conflict, Unavailable
from apps.taskhub.hub_task import RetryPolicy, broker, current_run, forget, hub_task, live, script
from apps.taskhub.hub_task.broker import breaker
from apps.taskhub.registry import RunFinished, RunListener, RunStarted, register_run_listener, unregister_run_listener
from tests.taskhub.names import ADD, ALL, BREAK, OBEY, REFUSE, SLOW, TRY

NOWHERE = "redis://127.0.0.1:1/0"


@pytest.fixture(autouse=True)
def _closed_breaker() -> None:
    breaker.reset()


@pytest.fixture(autouse=True)
def calls() -> Iterator[list[Any]]:
    """What the test tasks did.  They are declared for the length of one test."""
    done: list[Any] = []

    @hub_task(name=ADD, soft_limit_seconds=60)
    def add(*, left: int, right: int = 0) -> int:
        done.append((left, right, current_run.task_id, current_run.attempt))
        return left + right

    @hub_task(name=TRY, soft_limit_seconds=60, retry=RetryPolicy(max_retries=2, base_seconds=8))
    def attempt(*, fail_times: int) -> str:
        if current_run.attempt <= fail_times:
            raise Unavailable("not yet")
        return "done"

    @hub_task(name=REFUSE, soft_limit_seconds=60)
    def refuse() -> None:
        raise Conflict("never")

    @hub_task(name=BREAK, soft_limit_seconds=60, retry=RetryPolicy(max_retries=0))
    def break_down() -> None:
        raise ValueError("a fault of ours")

    @hub_task(name=SLOW, soft_limit_seconds=1)
    def slow() -> str:
        time.sleep(1.05)
        return "too late"

    @hub_task(name=OBEY, soft_limit_seconds=60)
    def obey() -> None:
        current_run.stop_if_cancelled()
        done.append("not stopped")

    yield done
    for name in ALL:
        forget(name)


@pytest.fixture
def told() -> Iterator[tuple[list[RunStarted], list[RunFinished]]]:
    """What run listeners heard."""
    started: list[RunStarted] = []
    finished: list[RunFinished] = []
    register_run_listener(RunListener("tests", started=started.extend, finished=finished.extend))
    yield started, finished
    unregister_run_listener("tests")


@pytest.fixture
def without_redis(settings: Any) -> Callable[[], AbstractContextManager[None]]:
    """``with without_redis():`` nobody answers at the address of Redis, as when it is down."""

    @contextmanager
    def away() -> Iterator[None]:
        url, broker_url = settings.REDIS_URL, settings.CELERY_BROKER_URL
        settings.REDIS_URL = settings.CELERY_BROKER_URL = NOWHERE
        _forget_connections()
        try:
            yield
        finally:
            settings.REDIS_URL, settings.CELERY_BROKER_URL = url, broker_url
            _forget_connections()

    return away


def _forget_connections() -> None:
    live._connection.cache_clear()
    broker._client.cache_clear()
    script._kept.__dict__.clear()
