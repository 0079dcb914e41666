"""Two attempts at one run: the newer holds it, the older stops, and nothing is stored twice."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connections

from apps.audit.testing import recorded
from apps.core.actor import SYSTEM
from apps.orders import tasks
from apps.orders.clients.carrier_rows import StatusRow
from apps.orders.enums import SyncType
from apps.orders.errors import SyncTakenOver
from apps.orders.models import SimCard, SyncRun
from apps.orders.services import sim_sync
from apps.orders.services.sim_sync import Holder, SyncOrder
from apps.orders.task_names import DATA_SYNC
from apps.taskhub.enums import TaskStatus
from apps.taskhub.hub_task.execution import current_run, finished_event, lost_outcome
from apps.taskhub.models import Task, TaskAttempt
from apps.taskhub.services import enqueue
from apps.taskhub.services.recording import record_events
from apps.taskhub.testing import run_queued, run_task
from tests.factories.orders import SyncRunFactory
from tests.orders.carrier_server import CarrierServer, says
from tests.orders.sims import STAFF, iccid, result_of, statuses

pytestmark = pytest.mark.django_db

ORDER = SyncOrder(SyncType.SIM_STATUS, batch_size=10)
OLD, NEW = Holder("t", 1), Holder("t", 2)
ROWS = [StatusRow(iccid(1), "active")]


def begun(*holders: Holder) -> SyncRun:
    for holder in holders:
        run = sim_sync.begin_run(ORDER, request_id="r-1", holder=holder)
    return run


def lose(task_id: str, attempt: int) -> None:
    """As the hub does when no live worker has listed the attempt for 45 s."""
    record_events([finished_event(task_id, attempt, lost_outcome(losses=0, rerun=True), None, "")])


@pytest.mark.django_db(transaction=True)
def test_an_attempt_given_up_for_dead_leaves_the_run_to_the_next(
    carrier: CarrierServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    carrier.items["status"] = statuses(40)
    task_id = enqueue(DATA_SYNC, sync_type="sim_status", batch_size=10)
    is_on_page_two, next_has_begun, old_has_ended = threading.Event(), threading.Event(), threading.Event()
    fetch = tasks.Carrier.page

    def page(carrier: Any, *args: Any, cursor: str, **fields: Any) -> Any:
        if current_run.attempt == 1 and cursor:
            is_on_page_two.set()
            assert next_has_begun.wait(20)
        if current_run.attempt == 2 and not next_has_begun.is_set():
            next_has_begun.set()
            assert old_has_ended.wait(20)
        return fetch(carrier, *args, cursor=cursor, **fields)

    monkeypatch.setattr(tasks.Carrier, "page", page)

    def run_first_attempt() -> None:
        try:
            run_task(Task.objects.get(task_id=task_id))
        finally:
            old_has_ended.set()
            connections.close_all()

    old = threading.Thread(target=run_first_attempt)
    old.start()
    assert is_on_page_two.wait(20)
    lose(task_id, 1)
    run_queued()
    old.join()

    result = result_of(task_id)
    assert (result["state"], result["pages"], result["seen"]) == ("finished", 4, 40)
    run = SyncRun.objects.get()
    assert (run.state, run.claim, SimCard.objects.count()) == ("finished", f"{task_id}:2", 40)
    assert SyncTakenOver.__name__ in TaskAttempt.objects.get(task_id=task_id, attempt=1).error
    # The old one asked for its second page and was stopped when it came to store it.
    assert [query.get("cursor") for _, _, query in carrier.requests] == [None, "o10", "o10", "o20", "o30"]


def test_an_older_attempt_stores_ends_and_fails_nothing() -> None:
    run = begun(OLD, NEW)

    with pytest.raises(SyncTakenOver):
        sim_sync.store_batch(run.pk, ROWS, number=1, cursor="", holder=OLD, actor=STAFF)
    with pytest.raises(SyncTakenOver):
        sim_sync.finish_run(run.pk, holder=OLD, actor=STAFF)
    sim_sync.fail_run(run.pk, holder=OLD, error="late", actor=STAFF)

    run.refresh_from_db()
    assert (run.state, run.pages, run.error, SimCard.objects.count()) == ("running", 0, "", 0)
    assert recorded() == []


def test_an_older_attempt_that_begins_late_does_not_take_the_run_back() -> None:
    run = begun(NEW)

    with pytest.raises(SyncTakenOver):
        begun(OLD)

    run.refresh_from_db()
    assert run.claim == "t:2"
    assert sim_sync.store_batch(run.pk, ROWS, number=1, cursor="", holder=NEW, actor=STAFF).pages == 1


def test_of_two_tasks_the_one_that_begins_later_has_the_run() -> None:
    run = begun(Holder("one", 3), Holder("two", 1))

    sim_sync.fail_runs_of({"one": "worker_lost"}, actor=SYSTEM)

    run.refresh_from_db()
    assert (run.state, run.task_id, run.claim) == ("running", "two", "two:1")
    sim_sync.fail_runs_of({"two": "worker_lost"}, actor=SYSTEM)
    run.refresh_from_db()
    assert (run.state, run.error) == ("failed", "worker_lost")


def test_an_attempt_of_a_dead_task_stores_nothing_more() -> None:
    run = begun(OLD)
    sim_sync.fail_runs_of({"t": "cancelled"}, actor=SYSTEM)

    with pytest.raises(SyncTakenOver):
        sim_sync.store_batch(run.pk, ROWS, number=1, cursor="", holder=OLD, actor=STAFF)
    with pytest.raises(SyncTakenOver):
        sim_sync.finish_run(run.pk, holder=OLD, actor=STAFF)

    run.refresh_from_db()
    assert (run.state, run.error, SimCard.objects.count()) == ("failed", "cancelled", 0)


def test_an_attempt_delivered_twice_goes_on_after_its_twin() -> None:
    """Redis lost its fences: both are the same attempt, and neither may end the other."""
    run = begun(OLD, OLD)
    sim_sync.store_batch(run.pk, ROWS, number=1, cursor="", holder=OLD, actor=STAFF)

    again = sim_sync.store_batch(run.pk, ROWS, number=1, cursor="", holder=OLD, actor=STAFF)
    assert (again.pages, again.seen) == (1, 1)
    sim_sync.finish_run(run.pk, holder=OLD, actor=STAFF)
    after_the_end = sim_sync.store_batch(run.pk, ROWS, number=1, cursor="", holder=OLD, actor=STAFF)
    sim_sync.finish_run(run.pk, holder=OLD, actor=STAFF)

    assert (after_the_end.state, after_the_end.seen) == ("finished", 1)
    assert [event["action"] for event in recorded()] == ["synchronised"]


def test_a_finished_run_is_taken_over_by_nobody() -> None:
    run = SyncRunFactory(request_id="r-1", batch_size=10, state="finished", task_id="t", claim="t:1")

    assert begun(NEW).state == "finished"

    run.refresh_from_db()
    assert (run.state, run.claim) == ("finished", "t:1")


def test_a_retry_holds_the_run_that_the_attempt_before_left(carrier: CarrierServer) -> None:
    carrier.items["status"] = statuses(3)
    carrier.interventions = [says(status=429, Retry_After="60")]
    task_id = enqueue(DATA_SYNC, sync_type="sim_status")
    run_queued()
    assert SyncRun.objects.get().claim == f"{task_id}:1"

    Task.objects.update(run_at=None)
    run_queued()

    assert (SyncRun.objects.get().claim, Task.objects.get().status) == (f"{task_id}:2", TaskStatus.SUCCESS)
