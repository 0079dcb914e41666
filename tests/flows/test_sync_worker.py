"""kill -9 of a worker in the middle of a synchronisation: the next one goes on after the last stored page."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from django.db import connections

from apps.core.actor import SYSTEM
from apps.orders.enums import SyncType
from apps.orders.models import SimCard, SyncRun
from apps.orders.services.sim_sync import SyncOrder, request_sync
from apps.taskhub.models import Task
from tests.faults import processes
from tests.orders.carrier_server import KEY, carrier_serving

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.e2e, pytest.mark.timeout(300)]

CARDS, PAGE, STALLED_AT = 20_000, 1_000, 12
# The hub gives a lost attempt back within a minute.
RECOVERY_SECONDS = 150


def test_a_killed_worker_costs_no_page_twice(tmp_path: Path, settings) -> None:
    with carrier_serving() as carrier, processes.consumer(tmp_path), processes.beat(tmp_path):
        carrier.items["status"] = [{"iccid": f"8986{number:016d}", "status": "active"} for number in range(CARDS)]
        release = threading.Event()
        carrier.before_each = lambda: len(carrier.requests) == STALLED_AT and release.wait(60)
        settings.CARRIER_BASE_URL, settings.CARRIER_API_KEY = carrier.origin, KEY
        first = processes.worker(tmp_path, name="first", concurrency=1, **carrier.environment).start()
        task_id = request_sync(SyncOrder(SyncType.SIM_STATUS, batch_size=PAGE), actor=SYSTEM)
        processes.wait_until(
            lambda: len(carrier.requests) == STALLED_AT and SimCard.objects.count() == (STALLED_AT - 1) * PAGE,
            seconds=60,
            what="the worker waits for its twelfth page",
        )
        processes.wait_until(
            lambda: 0 < Task.objects.get(task_id=task_id).progress < 100, seconds=10, what="the hub shows the progress"
        )

        first.kill(children_too=True)
        release.set()
        with processes.worker(tmp_path, name="second", concurrency=1, **carrier.environment):
            processes.wait_until(
                lambda: Task.objects.get(task_id=task_id).status in ("success", "dead"),
                seconds=RECOVERY_SECONDS,
                what="the second worker has finished the run",
            )

        cursors = [query.get("cursor", "o0") for _, _, query in carrier.requests]
        # Only the page that was under way when the worker died is asked for twice.
        again = f"o{(STALLED_AT - 1) * PAGE}"
        assert [cursor for cursor in cursors if cursors.count(cursor) > 1] == [again, again]

    task, run = Task.objects.get(task_id=task_id), SyncRun.objects.get()
    assert (task.status, task.attempts, task.progress) == ("success", 2, 100)
    assert (run.state, run.pages, run.seen, run.created) == ("finished", CARDS // PAGE, CARDS, CARDS)
    assert SimCard.objects.count() == CARDS
    connections.close_all()
