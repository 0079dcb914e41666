"""Tables and indexes by the customer's names (decision 3, I.1)."""

from __future__ import annotations

import pytest
from django.db import connection

pytestmark = pytest.mark.django_db

TABLES = {"audit_events", "audit_outbox", "audit_dead", "audit_sequence", "audit_pass"}
INDEXES = {
    "idx_audit_time": ["timestamp", "seq"],
    "idx_audit_object": ["resource_type", "resource_id", "timestamp", "seq"],
    "idx_audit_type_action": ["resource_type", "action", "timestamp", "seq"],
    "idx_audit_action": ["action", "timestamp", "seq"],
    "idx_audit_actor": ["actor_id", "timestamp", "seq"],
    "idx_audit_actor_label": ["actor_label", "timestamp", "seq"],
    "idx_audit_subsystem": ["subsystem", "timestamp", "seq"],
    "idx_audit_status": ["status", "timestamp", "seq"],
    "idx_audit_client_ip": ["client_ip", "timestamp", "seq"],
    "idx_audit_request": ["request_id"],
}


def test_tables_and_indexes_stand_under_their_names() -> None:
    with connection.cursor() as cursor:
        tables = set(connection.introspection.table_names(cursor))
        constraints = connection.introspection.get_constraints(cursor, "audit_events")

    assert tables >= TABLES
    assert {name: constraints[name]["columns"] for name in INDEXES} == INDEXES


@pytest.mark.parametrize("table", sorted(TABLES))
def test_no_table_of_the_log_has_a_foreign_key(table: str) -> None:
    with connection.cursor() as cursor:
        constraints = connection.introspection.get_constraints(cursor, table)

    assert [name for name, about in constraints.items() if about["foreign_key"]] == []
