"""Every endpoint of the scheduler: who may, status, form, errors (H.2, S4:T004, decision 38)."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator
from openapi_schema_validator import OAS30Validator
from rest_framework.test import APIClient

from apps.audit.testing import recorded
from apps.scheduler.enums import ExecutionState
from apps.scheduler.models import ScheduledTask, TaskExecution
from apps.taskhub.testing import queued
from tests.contract.operation import covers
from tests.factories.scheduler import NOON, ScheduledTaskFactory, TaskExecutionFactory, daily, every
from tests.factories.users import UserFactory
from tests.scheduler.conftest import NOTE, _note_task, _only_the_tests_own_schedules  # noqa: F401

pytestmark = pytest.mark.django_db

TASKS = "/api/v1/scheduler/tasks"
EXECUTIONS = "/api/v1/scheduler/executions"
STATS = "/api/v1/scheduler/stats"
ENDPOINTS = [
    ("get", TASKS),
    ("get", f"{TASKS}/tests.daily"),
    ("post", f"{TASKS}/tests.daily/enable"),
    ("post", f"{TASKS}/tests.daily/disable"),
    ("post", f"{TASKS}/tests.daily/trigger"),
    ("get", EXECUTIONS),
    ("get", f"{EXECUTIONS}/1"),
    ("get", STATS),
]


def client_of(role: str) -> APIClient:
    client = APIClient()
    client.force_authenticate(UserFactory(role=role))
    return client


@pytest.fixture
def operator() -> APIClient:
    return client_of("operator")


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    found: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return json.loads(json.dumps(found, default=str))


def answered(schema: dict[str, Any], response: Any, method: str, path: str) -> Any:
    """The ``data`` of an answer that has the form that the contract promises."""
    body = json.loads(response.content)
    answer = schema["paths"][path][method]["responses"][str(response.status_code)]
    if "$ref" in answer:
        answer = schema["components"]["responses"][answer["$ref"].rsplit("/", 1)[-1]]
    form = answer["content"]["application/json"]["schema"]
    OAS30Validator({**form, "components": schema["components"]}).validate(body)
    return body["data"]


def refused(response: Any) -> tuple[int, int]:
    body = json.loads(response.content)
    assert body["data"] is None
    assert set(body["messages"]) == {"zh-hans", "en"}
    return response.status_code, body["code"]


# --- who may ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
def test_nobody_gets_in_without_token(method: str, path: str) -> None:
    daily()

    assert refused(getattr(APIClient(), method)(path)) == (401, 1002)
    assert queued() == []


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
def test_an_ordinary_user_gets_nowhere(method: str, path: str) -> None:
    daily()

    assert refused(getattr(client_of(""), method)(path)) == (403, 1005)
    assert queued() == []


@pytest.mark.parametrize("path", [path for method, path in ENDPOINTS if method == "post"])
def test_an_auditor_looks_but_does_not_touch(path: str) -> None:
    daily()

    assert refused(client_of("auditor").post(path)) == (403, 1005)
    assert client_of("auditor").get(TASKS).status_code == 200
    assert queued() == []


# --- GET tasks -------------------------------------------------------------------------------------------------------
@covers("GET", "/api/v1/scheduler/tasks")
def test_the_list_shows_schedules_with_their_rule(operator: APIClient, schema: dict[str, Any]) -> None:
    daily(total_executions=4, success_executions=3, failure_executions=1, labels={"team": "content"})
    every(600)

    found = answered(schema, operator.get(TASKS), "get", "/api/v1/scheduler/tasks")

    assert found["pagination"] == {"page": 1, "page_size": 20, "total": 2, "total_pages": 1}
    first, second = sorted(found["items"], key=lambda item: item["uid"])
    assert (first["cron_expr"], first["interval"], first["time_zone"]) == ("0 2 * * *", None, "Asia/Shanghai")
    assert (second["cron_expr"], second["interval"]) == ("", 600)
    assert (first["type"], first["enabled"], first["success_rate"]) == (NOTE, True, 75.0)
    assert (first["max_duration_seconds"], first["max_retries"], first["timeout_grace_period"]) == (3600, 3, 30)
    assert (first["labels"], first["data"]) == ({"team": "content"}, "{}")


def test_the_list_is_filtered_by_enabled_and_type(operator: APIClient) -> None:
    daily()
    ScheduledTaskFactory(uid="tests.off", definition__enabled=False, definition__task="other.task")

    def uids(query: str) -> list[str]:
        return [item["uid"] for item in operator.get(f"{TASKS}?{query}").json()["data"]["items"]]

    assert uids("enabled=true") == ["tests.daily"]
    assert uids("enabled=false") == ["tests.off"]
    assert uids("type=other.task") == ["tests.off"]
    assert uids("enabled=true&type=other.task") == []


@pytest.mark.parametrize("query", ["page=0", "page_size=101", "page_size=0", "unknown=1"])
def test_a_bad_parameter_is_refused(operator: APIClient, query: str) -> None:
    assert refused(operator.get(f"{TASKS}?{query}")) == (400, 1001)


def test_the_list_costs_the_same_for_two_and_for_twenty(
    operator: APIClient, django_assert_max_num_queries: Any
) -> None:
    for _number in range(20):
        ScheduledTaskFactory()

    with django_assert_max_num_queries(5):
        assert len(operator.get(TASKS).json()["data"]["items"]) == 20


# --- GET tasks/{uid} -------------------------------------------------------------------------------------------------
@covers("GET", "/api/v1/scheduler/tasks/{uid}")
def test_one_schedule(operator: APIClient, schema: dict[str, Any]) -> None:
    daily()

    found = answered(schema, operator.get(f"{TASKS}/tests.daily"), "get", "/api/v1/scheduler/tasks/{uid}")

    assert (found["uid"], found["health"], found["problem"]) == ("tests.daily", "unknown", "")


def test_the_rule_is_told_in_the_readers_language(operator: APIClient) -> None:
    daily()

    english = operator.get(f"{TASKS}/tests.daily", headers={"Accept-Language": "en"}).json()["data"]["rule"]
    chinese = operator.get(f"{TASKS}/tests.daily", headers={"Accept-Language": "zh-hans"}).json()["data"]["rule"]

    assert english == "At 02:00"
    assert "02:00" in chinese
    assert chinese != english


@pytest.mark.parametrize(
    ("method", "suffix"), [("get", ""), ("post", "/enable"), ("post", "/disable"), ("post", "/trigger")]
)
def test_an_unknown_schedule_is_not_found(operator: APIClient, method: str, suffix: str) -> None:
    assert refused(getattr(operator, method)(f"{TASKS}/nobody.knows{suffix}")) == (404, 1006)


# --- enable, disable -------------------------------------------------------------------------------------------------
@covers("POST", "/api/v1/scheduler/tasks/{uid}/disable")
@covers("POST", "/api/v1/scheduler/tasks/{uid}/enable")
def test_disable_and_enable_take_effect_at_once(operator: APIClient, schema: dict[str, Any]) -> None:
    daily()

    off = operator.post(f"{TASKS}/tests.daily/disable", {"reason": "maintenance"}, format="json")
    data = answered(schema, off, "post", "/api/v1/scheduler/tasks/{uid}/disable")
    assert (data["enabled"], data["next_run"]) == (False, None)
    assert refused(operator.post(f"{TASKS}/tests.daily/trigger")) == (409, 1007)

    on = operator.post(f"{TASKS}/tests.daily/enable")
    data = answered(schema, on, "post", "/api/v1/scheduler/tasks/{uid}/enable")
    assert data["enabled"] is True
    assert data["next_run"].endswith("Z")
    assert [event["action"] for event in recorded() if event["resource_type"] == "scheduled_task"] == [
        "disabled",
        "enabled",
    ]


# --- trigger ---------------------------------------------------------------------------------------------------------
@covers("POST", "/api/v1/scheduler/tasks/{uid}/trigger")
def test_a_trigger_is_accepted_with_the_id_of_its_execution(operator: APIClient, schema: dict[str, Any]) -> None:
    daily()

    response = operator.post(
        f"{TASKS}/tests.daily/trigger", {"override_data": '{"text": "now"}', "reason": "test"}, format="json"
    )

    data = answered(schema, response, "post", "/api/v1/scheduler/tasks/{uid}/trigger")
    execution = TaskExecution.objects.get()
    assert response.status_code == 202
    assert (data["execution_uid"], data["execution_id"]) == (str(execution.execution_uid), execution.pk)
    assert (execution.kind, execution.trigger_reason) == ("manual", "test")
    assert queued() == [(NOTE, {"text": "now"})]


def test_a_trigger_while_it_runs_is_a_conflict(operator: APIClient) -> None:
    TaskExecutionFactory(schedule=daily(), state=ExecutionState.RUNNING)

    assert refused(operator.post(f"{TASKS}/tests.daily/trigger")) == (409, 1007)
    assert queued() == []


@pytest.mark.parametrize("override", ["not json", "[1]", '{"unknown": 1}', json.dumps({"text": "x" * 11_000})])
def test_a_trigger_with_bad_arguments_is_refused(operator: APIClient, override: str) -> None:
    daily()

    response = operator.post(f"{TASKS}/tests.daily/trigger", {"override_data": override}, format="json")

    assert refused(response) == (400, 1001)
    assert TaskExecution.objects.count() == 0


# --- executions ------------------------------------------------------------------------------------------------------
@covers("GET", "/api/v1/scheduler/executions")
def test_the_history_is_newest_first(operator: APIClient, schema: dict[str, Any]) -> None:
    schedule = daily()
    old, new = TaskExecutionFactory(schedule=schedule), TaskExecutionFactory(schedule=schedule)

    found = answered(schema, operator.get(EXECUTIONS), "get", "/api/v1/scheduler/executions")

    assert [item["id"] for item in found["items"]] == [new.pk, old.pk]
    assert (found["items"][0]["trigger_type"], found["items"][0]["duration_ms"]) == ("scheduled", 2000)
    assert found["pagination"]["total"] == 2


def test_the_history_is_filtered(operator: APIClient) -> None:
    schedule = daily()
    run = TaskExecutionFactory(schedule=schedule, scheduled_at=NOON)
    failed = TaskExecutionFactory(
        schedule=schedule, scheduled_at=NOON + timedelta(hours=1), state=ExecutionState.FAILURE, kind="manual"
    )
    other = TaskExecutionFactory(scheduled_at=NOON + timedelta(hours=2))

    def ids(**query: Any) -> list[int]:
        return [item["id"] for item in operator.get(EXECUTIONS, query).json()["data"]["items"]]

    milliseconds = int(failed.started_at.timestamp() * 1000)
    assert ids(task_uid="tests.daily") == [failed.pk, run.pk]
    assert ids(task_name=other.task_name) == [other.pk]
    assert ids(state="failure") == [failed.pk]
    assert ids(trigger_type="manual") == [failed.pk]
    assert ids(execution_uid=str(run.execution_uid)) == [run.pk]
    assert ids(start_time=milliseconds) == [other.pk, failed.pk]
    assert ids(end_time=failed.started_at.isoformat()) == [failed.pk, run.pk]


@pytest.mark.parametrize("query", ["state=sleeping", "start_time=yesterday", "trigger_type=magic", "execution_uid=7"])
def test_a_filter_with_a_bad_value_is_refused(operator: APIClient, query: str) -> None:
    assert refused(operator.get(f"{EXECUTIONS}?{query}")) == (400, 1001)


def test_the_history_is_walked_by_cursor_without_counting(operator: APIClient) -> None:
    schedule = daily()
    rows = [TaskExecutionFactory(schedule=schedule) for _number in range(3)]

    first = operator.get(f"{EXECUTIONS}?cursor=&page_size=2").json()["data"]
    rest = operator.get(EXECUTIONS, {"cursor": first["pagination"]["next_cursor"], "page_size": 2}).json()["data"]

    assert [item["id"] for item in first["items"] + rest["items"]] == [row.pk for row in reversed(rows)]
    assert rest["pagination"]["next_cursor"] is None


@covers("GET", "/api/v1/scheduler/executions/{execution_id}")
def test_one_execution(operator: APIClient, schema: dict[str, Any]) -> None:
    execution = TaskExecutionFactory(schedule=daily(), state=ExecutionState.FAILURE, error_stack="Traceback …")

    found = answered(
        schema, operator.get(f"{EXECUTIONS}/{execution.pk}"), "get", "/api/v1/scheduler/executions/{execution_id}"
    )

    assert (found["id"], found["state"], found["error_stack"]) == (execution.pk, "failure", "Traceback …")


@pytest.mark.parametrize(("number", "wanted"), [("999999", (404, 1006)), ("abc", (400, 1001)), ("0", (400, 1001))])
def test_an_execution_that_is_not_there(operator: APIClient, number: str, wanted: tuple[int, int]) -> None:
    assert refused(operator.get(f"{EXECUTIONS}/{number}")) == wanted


# --- stats -----------------------------------------------------------------------------------------------------------
@covers("GET", "/api/v1/scheduler/stats")
def test_figures_count_each_run_once(operator: APIClient, schema: dict[str, Any]) -> None:
    schedule = daily(total_executions=4, success_executions=3, failure_executions=1, recent="SSFS")
    ScheduledTaskFactory(definition__enabled=False)
    TaskExecutionFactory(schedule=schedule, duration_ms=1000)
    TaskExecutionFactory(schedule=schedule, duration_ms=3000)
    TaskExecutionFactory(schedule=schedule, duration_ms=90_000, state=ExecutionState.FAILURE)

    found = answered(schema, operator.get(STATS), "get", "/api/v1/scheduler/stats")

    assert (found["total_tasks"], found["enabled_tasks"], found["total_executions"]) == (2, 1, 4)
    assert (found["success_rate"], found["average_duration_ms"]) == (75.0, 2000)
    [mine] = [item for item in found["task_stats"] if item["task_uid"] == "tests.daily"]
    assert (mine["success_rate"], mine["average_duration_ms"], mine["health"]) == (75.0, 2000, "warning")


def test_figures_before_the_first_run(operator: APIClient) -> None:
    found = operator.get(STATS).json()["data"]

    assert ScheduledTask.objects.count() == 0
    assert (found["total_tasks"], found["success_rate"], found["average_duration_ms"]) == (0, None, None)
    assert found["task_stats"] == []
