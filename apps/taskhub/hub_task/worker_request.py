"""The request that reports what a dead child can't.

A pool child that was killed (hard time limit, out of memory, kill -9) says nothing; the worker's main process sees it
here and tells the stream in its place.  Only worker processes import this.
"""

from __future__ import annotations

import time
from signal import SIGKILL
from typing import Any, cast

import redis
import structlog
from billiard.einfo import ExceptionWithTraceback  # type: ignore[attr-defined]
from billiard.exceptions import WorkerLostError
from celery.worker import state
from celery.worker.request import Request

from apps.taskhub.enums import DeadReason, TaskStatus
from apps.taskhub.hub_task import live
from apps.taskhub.hub_task.celery_task import HubTask, worker_label
from apps.taskhub.hub_task.execution import Outcome, finished_event, lost_outcome, stopped_outcome

log = structlog.get_logger(__name__)


class HubRequest(Request):
    """A received hub task in the worker's main process."""

    @property
    def hub(self) -> dict[str, Any]:
        return cast(dict[str, Any], self.request_dict.get("hub") or {})

    def on_timeout(self, soft: bool, timeout: float) -> None:
        if not soft and not state.should_terminate:
            self._say(Outcome(TaskStatus.DEAD, DeadReason.TIMEOUT, f"killed at the hard limit of {timeout} s"))
        super().on_timeout(soft, timeout)

    def on_failure(self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False) -> None:
        error = exc_info.exception
        if isinstance(error, ExceptionWithTraceback):
            error = error.exc
        if not isinstance(error, WorkerLostError) or state.should_terminate:
            super().on_failure(exc_info, send_failed_event=send_failed_event, return_ok=return_ok)
            return
        definition = cast(HubTask, self.task).definition
        outcome = lost_outcome(losses=self.hub.get("losses", 0), rerun=definition.retry.rerun_when_lost)
        if self._say(outcome):
            state.task_ready(self)
            self.acknowledge()
        else:
            super().on_failure(exc_info, send_failed_event=send_failed_event, return_ok=return_ok)

    def cancel(self, pool: Any, signal: Any = None, emit_retry: bool = True) -> None:
        """A stopping worker waits no longer: the attempt is given back, then its child is ended.

        By SIGKILL: after SIGTERM a SystemExit would strike at any line of the task, and be told as its failure.
        """
        definition = cast(HubTask, self.task).definition
        if not self.acknowledged and self._say(stopped_outcome(rerun=definition.retry.rerun_when_lost)):
            self.acknowledge()
        super().cancel(pool, SIGKILL, emit_retry)

    def _say(self, outcome: Outcome) -> bool:
        """False when Redis is away: then the attempt is found as lost by its missing heartbeat."""
        if not self.hub:
            return False
        started = int(self.time_start * 1e6) if self.time_start else int(time.time() * 1e6)
        event = finished_event(self.hub["id"], self.hub["attempt"], outcome, started, worker_label())
        try:
            live.say_finished(event)
        except redis.RedisError as error:
            log.error("task_end_not_said", task_id=self.id, status=outcome.status, error=str(error))
            return False
        log.warning("task_ended_by_main_process", task_id=self.id, status=outcome.status, reason=outcome.reason)
        return True
