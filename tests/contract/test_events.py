"""Every endpoint of events: status, promised form, error form (E.2, decision 38)."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from apps.core.errors import ErrorCode
from tests.contract.operation import Operation, covers
from tests.factories.events import BoutFactory, EventFactory
from tests.factories.users import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def editor() -> APIClient:
    client = APIClient()
    client.force_authenticate(UserFactory(role="editor"))
    return client


@pytest.mark.parametrize("path", ["/api/v1/events", "/api/events"])
@covers("GET", "/api/v1/events")
@covers("GET", "/api/events")
def test_the_list(path: str, client: Client) -> None:
    EventFactory()
    operation = Operation("GET", path)

    [item] = operation.accepts(client.get(path))["items"]

    assert item["starts_at"].endswith("Z")
    assert operation.refuses(client.get(path, {"page": 0}), code=ErrorCode.INVALID_PARAMETER)


@pytest.mark.parametrize("prefix", ["/api/v1", "/api"])
@covers("GET", "/api/v1/events/{event_id}")
@covers("GET", "/api/events/{event_id}")
def test_the_card(prefix: str, client: Client) -> None:
    decided = BoutFactory(state="official", result="draw", scores=[{"judge": "A", "red": 28, "blue": 28}])
    BoutFactory(event=decided.event, sequence_no=decided.sequence_no + 1, card_segment="")
    operation = Operation("GET", f"{prefix}/events/{{event_id}}")

    card = operation.accepts(client.get(f"{prefix}/events/{decided.event_id}"))
    veiled = operation.accepts(client.get(f"{prefix}/events/{decided.event_id}?spoilers=0"))

    assert [bout["result"] for bout in card["bouts"]] == ["draw", ""]
    assert [bout["result"] for bout in veiled["bouts"]] == ["", ""]
    operation.refuses(client.get(f"{prefix}/events/987654321"), code=ErrorCode.NOT_FOUND)
    operation.refuses(client.get(f"{prefix}/events/x"), code=ErrorCode.INVALID_PARAMETER)


@covers("PUT", "/api/v1/events/{event_id}")
def test_a_change(operation: Operation, client: Client, editor: APIClient) -> None:
    event = EventFactory(status="completed")
    path = f"/api/v1/events/{event.pk}"

    assert operation.accepts(editor.put(path, {"name": "Renamed"}))["name"] == "Renamed"

    operation.refuses(client.put(path), code=ErrorCode.MISSING_TOKEN)
    operation.refuses(editor.put(path, {"status": "over"}), code=ErrorCode.INVALID_PARAMETER)
    operation.refuses(editor.put(path, {"status": "scheduled"}), code=ErrorCode.CONFLICT)
    operation.refuses(editor.put(path, {"name": "A", "version": 9}), code=ErrorCode.PRECONDITION_FAILED)
    operation.refuses(editor.put("/api/v1/events/987654321", {"name": "A"}), code=ErrorCode.NOT_FOUND)


@covers("PUT", "/api/v1/bouts/{bout_id}/result")
def test_a_result(operation: Operation, editor: APIClient) -> None:
    bout = BoutFactory()
    path = f"/api/v1/bouts/{bout.pk}/result"
    scores = [{"judge": "A", "red": 29, "blue": 28}]
    body: dict[str, Any] = {"result": "win", "winner": "red", "method": "decision_split", "scores": scores}

    operation.refuses(editor.put(path, body, format="json"), code=ErrorCode.PRECONDITION_REQUIRED)
    operation.refuses(editor.put(path, {**body, "version": 5}, format="json"), code=ErrorCode.PRECONDITION_FAILED)
    operation.refuses(
        editor.put(path, {**body, "version": 1, "winner": ""}, format="json"), code=ErrorCode.INVALID_PARAMETER
    )

    assert operation.accepts(editor.put(path, {**body, "version": 1}, format="json"))["scores"] == scores


@pytest.mark.parametrize("prefix", ["/api/v1", "/api"])
@covers("GET", "/api/v1/events/{event_id}/live")
@covers("GET", "/api/events/{event_id}/live")
def test_the_stream_is_at_the_live_process(prefix: str, client: Client, settings: Any) -> None:
    operation = Operation("GET", f"{prefix}/events/{{event_id}}/live")
    operation.refuses(client.get(f"{prefix}/events/1/live"), code=ErrorCode.NOT_FOUND)
    operation.refuses(client.get(f"{prefix}/events/x/live"), code=ErrorCode.INVALID_PARAMETER)

    settings.LIVE_URL = "https://live.example"
    answer = client.get(f"{prefix}/events/7/live")

    assert (answer.status_code, answer.headers["Location"]) == (307, "https://live.example/api/v1/events/7/live")


@pytest.mark.parametrize(
    ("host", "origin"),
    [("192.168.1.7:8000", "http://192.168.1.7:8001"), ("[fe80::1]:8000", "http://[fe80::1]:8001")],
)
def test_without_an_address_of_its_own_the_live_process_is_beside_the_web(
    host: str, origin: str, client: Client, settings: Any
) -> None:
    settings.LIVE_PORT, settings.ALLOWED_HOSTS = 8001, ["192.168.1.7", "[fe80::1]"]

    answer = client.get("/api/events/7/live", headers={"host": host})
    stranger = client.get("/api/events/7/live", headers={"host": "stranger.example"})

    assert (answer.status_code, answer.headers["Location"]) == (307, f"{origin}/api/v1/events/7/live")
    assert stranger.status_code == 400
