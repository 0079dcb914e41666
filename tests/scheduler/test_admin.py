"""Schedules and executions in the back-office (H-20)."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from apps.audit.testing import recorded
from apps.scheduler.enums import ExecutionState, Reason
from apps.scheduler.models import ScheduledTask, TaskExecution
from apps.scheduler.services import timing
from apps.taskhub.testing import queued
from tests.factories.scheduler import (
    NOON,
    CrontabFactory,
    PeriodicTaskFactory,
    ScheduledTaskFactory,
    TaskExecutionFactory,
    daily,
)
from tests.factories.users import UserFactory
from tests.scheduler.conftest import NOTE

pytestmark = pytest.mark.django_db

SCHEDULES = reverse("admin:scheduler_scheduledtask_changelist")
EXECUTIONS = reverse("admin:scheduler_taskexecution_changelist")


def client_of(role: str) -> Client:
    client = Client()
    client.force_login(UserFactory(role=role))
    client.cookies["django_language"] = "en"
    return client


@pytest.fixture
def operator() -> Client:
    return client_of("operator")


def text(response: Any) -> str:
    assert response.status_code == 200, response.content[:2000]
    return response.content.decode()


def page(schedule: ScheduledTask) -> str:
    return reverse("admin:scheduler_scheduledtask_change", args=[schedule.pk])


def action(name: str, schedule: ScheduledTask) -> str:
    return reverse(f"admin:scheduler_scheduledtask_{name}", args=[schedule.pk])


def carry_out(client: Client, name: str, schedule: ScheduledTask, **values: Any) -> Any:
    return client.post(action(name, schedule), {"_form_submitted": "True", "reason": "because", **values})


def events() -> list[dict[str, Any]]:
    """Signing in is recorded too."""
    return [event for event in recorded() if event["resource_type"] == "scheduled_task"]


def test_the_packages_own_pages_are_gone() -> None:
    assert [model for model in admin.site._registry if model.__module__.startswith("django_celery_beat")] == []


def test_the_list_shows_rule_next_run_and_how_it_went(operator: Client) -> None:
    daily(recent="SSF", total_executions=3, success_executions=2, failure_executions=1)
    timing.follow_definitions(now=timezone.now())

    shown = text(operator.get(SCHEDULES))

    assert "At 02:00" in shown
    assert "Asia/Shanghai" in shown
    assert 'aria-label="success 2, failure 1"' in shown
    assert "67 %" in shown


def test_the_list_is_told_in_chinese_too(operator: Client) -> None:
    daily()

    operator.cookies["django_language"] = "zh-hans"

    assert "在 02:00" in text(operator.get(SCHEDULES))


@pytest.mark.parametrize("url", [SCHEDULES, EXECUTIONS])
def test_a_list_of_twenty_costs_what_one_of_two_costs(
    operator: Client, url: str, django_assert_max_num_queries: Any
) -> None:
    for _number in range(20):
        TaskExecutionFactory()
    operator.get(url)

    with django_assert_max_num_queries(12):
        text(operator.get(url))


def test_late_schedules_are_listed_by_the_dashboards_address(operator: Client) -> None:
    late = daily("tests.late", next_run=timezone.now() - timedelta(minutes=5))
    daily("tests.fine", next_run=timezone.now() + timedelta(minutes=5))

    shown = text(operator.get(f"{SCHEDULES}?late=1"))

    assert (late.uid in shown, "tests.fine" in shown) == (True, False)


@pytest.mark.parametrize(
    ("state", "wanted"),
    [("enabled", {"on"}), ("disabled", {"off"}), ("problem", {"bad"}), ("retired", {"old"})],
)
def test_the_list_is_filtered_by_state(operator: Client, state: str, wanted: set[str]) -> None:
    ScheduledTaskFactory(uid="tests.on")
    ScheduledTaskFactory(uid="tests.off", definition__enabled=False)
    ScheduledTaskFactory(uid="tests.old", retired_at=timezone.now())
    ScheduledTaskFactory(uid="tests.bad", definition=PeriodicTaskFactory(crontab=CrontabFactory(minute="99")))
    timing.follow_definitions(now=timezone.now())

    shown = text(operator.get(f"{SCHEDULES}?state={state}"))

    names = {name for name in ("on", "off", "old", "bad") if re.search(rf"tests\.{name}\b", shown)}
    assert names - {"bad"} == wanted - {"bad"}
    assert ("bad" in names) == (state in {"enabled", "problem"})


def test_the_page_of_a_schedule_shows_its_next_ten_runs(operator: Client) -> None:
    schedule = daily(zone="Europe/Berlin")
    timing.follow_definitions(now=timezone.now())

    shown = text(operator.get(page(schedule)))

    assert len(re.findall(r"<li>\d{4}-\d\d-\d\d 02:00:00 \(UTC\+0[12]00\)</li>", shown)) == 10


def test_looking_writes_nothing(operator: Client) -> None:
    schedule = daily()
    before = ScheduledTask.objects.get().updated_at

    for url in (SCHEDULES, EXECUTIONS, page(schedule), *[action(name, schedule) for name in ("run_now", "disable")]):
        text(operator.get(url))

    assert ScheduledTask.objects.get().updated_at == before
    assert queued() == []
    assert events() == []


# --- run now ---------------------------------------------------------------------------------------------------------
def test_run_now_queues_one_run_and_is_audited(operator: Client) -> None:
    schedule = daily()

    response = carry_out(operator, "run_now", schedule, override='{"text": "now"}', nonce="abc")
    carry_out(operator, "run_now", schedule, override='{"text": "now"}', nonce="abc")

    execution = TaskExecution.objects.get()
    assert response.headers["HX-Redirect"]
    assert (execution.kind, execution.trigger_reason) == ("manual", "because")
    assert queued() == [(NOTE, {"text": "now"})]
    [event] = events()
    assert (event["action"], event["reason"]) == ("triggered", "because")


def test_run_now_with_bad_arguments_keeps_the_dialog_open(operator: Client) -> None:
    schedule = daily()

    response = carry_out(operator, "run_now", schedule, override="no json", nonce="abc")

    assert "HX-Redirect" not in response.headers
    assert TaskExecution.objects.count() == 0


def test_run_now_while_it_runs_is_refused_with_a_sentence(operator: Client) -> None:
    schedule = daily()
    TaskExecutionFactory(schedule=schedule, state=ExecutionState.RUNNING)

    carry_out(operator, "run_now", schedule, nonce="abc")

    assert queued() == []
    shown = text(operator.get(SCHEDULES))
    assert "The task is already running." in shown


@pytest.mark.parametrize("name", ["run_now", "enable", "disable", "configure"])
@pytest.mark.parametrize("role", ["editor", "auditor"])
def test_who_may_only_look_can_do_nothing(name: str, role: str) -> None:
    schedule = daily()
    client = client_of(role)

    assert carry_out(client, name, schedule, nonce="abc").status_code == 403
    assert client.get(action(name, schedule)).status_code == 403
    text(client.get(page(schedule)))
    assert queued() == []
    assert PeriodicTask.objects.get().enabled is True


# --- enable, disable, change -----------------------------------------------------------------------------------------
def test_disable_and_enable(operator: Client) -> None:
    schedule = daily()

    carry_out(operator, "disable", schedule)
    assert PeriodicTask.objects.get().enabled is False
    carry_out(operator, "enable", schedule)
    assert PeriodicTask.objects.get().enabled is True

    assert [(event["action"], event["reason"]) for event in events()] == [
        ("disabled", "because"),
        ("enabled", "because"),
    ]


def as_drawn(client: Client, schedule: ScheduledTask) -> dict[str, Any]:
    form = client.get(action("configure", schedule)).context["form"]
    return {name: form.get_initial_for_field(field, name) for name, field in form.fields.items()}


def test_a_change_of_the_rule_goes_through_the_service(operator: Client) -> None:
    schedule = daily()
    values = {name: value for name, value in as_drawn(operator, schedule).items() if value is not None}

    response = carry_out(operator, "configure", schedule, **{**values, "cron": "15 4 * * *", "reason": "because"})

    assert response.headers["HX-Redirect"]
    crontab = CrontabSchedule.objects.get()
    assert (crontab.minute, crontab.hour) == ("15", "4")
    [event] = events()
    assert (event["action"], event["new"]["cron"]) == ("configured", "15 4 * * *")


def test_a_rule_that_makes_no_sense_is_shown_at_its_field(operator: Client) -> None:
    schedule = daily()
    values = {name: value for name, value in as_drawn(operator, schedule).items() if value is not None}

    response = carry_out(operator, "configure", schedule, **{**values, "cron": "99 4 * * *"})

    assert list(response.context["form"].errors) == ["cron"]
    assert CrontabSchedule.objects.get().hour == "2"


# --- history ---------------------------------------------------------------------------------------------------------
def test_an_execution_shows_error_reason_and_blocker(operator: Client) -> None:
    schedule = daily()
    failed = TaskExecutionFactory(
        schedule=schedule, state=ExecutionState.FAILURE, error_message="no luck", error_stack="Traceback: <here>"
    )
    skipped = TaskExecutionFactory(
        schedule=schedule,
        state=ExecutionState.SKIPPED,
        reason=Reason.OVERLAP,
        blocked_by=failed.execution_uid,
        started_at=None,
    )

    shown = text(operator.get(reverse("admin:scheduler_taskexecution_change", args=[failed.pk])))
    blocked = text(operator.get(reverse("admin:scheduler_taskexecution_change", args=[skipped.pk])))

    assert "Traceback: &lt;here&gt;" in shown
    assert reverse("admin:scheduler_taskexecution_change", args=[failed.pk]) in blocked


def test_the_history_links_to_the_hubs_task(operator: Client) -> None:
    schedule = daily()
    carry_out(operator, "run_now", schedule, nonce="abc")
    execution = TaskExecution.objects.get()

    shown = text(operator.get(reverse("admin:scheduler_taskexecution_change", args=[execution.pk])))

    assert execution.hub_task_id in shown
    assert re.search(r'href="/admin/taskhub/task/[^"]+/change/"', shown)


def test_a_gap_is_one_line_with_its_number(operator: Client) -> None:
    TaskExecutionFactory(
        schedule=daily(),
        state=ExecutionState.MISSED,
        due_count=37,
        last_due_at=NOON,
        reason=Reason.LATE,
        started_at=None,
    )

    assert "37 times since" in text(operator.get(EXECUTIONS))
