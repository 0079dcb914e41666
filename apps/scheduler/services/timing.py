"""Keeping ``next_run`` true to the rule, whoever edits the rule.

Every tick compares the present rule with the one ``next_run`` was computed for, so an edit by the admin, by another
program or by SQL takes effect within two seconds.
"""

from __future__ import annotations

from datetime import datetime

import structlog
from django.db import transaction
from django.utils.translation import override
from django_celery_beat.models import PeriodicTask

from apps.core import db
from apps.core.errors import AppError
from apps.scheduler.due_times import next_after
from apps.scheduler.enums import ExecutionState, Kind, Origin, Reason
from apps.scheduler.models import ScheduledTask, TaskExecution
from apps.scheduler.services.rules import rule_of

log = structlog.get_logger(__name__)

BATCH = 200
PROBLEM_LENGTH = 500
TIMING_FIELDS = ("next_run", "next_run_rule", "problem", "recent", "updated_at")


def follow_definitions(*, now: datetime) -> int:
    """Adopt new PeriodicTask rows and time those anew whose rule has changed.  Returns how many."""
    _adopt()
    changed = list(ScheduledTask.objects.rule_changed().values_list("pk", flat=True)[:BATCH])
    for uid in changed:
        with transaction.atomic():
            locked = db.skip_locked(ScheduledTask.objects.filter(pk=uid)).first()
            if locked is not None:
                _retime_if_changed(with_definition(locked), now=now)
    return len(changed)


def _retime_if_changed(schedule: ScheduledTask, *, now: datetime) -> None:
    """Another beat may have timed it, and even have answered its first time, since the list of the changed was read."""
    if schedule.rule_text != schedule.next_run_rule:
        retime(schedule, now=now)


def _adopt() -> None:
    """A PeriodicTask that was made by anyone else gets a row of ours with the default policies."""
    strangers = list(PeriodicTask.objects.filter(scheduled__isnull=True).values_list("pk", "name")[:BATCH])
    if not strangers:
        return
    rows = [ScheduledTask(uid=f"adopted.{pk}", definition_id=pk, origin=Origin.ADOPTED) for pk, _name in strangers]
    # Another beat may adopt at the same time: the same keys, so the same rows.
    ScheduledTask.objects.bulk_create(rows, ignore_conflicts=True)
    for row, (_pk, name) in zip(rows, strangers, strict=True):
        log.info("schedule_adopted", uid=row.uid, name=name)


def with_definition(locked: ScheduledTask) -> ScheduledTask:
    """The row anew with its rule, read after the lock was taken (a lock with a join would lock the rule too)."""
    return ScheduledTask.objects.with_definition().get(pk=locked.pk)


def retime(schedule: ScheduledTask, *, now: datetime) -> None:
    """Compute ``next_run`` from now on.  ``schedule`` is locked and comes from ``with_definition``.

    A due time of the old rule that nobody had answered yet gets its answer: missed, with the reason.
    """
    enabled = schedule.rule_text != ""
    if schedule.next_run is not None and schedule.next_run <= now:
        reason = Reason.RULE_CHANGED if enabled else Reason.DISABLED
        _answer_as_missed(schedule, schedule.next_run, reason, now)
    schedule.next_run_rule = schedule.rule_text
    schedule.next_run, schedule.problem = None, ""
    if enabled:
        try:
            schedule.next_run = next_after(rule_of(schedule), now)
        except AppError as error:
            schedule.problem = problem_text(error)
            log.error("schedule_has_problem", uid=schedule.uid, problem=schedule.problem)
    schedule.save(update_fields=TIMING_FIELDS)


def problem_text(error: Exception) -> str:
    """What is stored; readers see it in their own language (``rules.problem_of``)."""
    with override("en"):
        return str(error)[:PROBLEM_LENGTH]


def _answer_as_missed(schedule: ScheduledTask, due: datetime, reason: Reason, now: datetime) -> None:
    missed = missed_span(schedule, first=due, last=due, count=1, reason=reason, now=now)
    if TaskExecution.objects.bulk_create([missed], ignore_conflicts=True):
        schedule.remember(ExecutionState.MISSED)


def missed_span(
    schedule: ScheduledTask, *, first: datetime, last: datetime, count: int, reason: Reason, now: datetime
) -> TaskExecution:
    """One unsaved row that answers a whole span of due times."""
    return TaskExecution(
        schedule=schedule,
        task_name=schedule.name,
        task_type=schedule.task,
        kind=Kind.SCHEDULED,
        scheduled_at=first,
        last_due_at=last if count > 1 else None,
        due_count=count,
        state=ExecutionState.MISSED,
        reason=reason,
        finished_at=now,
    )
