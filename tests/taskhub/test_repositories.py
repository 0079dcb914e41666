"""One contract for every store behind the hub's API (decision 20)."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime, timedelta

import pytest

from apps.taskhub.enums import TaskStatus
from apps.taskhub.repositories import (
    AttemptRecord,
    TaskFilter,
    TaskRecord,
    TaskRepository,
    WorkerRecord,
    WorkerRepository,
    task_repository,
    worker_repository,
)
from apps.taskhub.repositories.base import HourStats, QueueCounts, WorkerStats, clamp
from apps.taskhub.repositories.memory import MemoryTaskRepository, MemoryWorkerRepository
from apps.taskhub.repositories.sql import SqlTaskRepository, SqlWorkerRepository

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
TASK_STORES = [SqlTaskRepository, MemoryTaskRepository]
WORKER_STORES = [SqlWorkerRepository, MemoryWorkerRepository]
TASK_METHODS = {
    "upsert_task",
    "update_task_status",
    "get_task",
    "list_tasks",
    "count_tasks",
    "insert_attempt",
    "list_attempts",
    "get_worker_stats",
    "get_worker_time_series_stats",
    "list_failed_tasks",
}
WORKER_METHODS = {"upsert", "get", "list", "delete", "update_heartbeat", "list_offline_workers"}

pytestmark = pytest.mark.django_db


@pytest.fixture(params=TASK_STORES)
def tasks(request) -> TaskRepository:
    return request.param()


@pytest.fixture(params=WORKER_STORES)
def workers(request) -> WorkerRepository:
    return request.param()


def task(number: int, **changes) -> TaskRecord:
    values = {
        "task_id": f"{number:032x}",
        "name": "taskhub_tests.add",
        "worker_name": "w",
        "queue": "default",
        "priority": 2,
        "payload": {"left": number},
        "status": TaskStatus.PENDING,
        "created_at": NOON + timedelta(minutes=number),
        "updated_at": NOON + timedelta(minutes=number),
    }
    return TaskRecord(**{**values, **changes})


def numbers(records: list[TaskRecord]) -> list[int]:
    return [record.payload["left"] for record in records]


@pytest.mark.parametrize(
    ("interface", "methods", "stores"),
    [(TaskRepository, TASK_METHODS, TASK_STORES), (WorkerRepository, WORKER_METHODS, WORKER_STORES)],
)
def test_all_stores_have_the_same_methods_and_signatures(interface, methods, stores):
    assert interface.__abstractmethods__ == methods
    for store in stores:
        public = {name for name, _function in inspect.getmembers(store, inspect.isfunction) if name[0] != "_"}
        assert public == methods
        for name in methods:
            assert inspect.signature(getattr(store, name)) == inspect.signature(getattr(interface, name))


def test_settings_choose_the_store(settings):
    assert isinstance(task_repository(), SqlTaskRepository)
    assert isinstance(worker_repository(), SqlWorkerRepository)
    settings.TASKHUB_TASK_REPOSITORY = "apps.taskhub.repositories.memory.MemoryTaskRepository"
    assert isinstance(task_repository(), MemoryTaskRepository)
    assert task_repository() is task_repository()


def test_upsert_inserts_and_then_updates_only_what_moves(tasks):
    tasks.upsert_task(task(1))
    tasks.upsert_task(
        task(
            1,
            name="other",
            worker_name="other",
            queue="low",
            priority=1,
            payload={"left": 9},
            status=TaskStatus.FAIL,
            last_attempt=2,
            last_error="no",
            last_worker_name="h:1",
            trace_id="t",
            created_at=NOON + timedelta(days=1),
        )
    )

    found = tasks.get_task(f"{1:032x}")
    assert (found.name, found.worker_name, found.created_at) == ("taskhub_tests.add", "w", NOON + timedelta(minutes=1))
    assert (found.queue, found.priority, found.payload, found.status) == ("low", 1, {"left": 9}, "fail")
    assert (found.last_attempt, found.last_error, found.last_worker_name, found.trace_id) == (2, "no", "h:1", "t")
    assert tasks.count_tasks() == 1


def test_task_without_id_is_refused(tasks):
    with pytest.raises(ValueError, match="task_id"):
        tasks.upsert_task(task(1, task_id=""))

    assert tasks.count_tasks() == 0


def test_task_of_an_unknown_worker_is_storable(tasks):
    tasks.upsert_task(task(1, worker_name="never-registered"))

    assert tasks.get_task(f"{1:032x}").worker_name == "never-registered"


def test_unknown_task(tasks):
    outcome = {"status": "success", "last_attempt": 1, "last_error": "", "last_worker_name": ""}

    assert tasks.get_task("0" * 32) is None
    assert tasks.update_task_status("0" * 32, **outcome) is False
    assert tasks.list_attempts("0" * 32) == []


def test_status_update(tasks):
    tasks.upsert_task(task(1))

    assert tasks.update_task_status(f"{1:032x}", status="dead", last_attempt=3, last_error="no", last_worker_name="h:1")

    found = tasks.get_task(f"{1:032x}")
    assert (found.status, found.last_attempt, found.last_error, found.last_worker_name) == ("dead", 3, "no", "h:1")


def test_lists_are_newest_first_and_filtered(tasks):
    for number in range(1, 7):
        tasks.upsert_task(
            task(
                number,
                queue="low" if number % 2 else "default",
                status="fail" if number > 4 else "success",
                worker_name="w" if number < 6 else "v",
                name="a.b" if number == 1 else "c.d",
            )
        )

    assert numbers(tasks.list_tasks()) == [6, 5, 4, 3, 2, 1]
    assert numbers(tasks.list_tasks(TaskFilter(queue="low"))) == [5, 3, 1]
    assert numbers(tasks.list_tasks(TaskFilter(status="fail", worker_name="w"))) == [5]
    assert numbers(tasks.list_tasks(TaskFilter(name="a.b"))) == [1]
    assert tasks.count_tasks(TaskFilter(queue="low")) == 3
    assert numbers(tasks.list_failed_tasks()) == [6, 5]
    assert numbers(tasks.list_failed_tasks("w")) == [5]
    assert numbers(tasks.list_failed_tasks(limit=1)) == [6]


def test_pages_by_offset_and_by_id(tasks):
    for number in range(1, 8):
        tasks.upsert_task(task(number))
    ids = {record.payload["left"]: record.id for record in tasks.list_tasks()}

    assert numbers(tasks.list_tasks(limit=2, offset=2)) == [5, 4]
    assert numbers(tasks.list_tasks(limit=2, offset=-3)) == [7, 6]
    assert numbers(tasks.list_tasks(limit=2, older_than=ids[5])) == [4, 3]
    assert numbers(tasks.list_tasks(limit=2, newer_than=ids[3])) == [5, 4]
    assert tasks.list_tasks(older_than=ids[1]) == []
    assert len(tasks.list_tasks(limit=0)) == 7


def test_attempts_are_newest_first(tasks):
    tasks.upsert_task(task(1))
    for number in (1, 2, 3):
        tasks.insert_attempt(
            AttemptRecord(f"{1:032x}", number, "fail", started_at=NOON, error="no", span_id=str(number))
        )

    found = tasks.list_attempts(f"{1:032x}", limit=2)
    assert [(row.attempt, row.status, row.started_at, row.error, row.span_id) for row in found] == [
        (3, "fail", NOON, "no", "3"),
        (2, "fail", NOON, "no", "2"),
    ]


def test_worker_statistics_count_dead_as_failed(tasks):
    states = ["success", "success", "fail", "dead", "pending", "running"]
    for number, status in enumerate(states):
        tasks.upsert_task(task(number, status=status, queue="low" if number == 0 else "default"))
    tasks.upsert_task(task(99, worker_name="other", status="success"))
    durations = {0: 10, 1: 30, 99: 1_000}
    for number, duration in durations.items():
        tasks.insert_attempt(AttemptRecord(f"{number:032x}", 1, "success", duration_ms=duration))
    tasks.insert_attempt(AttemptRecord(f"{2:032x}", 1, "fail", duration_ms=500))

    assert tasks.get_worker_stats("w") == WorkerStats(
        total=6,
        success=2,
        failed=2,
        pending=1,
        running=1,
        success_rate=pytest.approx(100 / 3),
        avg_duration_ms=20.0,
        queues={
            "low": QueueCounts(total=1, success=1, failed=0, avg_duration_ms=10.0),
            "default": QueueCounts(total=5, success=1, failed=2, avg_duration_ms=30.0),
        },
    )
    assert tasks.get_worker_stats("nobody") == WorkerStats()


def test_hourly_statistics(tasks):
    made = [(0, "success", 10), (5, "success", 30), (50, "dead", 7), (70, "fail", None), (-3_000, "success", 1)]
    for number, (minutes, status, duration) in enumerate(made):
        moment = NOON + timedelta(minutes=minutes)
        tasks.upsert_task(task(number, status=status, duration_ms=duration, created_at=moment))

    found = tasks.get_worker_time_series_stats("w", hours=24, now=NOON + timedelta(hours=2))

    assert found == [
        HourStats(NOON, total=3, success=2, failed=1, avg_duration_ms=20.0),
        HourStats(NOON + timedelta(hours=1), total=1, success=0, failed=1, avg_duration_ms=0.0),
    ]


@pytest.mark.parametrize(("asked", "given"), [(-1, 50), (0, 50), (1, 1), (200, 200), (201, 50)])
def test_limits_out_of_range_mean_the_default(asked, given):
    assert clamp(asked, default=50, maximum=200) == given


def test_worker_is_written_read_and_deleted(workers):
    workers.upsert(WorkerRecord("b", queue_groups=[{"name": "web", "concurrency": 10}]))
    workers.upsert(WorkerRecord("a"))
    workers.upsert(WorkerRecord("b", base_url="http://b", is_enabled=False))

    found = workers.get("b")
    assert (found.base_url, found.queue_groups, found.is_enabled, found.default_retry_count) == (
        "http://b",
        [],
        False,
        3,
    )
    assert found.created_at is not None
    assert [worker.worker_name for worker in workers.list()] == ["a", "b"]
    assert workers.delete("b") is True
    assert workers.delete("b") is False
    assert workers.get("b") is None


def test_silent_workers_are_offline(workers):
    for name in ("never", "late", "fresh"):
        workers.upsert(WorkerRecord(name))
    assert workers.update_heartbeat("late", at=NOON - timedelta(seconds=46))
    assert workers.update_heartbeat("fresh", at=NOON - timedelta(seconds=44))
    assert not workers.update_heartbeat("nobody", at=NOON)

    offline = workers.list_offline_workers(timedelta(seconds=45), now=NOON)

    assert [worker.worker_name for worker in offline] == ["late", "never"]
    workers.upsert(WorkerRecord("fresh", base_url="x"))
    assert workers.get("fresh").last_heartbeat_at == NOON - timedelta(seconds=44)
