"""A question for single cards tells the audit log how it ended, as a run does."""

from __future__ import annotations

from typing import Any

import pytest

from apps.audit.testing import recorded
from apps.orders.services.sim_sync import request_status_sync
from apps.taskhub.services import cancel_task
from apps.taskhub.testing import run_queued
from tests.factories.orders import SimCardFactory
from tests.orders.carrier_server import CarrierServer, says
from tests.orders.sims import STAFF, iccid, retry_later, statuses

pytestmark = pytest.mark.django_db


def ends() -> list[dict[str, Any]]:
    return [event for event in recorded() if event["action"] == "synchronised"]


def ask(*numbers: int) -> str:
    return request_status_sync([iccid(number) for number in numbers], force=False, actor=STAFF)


def test_the_counts_are_told_once_by_who_asked(carrier: CarrierServer) -> None:
    carrier.items["status"] = statuses(2)
    SimCardFactory(iccid=iccid(0), status="closed")
    task_id = ask(0, 1, 77)

    run_queued()

    [event] = ends()
    assert (event["resource_type"], event["resource_id"]) == ("sim_sync", task_id)
    assert (event["resource_label"], event["actor_id"]) == (f"{iccid(0)} +2", STAFF.id)
    assert event["data"] == {"asked": 3, "fresh": 0, "created": 1, "changed": 1, "unknown": 1}


def test_an_attempt_that_another_follows_is_no_end(carrier: CarrierServer) -> None:
    carrier.items["status"] = statuses(1)
    carrier.interventions = [says(status=429, Retry_After="60")]
    ask(0)

    run_queued()
    assert ends() == []
    retry_later()

    assert [event["data"]["created"] for event in ends()] == [1]


def test_a_question_that_failed_says_why(carrier: CarrierServer, settings: Any) -> None:
    settings.CARRIER_API_KEY = "wrong"
    refused = ask(0)
    run_queued()
    cancelled = ask(0)
    cancel_task(cancelled, actor=STAFF, reason="not needed")

    assert [(event["resource_id"], event["data"]["state"]) for event in ends()] == [
        (refused, "failed"),
        (cancelled, "failed"),
    ]
    assert "401" in ends()[0]["data"]["error"]
    assert "cancelled" in ends()[1]["data"]["error"]
