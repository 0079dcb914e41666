"""Asking for synchronisation, and for single cards (decision 28)."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from apps.audit.testing import recorded
from apps.core.errors import Invalid
from apps.orders.clients import carrier as carrier_client
from apps.orders.enums import SyncType
from apps.orders.errors import CarrierNotConfigured, CarrierRefused
from apps.orders.models import SimCard, SyncRun
from apps.orders.services.iccids import is_iccid, luhn_sum, with_check_digit
from apps.orders.services.sim_sync import SyncOrder, request_status_sync, request_sync
from apps.orders.task_names import DATA_SYNC, SIM_STATUS_SYNC
from apps.taskhub.models import Task
from apps.taskhub.services import enqueue
from apps.taskhub.testing import queued, run_queued
from tests.factories.orders import SimCardFactory
from tests.orders.carrier_server import CarrierServer, says
from tests.orders.sims import STAFF, iccid, result_of, statuses, sync

pytestmark = pytest.mark.django_db


# --- asking ---------------------------------------------------------------------------------------------------------
def test_a_request_is_queued_once_with_who_asked(carrier: CarrierServer) -> None:
    order = SyncOrder(SyncType.FLOW_USAGE, dt.date(2026, 11, 1), dt.date(2026, 11, 30), 200)
    first = request_sync(order, actor=STAFF, request_id="r-1", queue="low")  # type: ignore[arg-type]
    again = request_sync(order, actor=STAFF, request_id="r-1")

    assert first == again
    assert queued(DATA_SYNC) == [
        (
            DATA_SYNC,
            {
                "sync_type": "flow_usage",
                "start_date": "2026-11-01",
                "end_date": "2026-11-30",
                "batch_size": 200,
                "request_id": "r-1",
            },
        )
    ]
    assert Task.objects.get().queue == "low"
    assert [event["resource_id"] for event in recorded() if event["action"] == "triggered"] == [first]


@pytest.mark.parametrize(
    ("order", "field"),
    [
        (SyncOrder(SyncType.SIM_STATUS, batch_size=0), "batch_size"),
        (SyncOrder(SyncType.SIM_STATUS, batch_size=1001), "batch_size"),
        (SyncOrder(SyncType.SIM_STATUS, dt.date(2026, 11, 2), dt.date(2026, 11, 1)), "end_date"),
        (SyncOrder(SyncType.SIM_STATUS, dt.date(2024, 11, 2), dt.date(2026, 11, 1)), "end_date"),
    ],
)
def test_a_bad_order_is_refused_before_it_is_queued(carrier: CarrierServer, order: SyncOrder, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        request_sync(order, actor=STAFF)

    assert [error.field for error in caught.value.errors] == [field]
    assert Task.objects.count() == 0


def test_without_a_carrier_nothing_is_queued(settings: Any) -> None:
    settings.CARRIER_BASE_URL = ""
    with pytest.raises(CarrierNotConfigured):
        request_sync(SyncOrder(SyncType.SIM_STATUS), actor=STAFF)
    with pytest.raises(CarrierNotConfigured):
        request_status_sync([iccid(1)], force=False, actor=STAFF)
    assert Task.objects.count() == 0


@pytest.mark.parametrize("fields", [{"sync_type": "odd"}, {"sync_type": "sim_status", "start_date": "2026-13-01"}])
def test_a_task_with_wrong_arguments_stops(carrier: CarrierServer, fields: dict[str, str]) -> None:
    task_id = enqueue(DATA_SYNC, **fields)

    run_queued()

    assert Task.objects.get(task_id=task_id).dead_reason == "not_recoverable"
    assert SyncRun.objects.count() == 0


# --- single cards ---------------------------------------------------------------------------------------------------
def ask(*iccids: str, force: bool = False) -> dict[str, Any]:
    task_id = enqueue(SIM_STATUS_SYNC, iccids=list(iccids), force_sync=force)
    run_queued()
    return result_of(task_id)


def test_single_cards_are_asked_for_unless_they_are_fresh(carrier: CarrierServer) -> None:
    carrier.items["status"] = statuses(3)
    fresh = SimCardFactory(iccid=iccid(0), status="inactive", synced_at=timezone.now())
    SimCardFactory(iccid=iccid(1), status="active", synced_at=timezone.now() - dt.timedelta(hours=1))

    first = ask(iccid(0), iccid(1), iccid(2), iccid(77))
    second = ask(iccid(0), iccid(1), iccid(2))
    fresh.refresh_from_db()
    assert fresh.status == "inactive"
    forced = ask(iccid(0), iccid(1), force=True)

    assert (first["asked"], first["fresh"], first["created"], first["unknown"]) == (3, 1, 1, [iccid(77)])
    assert (second["asked"], second["fresh"]) == (0, 3)
    assert (forced["asked"], forced["changed"]) == (2, 1)
    fresh.refresh_from_db()
    assert fresh.status == "active"
    assert carrier.asked_cards == [[iccid(1), iccid(2), iccid(77)], [iccid(0), iccid(1)]]


def test_after_a_whole_run_no_card_is_stale(carrier: CarrierServer) -> None:
    carrier.items["status"] = statuses(2)
    SimCardFactory(iccid=iccid(0), status="active", synced_at=None)
    sync()

    assert ask(iccid(0), iccid(1))["asked"] == 0
    SyncRun.objects.update(started_at=timezone.now() - dt.timedelta(hours=1))
    assert ask(iccid(0))["asked"] == 1


def test_many_cards_are_asked_for_in_portions(carrier: CarrierServer) -> None:
    carrier.items["status"] = statuses(250)

    result = ask(*[iccid(number) for number in range(250)])

    assert [len(cards) for cards in carrier.asked_cards] == [100, 100, 50]
    assert result["created"] == 250


def test_the_carrier_can_not_slip_in_other_cards(carrier: CarrierServer) -> None:
    carrier.interventions = [says({"items": statuses(5)})]

    ask(iccid(1))

    assert list(SimCard.objects.values_list("iccid", flat=True)) == [iccid(1)]


def test_card_numbers_have_a_check_digit() -> None:
    # The textbook's number, and one of its digits changed.
    assert luhn_sum("79927398713") % 10 == 0
    assert luhn_sum("79927398710") % 10 != 0
    assert with_check_digit("8986000000000000001") == "89860000000000000019"
    assert is_iccid(iccid(5))
    wrong = iccid(5)[:-1] + str((int(iccid(5)[-1]) + 1) % 10)
    for text in (wrong, "", "abc", "8" * 17, "8" * 23, iccid(5) + "\n", "８" * 19):
        assert not is_iccid(text)


def test_wrong_numbers_are_named_and_duplicates_asked_once(carrier: CarrierServer) -> None:
    with pytest.raises(Invalid) as caught:
        request_status_sync([iccid(1), "123"], force=False, actor=STAFF)
    assert [(error.field, error.code) for error in caught.value.errors] == [("iccids.1", "invalid_iccid")]
    for wrong in ([], [iccid(1)] * 1001):
        with pytest.raises(Invalid):
            request_status_sync(wrong, force=False, actor=STAFF)

    request_status_sync([iccid(1), iccid(1)], force=True, actor=STAFF)

    [(_, arguments)] = queued(SIM_STATUS_SYNC)
    assert (arguments["iccids"], arguments["force_sync"]) == ([iccid(1)], True)


def test_the_key_goes_only_into_the_header(carrier: CarrierServer) -> None:
    carrier.interventions = [says(b"", status=302, Location="http://127.0.0.1:1/")]
    with pytest.raises(CarrierRefused), carrier_client.Carrier() as client:
        client.statuses([iccid(1)])
    assert len(carrier.requests) == 1
