"""Synchronisation with a carrier that speaks real HTTP: pages, checkpoints, bad rows, troubles (decision 28)."""

from __future__ import annotations

import datetime as dt
import threading
from typing import Any

import pytest
from django.db import connections, transaction
from django.utils import timezone

from apps.audit.testing import recorded
from apps.core.errors import IdempotencyKeyReused
from apps.orders import tasks
from apps.orders.clients import carrier as carrier_client
from apps.orders.clients.carrier_rows import StatusRow
from apps.orders.enums import SyncType
from apps.orders.errors import CarrierUnavailable
from apps.orders.models import SimCard, SimUsage, SyncRun
from apps.orders.services import sim_sync
from apps.orders.services.sim_batches import store_rows
from apps.orders.services.sim_sync import Holder
from apps.orders.task_names import DATA_SYNC
from apps.taskhub.enums import TaskStatus
from apps.taskhub.hub_task import execution, live
from apps.taskhub.models import Task
from apps.taskhub.services import enqueue
from apps.taskhub.testing import run_queued
from tests.factories.orders import SimCardFactory, SyncRunFactory
from tests.orders.carrier_server import CarrierServer, dawdles, hangs_up, says
from tests.orders.sims import STAFF, iccid, result_of, retry_later, statuses, sync

pytestmark = pytest.mark.django_db


def rows_as_they_are() -> list[Any]:
    cards = SimCard.objects.order_by("id").values_list("iccid", "status", "real_name_status", "synced_at", "updated_at")
    usage = SimUsage.objects.order_by("id").values_list("sim_card_id", "day", "used_bytes", "updated_at")
    return [list(cards), list(usage)]


# --- what a run brings ----------------------------------------------------------------------------------------------
def test_pages_are_fetched_to_the_end_in_batches(carrier: CarrierServer) -> None:
    carrier.items["status"] = statuses(25)

    result = sync(batch_size=10)

    assert SimCard.objects.filter(status="active").count() == 25
    assert (result["pages"], result["seen"], result["created"], result["state"]) == (3, 25, 25, "finished")
    assert [query for _, _, query in carrier.requests] == [
        {"limit": "10"},
        {"limit": "10", "cursor": "o10"},
        {"limit": "10", "cursor": "o20"},
    ]


@pytest.mark.parametrize("sync_type", SyncType.values)
def test_the_same_run_twice_changes_nothing(carrier: CarrierServer, sync_type: str) -> None:
    carrier.items["status"] = statuses(12)
    carrier.items["real-name"] = [{"iccid": iccid(n), "real_name_status": "verified"} for n in range(12)]
    carrier.items["usage"] = [
        {"iccid": iccid(n % 4), "day": f"2026-11-{1 + n:02d}", "used_bytes": n} for n in range(12)
    ]
    sync(sync_type, batch_size=5)
    before = rows_as_they_are()

    result = sync(sync_type, batch_size=5)

    assert rows_as_they_are() == before
    assert (result["created"], result["changed"], result["unchanged"]) == (0, 0, 12)


def test_only_what_differs_is_written_and_a_changed_card_has_its_event(carrier: CarrierServer) -> None:
    carrier.items["status"] = statuses(5)
    sync()
    untouched = SimCard.objects.get(iccid=iccid(0))
    carrier.items["status"][3]["status"] = "suspended"
    carrier.forget_pages()

    result = sync()

    assert (result["created"], result["changed"], result["unchanged"]) == (0, 1, 4)
    changed = SimCard.objects.get(iccid=iccid(3))
    assert changed.status == "suspended"
    assert SimCard.objects.get(iccid=iccid(0)).updated_at == untouched.updated_at
    events = [event for event in recorded() if event["resource_type"] == "sim_card"]
    assert [(event["resource_id"], event["old"], event["new"]) for event in events] == [
        (str(changed.pk), {"status": "active"}, {"status": "suspended"})
    ]
    runs = [event["data"] for event in recorded() if event["action"] == "synchronised"]
    assert [(run["created"], run["changed"]) for run in runs] == [(5, 0), (0, 1)]


