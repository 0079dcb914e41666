"""Transactional tests empty the tables behind them; outside tests the log refuses that."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth.models import Group
from django.core.management import CommandError
from django.core.management.commands.flush import Command as DjangoFlush
from django.db import DatabaseError, connection, connections, transaction

from apps.audit.models import AuditEvent, RemovalPass
from apps.audit.services.passes import removal_pass
from tests.factories.audit import AuditEventFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("turn", [1, 2])
def test_each_transactional_test_starts_with_an_empty_log(turn: int) -> None:
    assert AuditEvent.objects.count() == 0
    assert RemovalPass.objects.count() == 0

    AuditEventFactory()
    Group.objects.create(name=f"turn {turn}")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_events SET action = 'read'",
        "DELETE FROM audit_events",
        "TRUNCATE TABLE audit_events",
        "REPLACE INTO audit_events SELECT * FROM audit_events",
    ],
)
def test_the_database_refuses_to_change_or_remove_an_event(statement: str) -> None:
    if statement.startswith("TRUNCATE") and connection.vendor != "postgresql":
        pytest.skip("only PostgreSQL has triggers on TRUNCATE")
    if statement.startswith("REPLACE") and connection.vendor == "postgresql":
        pytest.skip("PostgreSQL has no REPLACE")
    event = AuditEventFactory(action="created")

    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)

    assert list(AuditEvent.objects.values_list("pk", "action")) == [(event.pk, "created")]


def test_the_products_own_flush_is_refused() -> None:
    event = AuditEventFactory()

    with pytest.raises(CommandError), transaction.atomic():
        DjangoFlush().handle(database="default", interactive=False, verbosity=0, reset_sequences=False)

    assert AuditEvent.objects.get().pk == event.pk


def test_a_pass_lets_its_own_transaction_remove_events_and_is_gone_with_it() -> None:
    old, kept = AuditEventFactory(), AuditEventFactory()

    with removal_pass():
        AuditEvent.objects.filter(pk=old.pk).delete()

    assert list(AuditEvent.objects.values_list("pk", flat=True)) == [kept.pk]
    assert RemovalPass.objects.count() == 0
    with pytest.raises(DatabaseError, match="append-only"):
        AuditEvent.objects.filter(pk=kept.pk).delete()


def test_a_failed_removal_leaves_everything_as_it_was_and_no_pass_open() -> None:
    event = AuditEventFactory()

    @transaction.atomic
    def fail() -> None:
        with removal_pass():
            AuditEvent.objects.all().delete()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()

    assert AuditEvent.objects.get().pk == event.pk
    assert RemovalPass.objects.count() == 0


def test_nobody_else_sees_an_open_pass() -> None:
    if connection.vendor == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    AuditEventFactory()

    def remove_elsewhere() -> None:
        try:
            if connection.vendor == "mysql":
                # There the trigger waits until the pass is gone before it refuses.
                with connection.cursor() as cursor:
                    cursor.execute("SET innodb_lock_wait_timeout = 1")
            AuditEvent.objects.all().delete()
        finally:
            connections.close_all()

    with removal_pass(), ThreadPoolExecutor(1) as pool:
        error = pool.submit(remove_elsewhere).exception()

    assert isinstance(error, DatabaseError)
    assert AuditEvent.objects.count() == 1
