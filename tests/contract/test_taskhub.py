"""Every endpoint of the task hub: form, status, errors (B.4, decision 38)."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.contract.operation import covers
from tests.factories.taskhub import TaskAttemptFactory, TaskFactory, WorkerFactory
from tests.factories.users import UserFactory

pytestmark = pytest.mark.django_db

TASKS = "/api/v1/tasks"
WORKERS = "/api/v1/workers"
QUEUES = "/api/v1/queues/stats"


@pytest.fixture
def operator() -> APIClient:
    client = APIClient()
    client.force_authenticate(UserFactory(role="operator"))
    return client


def refused(response: Any) -> tuple[int, int]:
    body = response.json()
    assert body["data"] is None
    assert set(body["messages"]) == {"zh-hans", "en"}
    return response.status_code, body["code"]


@covers("GET", "/api/v1/tasks")
def test_the_list_of_tasks_keeps_its_form(operator: APIClient) -> None:
    task = TaskFactory(status="dead", attempts=2, dead_reason="timeout")

    response = operator.get(TASKS, {"status": "dead", "queue": "default"})

    assert response.status_code == 200
    [item] = response.json()["data"]["items"]
    assert (item["task_id"], item["status"], item["dead_reason"]) == (task.task_id, "dead", "timeout")
    assert refused(operator.get(TASKS, {"status": "odd"})) == (400, 1001)
    assert refused(operator.get(TASKS, {"unknown": "1"})) == (400, 1001)
    assert refused(APIClient().get(TASKS)) == (401, 1002)


@covers("GET", "/api/v1/tasks/{task_id}")
def test_one_task_keeps_its_form(operator: APIClient) -> None:
    task = TaskFactory(status="success", attempts=1, result={"stored": 3})
    TaskAttemptFactory(task_id=task.task_id)

    response = operator.get(f"{TASKS}/{task.task_id}")

    assert response.status_code == 200
    data = response.json()["data"]
    assert (data["payload"], data["result"]) == ({"left": 1, "right": 2}, {"stored": 3})
    assert [attempt["attempt"] for attempt in data["attempts"]] == [1]
    assert refused(operator.get(f"{TASKS}/unknown-task")) == (404, 1006)
    assert refused(operator.get(f"{TASKS}/not_an_id")) == (400, 1001)


@covers("GET", "/api/v1/workers")
def test_the_list_of_workers_keeps_its_form(operator: APIClient) -> None:
    WorkerFactory(worker_name="bajiaozhi")

    response = operator.get(WORKERS)

    assert response.status_code == 200
    assert "bajiaozhi" in [item["worker_name"] for item in response.json()["data"]["items"]]
    assert refused(operator.get(WORKERS, {"page_size": "0"})) == (400, 1001)


@covers("GET", "/api/v1/queues/stats")
def test_the_queue_lengths_keep_their_form(operator: APIClient) -> None:
    response = operator.get(QUEUES)

    assert response.status_code == 200
    assert response.json()["data"] == [
        {"queue": "critical", "waiting": 0},
        {"queue": "default", "waiting": 0},
        {"queue": "low", "waiting": 0},
    ]
    assert refused(operator.get(QUEUES, {"queue": "low"})) == (400, 1001)