def test_usage_is_kept_by_card_and_day_also_of_cards_not_known_yet(carrier: CarrierServer) -> None:
    SimCardFactory(iccid=iccid(1), status="active")
    carrier.items["usage"] = [
        {"iccid": iccid(1), "day": "2026-11-01", "used_bytes": 10},
        {"iccid": iccid(1), "day": "2026-11-02", "used_bytes": 20},
        {"iccid": iccid(2), "day": "2026-11-01", "used_bytes": 2**53 - 1},
    ]

    result = sync("flow_usage", start_date="2026-11-01", end_date="2026-11-02")

    assert carrier.requests[0][2] == {"limit": "500", "start_date": "2026-11-01", "end_date": "2026-11-02"}
    assert list(SimUsage.objects.order_by("sim_card__iccid", "day").values_list("sim_card__iccid", "used_bytes")) == [
        (iccid(1), 10),
        (iccid(1), 20),
        (iccid(2), 2**53 - 1),
    ]
    assert SimCard.objects.get(iccid=iccid(2)).status == "unknown"
    assert SimCard.objects.get(iccid=iccid(1)).status == "active"
    assert result["created"] == 3


def test_real_names_leave_the_status_alone(carrier: CarrierServer) -> None:
    SimCardFactory(iccid=iccid(1), status="active")
    carrier.items["real-name"] = [{"iccid": iccid(1), "real_name_status": "rejected"}]

    sync("real_name")

    card = SimCard.objects.get()
    assert (card.status, card.real_name_status) == ("active", "rejected")


def test_duplicates_count_and_the_later_one_holds(carrier: CarrierServer) -> None:
    carrier.items["status"] = [*statuses(3), *statuses(2, "closed"), *statuses(3, "closed")]

    result = sync(batch_size=5)

    assert SimCard.objects.filter(status="closed").count() == 3
    assert (result["duplicates"], result["created"], result["changed"], result["unchanged"]) == (2, 3, 1, 2)


def test_bad_rows_are_listed_and_the_run_goes_on(carrier: CarrierServer) -> None:
    bad: list[Any] = [
        {"iccid": "abc", "status": "active"},
        {"iccid": iccid(1), "status": "melted"},
        {"iccid": iccid(1)},
        {"iccid": iccid(1), "status": ["active"]},
        "nonsense",
        None,
        {"iccid": 89, "status": "active"},
    ]
    carrier.items["status"] = [*statuses(1), *bad, *statuses(1, start=9)]

    result = sync(batch_size=4)

    assert set(SimCard.objects.values_list("iccid", flat=True)) == {iccid(0), iccid(9)}
    assert (result["bad"], result["seen"], result["created"]) == (7, 9, 2)
    run = SyncRun.objects.get()
    assert [(note["page"], note["row"], note["reason"]) for note in run.bad_rows[:3]] == [
        (1, 1, "iccid"),
        (1, 2, "status"),
        (1, 3, "status"),
    ]


@pytest.mark.parametrize(
    "item",
    [
        {"day": "2026-02-30", "used_bytes": 1},
        {"day": 20261101, "used_bytes": 1},
        {"day": "2026-11-01", "used_bytes": -1},
        {"day": "2026-11-01", "used_bytes": 2**53},
        {"day": "2026-11-01", "used_bytes": 1.5},
        {"day": "2026-11-01", "used_bytes": True},
    ],
)
def test_bad_usage_is_not_stored(carrier: CarrierServer, item: dict[str, Any]) -> None:
    carrier.items["usage"] = [{"iccid": iccid(1), **item}]

    assert sync("flow_usage")["bad"] == 1
    assert (SimUsage.objects.count(), SimCard.objects.count()) == (0, 0)


# --- when the carrier misbehaves ------------------------------------------------------------------------------------
def test_short_troubles_are_waited_out(carrier: CarrierServer, settings: Any) -> None:
    settings.CARRIER_TIMEOUT_SECONDS = 0.3
    carrier.items["status"] = statuses(3)
    carrier.interventions = [says(status=503), hangs_up, None, dawdles(0.6), says(b"<html>"), None]

    result = sync(batch_size=2)

    assert (result["seen"], SimCard.objects.count()) == (3, 3)


