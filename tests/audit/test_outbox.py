"""Both ways of writing the row do the same; the prepared one is only taken when nobody watches the statements."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from apps.audit.models import OutboxEntry
from apps.audit.services import outbox

only_postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="the prepared way is PostgreSQL's")
BODIES = ["{}", '{"text":"八角志 \'quoted\' \\\\ %s $1"}', '{"long":"' + "x" * 500_000 + '"}']


def bodies() -> list[str]:
    return list(OutboxEntry.objects.order_by("id").values_list("body", flat=True))


@pytest.mark.django_db
@pytest.mark.parametrize("body", BODIES)
def test_the_row_holds_exactly_the_body(body: str) -> None:
    outbox.append(connection, body)

    assert bodies() == [body]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("body", BODIES)
def test_as_first_statement_of_a_transaction_it_is_part_of_it(body: str) -> None:
    with transaction.atomic():
        outbox.append(connection, body)
        transaction.set_rollback(True)
    assert bodies() == []

    with transaction.atomic():
        outbox.append(connection, body)
        outbox.append(connection, "second")

    assert bodies() == [body, "second"]


@pytest.mark.django_db
def test_whoever_counts_statements_sees_it(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        outbox.append(connection, "{}")


@only_postgresql
@pytest.mark.django_db
def test_otherwise_it_is_prepared_once_and_goes_past_djangos_cursor(monkeypatch: pytest.MonkeyPatch) -> None:
    OutboxEntry.objects.exists()
    with monkeypatch.context() as patched:
        patched.setattr(connection, "cursor", None)
        for _ in range(3):
            outbox.append(connection, "{}")

    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE 'INSERT INTO audit_outbox%'")
        assert cursor.fetchone() == (1,)
    assert bodies() == ["{}"] * 3


@only_postgresql
@pytest.mark.django_db
def test_behind_a_transaction_pooler_nothing_is_prepared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connection.settings_dict, "DISABLE_SERVER_SIDE_CURSORS", True)
    monkeypatch.setattr(outbox, "_append_prepared", None)

    outbox.append(connection, "{}")

    assert bodies() == ["{}"]


@only_postgresql
@pytest.mark.django_db(transaction=True)
def test_it_works_on_after_rollbacks_and_dropped_objects() -> None:
    for statement in ("SELECT 1", "CREATE TABLE outbox_test (id int)", "DROP TABLE outbox_test"):
        with transaction.atomic():
            outbox.append(connection, "kept")
            with transaction.atomic():
                outbox.append(connection, "lost")
                transaction.set_rollback(True)
        with connection.cursor() as cursor:
            cursor.execute(statement)

    assert bodies() == ["kept"] * 3


@only_postgresql
@pytest.mark.django_db(transaction=True)
def test_an_error_of_the_prepared_way_is_djangos_and_ends_the_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "_INSERT", "INSERT INTO audit_outbox (ghost) VALUES (%s)")

    @transaction.atomic
    def change() -> None:
        OutboxEntry.objects.create(body="lost")
        outbox.append(connection, "{}")

    with pytest.raises(DatabaseError, match="ghost"):
        change()

    assert bodies() == []
