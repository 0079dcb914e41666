"""One attempt: start fence, context, outcome, what is said about it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from celery.exceptions import Reject

from apps.core import context
from apps.core import redis as core_redis
from apps.core.actor import SYSTEM, Actor
from apps.core.errors import Unavailable
from apps.events.task_names import IMPORT_FILES
from apps.fighters.task_names import IMPORT_LIST
from apps.orders.task_names import SIM_STATUS_SYNC
from apps.taskhub.enums import DeadReason, TaskStatus
from apps.taskhub.errors import BadDeclaration
from apps.taskhub.hub_task import (
    RetryPolicy,
    current_run,
    definition_of,
    definitions,
    execution,
    forget,
    hub_task,
    live,
)
from apps.taskhub.hub_task.broker import headers_of
from apps.taskhub.hub_task.execution import execute
from apps.taskhub.models import Task, TaskAttempt
from apps.taskhub.services import EnqueueOptions, enqueue
from apps.taskhub.services.dispatch import message_of
from apps.taskhub.testing import record_waiting, run_queued, run_task
from apps.users.task_names import FORGET_OLD_EMAILS, FORGET_OLD_SIGN_INS
from tests.taskhub.names import ADD, BREAK, OBEY, REFUSE, SLOW, TRY

pytestmark = pytest.mark.django_db


def ended(task_id: str) -> Task:
    run_queued()
    return Task.objects.get(task_id=task_id)


def test_success_is_recorded_with_its_attempt(calls):
    task = ended(enqueue(ADD, left=1, right=2))

    assert calls == [(1, 2, task.task_id, 1)]
    assert (task.status, task.result, task.attempts, task.progress) == (TaskStatus.SUCCESS, 3, 1, 100)
    assert (task.last_error, task.dead_reason, task.send_at) == ("", "", None)
    assert task.last_worker_name == "test:0"
    [attempt] = TaskAttempt.objects.all()
    assert (attempt.task_id, attempt.attempt, attempt.status) == (task.task_id, 1, TaskStatus.SUCCESS)
    assert attempt.started_at == task.started_at
    assert attempt.finished_at == task.finished_at
    assert attempt.duration_ms == task.duration_ms


def test_second_delivery_of_an_attempt_is_dropped_and_counted(calls):
    task = Task.objects.get(task_id=enqueue(ADD, left=1))

    run_task(task)
    run_task(task)
    record_waiting()

    assert len(calls) == 1
    assert TaskAttempt.objects.get().duplicates == 1
    assert Task.objects.get().status == TaskStatus.SUCCESS


def test_unavailable_is_tried_again_with_back_off():
    before = datetime.now(UTC)
    task = ended(enqueue(TRY, fail_times=1))

    assert (task.status, task.attempts, task.last_error) == (TaskStatus.FAIL, 1, "Unavailable: not yet")
    assert before <= task.send_at <= before + timedelta(seconds=9)
    assert task.run_at == task.send_at

    run_queued(now=task.run_at)
    task.refresh_from_db()
    assert (task.status, task.attempts, task.result, task.last_error) == (TaskStatus.SUCCESS, 2, "done", "")
    statuses = TaskAttempt.objects.of_task(task.task_id).values_list("status", flat=True)
    assert list(statuses) == [TaskStatus.FAIL, TaskStatus.SUCCESS]


def test_used_up_retries_end_dead():
    task_id = enqueue(TRY, fail_times=9)

    run_queued(now=datetime.now(UTC) + timedelta(days=1))

    task = Task.objects.get(task_id=task_id)
    assert (task.status, task.dead_reason, task.attempts) == (TaskStatus.DEAD, DeadReason.RETRIES_USED_UP, 3)


def test_other_app_errors_are_not_tried_again():
    task = ended(enqueue(REFUSE))

    assert (task.status, task.dead_reason, task.attempts) == (TaskStatus.DEAD, DeadReason.NOT_RECOVERABLE, 1)
    assert task.last_error == "Conflict: never"


def test_unexpected_errors_keep_their_stack():
    task = ended(enqueue(BREAK))

    assert (task.status, task.dead_reason) == (TaskStatus.DEAD, DeadReason.RETRIES_USED_UP)
    assert task.last_error == "ValueError: a fault of ours"
    assert "break_down" in task.error_stack


def test_run_past_its_soft_limit_is_a_timeout_and_keeps_its_result():
    task = ended(enqueue(SLOW))

    assert (task.status, task.dead_reason, task.result) == (TaskStatus.DEAD, DeadReason.TIMEOUT, "too late")


def test_limit_of_the_caller_replaces_that_of_the_type():
    longer = enqueue(SLOW, options=EnqueueOptions(soft_limit_seconds=30))

    task = ended(longer)

    assert (task.status, task.result) == (TaskStatus.SUCCESS, "too late")


def test_retry_after_of_the_error_is_respected():
    @hub_task(name="taskhub_tests.later", soft_limit_seconds=60)
    def later() -> None:
        raise Unavailable(retry_after_seconds=1_000)

    before = datetime.now(UTC)
    task = ended(enqueue("taskhub_tests.later"))

    assert task.send_at >= before + timedelta(seconds=1_000)


def test_task_cancelled_before_its_start_does_not_run(calls):
    task = Task.objects.get(task_id=enqueue(OBEY))
    live.set_cancel_flag(task.task_id, up_to_attempt=1)

    run_task(task)
    record_waiting()

    task.refresh_from_db()
    assert calls == []
    assert (task.status, task.dead_reason, task.started_at) == (TaskStatus.DEAD, DeadReason.CANCELLED, None)


def test_running_task_sees_its_cancellation(calls, monkeypatch):
    task = Task.objects.get(task_id=enqueue(OBEY))
    start = live.take_start

    def cancelled_just_after(*args, **more):
        answer = start(*args, **more)
        live.set_cancel_flag(task.task_id, up_to_attempt=1)
        return answer

    monkeypatch.setattr(live, "take_start", cancelled_just_after)
    run_task(task)
    record_waiting()

    task.refresh_from_db()
    assert calls == []
    assert (task.status, task.dead_reason) == (TaskStatus.DEAD, DeadReason.CANCELLED)
    assert task.started_at is not None


def test_context_and_actor_reach_the_task_and_are_reset():
    seen = []

    @hub_task(name="taskhub_tests.look", soft_limit_seconds=60)
    def look() -> None:
        seen.append((context.current(), current_run.actor, current_run.logical_time))

    moment = datetime(2026, 3, 2, tzinfo=UTC)
    actor = Actor.schedule("news")
    with context.bind(request_id="r-9", client_ip="203.0.113.9"):
        task_id = enqueue("taskhub_tests.look", options=EnqueueOptions(actor=actor, logical_time=moment))
    run_queued()

    [(around, who, logical)] = seen
    assert (around.request_id, around.client_ip, around.run_id) == ("r-9", "203.0.113.9", task_id)
    assert (who, logical) == (actor, moment)
    assert context.current().run_id == ""
    assert (current_run.task_id, current_run.actor, current_run.attempt) == ("", SYSTEM, 1)


def test_progress_is_recorded_while_it_runs():
    @hub_task(name="taskhub_tests.walk", soft_limit_seconds=60)
    def walk() -> None:
        current_run.progress(40, "page 2 of 5")
        current_run.progress(60, "too soon to be said")
        record_waiting()
        task = Task.objects.get(task_id=current_run.task_id)
        assert (task.status, task.progress, task.progress_text) == (TaskStatus.RUNNING, 40, "page 2 of 5")

    assert ended(enqueue("taskhub_tests.walk")).status == TaskStatus.SUCCESS


def test_result_that_is_no_json_or_too_long_is_noted():
    @hub_task(name="taskhub_tests.odd", soft_limit_seconds=60)
    def odd(*, long: bool) -> object:
        return "x" * 20_000 if long else object()

    assert ended(enqueue("taskhub_tests.odd", long=True)).result == {"too_large": 20_002}
    assert ended(enqueue("taskhub_tests.odd", long=False)).result == {"not_storable": "object"}


def test_task_can_be_called_directly(calls):
    assert definition_of(ADD).function(left=1, right=2) == 3
    assert calls == [(1, 2, "", 1)]


def test_message_goes_back_when_the_fence_is_out_of_reach(calls, without_redis, monkeypatch):
    monkeypatch.setattr(execution, "SAY_PAUSES_SECONDS", (0.0,))
    task = Task.objects.get(task_id=enqueue(ADD, left=1))

    with without_redis(), pytest.raises(Reject) as refused:
        run_task(task)

    assert refused.value.requeue is True
    assert calls == []


def test_end_that_could_not_be_said_leaves_the_attempt_running(calls, without_redis, monkeypatch):
    monkeypatch.setattr(execution, "SAY_PAUSES_SECONDS", (0.0,))
    task = Task.objects.get(task_id=enqueue(ADD, left=1))
    say = live.say_finished

    def away(event):
        with without_redis():
            say(event)

    monkeypatch.setattr(live, "say_finished", away)
    run_task(task)
    record_waiting()

    task.refresh_from_db()
    assert len(calls) == 1
    assert task.status == TaskStatus.RUNNING


def test_same_start_asked_again_is_not_its_own_duplicate():
    asked = {"at": live.now_micros(), "worker": "w", "running_seconds": 60}

    assert live.take_start("t", 1, **asked) == live.STARTED
    assert live.take_start("t", 1, **asked) == live.STARTED
    assert live.take_start("t", 1, **{**asked, "at": asked["at"] + 1}) == live.DUPLICATE


def test_fence_outlives_any_redelivery():
    live.take_start("t", 1, at=live.now_micros(), worker="w", running_seconds=60)

    assert core_redis.client().ttl("task:t:1") >= live.VISIBILITY_TIMEOUT_SECONDS + 86_400 - 5


def test_a_cut_connection_is_replaced():
    live.take_start("t", 1, at=1, worker="w", running_seconds=60)
    connection = core_redis.client()
    for other in connection.client_list():
        if other["id"] != str(connection.client_id()):
            connection.client_kill_filter(_id=other["id"])

    assert live.take_start("t", 2, at=2, worker="w", running_seconds=60) == live.STARTED


def test_scripts_are_loaded_again_after_redis_forgot_them():
    core_redis.client().script_flush()

    assert live.take_start("t", 1, at=1, worker="w", running_seconds=60) == live.STARTED


def test_headers_carry_what_the_attempt_needs():
    task = Task.objects.get(task_id=enqueue(ADD, left=1))
    hub = headers_of(message_of(task))["hub"]

    assert (hub["id"], hub["attempt"], hub["retries"], hub["losses"]) == (task.task_id, 1, 5, 0)
    assert execute(definition_of(ADD), hub, {"left": 1}, worker="w") == "success"
    assert execute(definition_of(ADD), hub, {"left": 1}, worker="w") == "duplicate"


@pytest.mark.parametrize(("failed_attempt", "longest"), [(1, 2.0), (2, 4.0), (5, 32.0), (12, 600.0), (10_000, 600.0)])
def test_back_off_doubles_up_to_its_cap(failed_attempt, longest):
    policy = RetryPolicy()

    assert policy.delay_seconds(failed_attempt, jitter=lambda: 1.0) == longest
    assert policy.delay_seconds(failed_attempt, jitter=lambda: 0.25) == longest / 4


@pytest.mark.parametrize(
    "options",
    [
        {"name": "no_dot", "soft_limit_seconds": 5},
        {"name": "taskhub_tests.no_limit", "soft_limit_seconds": 0},
        {"name": "taskhub_tests.no_grace", "soft_limit_seconds": 5, "grace_seconds": 0},
        {"name": "taskhub_tests.too_long", "soft_limit_seconds": 7_000},
        {"name": ADD, "soft_limit_seconds": 5},
    ],
)
def test_a_declaration_with_wrong_limits_or_a_taken_name_is_refused(options):
    def nothing() -> None: ...

    with pytest.raises(BadDeclaration):
        hub_task(**options)(nothing)


def test_declaration_without_a_soft_limit_takes_that_of_the_settings(settings):
    settings.TASK_TIME_LIMIT_SECONDS = 77

    @hub_task(name="taskhub_tests.no_limit")
    def nothing() -> None: ...

    try:
        task = Task.objects.get(task_id=enqueue("taskhub_tests.no_limit"))
    finally:
        forget("taskhub_tests.no_limit")
    assert (task.soft_limit_seconds, task.grace_seconds) == (77, 30)
    assert headers_of(message_of(task))["timelimit"] == [107, 77]


@pytest.mark.parametrize("name", [IMPORT_FILES, IMPORT_LIST, SIM_STATUS_SYNC, FORGET_OLD_EMAILS, FORGET_OLD_SIGN_INS])
def test_tasks_without_a_reason_for_another_limit_have_that_of_the_settings(settings, name):
    assert definition_of(name).soft_limit_seconds == settings.TASK_TIME_LIMIT_SECONDS == 600


def test_positional_arguments_are_refused():
    def positional(left: int) -> None: ...

    with pytest.raises(BadDeclaration):
        hub_task(name="taskhub_tests.positional", soft_limit_seconds=5)(positional)


def test_every_declared_task_has_limits():
    for definition in definitions():
        assert definition.soft_limit_seconds > 0
        assert definition.hard_limit_seconds > definition.soft_limit_seconds
