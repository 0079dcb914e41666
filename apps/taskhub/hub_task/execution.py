"""Runs one attempt of a hub task in the worker: fence, context, the function, outcome, "finished".

    from apps.taskhub.hub_task import current_run

    current_run.progress(40, "page 2 of 5")
    current_run.stop_if_cancelled()

How an attempt ends: returned → success; ``Unavailable`` or an unexpected exception → another attempt by the retry
policy, else dead/retries used up; any other AppError → dead/not recoverable; soft time limit → dead/timeout, also when
the function caught it and went on (its result is kept); ``RunCancelled`` → dead/cancelled.
"""

from __future__ import annotations

import time
import traceback
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson
import redis
import structlog
from billiard.exceptions import SoftTimeLimitExceeded
from celery.exceptions import Reject
from django.db import close_old_connections, connection

from apps.core import context
from apps.core.actor import SYSTEM, Actor, ActorKind
from apps.core.errors import AppError, Unavailable
from apps.taskhub.enums import DeadReason, EventKind, TaskStatus
from apps.taskhub.errors import RunCancelled
from apps.taskhub.hub_task import live
from apps.taskhub.hub_task.definition import TaskDefinition

log = structlog.get_logger(__name__)

CANCEL_ASKED_EVERY_SECONDS = 1.0
PROGRESS_EVERY_SECONDS = 1.0
# A result is a receipt, not a transport: what is longer is kept as a note of its size.
MAX_RESULT_BYTES = 16_384
MAX_ERROR_CHARACTERS = 2_000
MAX_LOSSES_IN_A_ROW = 2
MAX_STACK_CHARACTERS = 16_384
# Redis restarts in a second or two; a task that has ended waits that long to say so.
SAY_PAUSES_SECONDS = (0.1, 0.5, 1.0, 2.0)


@dataclass(slots=True)
class Run:
    """The attempt that runs in this thread."""

    task_id: str = ""
    name: str = ""
    attempt: int = 1
    max_retries: int = 0
    soft_limit_seconds: int = 0
    grace_seconds: int = 0
    actor: Actor = SYSTEM
    logical_time: datetime | None = None
    _cancel_asked_at: float = field(default=0.0, repr=False)
    _cancelled: bool = field(default=False, repr=False)
    _progress_at: float = field(default=0.0, repr=False)

    def progress(self, percent: int, text: str = "") -> None:
        """Say how far the run is, at most once a second (100 % always); never raises because Redis is away."""
        now = time.monotonic()
        if not self.task_id or (percent < 100 and now - self._progress_at < PROGRESS_EVERY_SECONDS):
            return
        self._progress_at = now
        event = {"kind": EventKind.PROGRESS, "id": self.task_id, "attempt": self.attempt, "at": live.now_micros()}
        try:
            live.say(event | {"percent": max(0, min(100, percent)), "text": text[:200]})
        except redis.RedisError as error:
            log.warning("task_progress_not_said", task_id=self.task_id, error=str(error))

    def is_cancelled(self) -> bool:
        """Whether a person asked this task to stop.  Looked up at most once a second; False while Redis is away."""
        now = time.monotonic()
        if not self.task_id or self._cancelled or now - self._cancel_asked_at < CANCEL_ASKED_EVERY_SECONDS:
            return self._cancelled
        self._cancel_asked_at = now
        try:
            self._cancelled = live.is_cancelled(self.task_id, self.attempt)
        except redis.RedisError as error:
            log.warning("task_cancel_not_known", task_id=self.task_id, error=str(error))
        return self._cancelled

    def stop_if_cancelled(self) -> None:
        """Raises RunCancelled, which ends the attempt as dead/cancelled."""
        if self.is_cancelled():
            raise RunCancelled


_run: ContextVar[Run | None] = ContextVar("bajiaozhi_run", default=None)


