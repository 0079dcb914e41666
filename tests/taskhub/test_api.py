"""GET /api/v1/tasks, /tasks/{task_id}, /workers, /queues/stats."""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from apps.core import redis as core_redis
from apps.taskhub.enums import DeadReason, TaskStatus
from apps.taskhub.hub_task import live
from apps.taskhub.hub_task.execution import Outcome, finished_event
from tests.factories.taskhub import NOON, TaskAttemptFactory, TaskFactory, WorkerFactory
from tests.factories.users import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator() -> APIClient:
    client = APIClient()
    client.force_authenticate(UserFactory(superuser=True))
    return client


def get(client: APIClient, path: str, **parameters):
    return client.get(f"/api/v1/{path}", parameters)


def ids(response) -> list[str]:
    return [item["task_id"] for item in response.json()["data"]["items"]]


@pytest.mark.parametrize("path", ["tasks", f"tasks/{'0' * 32}", "workers", "queues/stats"])
def test_without_token_401_and_without_right_403(path):
    assert get(APIClient(), path).json()["code"] == 1002
    ordinary = APIClient()
    ordinary.force_authenticate(UserFactory())
    response = get(ordinary, path)
    assert (response.status_code, response.json()["code"]) == (403, 1005)


def test_tasks_newest_first(operator):
    tasks = TaskFactory.create_batch(3)

    response = get(operator, "tasks", page_size=2)

    assert ids(response) == [tasks[2].task_id, tasks[1].task_id]
    pagination = response.json()["data"]["pagination"]
    assert (pagination["total"], pagination["total_pages"], pagination["page"]) == (3, 2, 1)
    assert ids(get(operator, "tasks", page=2, page_size=2)) == [tasks[0].task_id]
    assert ids(get(operator, "tasks", page=3, page_size=2)) == []


def test_walking_by_cursor_there_and_back(operator):
    tasks = [task.task_id for task in reversed(TaskFactory.create_batch(5))]

    first = get(operator, "tasks", cursor="", page_size=2)
    second = get(operator, "tasks", cursor=first.json()["data"]["pagination"]["next_cursor"], page_size=2)
    third = get(operator, "tasks", cursor=second.json()["data"]["pagination"]["next_cursor"], page_size=2)
    back = get(operator, "tasks", cursor=third.json()["data"]["pagination"]["previous_cursor"], page_size=2)

    assert [ids(page) for page in (first, second, third, back)] == [tasks[:2], tasks[2:4], tasks[4:], tasks[2:4]]
    assert first.json()["data"]["pagination"]["previous_cursor"] is None
    assert third.json()["data"]["pagination"]["next_cursor"] is None
    assert "total" not in first.json()["data"]["pagination"]


def test_cursor_of_other_filters_and_forged_ones_are_refused(operator):
    TaskFactory.create_batch(3)
    cursor = get(operator, "tasks", cursor="", page_size=1).json()["data"]["pagination"]["next_cursor"]

    for parameters in ({"cursor": cursor, "queue": "low"}, {"cursor": "forged"}, {"cursor": cursor[:-2] + "xx"}):
        response = get(operator, "tasks", **parameters)
        assert (response.status_code, response.json()["errors"][0]["field"]) == (400, "cursor")


def test_filters(operator):
    chosen = TaskFactory(worker_name="w", status=TaskStatus.DEAD, attempts=1, queue="low", name="a.b")
    TaskFactory()

    for name, value in {"worker_name": "w", "status": "dead", "queue": "low", "name": "a.b"}.items():
        assert ids(get(operator, "tasks", **{name: value})) == [chosen.task_id]


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"status": "odd"}, "status"),
        ({"queue": "odd"}, "queue"),
        ({"limit": "5"}, "limit"),
        ({"page": "0"}, "page"),
        ({"page_size": "101"}, "page_size"),
        ({"page_size": "0", "cursor": ""}, "page_size"),
    ],
)
def test_wrong_parameters(operator, parameters, field):
    response = get(operator, "tasks", **parameters)

    assert (response.status_code, response.json()["code"]) == (400, 1001)
    assert response.json()["errors"][0]["field"] == field


def test_list_costs_the_same_for_2_and_20_tasks(operator, django_assert_num_queries):
    for size in (2, 18):
        TaskFactory.create_batch(size)
        with django_assert_num_queries(2):
            assert len(ids(get(operator, "tasks"))) in (2, 20)


def test_task_with_attempts_and_hidden_secrets(operator):
    task = TaskFactory(
        status=TaskStatus.DEAD,
        dead_reason=DeadReason.TIMEOUT,
        attempts=2,
        payload={"to": "a@example.org", "password": "hunter2"},
        result={"token": "abc", "sent": 1},
    )
    for number in (1, 2):
        TaskAttemptFactory(task_id=task.task_id, attempt=number, status=TaskStatus.FAIL, error="no")

    data = get(operator, f"tasks/{task.task_id}").json()["data"]

    assert (data["status"], data["dead_reason"], data["last_attempt"]) == ("dead", "timeout", 2)
    assert data["payload"]["to"] == "a@example.org"
    assert "hunter2" not in str(data)
    assert data["result"]["sent"] == 1
    assert [attempt["attempt"] for attempt in data["attempts"]] == [2, 1]
    assert data["attempts"][0]["started_at"] == "2026-03-02T12:00:00Z"


def test_nobody_reads_a_stale_state(operator):
    task = TaskFactory()
    outcome = Outcome(TaskStatus.SUCCESS)
    live.say_finished(finished_event(task.task_id, 1, outcome, live.now_micros(), "host:1"))

    assert get(operator, f"tasks/{task.task_id}").json()["data"]["status"] == "success"
    [item] = get(operator, "tasks").json()["data"]["items"]
    assert (item["status"], item["last_attempt"], item["last_worker_name"]) == ("success", 1, "host:1")
    task.refresh_from_db()
    assert task.status == TaskStatus.PENDING


def test_without_redis_the_stored_state_is_shown(operator, without_redis):
    task = TaskFactory()

    with without_redis():
        response = get(operator, f"tasks/{task.task_id}")

    assert response.json()["data"]["status"] == "pending"


def test_unknown_task_and_bad_id(operator):
    assert get(operator, f"tasks/{'0' * 32}").json()["code"] == 1006
    response = get(operator, "tasks/no_underscore")
    assert (response.status_code, response.json()["code"]) == (400, 1001)


def test_api_knows_the_interface_only(operator, settings):
    settings.TASKHUB_TASK_REPOSITORY = "apps.taskhub.repositories.memory.MemoryTaskRepository"
    TaskFactory()

    assert ids(get(operator, "tasks")) == []


def test_workers(operator):
    WorkerFactory(worker_name="b", last_heartbeat_at=NOON)
    WorkerFactory(worker_name="a", queue_groups=[{"name": "web"}])

    items = get(operator, "workers").json()["data"]["items"]

    assert [item["worker_name"] for item in items] == ["a", "b"]
    assert items[0]["queue_groups"] == [{"name": "web"}]
    assert items[1]["last_heartbeat_at"] == "2026-03-02T12:00:00Z"


def test_queue_lengths(operator, without_redis):
    core_redis.client().lpush("low", b"{}", b"{}")

    assert get(operator, "queues/stats").json()["data"] == [
        {"queue": "critical", "waiting": 0},
        {"queue": "default", "waiting": 0},
        {"queue": "low", "waiting": 2},
    ]
    with without_redis():
        response = get(operator, "queues/stats")
    assert (response.status_code, response.json()["code"]) == (503, 2003)
