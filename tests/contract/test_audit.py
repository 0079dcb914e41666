"""Every endpoint of the audit log: who may, status, form, errors (I.2, S4:T005, decision 38)."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator
from openapi_schema_validator import OAS30Validator
from rest_framework.test import APIClient

from tests.contract.operation import covers
from tests.factories.audit import AuditEventFactory
from tests.factories.users import UserFactory

pytestmark = pytest.mark.django_db

EVENTS = "/api/v1/audit/events"
UNKNOWN = f"{EVENTS}/00000000-0000-7000-8000-000000000000"


@pytest.fixture
def auditor() -> APIClient:
    client = APIClient()
    client.force_authenticate(UserFactory(role="auditor"))
    return client


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    found: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return json.loads(json.dumps(found, default=str))


def answered(schema: dict[str, Any], response: Any, path: str) -> Any:
    """The ``data`` of an answer that has the form that the contract promises."""
    body = json.loads(response.content)
    answer = schema["paths"][path]["get"]["responses"][str(response.status_code)]
    if "$ref" in answer:
        answer = schema["components"]["responses"][answer["$ref"].rsplit("/", 1)[-1]]
    form = answer["content"]["application/json"]["schema"]
    OAS30Validator({**form, "components": schema["components"]}).validate(body)
    return body["data"]


def refused(response: Any) -> tuple[int, int, list[str]]:
    """Status, code and the names of the refused parameters."""
    body = json.loads(response.content)
    assert body["data"] is None
    assert set(body["messages"]) == {"zh-hans", "en"}
    return response.status_code, body["code"], [item["field"] for item in body["errors"]]


@pytest.mark.parametrize("path", [EVENTS, UNKNOWN])
def test_only_who_may_view_events_gets_an_answer(path: str) -> None:
    anonymous, ordinary, editor = APIClient(), APIClient(), APIClient()
    ordinary.force_authenticate(UserFactory())
    editor.force_authenticate(UserFactory(role="editor"))

    assert refused(anonymous.get(path))[:2] == (401, 1002)
    assert refused(ordinary.get(path))[:2] == (403, 1005)
    assert refused(editor.get(path))[:2] == (403, 1005)


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
@pytest.mark.parametrize("path", [EVENTS, UNKNOWN])
def test_events_can_only_be_read(auditor: APIClient, path: str, method: str) -> None:
    assert refused(getattr(auditor, method)(path, {}))[:2] == (405, 1011)


@covers("GET", "/api/v1/audit/events")
def test_the_list_is_newest_first_and_has_the_promised_form(auditor: APIClient, schema: dict[str, Any]) -> None:
    older = AuditEventFactory(timestamp=1_700_000_000_000, seq=2)
    same_moment = AuditEventFactory(timestamp=1_700_000_000_000, seq=1)
    newest = AuditEventFactory(timestamp=1_700_000_000_001, seq=3)

    data = answered(schema, auditor.get(EVENTS), EVENTS)

    assert [item["id"] for item in data["items"]] == [str(event.pk) for event in (newest, older, same_moment)]
    assert data["pagination"]["total"] == 3
    first = data["items"][0]
    assert first["timestamp"] == "2023-11-14T22:13:20.001000Z"
    assert first["user"] == {"uid": "3", "username": "alice", "type": "user"}
    assert first["resource"] == {"type": "article", "identifier": "7", "label": "Title fight postponed"}
    assert first["changed_fields"] == ["title"]
    assert "diff_object" not in first


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"user_uid": "3"}, 2),
        ({"user_uid": "4"}, 1),
        ({"resource_type": "article"}, 2),
        ({"resource_type": "article", "resource_id": "8"}, 1),
        ({"action": "deleted"}, 1),
        ({"status": "failed"}, 1),
        ({"subsystem": "auth"}, 1),
        ({"client_ip": "203.0.113.9"}, 2),
        ({"client_ip": "2001:db8::1"}, 1),
        ({"request_id": "r-2"}, 1),
        ({"start_time": "1700000000001"}, 2),
        ({"end_time": "1700000000001"}, 2),
        ({"start_time": "2023-11-14T22:13:20.001Z", "end_time": "2023-11-14T22:13:20.001Z"}, 1),
        ({"start_time": "2023-11-15T06:13:20.001+08:00"}, 2),
        ({"start_time": "2024-01-01T00:00:00Z"}, 0),
        ({"user_uid": "3", "action": "updated", "client_ip": "203.0.113.9", "start_time": "0"}, 1),
    ],
)
def test_filters_select_and_combine(auditor: APIClient, query: dict[str, str], count: int) -> None:
    AuditEventFactory(timestamp=1_700_000_000_000, request_id="r-1")
    AuditEventFactory(timestamp=1_700_000_000_001, request_id="r-2", action="deleted", resource_id="8")
    AuditEventFactory(
        timestamp=1_700_000_000_002,
        request_id="r-3",
        actor_id="4",
        action="login_failed",
        status="failed",
        subsystem="auth",
        resource_type="user",
        client_ip="2001:db8::1",
    )

    for extra in ({}, {"cursor": ""}):
        response = auditor.get(EVENTS, {**query, **extra})
        assert response.status_code == 200, response.content
        assert len(response.json()["data"]["items"]) == count


@pytest.mark.parametrize(
    "query",
    [
        {"action": "exploded"},
        {"resource_type": "cluster"},
        {"status": "maybe"},
        {"subsystem": "moon"},
        {"start_time": "yesterday"},
        {"end_time": "2025-01-31T08:00:00"},
        {"page": "0"},
        {"page_size": "101"},
        {"cursor": "nonsense"},
        {"color": "red"},
    ],
)
def test_a_bad_parameter_is_refused_by_its_name(
    auditor: APIClient, schema: dict[str, Any], query: dict[str, str]
) -> None:
    response = auditor.get(EVENTS, query)

    assert refused(response) == (400, 1001, list(query))
    answered(schema, response, EVENTS)


def test_the_cursor_walks_every_event_once_even_within_one_millisecond(auditor: APIClient) -> None:
    for number in range(7):
        AuditEventFactory(timestamp=1_700_000_000_000 + number // 4)

    seen: list[int] = []
    cursor: str | None = ""
    while cursor is not None:
        data = auditor.get(EVENTS, {"cursor": cursor, "page_size": 3}).json()["data"]
        seen += [item["seq"] for item in data["items"]]
        cursor = data["pagination"]["next_cursor"]

    assert len(seen) == len(set(seen)) == 7
    assert seen == sorted(seen, reverse=True)


def test_a_list_costs_the_same_for_2_and_20_events(auditor: APIClient, django_assert_num_queries: Any) -> None:
    # Which permissions the person has is asked once.
    auditor.get(EVENTS)
    for count in (2, 18):
        for _ in range(count):
            AuditEventFactory()
        with django_assert_num_queries(2):
            auditor.get(EVENTS, {"page_size": 100})
        with django_assert_num_queries(1):
            auditor.get(EVENTS, {"page_size": 100, "cursor": ""})


@covers("GET", "/api/v1/audit/events/{event_id}")
def test_one_event_comes_with_its_full_difference(auditor: APIClient, schema: dict[str, Any]) -> None:
    event = AuditEventFactory(
        action="approved",
        old_object='{"title":"Old title","views":1}',
        new_object='{"title":"New title...[truncated]","views":1}',
        new_object_truncated=True,
        truncated_fields=["new.title"],
        data={"door": "admin"},
    )

    response = auditor.get(f"{EVENTS}/{event.pk}", headers={"accept-language": "en"})

    data = answered(schema, response, f"{EVENTS}/{{event_id}}")
    assert data["summary"] == "alice approved article “Title fight postponed”"
    assert data["diff_object"] == {
        "old_object": {"title": "Old title", "views": 1},
        "new_object": {"title": "New title...[truncated]", "views": 1},
        "old_object_truncated": False,
        "new_object_truncated": True,
        "truncated_fields": ["new.title"],
    }
    [change] = data["changes"]
    assert (change["field"], change["kind"], change["old"], change["is_truncated"]) == (
        "title",
        "changed",
        "Old title",
        True,
    )
    assert data["data"] == {"door": "admin"}


def test_an_unknown_event_is_not_found_and_no_uuid_is_a_bad_parameter(
    auditor: APIClient, schema: dict[str, Any]
) -> None:
    missing = auditor.get(UNKNOWN)

    assert refused(missing)[:2] == (404, 1006)
    answered(schema, missing, f"{EVENTS}/{{event_id}}")
    assert refused(auditor.get(f"{EVENTS}/7")) == (400, 1001, ["id"])


def test_the_sentence_follows_the_language_of_the_request(auditor: APIClient) -> None:
    event = AuditEventFactory(action="approved")

    texts = {
        language: auditor.get(f"{EVENTS}/{event.pk}", headers={"accept-language": language}).json()["data"]["summary"]
        for language in ("zh-hans", "en")
    }

    assert texts == {
        "zh-hans": "alice 批准了文章“Title fight postponed”",
        "en": "alice approved article “Title fight postponed”",
    }


def test_ids_may_be_written_with_or_without_dashes(auditor: APIClient) -> None:
    event = AuditEventFactory()

    assert auditor.get(f"{EVENTS}/{uuid.UUID(str(event.pk)).hex}").json()["data"]["id"] == str(event.pk)
