"""Run now, enable, disable, change: audited, refused when they must be (H-4, H-9, decision 16)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from apps.audit.testing import observed, recorded
from apps.core.actor import Actor, ActorKind
from apps.core.errors import Conflict, Invalid
from apps.scheduler import services
from apps.scheduler.enums import ExecutionState, Overlap
from apps.scheduler.errors import AlreadyRunning, ScheduleDisabled, ScheduleRetired, TooLarge, UnknownSchedule
from apps.scheduler.models import ScheduledTask, TaskExecution
from apps.scheduler.services import timing
from apps.taskhub.models import Task
from apps.taskhub.testing import queued
from tests.factories.scheduler import PeriodicTaskFactory, ScheduledTaskFactory, TaskExecutionFactory, daily
from tests.scheduler.conftest import NOTE

pytestmark = pytest.mark.django_db

OPERATOR = Actor(ActorKind.USER, "7", "olga")


# --- run now ---------------------------------------------------------------------------------------------------------
def test_run_now_queues_the_task_and_says_who_did_it() -> None:
    schedule = ScheduledTaskFactory(definition__kwargs='{"text": "usual"}')

    execution = services.trigger(schedule.uid, actor=OPERATOR, override={"text": "special"}, reason="customer waits")

    task = Task.objects.get()
    assert (execution.kind, execution.state, execution.trigger_type) == ("manual", "pending", "manual")
    assert (execution.trigger_by, execution.trigger_label) == ("7", "olga")
    assert execution.trigger_reason == "customer waits"
    assert (task.task_id, task.payload) == (execution.hub_task_id, {"text": "special"})
    assert (task.actor_kind, task.actor_id) == ("user", "7")
    [event] = recorded()
    assert (event["action"], event["resource_type"], event["reason"]) == (
        "triggered",
        "scheduled_task",
        "customer waits",
    )
    assert event["data"]["execution_uid"] == str(execution.execution_uid)


def test_the_same_nonce_is_one_run() -> None:
    schedule = ScheduledTaskFactory()

    first = services.trigger(schedule.uid, actor=OPERATOR, nonce="form-1")
    second = services.trigger(schedule.uid, actor=OPERATOR, nonce="form-1")

    assert second.pk == first.pk
    assert len(queued()) == 1
    assert len(recorded()) == 1


def test_a_disabled_schedule_cannot_be_run() -> None:
    schedule = ScheduledTaskFactory(definition__enabled=False)

    with pytest.raises(ScheduleDisabled):
        services.trigger(schedule.uid, actor=OPERATOR)

    assert_nothing_happened()
    [event] = observed()
    assert (event["action"], event["status"]) == ("triggered", "failed")


def test_a_running_task_is_not_started_again() -> None:
    schedule = ScheduledTaskFactory()
    going = TaskExecutionFactory(schedule=schedule, state=ExecutionState.RUNNING)

    with pytest.raises(AlreadyRunning) as refusal:
        services.trigger(schedule.uid, actor=OPERATOR)

    assert refusal.value.details == {"execution_uid": str(going.execution_uid)}
    assert isinstance(refusal.value, Conflict)
    assert queued() == []
    assert TaskExecution.objects.count() == 1


def test_as_many_runs_as_allowed_may_go_on() -> None:
    schedule = ScheduledTaskFactory(max_concurrent=2)
    TaskExecutionFactory(schedule=schedule, state=ExecutionState.RUNNING)

    services.trigger(schedule.uid, actor=OPERATOR)

    assert len(queued()) == 1


def test_an_unknown_schedule_cannot_be_run() -> None:
    with pytest.raises(UnknownSchedule):
        services.trigger("nobody.knows", actor=OPERATOR)


def test_a_retired_schedule_cannot_be_run_or_enabled() -> None:
    schedule = ScheduledTaskFactory(retired_at=timezone.now())

    with pytest.raises(ScheduleRetired):
        services.trigger(schedule.uid, actor=OPERATOR)
    with pytest.raises(ScheduleRetired):
        services.enable(schedule.uid, actor=OPERATOR)

    assert_nothing_happened()


@pytest.mark.parametrize("override", [{"unknown": 1}, {"text": "x" * 11_000}])
def test_arguments_that_do_not_fit_are_refused(override: dict[str, object]) -> None:
    schedule = ScheduledTaskFactory()

    with pytest.raises(Invalid):
        services.trigger(schedule.uid, actor=OPERATOR, override=override)

    assert_nothing_happened()


# --- enable, disable -------------------------------------------------------------------------------------------------
def test_disable_takes_effect_at_once_and_leaves_the_running_one() -> None:
    schedule = ScheduledTaskFactory()
    timing.follow_definitions(now=timezone.now())
    going = TaskExecutionFactory(schedule=schedule, state=ExecutionState.RUNNING)

    changed = services.disable(schedule.uid, actor=OPERATOR, reason="maintenance")

    going.refresh_from_db()
    assert (changed.enabled, changed.next_run, going.state) == (False, None, "running")
    assert PeriodicTask.objects.get().enabled is False
    [event] = recorded()
    assert (event["action"], event["old"], event["new"], event["reason"]) == (
        "disabled",
        {"enabled": True},
        {"enabled": False},
        "maintenance",
    )


def test_enable_computes_the_next_run_at_once() -> None:
    schedule = ScheduledTaskFactory(definition__enabled=False)
    before = timezone.now()

    changed = services.enable(schedule.uid, actor=OPERATOR)

    assert changed.enabled
    assert changed.next_run is not None
    assert timedelta() < changed.next_run - before <= timedelta(seconds=61)
    assert [event["action"] for event in recorded()] == ["enabled"]


def test_enabling_what_is_enabled_records_nothing() -> None:
    schedule = ScheduledTaskFactory()

    services.enable(schedule.uid, actor=OPERATOR)

    assert recorded() == []


# --- change ----------------------------------------------------------------------------------------------------------
def test_an_operator_changes_rule_policies_and_arguments() -> None:
    schedule = daily()

    changed = services.configure(
        schedule.uid,
        actor=OPERATOR,
        changes=services.Changes(
            cron="30 4 * * 1-5", time_zone="Europe/Berlin", overlap=Overlap.ALLOW, arguments={"text": "new"}
        ),
    )

    crontab = changed.definition.crontab
    assert (crontab.minute, crontab.hour, crontab.day_of_week, str(crontab.timezone)) == (
        "30",
        "4",
        "1-5",
        "Europe/Berlin",
    )
    assert changed.next_run is not None
    assert (changed.overlap, changed.definition.kwargs) == ("allow", '{"text":"new"}')
    [event] = recorded()
    assert (event["action"], event["old"]["cron"], event["new"]["cron"]) == ("configured", "0 2 * * *", "30 4 * * 1-5")


def test_a_crontab_row_that_others_use_is_not_changed_under_them() -> None:
    schedule = daily()
    other = PeriodicTaskFactory(crontab=schedule.definition.crontab)

    services.configure(schedule.uid, actor=OPERATOR, changes=services.Changes(cron="5 5 * * *"))

    other.refresh_from_db()
    assert (other.crontab.minute, other.crontab.hour) == ("0", "2")
    assert ScheduledTask.objects.get(pk=schedule.uid).definition.crontab_id != other.crontab_id


def test_an_own_crontab_row_is_changed_in_place() -> None:
    schedule = daily()

    services.configure(schedule.uid, actor=OPERATOR, changes=services.Changes(cron="5 5 * * *"))

    assert CrontabSchedule.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        (services.Changes(cron="61 * * * *"), "cron"),
        (services.Changes(time_zone="Mars/Olympus"), "time_zone"),
        (services.Changes(timeout_grace_period=3600), "timeout_grace_period"),
        (services.Changes(max_duration_seconds=0), "max_duration_seconds"),
        (services.Changes(max_duration_seconds=100_000), "max_duration_seconds"),
        (services.Changes(max_concurrent=0), "max_concurrent"),
        (services.Changes(arguments={"text": "x" * 11_000}), "arguments"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused_naming_the_field(changes: services.Changes, field: str) -> None:
    schedule = daily()

    with pytest.raises(Invalid) as refusal:
        services.configure(schedule.uid, actor=OPERATOR, changes=changes)

    assert [error.field for error in refusal.value.errors] == [field]
    assert recorded() == []
    assert CrontabSchedule.objects.get().hour == "2"


def test_ten_kilobytes_of_arguments_are_the_limit() -> None:
    schedule = daily()
    exact = {"text": "x" * (10 * 1024 - len('{"text":""}'))}

    services.configure(schedule.uid, actor=OPERATOR, changes=services.Changes(arguments=exact))
    with pytest.raises(TooLarge):
        services.configure(
            schedule.uid, actor=OPERATOR, changes=services.Changes(arguments={"text": exact["text"] + "x"})
        )


def test_the_task_of_a_schedule_is_known_to_the_hub_by_its_wire_name() -> None:
    assert ScheduledTaskFactory().task == NOTE


def assert_nothing_happened() -> None:
    assert queued() == []
    assert recorded() == []
    assert TaskExecution.objects.count() == 0
