"""The relay moves every entry exactly once, whoever else relays, and no bad entry stops it."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import pytest
import structlog
from django.db import OperationalError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from apps.audit.enums import Action
from apps.audit.models import AuditEvent, DeadEntry, OutboxEntry, Sequence
from apps.audit.registry import ResourceRef
from apps.audit.services import record, relay
from apps.audit.streams import RELAY
from apps.audit.testing import recorded
from tests.audit.conftest import ALICE
from tests.factories.audit import AuditEventFactory, OutboxEntryFactory

pytestmark = pytest.mark.usefixtures("group_resource")


def write(count: int) -> None:
    with transaction.atomic():
        for number in range(count):
            record(Action.ENABLED, ResourceRef("testGroup", str(number)), actor=ALICE)


@pytest.mark.django_db
def test_an_empty_outbox_costs_one_query(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        assert relay.relay_batch() == 0


@pytest.mark.django_db
def test_events_keep_the_order_and_get_numbers_without_gaps() -> None:
    write(5)

    assert relay.relay_batch(limit=3) == 3
    assert relay.relay_batch(limit=3) == 2

    events = AuditEvent.objects.order_by("seq").values_list("seq", "resource_id")
    assert list(events) == [(1, "0"), (2, "1"), (3, "2"), (4, "3"), (5, "4")]
    assert recorded() == []


@pytest.mark.django_db
def test_a_batch_costs_the_same_for_2_and_20_entries() -> None:
    write(1)
    relay.relay_batch()

    costs = []
    for count in (2, 20):
        write(count)
        with CaptureQueriesContext(connection) as queries:
            assert relay.relay_batch() == count
        costs.append(len(queries))

    assert costs[0] == costs[1] <= 10


@pytest.mark.django_db
def test_large_events_go_in_several_statements() -> None:
    large = {"body": "x" * 65_000}
    with transaction.atomic():
        for number in range(70):
            record(Action.UPDATED, ResourceRef("testGroup", str(number)), actor=ALICE, old={**large, "n": 0}, new=large)

    relay.relay_batch()

    assert AuditEvent.objects.count() == 70
    assert AuditEvent.objects.order_by("seq")[69].new == large


@pytest.mark.django_db
def test_the_loop_says_whether_more_is_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "BATCH_SIZE", 2)
    monkeypatch.setattr(relay.relay_batch, "__defaults__", (2,))
    write(3)

    assert [RELAY.run(), RELAY.run(), RELAY.run()] == [True, False, False]
    assert AuditEvent.objects.count() == 3


@pytest.mark.django_db
def test_numbers_go_on_when_the_counter_row_was_lost() -> None:
    AuditEventFactory(seq=41)
    Sequence.objects.all().delete()
    write(1)

    relay.relay_batch()

    assert list(AuditEvent.objects.order_by("seq").values_list("seq", flat=True)) == [41, 42]


@pytest.mark.django_db
@pytest.mark.parametrize("body", ["no json", "{}", "[]", '{"id": "x", "timestamp": 1, "action": "read"}', "null"])
def test_an_unreadable_entry_is_set_aside_and_the_rest_goes_on(body: str) -> None:
    write(1)
    bad = OutboxEntryFactory(body=body)
    write(1)

    with structlog.testing.capture_logs() as logs:
        relay.relay_batch()

    assert AuditEvent.objects.count() == 2
    assert OutboxEntry.objects.count() == 0
    dead = DeadEntry.objects.get()
    assert (dead.outbox_id, dead.body) == (bad.pk, body)
    assert [line["event"] for line in logs] == ["audit_entry_dead"]


@pytest.mark.django_db
def test_an_entry_that_the_database_refuses_is_found_by_halving() -> None:
    write(7)
    taken = AuditEvent(pk=uuid.UUID(recorded()[4]["id"]))
    AuditEventFactory(pk=taken.pk, seq=1000)

    relay.relay_batch()

    assert AuditEvent.objects.count() == 7
    assert "IntegrityError" in DeadEntry.objects.get().error
    moved = AuditEvent.objects.exclude(seq=1000).order_by("seq").values_list("seq", "resource_id")
    start = moved[0][0]
    assert list(moved) == [(start + step, name) for step, name in enumerate(["0", "1", "2", "3", "5", "6"])]


@pytest.mark.django_db(transaction=True)
def test_while_the_database_fails_nothing_is_declared_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    write(2)

    def away(*args: Any) -> None:
        raise OperationalError("server closed the connection")

    monkeypatch.setattr(relay, "_number_and_insert", away)
    with pytest.raises(OperationalError):
        relay.relay_batch()

    assert OutboxEntry.objects.count() == 2
    assert DeadEntry.objects.count() == 0


@pytest.mark.django_db
def test_texts_that_a_column_cannot_hold_are_made_to_fit() -> None:
    ref = ResourceRef("testGroup", "7" * 300, "nul\x00" + "x" * 400)
    with transaction.atomic():
        record(Action.ENABLED, ref, actor=ALICE, reason="a\x00b", data={"a": "nul\x00"})

    relay.relay_batch()

    event = AuditEvent.objects.get()
    assert event.resource_id == "7" * 255
    assert event.resource_label == ("nul\ufffd" + "x" * 400)[:255]
    assert event.reason == "a\ufffdb"
    assert DeadEntry.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_several_relays_and_writers_at_once_lose_and_double_nothing() -> None:
    writers, relays, each = 3, 3, 40
    writing = threading.Event()
    writing.set()

    def keep_writing() -> None:
        for _ in range(each):
            write(2)

    def keep_relaying() -> None:
        while relay.relay_batch(limit=7) or writing.is_set():
            pass

    with ThreadPoolExecutor(writers + relays) as pool:
        relaying = [pool.submit(alone, keep_relaying) for _ in range(relays)]
        written = [pool.submit(alone, keep_writing) for _ in range(writers)]
        wait(written)
        writing.clear()
    for work in [*written, *relaying]:
        work.result()
    relay.relay_batch()

    total = writers * each * 2
    assert sorted(AuditEvent.objects.values_list("seq", flat=True)) == list(range(1, total + 1))
    assert OutboxEntry.objects.count() == 0
    assert DeadEntry.objects.count() == 0


def alone(work: Callable[[], None]) -> None:
    """Run in a thread with a connection of its own, closed at the end."""
    try:
        work()
    finally:
        connections.close_all()