def test_retry_after_is_honoured(carrier: CarrierServer, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(carrier_client.time, "sleep", slept.append)
    carrier.items["status"] = statuses(1)
    carrier.interventions = [says(status=429, Retry_After="3")]

    sync()

    # Other threads of this process sleep too.
    assert 3.0 in slept
    assert len(carrier.requests) == 2


def test_a_long_retry_after_is_left_to_the_hub(carrier: CarrierServer) -> None:
    carrier.items["status"] = statuses(1)
    carrier.interventions = [says(status=429, Retry_After="120")]
    task_id = enqueue(DATA_SYNC, sync_type="sim_status")
    before = timezone.now()

    run_queued()

    task = Task.objects.get(task_id=task_id)
    assert task.status == TaskStatus.FAIL
    assert task.run_at >= before + dt.timedelta(seconds=119)
    assert len(carrier.requests) == 1
    retry_later()
    assert SimCard.objects.count() == 1


def test_a_dead_carrier_is_left_alone(carrier: CarrierServer) -> None:
    carrier.interventions = [says(status=500)] * 100
    task_ids = [enqueue(DATA_SYNC, sync_type="sim_status") for _ in range(10)]

    run_queued()

    assert len(carrier.requests) == 5
    assert {Task.objects.get(task_id=one).status for one in task_ids} == {TaskStatus.FAIL}
    with pytest.raises(CarrierUnavailable) as caught, carrier_client.Carrier() as client:
        client.statuses([iccid(1)])
    assert 25 <= (caught.value.retry_after_seconds or 0) <= 31


def test_a_circuit_that_had_its_pause_lets_one_through(carrier: CarrierServer, monkeypatch: pytest.MonkeyPatch) -> None:
    circuit = carrier_client.Circuit("test", pause_seconds=0.05)
    for _ in range(5):
        circuit.failed()
    assert circuit.wait_seconds() > 0
    carrier_client.time.sleep(0.06)

    assert [circuit.wait_seconds() > 0 for _ in range(3)] == [False, True, True]
    circuit.succeeded()
    assert circuit.wait_seconds() == 0


def test_a_wrong_key_stops_at_once(carrier: CarrierServer, settings: Any) -> None:
    settings.CARRIER_API_KEY = "wrong"
    task_id = enqueue(DATA_SYNC, sync_type="sim_status")

    run_queued()

    task, run = Task.objects.get(task_id=task_id), SyncRun.objects.get()
    assert (task.status, task.dead_reason, run.state) == (TaskStatus.DEAD, "not_recoverable", "failed")
    assert "401" in run.error
    assert len(carrier.requests) == 1


@pytest.mark.parametrize(
    "body",
    [
        {"items": {}},
        {"rows": []},
        {"items": [], "next_cursor": 5},
        {"items": [{}] * 501, "next_cursor": None},
    ],
)
def test_what_is_no_page_fails_clearly_after_its_retries(carrier: CarrierServer, body: dict[str, Any]) -> None:
    carrier.interventions = [says(body)] * 200
    task_id = enqueue(DATA_SYNC, sync_type="sim_status")
    Task.objects.update(max_retries=0)

    run_queued()

    task, run = Task.objects.get(task_id=task_id), SyncRun.objects.get()
    assert (task.status, task.dead_reason) == (TaskStatus.DEAD, "retries_used_up")
    assert (run.state, bool(run.error), run.finished_at is not None) == ("failed", True, True)


def test_a_list_that_never_ends_is_noticed(carrier: CarrierServer) -> None:
    endless = says({"items": statuses(1), "next_cursor": "again"})
    carrier.interventions = [endless, endless]
    enqueue(DATA_SYNC, sync_type="sim_status")

    run_queued()

    assert len(carrier.requests) == 2
    assert SyncRun.objects.get().pages == 1


# --- taken up again -------------------------------------------------------------------------------------------------
def test_a_run_goes_on_after_its_last_stored_page(carrier: CarrierServer) -> None:
    carrier.items["status"] = statuses(30)
    carrier.interventions = [None, None, says(status=429, Retry_After="60")]
    task_id = enqueue(DATA_SYNC, sync_type="sim_status", batch_size=10)
    run_queued()
    assert (SyncRun.objects.get().cursor, SimCard.objects.count()) == ("o20", 20)
    carrier.requests.clear()

    retry_later()

    assert [query.get("cursor") for _, _, query in carrier.requests] == ["o20"]
    result = result_of(task_id)
    assert (result["pages"], result["seen"], result["created"]) == (3, 30, 30)


def test_rows_and_checkpoint_commit_together(carrier: CarrierServer, monkeypatch: pytest.MonkeyPatch) -> None:
    carrier.items["status"] = statuses(20)
    monkeypatch.setattr(SyncRun, "save", lambda *_args, **_kwargs: 1 / 0)
    holder = Holder("t", 1)
    run = SyncRun(request_id="r", task_id="t", claim=str(holder), sync_type="sim_status", batch_size=10)
    SyncRun.objects.bulk_create([run])
    rows = [carrier_client.Carrier().page(SyncType.SIM_STATUS, carrier_client.Period(), size=10)]

    with pytest.raises(ZeroDivisionError):
        sim_sync.store_batch(run.pk, rows[0].rows, number=1, cursor="o10", holder=holder, actor=STAFF)

    assert (SimCard.objects.count(), SyncRun.objects.get().cursor) == (0, "")


def test_a_page_is_stored_once_whoever_comes_late(carrier: CarrierServer) -> None:
    holder = Holder("t", 1)
    run = SyncRunFactory(cursor="o20", pages=2, claim=str(holder))
    late = [StatusRow(iccid(1), "active")]

    now = sim_sync.store_batch(run.pk, late, number=2, cursor="o20", holder=holder, actor=STAFF)

    assert (now.pages, now.cursor, SimCard.objects.count()) == (2, "o20", 0)


def test_one_request_is_one_run(carrier: CarrierServer) -> None:
    carrier.items["status"] = statuses(3)
    first = enqueue(DATA_SYNC, sync_type="sim_status", request_id="r-1")
    run_queued()
    asked = len(carrier.requests)
    again = enqueue(DATA_SYNC, sync_type="sim_status", request_id="r-1")
    other = enqueue(DATA_SYNC, sync_type="real_name", request_id="r-1")

    run_queued()

    assert result_of(first) == result_of(again)
    assert len(carrier.requests) == asked
    assert Task.objects.get(task_id=other).dead_reason == "not_recoverable"
    assert IdempotencyKeyReused.__name__ in Task.objects.get(task_id=other).last_error


def test_a_failed_run_is_taken_up_by_a_person(carrier: CarrierServer) -> None:
    carrier.items["status"] = statuses(4)
    run = SyncRunFactory(request_id="r-1", cursor="o2", pages=1, batch_size=2, state="failed", error="HTTP 401")

    sync(batch_size=2, request_id="r-1")

    run.refresh_from_db()
    assert (run.state, run.error, run.pages, SimCard.objects.count()) == ("finished", "", 2, 2)


def test_a_cancelled_run_stops_between_pages(carrier: CarrierServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "CANCEL_ASKED_EVERY_SECONDS", 0.0)
    carrier.items["status"] = statuses(50)
    task_id = enqueue(DATA_SYNC, sync_type="sim_status", batch_size=10)
    carrier.before_each = lambda: live.set_cancel_flag(task_id, up_to_attempt=1)

    run_queued()

    assert Task.objects.get(task_id=task_id).dead_reason == "cancelled"
    assert (SimCard.objects.count(), SyncRun.objects.get().state, len(carrier.requests)) == (10, "failed", 1)


def test_the_hub_shows_the_progress(carrier: CarrierServer, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[int, str]] = []
    monkeypatch.setattr(
        tasks.current_run, "progress", lambda percent, text="": told.append((percent, text)), raising=False
    )
    carrier.items["status"] = statuses(30)

    sync(batch_size=10)

    assert [percent for percent, _ in told] == [33, 66, 99]
    assert all("10" in told[0][1] for _ in told)


@pytest.mark.django_db(transaction=True)
def test_two_runs_at_once_end_with_every_card_once() -> None:
    """The same new cards in opposite orders: one waits for the other, nobody is thrown out."""
    rows = [StatusRow(iccid(number), "active") for number in range(500)]
    start, failures = threading.Barrier(2), list[Exception]()

    def store(mine: list[StatusRow]) -> None:
        start.wait()
        try:
            for round_number in range(5):
                with transaction.atomic():
                    store_rows(mine[round_number::5], now=timezone.now(), actor=STAFF)
        except Exception as error:
            failures.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=store, args=(mine,)) for mine in (rows, rows[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert SimCard.objects.filter(status="active").count() == 500
