"""Heartbeats of worker processes, and the order in which a worker looks into its queues."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from celery.worker import state

from apps.core import heartbeat
from apps.taskhub import signals
from apps.taskhub.hub_task.queue_order import WeightedCycle
from apps.taskhub.hub_task.worker_request import HubRequest
from apps.taskhub.models import Worker, WorkerProcess
from apps.taskhub.services import ProcessReport, forget_old_processes, process_stopped, report_process
from tests.factories.taskhub import WorkerProcessFactory

NOW = datetime(2026, 3, 2, 13, 0, tzinfo=UTC)


def report(**changes) -> ProcessReport:
    values = {
        "boot_id": "b" * 32,
        "host": "host",
        "pid": 7,
        "started_at": NOW,
        "concurrency": 2,
        "queues": ["critical", "default", "low"],
        "running": [],
    }
    return ProcessReport(**{**values, **changes})


@pytest.mark.django_db
def test_heartbeat_keeps_one_row_per_process():
    report_process(report(), now=NOW)
    report_process(report(running=[("a" * 32, 1)]), now=NOW + timedelta(seconds=10))

    process = WorkerProcess.objects.get()
    assert (process.heartbeat_at, process.started_at) == (NOW + timedelta(seconds=10), NOW)
    assert (process.running, process.concurrency) == ([["a" * 32, 1]], 2)
    assert Worker.objects.get(worker_name="bajiaozhi").last_heartbeat_at == NOW + timedelta(seconds=10)


@pytest.mark.django_db
def test_process_that_stopped_holds_nothing():
    report_process(report(running=[("a" * 32, 1)]), now=NOW)

    process_stopped("b" * 32, now=NOW)

    process = WorkerProcess.objects.get()
    assert (process.stopped_at, process.running) == (NOW, [])
    assert not WorkerProcess.objects.alive(NOW - timedelta(seconds=1)).exists()


@pytest.mark.django_db
def test_processes_are_forgotten_after_a_week():
    WorkerProcessFactory(heartbeat_at=NOW - timedelta(days=7, seconds=1))
    kept = WorkerProcessFactory(heartbeat_at=NOW - timedelta(days=6))

    assert forget_old_processes(now=NOW) == 1
    assert WorkerProcess.objects.get() == kept


@pytest.fixture
def received():
    """``received("a" * 32, 3)``: a request of the hub that Celery has just taken in, as the worker's strategy does."""
    state.reset_state()

    def make(task_id: str, attempt: int) -> HubRequest:
        request = HubRequest.__new__(HubRequest)
        request.id, request.name = task_id, "tests.add"
        request._request_dict = {"hub": {"id": task_id, "attempt": attempt}}
        state.task_reserved(request)
        return request

    yield make
    state.reset_state()


class OtherRequest:
    """Of a task that is none of the hub's."""

    id = name = "other"


def test_held_attempts_are_those_of_hub_tasks(received):
    waiting, running = received("a" * 32, 3), received("b" * 32, 1)
    state.task_accepted(running)
    state.task_reserved(other := OtherRequest())

    assert sorted(signals.held_attempts()) == [("a" * 32, 3), ("b" * 32, 1)]

    for one in (waiting, running, other):
        state.task_ready(one)
    assert signals.held_attempts() == []


def test_attempt_stays_held_when_a_second_delivery_of_it_is_dropped(received):
    running = received("a" * 32, 1)
    state.task_accepted(running)
    duplicate = received("a" * 32, 1)
    state.task_accepted(duplicate)

    state.task_ready(duplicate, successful=True)

    assert signals.held_attempts() == [("a" * 32, 1)]
    state.task_ready(running, successful=True)
    assert signals.held_attempts() == []


def test_attempt_stays_held_while_celery_forgets_what_a_lost_broker_had_given_it(received):
    running = received("a" * 32, 1)
    state.task_accepted(running)

    # What Consumer.on_close does before it puts the active ones back.
    state.reserved_requests.clear()

    assert signals.held_attempts() == [("a" * 32, 1)]


def test_heartbeat_looks_again_when_the_requests_change_under_it(received, monkeypatch):
    running = received("a" * 32, 1)
    looks = []

    class Changing:
        def __iter__(self):
            looks.append(1)
            if len(looks) == 1:
                raise RuntimeError("Set changed size during iteration")
            yield running

    with monkeypatch.context() as patched:
        patched.setattr(state, "reserved_requests", Changing())
        held = signals.held_attempts()

    assert (held, len(looks)) == ([("a" * 32, 1)], 2)


@pytest.mark.django_db(transaction=True)
def test_pulse_reports_the_process_and_says_goodbye():
    pulse = signals.WorkerPulse(concurrency=3, queues=["default"])

    pulse.beat()
    pulse.start()
    pulse.stop()

    process = WorkerProcess.objects.get()
    assert (process.pid, process.concurrency, process.queues) == (heartbeat.identity()[1], 3, ["default"])
    assert process.stopped_at is not None
    assert heartbeat.alive("worker") == []


def served(cycle: WeightedCycle, full: set[str], count: int) -> list[str]:
    """Which queues are served when those in ``full`` always have a message."""
    order = []
    for _ in range(count):
        first = next(name for name in cycle.consume(3) if name in full)
        cycle.rotate(first)
        order.append(first)
    return order


def test_full_queues_are_served_six_to_three_to_one():
    order = served(WeightedCycle(["critical", "default", "low"]), {"critical", "default", "low"}, 100)

    assert Counter(order) == {"critical": 60, "default": 30, "low": 10}
    assert all("low" in order[start : start + 20] for start in range(0, 100, 20))


def test_empty_queues_leave_their_turn_to_the_others():
    assert served(WeightedCycle(["critical", "default", "low"]), {"low"}, 5) == ["low"] * 5
    order = served(WeightedCycle(["critical", "default", "low"]), {"default", "low"}, 40)
    assert Counter(order)["default"] == pytest.approx(30, abs=2)


def test_critical_comes_first_after_low_was_alone_for_long():
    cycle = WeightedCycle(["critical", "default", "low"])
    served(cycle, {"low"}, 10_000)

    order = served(cycle, {"critical", "default", "low"}, 10)

    assert order[0] == "critical"
    assert "low" in served(cycle, {"critical", "default", "low"}, 30)


def test_unknown_queues_weigh_one():
    cycle = WeightedCycle(["default"])
    cycle.update(["default", "other"])

    assert Counter(served(cycle, {"default", "other"}, 40)) == {"default": 30, "other": 10}
    assert cycle.rotate("nobody") == "nobody"
