"""What the carrier's data leaves behind goes after its time, and nothing before it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from apps.audit.testing import recorded
from apps.core.errors import IdempotencyKeyReused
from apps.orders.enums import SyncType
from apps.orders.models import SimCard, SimUsage, SyncRequest, SyncRun
from apps.orders.services import sim_retention
from apps.orders.services.sim_retention import forget_old_sim_data
from apps.orders.services.sim_sync import SyncOrder, request_sync
from apps.orders.task_names import FORGET_OLD_SIM_DATA
from apps.scheduler.models import ScheduledTask
from apps.taskhub.models import Task
from apps.taskhub.services import enqueue
from apps.taskhub.testing import run_queued
from tests.factories.orders import SimCardFactory, SimUsageFactory, SyncRequestFactory, SyncRunFactory
from tests.orders.carrier_server import CarrierServer
from tests.orders.sims import STAFF, statuses

pytestmark = pytest.mark.django_db

OLD, YOUNG = dt.timedelta(days=90, hours=1), dt.timedelta(days=89)


@pytest.fixture
def now() -> dt.datetime:
    return timezone.now()


def request(request_id: str, created_at: dt.datetime) -> SyncRequest:
    made = SyncRequestFactory(request_id=request_id)
    SyncRequest.objects.filter(pk=made.pk).update(created_at=created_at)
    return made


def test_usage_goes_after_400_days(now: dt.datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sim_retention, "BATCH", 2)
    card, today = SimCardFactory(), timezone.localdate(now)
    for days in (0, 399, 400, 401, 402, 403, 900):
        SimUsageFactory(sim_card=card, day=today - dt.timedelta(days=days))

    assert forget_old_sim_data(now=now) == {"usage": 4, "runs": 0, "requests": 0}

    assert {(today - day).days for day in SimUsage.objects.values_list("day", flat=True)} == {0, 399, 400}
    assert (SimCard.objects.count(), recorded()) == (1, [])
    assert forget_old_sim_data(now=now) == {"usage": 0, "runs": 0, "requests": 0}


def test_runs_that_ended_go_and_one_that_is_running_stays(now: dt.datetime) -> None:
    for state in ("finished", "failed"):
        SyncRunFactory(state=state, finished_at=now - OLD)
    kept = [SyncRunFactory(state="finished", finished_at=now - YOUNG), SyncRunFactory(state="running")]
    SyncRun.objects.update(started_at=now - dt.timedelta(days=200))

    assert forget_old_sim_data(now=now)["runs"] == 2

    assert list(SyncRun.objects.order_by("pk")) == kept


def test_a_request_stays_as_long_as_its_run(now: dt.datetime) -> None:
    request("gone", now - OLD)
    kept = [request("young", now - YOUNG), request("running", now - OLD), request("ended", now - OLD)]
    SyncRunFactory(request_id="running")
    SyncRunFactory(request_id="ended", state="finished", finished_at=now - YOUNG)

    assert forget_old_sim_data(now=now)["requests"] == 1

    assert list(SyncRequest.objects.order_by("pk")) == kept


def test_a_forgotten_request_id_is_new(carrier: CarrierServer, now: dt.datetime) -> None:
    carrier.items["status"] = statuses(1)
    first = request_sync(SyncOrder(SyncType.SIM_STATUS), actor=STAFF, request_id="r-1")
    run_queued()
    other: Any = SyncOrder(SyncType.REAL_NAME)
    with pytest.raises(IdempotencyKeyReused):
        request_sync(other, actor=STAFF, request_id="r-1")

    forget_old_sim_data(now=now + dt.timedelta(days=91))
    second = request_sync(other, actor=STAFF, request_id="r-1")
    run_queued()

    assert second != first
    assert Task.objects.get(task_id=second).result["state"] == "finished"


def test_the_task_runs_every_night() -> None:
    SyncRunFactory(state="failed", finished_at=timezone.now() - OLD)

    task_id = enqueue(FORGET_OLD_SIM_DATA)
    run_queued()

    assert Task.objects.get(task_id=task_id).result == {"usage": 0, "runs": 1, "requests": 0}
    assert ScheduledTask.objects.filter(uid="orders.forget_old_sim_data").exists()
