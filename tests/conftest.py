"""What every test shares: a clean Redis database of its own, and no network but loopback."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

import pytest
import redis
from django.db import connection

from apps.audit.services import observing
from apps.core import cache
from apps.core import redis as core_redis
from apps.core.api import throttling
from apps.taskhub.hub_task import RetryPolicy, broker
from tests.flush import baseline
from tests.scratch_redis import refusal

IS_XDIST_WORKER = "PYTEST_XDIST_WORKER" in os.environ


def pytest_sessionstart(session: pytest.Session) -> None:
    """Each xdist worker empties a Redis database of its own (tests/settings.py); whoever starts them looks for all."""
    workers = len(getattr(session.config.option, "tx", None) or [])
    if not IS_XDIST_WORKER and (reason := refusal(range(1, workers + 1))):
        pytest.exit(reason, returncode=pytest.ExitCode.USAGE_ERROR)


def pytest_sessionfinish() -> None:
    """The next run on the same Redis finds it empty."""
    with suppress(redis.RedisError):
        core_redis.client().flushdb()


@pytest.fixture(autouse=True)
def _clean_redis() -> None:
    """Each test starts with an empty Redis database (one per xdist worker, see tests/settings.py), and with every
    breaker closed: the test before may have taken Redis away."""
    core_redis.client().flushdb()
    cache.breaker.reset()
    broker.breaker.reset()
    throttling.breaker.open_until = 0.0
    observing.gate.open()


@pytest.fixture(autouse=True)
def _middling_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Full jitter may choose next to nothing, and then a retry would be due before the test looks."""
    defaults = RetryPolicy.delay_seconds.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "jitter", lambda: 0.5)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """Each test finds an empty outbox: what ``migrate`` recorded (schedules, roles) is none of its events."""
    with django_db_blocker.unblock():
        from apps.audit.models import OutboxEntry

        OutboxEntry.objects.all().delete()
        baseline.keep(connection)
