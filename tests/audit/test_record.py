"""A change and its event commit together or not at all."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import orjson
import pytest
from django.contrib.auth.models import Group, Permission
from django.db import DatabaseError, connection, transaction

from apps.audit.enums import Action
from apps.audit.errors import OutsideTransaction, UnknownResource, WrongShape
from apps.audit.models import OutboxEntry
from apps.audit.registry import BoundResource, ResourceRef
from apps.audit.services import payload, record, reference, snapshot
from apps.audit.testing import recorded
from apps.core import context
from apps.core.actor import SYSTEM
from tests.audit.conftest import ALICE

THING = ResourceRef("testGroup", "7", "Seven")
pytestmark = pytest.mark.usefixtures("group_resource")


@pytest.mark.django_db(transaction=True)
def test_the_event_commits_with_the_change() -> None:
    with transaction.atomic():
        group = Group.objects.create(name="editors")
        record(Action.CREATED, group, actor=ALICE)

    [event] = recorded()
    assert event["action"] == "created"
    assert (event["resource_type"], event["resource_id"], event["resource_label"]) == (
        "testGroup",
        str(group.pk),
        "editors",
    )
    assert (event["actor_kind"], event["actor_id"], event["actor_label"]) == ("user", "3", "alice")
    assert event["new"] == {"id": group.pk, "name": "editors"}
    assert "old" not in event
    assert event["status"] == "success"


@pytest.mark.django_db(transaction=True)
def test_a_rolled_back_change_leaves_no_event() -> None:
    before = Group.objects.count()

    with transaction.atomic():
        record(Action.CREATED, Group.objects.create(name="editors"), actor=ALICE)
        transaction.set_rollback(True)

    assert recorded() == []
    assert Group.objects.count() == before


@pytest.mark.django_db(transaction=True)
def test_a_rolled_back_savepoint_takes_its_event_along() -> None:
    with transaction.atomic():
        record(Action.ENABLED, THING, actor=ALICE)
        with transaction.atomic():
            record(Action.DISABLED, THING, actor=ALICE)
            transaction.set_rollback(True)

    assert [event["action"] for event in recorded()] == ["enabled"]


@pytest.mark.django_db(transaction=True)
def test_the_change_does_not_stand_when_its_event_cannot_be_written() -> None:
    def refuse(execute: Any, sql: str, *args: Any) -> Any:
        if "audit_outbox" in sql:
            raise DatabaseError("disk full")
        return execute(sql, *args)

    with pytest.raises(DatabaseError), connection.execute_wrapper(refuse), transaction.atomic():
        record(Action.CREATED, Group.objects.create(name="nobody"), actor=ALICE)

    assert not Group.objects.filter(name="nobody").exists()


@pytest.mark.django_db(transaction=True)
def test_outside_a_transaction_it_refuses_and_writes_nothing() -> None:
    with pytest.raises(OutsideTransaction):
        record(Action.ENABLED, THING, actor=ALICE)

    assert recorded() == []


@pytest.mark.django_db
@pytest.mark.parametrize("subject", [ResourceRef("nothing", "1"), Permission(pk=1)])
def test_an_unknown_resource_is_refused(subject: Any) -> None:
    with pytest.raises(UnknownResource):
        record(Action.ENABLED, subject, actor=ALICE)

    assert recorded() == []


@pytest.mark.django_db
def test_an_unknown_action_is_refused() -> None:
    with pytest.raises(ValueError, match="exploded"):
        record("exploded", THING, actor=ALICE)  # type: ignore[arg-type]

    assert recorded() == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("action", "objects"),
    [
        (Action.CREATED, {"old": {}, "new": {}}),
        (Action.DELETED, {"old": {}, "new": {}}),
        (Action.UPDATED, {"new": {}}),
        (Action.UPDATED, {"old": {}}),
        (Action.UPDATED, {}),
    ],
)
def test_the_objects_must_fit_the_action(action: Action, objects: dict[str, Any]) -> None:
    with pytest.raises(WrongShape):
        record(action, THING, actor=ALICE, **objects)

    assert recorded() == []


@pytest.mark.django_db
def test_an_update_holds_both_objects_and_what_differs() -> None:
    group = Group.objects.create(name="editors")
    before = snapshot(group)
    group.name = "reviewers"

    record(Action.UPDATED, group, actor=ALICE, old=before, new=snapshot(group), reason="renamed by the board")

    [event] = recorded()
    assert event["old"] == {"id": group.pk, "name": "editors"}
    assert event["new"] == {"id": group.pk, "name": "reviewers"}
    assert event["changed_fields"] == ["name"]
    assert event["reason"] == "renamed by the board"


@pytest.mark.django_db
def test_the_outbox_holds_unchanged_values_once() -> None:
    record(Action.UPDATED, THING, actor=ALICE, old={"a": "same", "b": 1}, new={"a": "same", "b": 2})

    assert orjson.loads(OutboxEntry.objects.get().body)["old"] == {"b": 1}


@pytest.mark.django_db
def test_objects_with_different_fields_stay_as_they_are() -> None:
    record(Action.UPDATED, THING, actor=ALICE, old={"a": 1, "gone": 2}, new={"a": 1, "come": 3})

    [event] = recorded()
    assert event["old"] == {"a": 1, "gone": 2}
    assert event["new"] == {"a": 1, "come": 3}
    assert event["changed_fields"] == ["come", "gone"]


@pytest.mark.django_db
def test_a_deletion_is_recorded_through_a_reference_taken_before() -> None:
    group = Group.objects.create(name="editors")
    ref, before = reference(group), snapshot(group)
    group.delete()

    with pytest.raises(WrongShape):
        record(Action.DELETED, group, actor=ALICE)
    record(Action.DELETED, ref, actor=ALICE, old=before)

    [event] = recorded()
    assert event["resource_id"] == str(before["id"])
    assert event["old"] == before
    assert "new" not in event


@pytest.mark.django_db
def test_the_surroundings_are_recorded() -> None:
    with context.bind(
        request_id="r-1",
        client_ip="203.0.113.9",
        user_agent="curl/8",
        method="POST",
        path="/api/v1/groups",
        run_id="t-1",
        subsystem="http",
    ):
        record(Action.ENABLED, THING, actor=ALICE)

    [event] = recorded()
    assert {
        name: event[name]
        for name in ("request_id", "client_ip", "user_agent", "request_method", "path", "run_id", "subsystem")
    } == {
        "request_id": "r-1",
        "client_ip": "203.0.113.9",
        "user_agent": "curl/8",
        "request_method": "POST",
        "path": "/api/v1/groups",
        "run_id": "t-1",
        "subsystem": "http",
    }


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (Decimal("12.50"), "12.50"),
        (dt.datetime(2025, 1, 31, 8, 0, tzinfo=dt.UTC), "2025-01-31T08:00:00Z"),
        (dt.date(2025, 1, 31), "2025-01-31"),
        (dt.timedelta(minutes=1), 60.0),
        (b"\x00\x01", "[2 bytes]"),
        (("a", "b"), ["a", "b"]),
        ({1: {"ключ": "八角"}}, {"1": {"ключ": "八角"}}),
        (None, None),
        ("", ""),
    ],
)
def test_values_are_stored_in_plain_json(value: Any, stored: Any) -> None:
    record(Action.CREATED, THING, actor=SYSTEM, new={"value": value})

    assert recorded()[0]["new"] == {"value": stored}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("value", "error"), [(object(), "JSONEncodeError"), ("\ud800", "JSONEncodeError"), (2**70, "JSONEncodeError")]
)
def test_what_cannot_be_serialised_becomes_a_marker_and_the_change_goes_on(value: Any, error: str) -> None:
    record(Action.CREATED, THING, actor=ALICE, new={"bad": value, "good": 1})

    [event] = recorded()
    assert event["new"]["good"] == 1
    assert event["new"]["bad"] == {
        "audit_marker": "not serialisable: TypeError",
        "type": "testGroup",
        "id": "7",
    }


@pytest.mark.django_db
def test_a_failing_redaction_becomes_a_marker_and_hides_the_value(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(value: Any) -> Any:
        if "secret-value" in str(value):
            raise RuntimeError("secret-value")
        return value

    monkeypatch.setattr(payload, "redact", broken)
    monkeypatch.setattr(payload, "redact_values", broken)

    record(Action.UPDATED, THING, actor=ALICE, old={"a": 1, "b": 1}, new={"a": "secret-value", "b": 2})

    [event] = recorded()
    assert event["new"]["a"]["audit_marker"] == "not redactable: RuntimeError"
    assert event["new"]["b"] == 2
    assert event["old"] == {"a": 1, "b": 1}
    assert "secret-value" not in OutboxEntry.objects.get().body


@pytest.mark.django_db
@pytest.mark.parametrize(
    "new",
    [
        {"note": "token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc"},
        {"password": "hunter22"},
        {"settings": {"api_key": "hunter22"}},
        {"lines": ["Authorization: Bearer hunter22"]},
        {"first": "Bearer ", "second": "Bearer hunter22"},
    ],
)
def test_secrets_never_reach_the_outbox(new: dict[str, Any]) -> None:
    record(Action.UPDATED, THING, actor=ALICE, old={**new, "x": 1}, new=new, data=new, reason="Bearer hunter22")

    body = OutboxEntry.objects.get().body
    assert "hunter22" not in body
    assert "eyJzdWIiOiIxIn0" not in body
    assert "[redacted]" in body


@pytest.mark.django_db
def test_a_broken_label_does_not_fail_the_change(monkeypatch: pytest.MonkeyPatch) -> None:
    group = Group.objects.create(name="editors")
    monkeypatch.setattr(Group, "__str__", lambda self: 1 / 0)

    record(Action.ENABLED, group, actor=ALICE)

    assert recorded()[0]["resource_label"] == f"auth.Group {group.pk}"


@pytest.mark.django_db
def test_hidden_fields_say_only_whether_they_changed(permission_resource: BoundResource) -> None:
    permission = Permission.objects.order_by("pk")[0]
    before = snapshot(permission)
    permission.codename = "other"

    record(Action.UPDATED, permission, actor=ALICE, old=before, new=snapshot(permission))
    record(Action.CREATED, permission, actor=ALICE)

    first, second = recorded()
    assert first["old"]["codename"] == first["new"]["codename"] == "[hidden, changed]"
    assert first["changed_fields"] == ["codename"]
    assert second["new"] == {
        "name": permission.name,
        "codename": "[hidden]",
        "content_type": permission.content_type_id,
    }


@pytest.mark.django_db
def test_a_snapshot_does_not_follow_the_instance(permission_resource: BoundResource) -> None:
    permission = Permission(pk=1, name=["a", {"b": 1}], codename="c", content_type_id=1)

    taken = snapshot(permission)
    permission.name[1]["b"] = 2

    assert taken["name"] == ["a", {"b": 1}]


@pytest.mark.django_db
def test_one_event_is_one_statement_and_a_foreign_key_is_not_followed(
    permission_resource: BoundResource, django_assert_num_queries: Any
) -> None:
    permission = Permission.objects.order_by("pk")[0]
    ref = reference(permission)

    with django_assert_num_queries(1):
        record(Action.CREATED, ref, actor=ALICE, new=snapshot(permission))
