"""The scheduler class of ``celery -A project beat`` (``CELERY_BEAT_SCHEDULER``).

Celery's own list of entries stays empty: what is due stands in the database.  Any number of beats may run; a lease
spares all but one of them the work, a unique row per due time keeps the answers single.
"""

from __future__ import annotations

from typing import Any

import structlog
from celery.beat import Scheduler
from django.db import DatabaseError, InterfaceError, connection

from apps.scheduler.services.tick import MAX_SLEEP_SECONDS, Ticker

log = structlog.get_logger(__name__)


class HubScheduler(Scheduler):
    """Celery makes it twice, the first time (``lazy``) only for its banner: making it has no effects."""

    max_interval: float = MAX_SLEEP_SECONDS  # type: ignore[assignment]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Whatever --max-interval says: edits take effect within two seconds.
        self.max_interval = min(self.max_interval, MAX_SLEEP_SECONDS)
        self._ticker: Ticker | None = None
        self._is_closing = False
        self._lost_database = False

    def setup_schedule(self) -> None:
        """Not the base's: it would take over ``beat_schedule`` and add an entry of its own."""
        if self.app.conf.beat_schedule:
            log.error("beat_schedule_ignored", entries=sorted(self.app.conf.beat_schedule))

    def tick(self, *args: Any, **kwargs: Any) -> float:
        if self._is_closing:
            return self.max_interval
        if self._ticker is None:
            self._ticker = Ticker()
        try:
            pause = self._ticker.tick()
        except (DatabaseError, InterfaceError) as error:
            if not self._lost_database:
                log.error("beat_lost_database", error=str(error))
            self._lost_database = True
            connection.close()
            return self.max_interval
        if self._lost_database:
            self._lost_database = False
            log.info("beat_found_database")
        return pause

    def close(self) -> None:
        """Celery calls this first *inside its signal handler* and again when the loop has ended.

        SQL in the handler would wait for the connection's own lock, which the interrupted query holds: for ever
        (feasibility §2).  So the first call only sets a flag.
        """
        if not self._is_closing:
            self._is_closing = True
            return
        # A new connection: the old one may have been interrupted in the middle of a query.
        connection.close()
        if self._ticker is not None:
            self._ticker.resign()
        connection.close()
        super().close()