class CurrentRun:
    """The Run of this thread under a fixed name.  Outside of a run it is an empty one, so a task's function can be
    called directly."""

    @property
    def _now(self) -> Run:
        return _run.get() or Run()

    @property
    def task_id(self) -> str:
        return self._now.task_id

    @property
    def attempt(self) -> int:
        return self._now.attempt

    @property
    def is_last_attempt(self) -> bool:
        """No other follows when this one fails.  Outside of a run: True."""
        return self._now.attempt > self._now.max_retries

    @property
    def actor(self) -> Actor:
        """Who asked for the task (SYSTEM when nobody is known)."""
        return self._now.actor

    @property
    def logical_time(self) -> datetime | None:
        """The due time that a scheduled run answers."""
        return self._now.logical_time

    def progress(self, percent: int, text: str = "") -> None:
        self._now.progress(percent, text)

    def is_cancelled(self) -> bool:
        return self._now.is_cancelled()

    def stop_if_cancelled(self) -> None:
        self._now.stop_if_cancelled()


current_run = CurrentRun()


@dataclass(slots=True)
class Outcome:
    status: TaskStatus
    reason: str = ""
    error: str = ""
    stack: str = ""
    result: Any = None
    retry_at: float | None = None


def execute(definition: TaskDefinition, headers: dict[str, Any], arguments: dict[str, Any], *, worker: str) -> str:
    """Run the attempt that a message announces, at most once.  ``headers`` is the message's ``hub`` header.

    Returns how it ended, which Celery writes into its own log ("succeeded in 0.1s: 'dead'").

    Raises Reject (give the message back) only when Redis does not let it take the fence.
    """
    run = Run(
        task_id=headers["id"],
        name=definition.name,
        attempt=headers["attempt"],
        max_retries=headers["retries"],
        soft_limit_seconds=headers["soft"],
        grace_seconds=headers["grace"],
        actor=_actor(headers["actor"]),
        logical_time=_moment(headers["logical"]),
    )
    started = live.now_micros()
    answer = _take_start(run, started, worker)
    if answer == live.DUPLICATE:
        _say_duplicate(run, worker)
        return "duplicate"
    if answer == live.CANCELLED:
        _finish(run, Outcome(TaskStatus.DEAD, DeadReason.CANCELLED), None, worker)
        return "cancelled"
    token = _run.set(run)
    try:
        with context.bind(
            context.Context(
                request_id=headers["request"], client_ip=headers["ip"], run_id=run.task_id, subsystem="worker"
            )
        ):
            outcome = _call(definition, run, arguments)
            try:
                _finish(run, outcome, started, worker)
            except SoftTimeLimitExceeded:
                # The limit struck while the end was being told: the outcome stands, tell it again.
                _finish(run, outcome, started, worker)
            return outcome.status.value
    finally:
        _run.reset(token)


def _take_start(run: Run, started: int, worker: str) -> bytes:
    longest = run.soft_limit_seconds + run.grace_seconds
    for pause in (*SAY_PAUSES_SECONDS, None):
        try:
            return live.take_start(run.task_id, run.attempt, at=started, worker=worker, running_seconds=longest)
        except redis.RedisError as error:
            if pause is None:
                log.error("task_fence_unreachable", task_id=run.task_id, error=str(error))
                raise Reject(str(error), requeue=True) from error
            time.sleep(pause)
    raise AssertionError("unreachable")


def _call(definition: TaskDefinition, run: Run, arguments: dict[str, Any]) -> Outcome:
    began = time.monotonic()
    try:
        _renew_connections()
        result = definition.function(**arguments)
    except SoftTimeLimitExceeded as error:
        return _dead(DeadReason.TIMEOUT, f"soft limit of {run.soft_limit_seconds} s exceeded", error)
    except RunCancelled as error:
        return _dead(DeadReason.CANCELLED, str(error), error)
    except Unavailable as error:
        return _again(definition, run, error, error.retry_after_seconds)
    except AppError as error:
        return _dead(DeadReason.NOT_RECOVERABLE, _told(error), error)
    except (Exception, SystemExit) as error:  # noqa: BLE001  # whatever a task raises ends its attempt, not the worker
        return _again(definition, run, error, None)
    if time.monotonic() - began > run.soft_limit_seconds:
        outcome = _dead(DeadReason.TIMEOUT, f"ended after the soft limit of {run.soft_limit_seconds} s", None)
        outcome.result = _storable(result)
        return outcome
    return Outcome(TaskStatus.SUCCESS, result=_storable(result))


def _renew_connections() -> None:
    """Replace a connection that the server closed meanwhile; not inside a transaction, which would be cut off."""
    if not connection.in_atomic_block:
        close_old_connections()


