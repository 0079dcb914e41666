"""Tables and indexes by their names (H.1), and what the database itself forbids."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from apps.scheduler.api.health import late_schedules
from apps.scheduler.enums import ExecutionState, Health
from apps.scheduler.models import ScheduledTask, TaskExecution, TaskLock, cut_text
from tests.factories.scheduler import NOON, TaskExecutionFactory, TaskLockFactory, daily

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("model", "table", "indexes"),
    [
        (ScheduledTask, "scheduled_tasks", {"idx_scheduled_tasks_next_run", "idx_scheduled_tasks_priority"}),
        (
            TaskExecution,
            "task_executions",
            {
                "idx_task_exec_task_uid",
                "idx_task_exec_task_name",
                "idx_task_exec_state",
                "idx_task_exec_started_at",
                "idx_task_exec_filter",
                "idx_task_exec_hub_task",
                "uk_task_executions_slot",
            },
        ),
        (TaskLock, "task_locks", set()),
    ],
)
def test_tables_and_indexes_have_the_customers_names(model: Any, table: str, indexes: set[str]) -> None:
    with connection.cursor() as cursor:
        found = set(connection.introspection.get_constraints(cursor, table))

    assert model._meta.db_table == table
    assert indexes <= found


def test_executions_carry_the_schedules_uid_without_a_foreign_key_in_the_database() -> None:
    with connection.cursor() as cursor:
        constraints = connection.introspection.get_constraints(cursor, "task_executions")
        columns = {column.name for column in connection.introspection.get_table_description(cursor, "task_executions")}

    assert [name for name, constraint in constraints.items() if constraint["foreign_key"]] == []
    assert {"task_uid", "execution_uid", "run_by", "scheduled_at", "retry_count", "trigger_by"} <= columns


def test_one_due_time_has_one_answer_of_a_kind() -> None:
    first = TaskExecutionFactory(schedule=daily())

    with pytest.raises(IntegrityError), transaction.atomic():
        TaskExecutionFactory(schedule=first.schedule, scheduled_at=first.scheduled_at)
    assert TaskExecution.objects.count() == 1


@pytest.mark.parametrize(
    "values",
    [
        {"finished_at": NOON - timedelta(days=30)},
        {"finished_at": None},
        {"progress": 101},
    ],
)
def test_an_execution_that_cannot_be_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        TaskExecutionFactory(schedule=daily(), state=ExecutionState.FAILURE, **values)


@pytest.mark.parametrize(
    "values",
    [{"max_duration_seconds": 0, "timeout_grace_period": 0}, {"timeout_grace_period": 3600}, {"max_concurrent": 0}],
)
def test_a_schedule_with_limits_that_cannot_be_is_refused(values: dict[str, int]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        daily(**values)


@pytest.mark.parametrize(
    ("recent", "health"),
    [
        ("", Health.UNKNOWN),
        ("KM", Health.UNKNOWN),
        ("FFFSSSSS", Health.HEALTHY),
        ("SSSSF", Health.WARNING),
        ("SKSMTSI", Health.WARNING),
        ("SSFTI", Health.CRITICAL),
        ("CCCCC", Health.HEALTHY),
    ],
)
def test_health_follows_from_the_last_five_runs(recent: str, health: Health) -> None:
    assert ScheduledTask(recent=recent).health == health


def test_the_memory_of_answers_is_bounded() -> None:
    schedule = ScheduledTask(recent="F" * 30)
    schedule.remember(ExecutionState.SUCCESS)

    assert schedule.recent == "F" * 29 + "S"


def test_text_is_cut_between_characters_and_marked() -> None:
    assert cut_text("short", max_bytes=100) == "short"
    cut = cut_text("八" * 100, max_bytes=50)
    assert cut.endswith("…[truncated]")
    assert len(cut.encode()) <= 50
    assert set(cut.removesuffix("…[truncated]")) == {"八"}


def test_a_lock_is_active_until_it_expires_or_is_released() -> None:
    lock = TaskLockFactory()

    assert lock.state_at(NOON) == TaskLock.State.ACTIVE
    assert lock.state_at(NOON + timedelta(seconds=10)) == TaskLock.State.EXPIRED
    lock.released_at = NOON
    assert lock.state_at(NOON) == TaskLock.State.RELEASED


def test_health_warns_of_late_schedules() -> None:
    assert late_schedules() is None
    daily(next_run=NOON)

    assert late_schedules() is not None
