"""What the carrier's rows do to the tables, and what its pages may claim: freshness, events, loads, odd cursors."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.audit.testing import recorded
from apps.core.actor import Actor
from apps.orders.clients.carrier_rows import RealNameRow, StatusRow, UsageRow
from apps.orders.models import SimCard, SyncRun
from apps.orders.services.iccids import with_check_digit
from apps.orders.services.sim_batches import store_rows
from apps.orders.services.sim_cards import stale_among
from apps.orders.task_names import DATA_SYNC
from apps.taskhub.enums import TaskStatus
from apps.taskhub.models import Task
from apps.taskhub.services import enqueue
from apps.taskhub.testing import run_queued
from tests.factories.orders import SimCardFactory, SimUsageFactory, SyncRunFactory
from tests.orders.carrier_server import CarrierServer, says

pytestmark = pytest.mark.django_db

STAFF = Actor.command("test")


def iccid(number: int) -> str:
    return with_check_digit(f"898600{number:013d}")


def store(*rows: Any) -> None:
    store_rows(rows, now=timezone.now(), actor=STAFF)


# --- events ---------------------------------------------------------------------------------------------------------
def test_changed_cards_take_as_many_statements_however_many_they_are() -> None:
    store(*[StatusRow(iccid(number), "active") for number in range(22)])

    with CaptureQueriesContext(connection) as two:
        store(*[StatusRow(iccid(number), "suspended") for number in range(2)])
    with CaptureQueriesContext(connection) as twenty:
        store(*[StatusRow(iccid(number), "suspended") for number in range(2, 22)])

    assert len(two) == len(twenty)
    events = [event for event in recorded() if event["resource_type"] == "sim_card"]
    assert len(events) == 22
    assert {(event["old"]["status"], event["new"]["status"]) for event in events} == {("active", "suspended")}


# --- freshness ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "row", [RealNameRow(iccid(1), "verified"), UsageRow(iccid(1), dt.date(2026, 11, 1), 5)], ids=["real_name", "usage"]
)
@pytest.mark.parametrize("is_known", [True, False])
def test_only_news_of_the_status_makes_a_card_fresh(row: Any, is_known: bool) -> None:
    long_ago = timezone.now() - dt.timedelta(days=1)
    if is_known:
        SimCardFactory(iccid=iccid(1), status="active", synced_at=long_ago)

    store(row)

    assert SimCard.objects.get().synced_at == (long_ago if is_known else None)
    assert stale_among([iccid(1)], now=timezone.now()) == [iccid(1)]
    store(StatusRow(iccid(1), "closed"))
    assert stale_among([iccid(1)], now=timezone.now()) == []


def test_after_a_whole_run_cards_without_a_status_are_still_asked_for() -> None:
    SyncRunFactory(state="finished")
    SimCardFactory(iccid=iccid(1), status="active", synced_at=timezone.now() - dt.timedelta(days=1))
    store(UsageRow(iccid(2), dt.date(2026, 11, 1), 5))

    assert stale_among([iccid(1), iccid(2), iccid(3)], now=timezone.now()) == [iccid(2), iccid(3)]


# --- loads ----------------------------------------------------------------------------------------------------------
def test_usage_looks_at_the_days_of_the_page_not_at_those_between() -> None:
    card = SimCardFactory(iccid=iccid(1))
    for day in range(1, 31):
        SimUsageFactory(sim_card=card, day=dt.date(2026, 11, day), used_bytes=1)

    with CaptureQueriesContext(connection) as queries:
        store(UsageRow(iccid(1), dt.date(2026, 11, 1), 1), UsageRow(iccid(1), dt.date(2026, 11, 30), 2))

    [look] = [one["sql"] for one in queries if one["sql"].startswith("SELECT") and "sim_usage" in one["sql"]]
    with connection.cursor() as cursor:
        cursor.execute(look)
        assert len(cursor.fetchall()) == 2
    assert [card.usage.get(day=dt.date(2026, 11, day)).used_bytes for day in (1, 2, 30)] == [1, 1, 2]


# --- odd pages ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("told", "kept"), [(10**12, 0), (2**31, 0), (2**31 - 1, 2**31 - 1), (True, 0), (-1, 0), ("7", 0), (7, 7)]
)
def test_a_total_that_is_no_number_of_rows_counts_as_none(carrier: CarrierServer, told: Any, kept: int) -> None:
    carrier.interventions = [says({"items": [{"iccid": iccid(1), "status": "active"}], "total": told})]
    task_id = enqueue(DATA_SYNC, sync_type="sim_status")

    run_queued()

    task = Task.objects.get(task_id=task_id)
    assert task.status == TaskStatus.SUCCESS, task.last_error
    assert (SyncRun.objects.get().total, SimCard.objects.count()) == (kept, 1)


def test_a_cursor_with_nul_is_refused_before_anything_is_stored(carrier: CarrierServer) -> None:
    carrier.interventions = [says({"items": [{"iccid": iccid(1), "status": "active"}], "next_cursor": "a\0b"})]
    task_id = enqueue(DATA_SYNC, sync_type="sim_status")

    run_queued()

    task = Task.objects.get(task_id=task_id)
    assert (task.status, SimCard.objects.count()) == (TaskStatus.FAIL, 0)
    assert "CarrierAnswerUnusable" in task.last_error


def test_a_circle_of_cursors_is_noticed(carrier: CarrierServer) -> None:
    pages = [says({"items": [], "next_cursor": cursor}) for cursor in "ababababab"]
    carrier.interventions = [*pages, says({"items": [], "next_cursor": None})]
    task_id = enqueue(DATA_SYNC, sync_type="sim_status")

    run_queued()

    # "", a, b: the third answer points back to a.
    assert len(carrier.requests) == 3
    assert Task.objects.get(task_id=task_id).status == TaskStatus.FAIL
