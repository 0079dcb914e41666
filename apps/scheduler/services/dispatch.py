"""The tick: answer every due time with exactly one row.

Slot row, hub task and advanced ``next_run`` commit together.  Any number of processes may tick at once: each takes
rows that nobody else holds, and a due time answered already (unique schedule + due time + kind) is left alone.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import DataError, IntegrityError, transaction

from apps.core import db
from apps.core.actor import Actor
from apps.core.errors import AppError
from apps.scheduler.due_times import Passed, passed
from apps.scheduler.enums import CatchUp, ExecutionState, Kind, Overlap, Reason
from apps.scheduler.models import ScheduledTask, TaskExecution
from apps.scheduler.services import arguments
from apps.scheduler.services.outcomes import count_finished
from apps.scheduler.services.queueing import instance, queue_run
from apps.scheduler.services.rules import rule_of
from apps.scheduler.services.timing import missed_span, problem_text, retime

log = structlog.get_logger(__name__)

# 200 rows took 21 ms; a smaller batch only adds round trips.
BATCH = 200
# Longer than a standby beat needs to take over, so a change of beats makes no run late.
ON_TIME = timedelta(seconds=30)
# Ten weeks of a rule that is due each minute, a second or three of walking; a longer span takes further rows.
SPAN_LIMIT = 100_000
_SLOTS = uuid.UUID("6f0f3a0e-6e0b-5a53-9d8a-1c1f6a2c5d10")

ADVANCED_FIELDS = (
    "next_run",
    "problem",
    "recent",
    "total_executions",
    "failure_executions",
    "consecutive_failures",
    "last_failure_error",
    "last_executed_at",
)


@dataclass(slots=True)
class _Going:
    """Runs of one schedule that are going on, oldest first, with those that this tick starts."""

    uids: list[uuid.UUID] = field(default_factory=list)

    def obstacle(self, schedule: ScheduledTask) -> Reason | None:
        if self.uids and schedule.overlap == Overlap.SKIP:
            return Reason.OVERLAP
        if len(self.uids) >= schedule.max_concurrent:
            return Reason.MAX_CONCURRENT
        return None


def answer_due(*, now: datetime, limit: int = BATCH) -> int:
    """Answer the due times of up to ``limit`` schedules.  Returns how many it took; ``limit`` means that more may wait.

    One schedule that the database refuses (a value too long, a broken row) is set aside with its problem; the others
    go on.
    """
    if not ScheduledTask.objects.due(now).exists():
        return 0
    try:
        with transaction.atomic():
            return _answer(ScheduledTask.objects.take_due(now, limit=limit), now)
    except (IntegrityError, DataError) as error:
        log.warning("schedule_batch_refused", error=str(error))
        return _answer_one_by_one(now, limit)


def _answer_one_by_one(now: datetime, limit: int) -> int:
    uids = list(ScheduledTask.objects.due(now).values_list("pk", flat=True)[:limit])
    for uid in uids:
        try:
            with transaction.atomic():
                _answer(list(db.skip_locked(ScheduledTask.objects.due(now).filter(pk=uid))), now)
        except (IntegrityError, DataError) as error:
            log.error("schedule_set_aside", uid=uid, error=str(error))
            ScheduledTask.objects.filter(pk=uid).update(next_run=None, problem=problem_text(error))
    return len(uids)


def _answer(locked: list[ScheduledTask], now: datetime) -> int:
    uids = [schedule.pk for schedule in locked]
    going = _going_on(uids)
    # Largest priority first.  Sorted here: MariaDB locks every row it would sort.
    schedules = sorted(
        ScheduledTask.objects.with_definition().filter(pk__in=uids),
        key=lambda schedule: (-schedule.priority, schedule.next_run, schedule.uid),
    )
    answers: list[TaskExecution] = []
    advanced: list[ScheduledTask] = []
    for schedule in schedules:
        if schedule.rule_text != schedule.next_run_rule:
            retime(schedule, now=now)
            continue
        answers += _answers(schedule, going[schedule.uid], now)
        advanced.append(schedule)
    new = _without_answered(answers)
    for execution in new:
        if execution.state == ExecutionState.PENDING:
            _start(execution, now)
        if execution.is_finished:
            _remember(execution)
    TaskExecution.objects.bulk_create(new)
    ScheduledTask.objects.bulk_update(advanced, ADVANCED_FIELDS)
    return len(locked)


def _going_on(uids: list[str]) -> dict[str, _Going]:
    going: dict[str, _Going] = defaultdict(_Going)
    active = TaskExecution.objects.of_schedules(uids).active().order_by("id")
    for uid, execution_uid in active.values_list("schedule_id", "execution_uid"):
        going[uid].uids.append(execution_uid)
    return going


def _answers(schedule: ScheduledTask, going: _Going, now: datetime) -> list[TaskExecution]:
    """Unsaved rows for everything that is due, and ``next_run`` moved on."""
    definition: Any = schedule.definition
    try:
        rule = rule_of(schedule)
    except AppError as error:
        schedule.problem, schedule.next_run = problem_text(error), None
        return []
    assert schedule.next_run is not None  # due() finds no others
    once = definition.one_off
    times = passed(rule, schedule.next_run, now, tolerance=ON_TIME, limit=1 if once else SPAN_LIMIT)
    if once:
        times.next_due, times.is_complete = None, True
    schedule.next_run = times.next_due
    return [*_late_answers(schedule, times, going, now), *_on_time_answers(schedule, times, going, now)]


def _late_answers(schedule: ScheduledTask, times: Passed, going: _Going, now: datetime) -> list[TaskExecution]:
    """One row for the span that nobody answered, and a run for its latest time if the policy wants one."""
    if times.first_late is None or times.last_late is None:
        return []
    first, last, count = times.first_late, times.last_late, times.late_count
    answers: list[TaskExecution] = []
    if _wants_catch_up(schedule, times, now):
        answers.append(_slot(schedule, Kind.CATCHUP, last, going, now))
        count -= 1
        last = times.before_last_late or first
    if count:
        answers.insert(0, missed_span(schedule, first=first, last=last, count=count, reason=Reason.LATE, now=now))
    log.warning("schedule_late", uid=schedule.uid, first=first.isoformat(), last=last.isoformat(), count=count)
    return answers


def _wants_catch_up(schedule: ScheduledTask, times: Passed, now: datetime) -> bool:
    # With a run on time there is nothing to make up for: "the latest once" is that one.
    if schedule.catch_up != CatchUp.LATEST or times.on_time or not times.is_complete or times.last_late is None:
        return False
    return now - times.last_late <= timedelta(seconds=schedule.catch_up_window_seconds)


def _on_time_answers(schedule: ScheduledTask, times: Passed, going: _Going, now: datetime) -> list[TaskExecution]:
    return [_slot(schedule, Kind.SCHEDULED, due, going, now) for due in times.on_time]


def _slot(schedule: ScheduledTask, kind: Kind, due: datetime, going: _Going, now: datetime) -> TaskExecution:
    """An unsaved row: to be started, or skipped because of what is going on."""
    execution = TaskExecution(
        execution_uid=uuid.uuid5(_SLOTS, f"{schedule.uid}\n{due.isoformat()}\n{kind}"),
        schedule=schedule,
        task_name=schedule.name,
        task_type=schedule.task,
        kind=kind,
        scheduled_at=due,
        state=ExecutionState.PENDING,
        dispatched_by=instance(),
    )
    obstacle = going.obstacle(schedule)
    if obstacle is None:
        going.uids.append(execution.execution_uid)
        return execution
    execution.state, execution.reason = ExecutionState.SKIPPED, obstacle
    execution.blocked_by, execution.finished_at = going.uids[0], now
    return execution


def _without_answered(answers: list[TaskExecution]) -> list[TaskExecution]:
    """Without due times that have their row already (``next_run`` was set back by hand or by a restored backup)."""
    if not answers:
        return []
    taken = set(
        TaskExecution.objects.of_schedules({answer.schedule_id for answer in answers})
        .filter(scheduled_at__in={answer.scheduled_at for answer in answers})
        .values_list("schedule_id", "scheduled_at", "kind")
    )
    return [answer for answer in answers if (answer.schedule_id, answer.scheduled_at, answer.kind) not in taken]


def _start(execution: TaskExecution, now: datetime) -> None:
    """Queue the task.  What the hub refuses (unknown task, wrong arguments) is a failure of this execution alone."""
    schedule = execution.schedule
    try:
        queue_run(execution, arguments.of_definition(schedule), actor=Actor.schedule(schedule.uid))
    except AppError as error:
        execution.state, execution.reason = ExecutionState.FAILURE, Reason.NOT_STARTABLE
        execution.error_message, execution.finished_at = str(error), now
        log.error("schedule_not_startable", uid=schedule.uid, task=execution.task_type, error=str(error))


def _remember(execution: TaskExecution) -> None:
    if execution.state == ExecutionState.FAILURE:
        count_finished(execution.schedule, execution)
    else:
        execution.schedule.remember(execution.state)
