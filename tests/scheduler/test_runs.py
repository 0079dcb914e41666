"""What the hub's starts and ends do to executions and counters (decisions 12, 14, 15; H-8, H-13)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from apps.core.actor import SYSTEM
from apps.scheduler import services
from apps.scheduler.enums import ExecutionState, Health
from apps.scheduler.models import ScheduledTask, TaskExecution
from apps.scheduler.services import dispatch, timing, watch
from apps.scheduler.services.runs import on_finished, on_started
from apps.taskhub.enums import TaskStatus
from apps.taskhub.models import Task
from apps.taskhub.registry import RunFinished, RunStarted
from apps.taskhub.testing import run_queued
from tests.factories.scheduler import NOON, ScheduledTaskFactory, TaskExecutionFactory
from tests.scheduler import conftest

pytestmark = pytest.mark.django_db


def started(execution: TaskExecution, *, attempt: int = 1, **values: Any) -> RunStarted:
    return RunStarted(
        **{
            "task_id": execution.hub_task_id,
            "name": execution.task_type,
            "source": f"schedule:{execution.schedule_id}",
            "attempt": attempt,
            "started_at": execution.scheduled_at + timedelta(seconds=attempt),
            "worker_name": f"worker:{attempt}",
            **values,
        }
    )


def finished(execution: TaskExecution, *, attempt: int = 1, **values: Any) -> RunFinished:
    return RunFinished(
        **{
            "task_id": execution.hub_task_id,
            "name": execution.task_type,
            "source": f"schedule:{execution.schedule_id}",
            "attempt": attempt,
            "status": "success",
            "dead_reason": "",
            "started_at": execution.scheduled_at + timedelta(seconds=attempt),
            "finished_at": execution.scheduled_at + timedelta(seconds=attempt + 3),
            "duration_ms": 3000,
            "error": "",
            "error_stack": "",
            "result": None,
            "retry_at": None,
            **values,
        }
    )


@pytest.fixture
def execution() -> TaskExecution:
    return TaskExecutionFactory(state=ExecutionState.PENDING, started_at=None)


def state(execution: TaskExecution) -> str:
    execution.refresh_from_db()
    return execution.state


def test_a_scheduled_run_from_due_time_to_success() -> None:
    schedule = ScheduledTaskFactory(definition__kwargs='{"text": "hello"}')
    timing.follow_definitions(now=NOON - timedelta(seconds=30))
    dispatch.answer_due(now=NOON)

    assert run_queued() == 1

    execution = TaskExecution.objects.get()
    schedule.refresh_from_db()
    assert conftest.noted == [{"text": "hello", "logical_time": NOON}]
    assert (execution.state, execution.result, execution.progress) == ("success", '{"text":"hello"}', 100)
    assert (execution.retry_count, execution.run_by) == (0, "test:0")
    assert execution.duration_ms is not None
    assert (schedule.total_executions, schedule.success_executions, schedule.recent) == (1, 1, "S")
    assert schedule.last_executed_at == execution.finished_at


def test_an_exception_is_a_failure_with_its_stack() -> None:
    schedule = ScheduledTaskFactory(definition__kwargs='{"fail": true}', max_retries=0)

    execution = services.trigger(schedule.uid, actor=SYSTEM)
    run_queued()

    execution.refresh_from_db()
    schedule.refresh_from_db()
    assert execution.state == "failure"
    assert execution.error_message == "RuntimeError: asked to fail"
    assert "in note" in execution.error_stack
    assert (schedule.failure_executions, schedule.consecutive_failures) == (1, 1)
    assert schedule.last_failure_error == "RuntimeError: asked to fail"


@pytest.mark.parametrize(
    ("status", "dead_reason", "wanted", "reason"),
    [
        ("success", "", "success", ""),
        ("dead", "timeout", "timeout", "timed_out"),
        ("dead", "cancelled", "cancelled", "cancelled"),
        ("dead", "worker_lost", "interrupted", "worker_lost"),
        ("dead", "retries_used_up", "failure", ""),
        ("dead", "not_recoverable", "failure", ""),
    ],
)
def test_every_end_of_a_hub_task_has_its_state(
    execution: TaskExecution, status: str, dead_reason: str, wanted: str, reason: str
) -> None:
    on_started([started(execution)])
    on_finished([finished(execution, status=status, dead_reason=dead_reason)])

    assert (state(execution), execution.reason) == (wanted, reason)


def test_failing_twice_and_then_succeeding_is_one_execution(execution: TaskExecution) -> None:
    for attempt in (1, 2):
        on_started([started(execution, attempt=attempt)])
        on_finished([finished(execution, attempt=attempt, status="fail", error="no luck")])
        assert state(execution) == "running"
    on_started([started(execution, attempt=3)])
    on_finished([finished(execution, attempt=3)])

    schedule = ScheduledTask.objects.get()
    assert (state(execution), execution.retry_count, execution.error_message) == ("success", 2, "")
    assert execution.duration_ms == 5000
    assert (schedule.total_executions, schedule.success_executions, schedule.consecutive_failures) == (1, 1, 0)


def test_what_is_told_twice_counts_once(execution: TaskExecution) -> None:
    for _time in range(2):
        on_started([started(execution)])
        on_finished([finished(execution)])

    schedule = ScheduledTask.objects.get()
    assert (schedule.total_executions, schedule.success_executions, schedule.recent) == (1, 1, "S")


def test_a_late_start_does_not_undo_the_end(execution: TaskExecution) -> None:
    on_finished([finished(execution)])
    on_started([started(execution)])

    assert state(execution) == "success"
    assert ScheduledTask.objects.get().total_executions == 1


def test_a_success_ends_a_streak_of_failures() -> None:
    schedule = ScheduledTaskFactory(consecutive_failures=4, failure_executions=4, total_executions=4, recent="FFFF")
    ScheduledTask.objects.update(last_failure_error="no luck")
    execution = TaskExecutionFactory(schedule=schedule, state=ExecutionState.PENDING, started_at=None)

    on_finished([finished(execution)])

    schedule.refresh_from_db()
    assert (schedule.consecutive_failures, schedule.last_failure_error, schedule.recent) == (0, "", "FFFFS")
    assert (schedule.success_rate, schedule.health) == (20.0, Health.CRITICAL)


def test_a_run_requeued_by_hand_goes_on_in_its_execution_and_counts_once(execution: TaskExecution) -> None:
    on_started([started(execution)])
    on_finished([finished(execution, status="dead", dead_reason="worker_lost", error="gone")])
    assert state(execution) == "interrupted"

    on_started([started(execution, attempt=2)])
    assert (state(execution), execution.finished_at) == ("running", None)
    on_finished([finished(execution, attempt=2)])

    schedule = ScheduledTask.objects.get()
    assert state(execution) == "success"
    assert (schedule.total_executions, schedule.success_executions, schedule.failure_executions) == (1, 1, 0)


def test_runs_of_others_are_none_of_our_business(execution: TaskExecution) -> None:
    on_started([started(execution, source="api")])
    on_finished([finished(execution, source="", task_id="ffff")])

    assert state(execution) == "pending"


def test_clocks_that_disagree_never_end_a_run_before_its_start(execution: TaskExecution) -> None:
    on_started([started(execution)])
    on_finished([finished(execution, finished_at=execution.scheduled_at - timedelta(seconds=5))])

    assert state(execution) == "success"
    assert (execution.finished_at, execution.duration_ms) == (execution.started_at, 0)


def test_a_late_outcome_of_a_timeout_is_kept(execution: TaskExecution) -> None:
    on_finished([finished(execution, status="dead", dead_reason="timeout", result={"rows": 3})])

    assert (state(execution), execution.result) == ("timeout", '{"rows":3}')


def test_long_texts_are_cut_and_marked(execution: TaskExecution) -> None:
    on_finished([finished(execution, status="dead", result="结" * 40_000, error_stack="E" * 20_000, error="e")])

    execution.refresh_from_db()
    assert len(execution.result.encode()) <= 64 * 1024
    assert execution.result.endswith("…[truncated]")
    assert len(execution.error_stack.encode()) == 10 * 1024
    assert execution.error_stack.startswith("EEEE")


# --- catching up with the hub ----------------------------------------------------------------------------------------
def old_run() -> TaskExecution:
    """A triggered run whose end nobody told us."""
    execution = services.trigger(ScheduledTaskFactory().uid, actor=SYSTEM)
    TaskExecution.objects.update(updated_at=NOON)
    return execution


def test_an_end_that_nobody_told_us_is_found() -> None:
    execution = old_run()
    Task.objects.update(status=TaskStatus.SUCCESS, attempts=1, started_at=NOON, finished_at=NOON, result={"a": 1})

    assert watch.follow_hub(now=NOON + timedelta(seconds=59)) == 0
    assert watch.follow_hub(now=NOON + timedelta(seconds=61)) == 1

    assert (state(execution), execution.result) == ("success", '{"a":1}')
    assert ScheduledTask.objects.get().total_executions == 1


def test_a_task_that_the_hub_no_longer_knows_interrupts_its_execution() -> None:
    execution = old_run()
    Task.objects.all().delete()

    watch.follow_hub(now=NOON + timedelta(minutes=2))

    assert (state(execution), execution.reason) == ("interrupted", "task_gone")


def test_a_run_far_beyond_its_limit_is_marked_and_still_blocks() -> None:
    execution = old_run()
    Task.objects.update(status=TaskStatus.RUNNING, attempts=1, started_at=NOON, progress=40)

    watch.follow_hub(now=NOON + timedelta(seconds=3600 + 30 + 29))
    assert (state(execution), execution.reason, execution.progress) == ("running", "", 40)
    TaskExecution.objects.update(updated_at=NOON)
    watch.follow_hub(now=NOON + timedelta(seconds=3600 + 30 + 31))

    assert (state(execution), execution.reason) == ("running", "overdue")
    with pytest.raises(services.schedules.AlreadyRunning):
        services.trigger(execution.schedule_id, actor=SYSTEM)


@pytest.mark.parametrize("task_is_known", [True, False])
def test_an_execution_that_ends_while_we_ask_keeps_what_its_end_said(
    monkeypatch: pytest.MonkeyPatch, task_is_known: bool
) -> None:
    """The hub's row was read as running and far beyond its limit; then the recorder told the end."""
    execution = old_run()
    Task.objects.update(status=TaskStatus.RUNNING, attempts=1, started_at=NOON, progress=40)
    if not task_is_known:
        Task.objects.all().delete()
    locking = watch.locked_executions

    def told_just_before(task_ids: Any) -> Any:
        on_started([started(execution)])
        on_finished([finished(execution)])
        return locking(task_ids)

    monkeypatch.setattr(watch, "locked_executions", told_just_before)

    assert watch.follow_hub(now=NOON + timedelta(hours=2)) == 0

    assert (state(execution), execution.reason, execution.progress) == ("success", "", 100)
    assert ScheduledTask.objects.get().total_executions == 1
