"""Component checks as django-health-check's ``HealthCheck`` classes, and a runner that never waits long (decision 11).

Each check runs in a thread of its own with a time limit.  A check that hangs is reported as down and is not started
again while it hangs, so that a dead server costs one thread, not one per call.  The checks open connections of their
own: the pool may be exhausted while the server is well, and a pooled connection may hang for minutes.
"""

from __future__ import annotations

import copy
import dataclasses
import datetime as dt
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import redis
from django import db
from django.conf import settings
from django.db.utils import load_backend
from health_check.base import HealthCheck
from health_check.exceptions import HealthCheckException, ServiceUnavailable
from redis.backoff import NoBackoff
from redis.retry import Retry

# libpq takes whole seconds, two at least.  It only bounds how long a hanging thread lives; the answer is sooner.
CONNECT_SECONDS = 2
REDIS_SECONDS = 0.5


@dataclasses.dataclass
class DatabaseCheck(HealthCheck):
    """A new connection and SELECT 1."""

    timeout: dt.timedelta = dataclasses.field(default=dt.timedelta(seconds=CONNECT_SECONDS), repr=False)

    def run(self) -> None:
        connection = _fresh_connection()
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
                cursor.fetchone()
        except db.Error as error:
            raise ServiceUnavailable(str(error)) from error
        finally:
            connection.close()


@dataclasses.dataclass
class RedisCheck(HealthCheck):
    """A new connection and PING."""

    timeout: dt.timedelta = dataclasses.field(default=dt.timedelta(seconds=REDIS_SECONDS), repr=False)

    def run(self) -> None:
        client = redis.Redis.from_url(
            settings.REDIS_URL,
            socket_connect_timeout=REDIS_SECONDS,
            socket_timeout=REDIS_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        try:
            client.ping()
        except redis.RedisError as error:
            raise ServiceUnavailable(str(error)) from error
        finally:
            client.close()


def _fresh_connection() -> Any:
    config = database_config()
    return load_backend(config["ENGINE"]).DatabaseWrapper(config, "default")


def database_config() -> dict[str, Any]:
    """The default database without its pool and with a short time to connect."""
    config: dict[str, Any] = copy.deepcopy(db.connections["default"].settings_dict)
    options = config["OPTIONS"]
    options.pop("pool", None)
    if not config["ENGINE"].endswith("sqlite3"):
        options["connect_timeout"] = CONNECT_SECONDS
    return config


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """``value`` of a run that ended in time; else ``error`` in words."""

    value: Any = None
    error: str = ""


class Probe:
    """One piece of work that is asked for again and again and runs once at a time."""

    def __init__(self, run: Callable[[], Any]) -> None:
        self._run = run
        self._guard = threading.Lock()
        self._ended: threading.Event | None = None
        self._outcome = Outcome()

    def start(self) -> threading.Event:
        """Begin a run, or join the one that is under way."""
        with self._guard:
            if self._ended is None or self._ended.is_set():
                self._ended = threading.Event()
                threading.Thread(target=self._work, args=(self._ended,), name="health", daemon=True).start()
            return self._ended

    def outcome(self, ended: threading.Event, *, until: float) -> Outcome:
        """What came out of it by ``until`` (monotonic)."""
        if not ended.wait(max(0.0, until - time.monotonic())):
            return Outcome(error="no answer in time")
        return self._outcome

    def _work(self, ended: threading.Event) -> None:
        try:
            self._outcome = Outcome(value=self._run())
        except HealthCheckException as error:
            self._outcome = Outcome(error=str(error.message))
        except Exception as error:  # noqa: BLE001  # whatever it is, the component did not answer
            self._outcome = Outcome(error=f"{type(error).__name__}: {error}")
        finally:
            # Connections belong to their thread and would stay open after it.
            db.connections.close_all()
            ended.set()


def run_all(probes: Mapping[str, Probe], *, until: float) -> dict[str, Outcome]:
    """All probes at the same time."""
    started = {name: probe.start() for name, probe in probes.items()}
    return {name: probes[name].outcome(ended, until=until) for name, ended in started.items()}