def lost_outcome(*, losses: int, rerun: bool) -> Outcome:
    """What becomes of an attempt whose worker died, after ``losses`` attempts in a row that ended so before.

    Once is bad luck; twice in a row the task itself is suspected of killing its worker.
    """
    told = "the worker died while it ran this attempt"
    if not rerun or losses + 1 >= MAX_LOSSES_IN_A_ROW:
        return Outcome(TaskStatus.DEAD, DeadReason.WORKER_LOST, told)
    return Outcome(TaskStatus.FAIL, DeadReason.WORKER_LOST, told, retry_at=time.time())


def stopped_outcome(*, rerun: bool) -> Outcome:
    """What becomes of an attempt that a stopping worker could not wait for: it blames nobody."""
    told = "the worker was stopped while it ran this attempt"
    if not rerun:
        return Outcome(TaskStatus.DEAD, DeadReason.WORKER_LOST, told)
    return Outcome(TaskStatus.FAIL, DeadReason.WORKER_STOPPED, told, retry_at=time.time())


def _again(definition: TaskDefinition, run: Run, error: BaseException, at_least: int | None) -> Outcome:
    """Another attempt if the policy has one left and nobody cancelled the task."""
    if run.is_cancelled():
        return _dead(DeadReason.CANCELLED, _told(error), error)
    if run.attempt > run.max_retries:
        return _dead(DeadReason.RETRIES_USED_UP, _told(error), error)
    delay = max(definition.retry.delay_seconds(run.attempt), float(at_least or 0))
    return Outcome(TaskStatus.FAIL, error=_told(error), stack=_stack(error), retry_at=time.time() + delay)


def _dead(reason: DeadReason, told: str, error: BaseException | None) -> Outcome:
    return Outcome(TaskStatus.DEAD, reason, told, _stack(error) if error else "")


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:MAX_ERROR_CHARACTERS]


def _stack(error: BaseException) -> str:
    """The newest frames: the end of a traceback says what happened."""
    return "".join(traceback.format_exception(error))[-MAX_STACK_CHARACTERS:]


def _storable(result: Any) -> Any:
    try:
        size = len(orjson.dumps(result)) if result is not None else 0
    except TypeError:
        return {"not_storable": type(result).__name__}
    return result if size <= MAX_RESULT_BYTES else {"too_large": size}


def finished_event(task_id: str, attempt: int, outcome: Outcome, started: int | None, worker: str) -> dict[str, Any]:
    """The event that ends an attempt, as the recorder reads it.  Times are microseconds, ``retry_at`` seconds."""
    return {
        "kind": EventKind.FINISHED,
        "id": task_id,
        "attempt": attempt,
        "at": live.now_micros(),
        "started": started,
        "worker": worker,
        "status": outcome.status,
        "reason": outcome.reason,
        "error": outcome.error,
        "stack": outcome.stack,
        "result": outcome.result,
        "retry_at": outcome.retry_at,
    }


def _finish(run: Run, outcome: Outcome, started: int | None, worker: str) -> None:
    """Tell how it ended; while Redis is away for longer than a restart the attempt counts as lost and runs again."""
    event = finished_event(run.task_id, run.attempt, outcome, started, worker)
    for pause in (*SAY_PAUSES_SECONDS, None):
        try:
            live.say_finished(event)
            break
        except redis.RedisError as error:
            if pause is None:
                log.error("task_end_not_said", task_id=run.task_id, status=outcome.status, error=str(error))
                return
            time.sleep(pause)
    if outcome.status != TaskStatus.SUCCESS:
        log.warning(
            "task_attempt_failed",
            task_id=run.task_id,
            task=run.name,
            attempt=run.attempt,
            status=outcome.status,
            reason=outcome.reason,
            error=outcome.error,
        )


def _say_duplicate(run: Run, worker: str) -> None:
    log.info("task_duplicate_dropped", task_id=run.task_id, attempt=run.attempt)
    event = {"kind": EventKind.DUPLICATE, "id": run.task_id, "attempt": run.attempt, "at": live.now_micros()}
    try:
        live.say(event | {"worker": worker})
    except redis.RedisError as error:
        log.warning("task_duplicate_not_said", task_id=run.task_id, error=str(error))


def _actor(parts: list[str] | None) -> Actor:
    return Actor(ActorKind(parts[0]), parts[1], parts[2]) if parts else SYSTEM


def _moment(seconds: float | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds is not None else None
