"""Figures of schedules (H-8): each run counts once, rates are of finished runs, durations of successful ones."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from apps.scheduler.enums import Health
from apps.scheduler.models import ScheduledTask, TaskExecution


@dataclass(frozen=True, slots=True)
class TaskStatistics:
    """One schedule.  ``success_rate`` is percent, None before the first run ended."""

    task_uid: str
    task_name: str
    enabled: bool
    total_executions: int
    success_executions: int
    failure_executions: int
    success_rate: float | None
    average_duration_ms: int | None
    last_executed_at: datetime | None
    health: Health


@dataclass(frozen=True, slots=True)
class Statistics:
    total_tasks: int
    enabled_tasks: int
    total_executions: int
    success_executions: int
    failure_executions: int
    success_rate: float | None
    average_duration_ms: int | None
    task_stats: list[TaskStatistics]


def statistics() -> Statistics:
    """Of all schedules that are not retired, in two queries."""
    durations = TaskExecution.objects.success_durations()
    schedules = list(ScheduledTask.objects.present().for_list())
    total = sum(schedule.total_executions for schedule in schedules)
    success = sum(schedule.success_executions for schedule in schedules)
    known = [durations[schedule.uid] for schedule in schedules if schedule.uid in durations]
    runs = sum(count for _, count in known)
    return Statistics(
        total_tasks=len(schedules),
        enabled_tasks=sum(schedule.enabled for schedule in schedules),
        total_executions=total,
        success_executions=success,
        failure_executions=sum(schedule.failure_executions for schedule in schedules),
        success_rate=round(100 * success / total, 2) if total else None,
        average_duration_ms=round(sum(mean * count for mean, count in known) / runs) if runs else None,
        task_stats=[_of(schedule, durations) for schedule in schedules],
    )


def _of(schedule: ScheduledTask, durations: dict[str, tuple[float, int]]) -> TaskStatistics:
    return TaskStatistics(
        task_uid=schedule.uid,
        task_name=schedule.name,
        enabled=schedule.enabled,
        total_executions=schedule.total_executions,
        success_executions=schedule.success_executions,
        failure_executions=schedule.failure_executions,
        success_rate=schedule.success_rate,
        average_duration_ms=round(durations[schedule.uid][0]) if schedule.uid in durations else None,
        last_executed_at=schedule.last_executed_at,
        health=schedule.health,
    )
