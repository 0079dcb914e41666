"""Tasks and workers in the back-office."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from apps.audit.testing import recorded
from apps.taskhub.enums import DeadReason, TaskStatus
from apps.taskhub.models import Task
from apps.taskhub.services import enqueue
from tests.factories.taskhub import TaskAttemptFactory, TaskFactory, WorkerFactory, WorkerProcessFactory
from tests.factories.users import UserFactory
from tests.taskhub.names import ADD, REFUSE

pytestmark = pytest.mark.django_db

TASKS = reverse("admin:taskhub_task_changelist")
WORKERS = reverse("admin:taskhub_worker_changelist")


def client_of(role: str, language: str = "en") -> Client:
    client = Client()
    client.force_login(UserFactory(role=role))
    client.cookies["django_language"] = language
    return client


@pytest.fixture
def operator() -> Client:
    return client_of("operator")


def text(response: Any) -> str:
    assert response.status_code == 200, response.content[:2000]
    return response.content.decode()


def page(task: Task) -> str:
    return reverse("admin:taskhub_task_change", args=[task.pk])


def action(name: str, task: Task) -> str:
    return reverse(f"admin:taskhub_task_{name}", args=[task.pk])


def submit(client: Client, name: str, task: Task, **data: str) -> Any:
    return client.post(action(name, task), {"_form_submitted": "True", **data})


def test_list_shows_state_queue_and_attempts(operator):
    TaskFactory(name=ADD, status=TaskStatus.DEAD, dead_reason=DeadReason.TIMEOUT, attempts=2, actor_label="lin.mei")

    html = text(operator.get(TASKS))

    for shown in (ADD, "dead: time limit exceeded", "default", "2 / 6", "lin.mei"):
        assert shown in html


def test_list_neither_counts_nor_grows(operator):
    counts = []
    for size in (2, 18):
        TaskFactory.create_batch(size, name=ADD)
        operator.get(TASKS)
        with CaptureQueriesContext(connection) as caught:
            text(operator.get(TASKS))
        counts.append(len(caught))
        assert not [query["sql"] for query in caught if "COUNT(" in query["sql"] and '"tasks"' in query["sql"]]

    assert counts[0] == counts[1] <= 12


def test_filters_reach_the_list(operator):
    TaskFactory(name=ADD, task_id="a" * 32, status=TaskStatus.SUCCESS, attempts=1)
    TaskFactory(name=REFUSE, task_id="b" * 32, status=TaskStatus.DEAD, attempts=1)

    html = text(operator.get(TASKS, {"status__exact": "dead"}))
    assert page(Task.objects.get(task_id="b" * 32)) in html
    assert page(Task.objects.get(task_id="a" * 32)) not in html
    assert page(Task.objects.get(task_id="a" * 32)) in text(operator.get(TASKS, {"q": "a" * 32}))


def test_page_tells_the_whole_story(operator):
    task = TaskFactory(
        name=ADD,
        status=TaskStatus.DEAD,
        dead_reason=DeadReason.RETRIES_USED_UP,
        attempts=2,
        payload={"left": 1, "password": "hunter2"},
        result={"kept": "late outcome"},
        last_error="Unavailable: not yet",
        error_stack="Traceback: line 7",
        source="schedule:news",
        request_id="r-1",
    )
    TaskAttemptFactory(task_id=task.task_id, attempt=1, status=TaskStatus.FAIL, dead_reason=DeadReason.WORKER_LOST)
    TaskAttemptFactory(
        task_id=task.task_id, attempt=2, status=TaskStatus.DEAD, error="Unavailable: not yet", duplicates=1
    )

    with CaptureQueriesContext(connection) as caught:
        html = text(operator.get(page(task)))

    assert len(caught) <= 15
    for shown in (
        "Attempt 1 lost its worker",
        "Attempt 2 failed",
        "late outcome",
        "Traceback: line 7",
        "1 delivery dropped",
        "schedule__uid__exact=news",
        "q=r-1",
        "60" if task.soft_limit_seconds == 60 else "600 s, then 30 s of grace",
    ):
        assert shown in html
    assert "hunter2" not in html


def test_retry_from_the_page(operator):
    task = TaskFactory(name=ADD, status=TaskStatus.DEAD, dead_reason=DeadReason.CANCELLED, attempts=1)

    response = submit(operator, "retry", task, reason="source is back")

    assert response.headers["HX-Redirect"]
    task.refresh_from_db()
    assert (task.status, task.attempts) == (TaskStatus.PENDING, 1)
    [event] = [event for event in recorded() if event["resource_type"] == "task"]
    assert (event["action"], event["reason"], event["actor_kind"]) == ("retried", "source is back", "user")


def test_cancel_from_the_page(operator):
    task = Task.objects.get(task_id=enqueue(ADD, left=1))

    submit(operator, "cancel", task, reason="wrong")

    task.refresh_from_db()
    assert (task.status, task.dead_reason) == (TaskStatus.DEAD, DeadReason.CANCELLED)


@pytest.mark.parametrize("name", ["retry", "cancel"])
def test_looking_at_a_dialog_changes_nothing(operator, name):
    task = TaskFactory(name=ADD, status=TaskStatus.DEAD, attempts=1)
    before = Task.objects.values().get()

    operator.get(action(name, task))

    assert Task.objects.values().get() == before


@pytest.mark.parametrize(("role", "name"), [("auditor", "retry"), ("auditor", "cancel"), ("editor", "cancel")])
def test_who_may_only_look_changes_nothing(role, name):
    task = TaskFactory(name=ADD, status=TaskStatus.DEAD, attempts=1)

    response = submit(client_of(role), name, task)

    assert response.status_code == 403
    task.refresh_from_db()
    assert task.status == TaskStatus.DEAD


def test_buttons_appear_only_where_they_make_sense(operator):
    dead = TaskFactory(name=ADD, status=TaskStatus.DEAD, attempts=1)
    waiting = TaskFactory(name=ADD)

    assert action("retry", dead) in text(operator.get(page(dead)))
    assert action("cancel", dead) not in text(operator.get(page(dead)))
    assert action("retry", waiting) not in text(operator.get(page(waiting)))
    assert action("cancel", waiting) in text(operator.get(page(waiting)))


def test_refusal_is_a_sentence(operator):
    task = TaskFactory(name=ADD)

    response = submit(operator, "retry", task)

    assert response.status_code == 200
    task.refresh_from_db()
    assert task.status == TaskStatus.PENDING


def test_nobody_adds_changes_or_deletes_tasks():
    administrator = Client()
    administrator.force_login(UserFactory(superuser=True))
    task = TaskFactory(name=ADD)

    assert administrator.get(reverse("admin:taskhub_task_add")).status_code == 403
    assert administrator.post(page(task), {"status": "success"}).status_code == 403
    assert administrator.post(reverse("admin:taskhub_task_delete", args=[task.pk]), {"post": "yes"}).status_code == 403
    task.refresh_from_db()
    assert task.status == TaskStatus.PENDING


def test_worker_groups_show_who_lives(operator):
    now = timezone.now()
    WorkerFactory(worker_name="bajiaozhi", last_heartbeat_at=now)
    WorkerFactory(worker_name="silent-one")
    WorkerProcessFactory(heartbeat_at=now, concurrency=3)
    WorkerProcessFactory(heartbeat_at=now, concurrency=4)
    WorkerProcessFactory(heartbeat_at=now - timedelta(minutes=5))

    html = text(operator.get(WORKERS))

    assert "working" in html
    assert "silent" in html
    assert ">7<" in html


def test_worker_page_lists_its_processes(operator):
    now = timezone.now()
    worker = WorkerFactory(worker_name="bajiaozhi")
    WorkerProcessFactory(host="node-a", pid=11, heartbeat_at=now, queues=["critical", "low"])
    WorkerProcessFactory(host="node-b", pid=12, heartbeat_at=now - timedelta(minutes=5))
    WorkerProcessFactory(host="node-c", pid=13, heartbeat_at=now, stopped_at=now)

    html = text(operator.get(reverse("admin:taskhub_worker_change", args=[worker.pk])))

    for shown in ("node-a:11", "alive", "critical, low", "node-b:12", "lost", "node-c:13", "stopped"):
        assert shown in html
