"""Events without a change never hold up or fail what they observe."""

from __future__ import annotations

import time
import uuid
from typing import Any

import pytest
import redis
import structlog
from django.contrib.auth.models import Group

from apps.audit.enums import Action, Status
from apps.audit.models import AuditEvent
from apps.audit.registry import ResourceRef
from apps.audit.services import observe, observing
from apps.audit.services.observing import store_observed
from apps.audit.services.streams import STREAM
from apps.audit.streams import OBSERVED
from apps.audit.testing import observed, relay_all
from apps.core.actor import ANONYMOUS
from apps.core.streams import Message
from tests.audit.conftest import ALICE

THING = ResourceRef("testGroup", "7", "Seven")
pytestmark = pytest.mark.usefixtures("group_resource")


@pytest.mark.django_db
def test_a_refusal_becomes_an_event_without_objects() -> None:
    observe(Action.LOGIN, THING, actor=ANONYMOUS, status=Status.FAILED, error="wrong password", reason="try 3")
    assert AuditEvent.objects.count() == 0

    relay_all()

    event = AuditEvent.objects.get()
    assert (event.action, event.status, event.error_message, event.reason) == (
        "login",
        "failed",
        "wrong password",
        "try 3",
    )
    assert (event.actor_kind, event.resource_id, event.seq) == ("anonymous", "7", 1)
    assert event.old_object is event.new_object is None
    assert STREAM.length() == 0


@pytest.mark.django_db
def test_a_model_instance_can_be_observed() -> None:
    observe(Action.READ, Group(pk=4, name="editors"), actor=ALICE)

    [event] = observed()
    assert (event["resource_id"], event["resource_label"]) == ("4", "editors")


@pytest.mark.django_db
def test_a_message_delivered_twice_is_written_once_and_leaves_no_gap() -> None:
    observe(Action.READ, THING, actor=ALICE)
    [body] = observed()
    other = {**body, "id": uuid.uuid4().hex}

    store_observed([Message("1-0", body)])
    store_observed([Message("1-0", body), Message("2-0", other), Message("3-0", other)])

    assert list(AuditEvent.objects.order_by("seq").values_list("seq", flat=True)) == [1, 2]


def test_batches_are_100_or_what_came_within_a_second() -> None:
    assert (OBSERVED.batch_size, OBSERVED.linger_seconds) == (100, 1.0)


@pytest.mark.parametrize("port_answers", [False, True])
def test_while_redis_is_away_the_event_is_dropped_at_once(
    settings: Any, port_answers: bool, silent_port: int, closed_port: int
) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{silent_port if port_answers else closed_port}/0"

    with structlog.testing.capture_logs() as logs:
        started = time.perf_counter()
        observe(Action.READ, THING, actor=ALICE)
        first = time.perf_counter() - started
        for _ in range(100):
            observe(Action.READ, THING, actor=ALICE)
        rest = time.perf_counter() - started - first

    assert first < 0.6
    assert rest < 0.2
    assert [line["event"] for line in logs] == ["audit_event_dropped"] * 101
    assert {line["reason"] for line in logs} == {"redis away"}


def test_a_full_backlog_drops_the_event_instead_of_an_older_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observing, "STREAM", type(STREAM)(STREAM.name, maxlen=2))
    for _ in range(2):
        observe(Action.READ, THING, actor=ALICE)
    observing.gate.open()
    before = observed()

    with structlog.testing.capture_logs() as logs:
        observe(Action.READ, THING, actor=ALICE)

    assert observed() == before
    assert [line["reason"] for line in logs] == ["backlog full"]


@pytest.mark.parametrize(
    ("action", "ref", "data"),
    [(Action.READ, ResourceRef("nothing", "1"), None), ("exploded", THING, None), (Action.READ, object(), None)],
)
def test_a_wrong_observation_is_refused_and_logged_but_never_raises(action: Any, ref: Any, data: Any) -> None:
    with structlog.testing.capture_logs() as logs:
        observe(action, ref, actor=ALICE, data=data)

    assert observed() == []
    assert [line["event"] for line in logs] == ["audit_event_dropped"]


def test_it_does_not_raise_on_any_redis_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any) -> None:
        raise redis.ResponseError("OOM command not allowed")

    monkeypatch.setattr(type(STREAM), "publish", full)

    observe(Action.READ, THING, actor=ALICE)

    assert observed() == []
