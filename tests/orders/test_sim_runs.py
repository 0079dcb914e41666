"""A run ends with its task, whichever way that ends, and an ended run stays as it is."""

from __future__ import annotations

from typing import Any

import pytest
from billiard.exceptions import SoftTimeLimitExceeded

from apps.audit.testing import recorded
from apps.core.actor import SYSTEM, Actor
from apps.core.errors import IdempotencyKeyReused
from apps.orders import tasks
from apps.orders.enums import SyncType
from apps.orders.models import SyncRequest, SyncRun
from apps.orders.services import sim_sync
from apps.orders.services.iccids import with_check_digit
from apps.orders.services.sim_sync import Holder, SyncOrder, request_status_sync, request_sync
from apps.orders.task_names import DATA_SYNC, SIM_STATUS_SYNC
from apps.taskhub.enums import TaskStatus
from apps.taskhub.hub_task.execution import finished_event, lost_outcome
from apps.taskhub.models import OnceKey, Task
from apps.taskhub.services import cancel_task, enqueue
from apps.taskhub.services.recording import record_events
from apps.taskhub.testing import run_queued
from tests.factories.orders import SyncRunFactory
from tests.orders.carrier_server import CarrierServer, says

pytestmark = pytest.mark.django_db

STAFF = Actor.command("test")


def begun_run(carrier: CarrierServer) -> SyncRun:
    """A run whose first attempt has failed and whose task waits for the next."""
    carrier.interventions = [says(status=429, Retry_After="60")]
    enqueue(DATA_SYNC, sync_type="sim_status")
    run_queued()
    run = SyncRun.objects.get()
    assert run.state == "running"
    return run


def lose(task_id: str, *, losses: int) -> None:
    attempt = Task.objects.get(task_id=task_id).next_attempt
    record_events([finished_event(task_id, attempt, lost_outcome(losses=losses, rerun=True), None, "")])


def test_a_run_out_of_time_has_failed(carrier: CarrierServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def dawdle(*_args: Any, **_fields: Any) -> None:
        raise SoftTimeLimitExceeded

    monkeypatch.setattr(tasks.Carrier, "page", dawdle)
    task_id = enqueue(DATA_SYNC, sync_type="sim_status")

    run_queued()

    task, run = Task.objects.get(task_id=task_id), SyncRun.objects.get()
    assert (task.status, run.state) == (TaskStatus.DEAD, "failed")
    assert run.error.startswith(task.dead_reason)
    assert run.finished_at is not None


def test_a_run_whose_worker_was_lost_too_often_has_failed(carrier: CarrierServer) -> None:
    run = begun_run(carrier)
    lose(run.task_id, losses=0)
    run.refresh_from_db()
    assert run.state == "running"

    lose(run.task_id, losses=1)

    run.refresh_from_db()
    assert run.state == "failed"
    assert "worker_lost" in run.error
    [event] = [event for event in recorded() if event["action"] == "synchronised"]
    assert event["resource_id"] == run.task_id


def test_a_run_that_is_cancelled_between_two_attempts_has_failed(carrier: CarrierServer) -> None:
    run, other = begun_run(carrier), SyncRunFactory()

    cancel_task(run.task_id, actor=STAFF, reason="not needed")

    run.refresh_from_db()
    other.refresh_from_db()
    assert (run.state, other.state) == ("failed", "running")
    assert run.error.startswith("cancelled")


def test_the_end_of_another_kind_of_task_is_no_news(carrier: CarrierServer) -> None:
    task_id = enqueue(SIM_STATUS_SYNC, iccids=["89860000000000000019"])
    run = SyncRunFactory(task_id=task_id)

    cancel_task(task_id, actor=STAFF)

    run.refresh_from_db()
    assert run.state == "running"


@pytest.mark.parametrize("state", ["finished", "failed"])
def test_a_late_failure_leaves_an_ended_run_alone(state: str) -> None:
    holder = Holder("t", 1)
    run = SyncRunFactory(state=state, error="first", task_id="t", claim=str(holder))

    sim_sync.fail_run(run.pk, holder=holder, error="late", actor=SYSTEM)
    sim_sync.fail_runs_of({"t": "late"}, actor=SYSTEM)

    run.refresh_from_db()
    assert (run.state, run.error) == (state, "first")
    assert recorded() == []


def test_a_failed_run_belongs_to_the_task_that_takes_it_up(carrier: CarrierServer) -> None:
    run = SyncRunFactory(request_id="r-1", state="failed")
    task_id = enqueue(DATA_SYNC, sync_type="sim_status", request_id="r-1")

    run_queued()

    run.refresh_from_db()
    assert (run.state, run.task_id) == ("finished", task_id)


# --- one request, one task ------------------------------------------------------------------------------------------
def test_a_request_id_with_other_arguments_is_refused(carrier: CarrierServer) -> None:
    cards = [with_check_digit(f"898600{number:013d}") for number in range(2)]
    request_sync(SyncOrder(SyncType.SIM_STATUS), actor=STAFF, request_id="r-1")
    request_status_sync(cards, force=False, actor=STAFF, request_id="r-1")
    events = len(recorded())

    for other in (SyncOrder(SyncType.FLOW_USAGE), SyncOrder(SyncType.SIM_STATUS, batch_size=7)):
        with pytest.raises(IdempotencyKeyReused):
            request_sync(other, actor=STAFF, request_id="r-1")
    for iccids, force in ((cards[:1], False), (cards, True)):
        with pytest.raises(IdempotencyKeyReused):
            request_status_sync(iccids, force=force, actor=STAFF, request_id="r-1")

    assert (Task.objects.count(), SyncRequest.objects.count(), len(recorded())) == (2, 2, events)


def test_a_request_id_gets_its_first_task_also_when_the_hub_has_forgotten_it(carrier: CarrierServer) -> None:
    card = with_check_digit("8986000000000000001")
    first = request_sync(SyncOrder(SyncType.SIM_STATUS), actor=STAFF, request_id="r-1")
    asked = request_status_sync([card], force=True, actor=STAFF, request_id="r-1")
    run_queued()
    # As if days had passed: the hub has forgotten its keys and its tasks.
    OnceKey.objects.all().delete()
    Task.objects.all().delete()

    assert request_sync(SyncOrder(SyncType.SIM_STATUS), actor=STAFF, request_id="r-1") == first
    assert request_status_sync([card], force=True, actor=STAFF, request_id="r-1") == asked
    assert Task.objects.count() == 0
