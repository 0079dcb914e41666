"""Contract of asking for background work: e-mail, synchronisation, SIM states (B.4)."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from apps.core.errors import ErrorCode
from apps.orders.services.iccids import with_check_digit
from apps.taskhub.models import Task
from apps.users.models import Email
from tests.contract.operation import Operation, covers
from tests.factories.users import UserFactory

pytestmark = pytest.mark.django_db

EMAIL, SYNC, SIM_STATUS = "/api/v1/tasks/email", "/api/v1/tasks/sync", "/api/v1/tasks/sim-status"
ICCID = with_check_digit("898600" + "1" * 13)
LETTER = {"to": ["lin@example.com"], "subject": "称重", "body": "At noon."}
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40


@pytest.fixture
def operator(settings: Any) -> APIClient:
    settings.CARRIER_BASE_URL = "http://127.0.0.1:1"
    client = APIClient()
    client.force_authenticate(UserFactory(role="operator"))
    return client


def stranger() -> APIClient:
    client = APIClient()
    client.force_authenticate(UserFactory())
    return client


def fields_of(errors: list[dict[str, str]]) -> set[str]:
    return {error["field"] for error in errors}


@covers("POST", EMAIL)
def test_an_email_is_accepted(operation: Operation, operator: APIClient) -> None:
    files = [{"filename": "card.png", "content": base64.b64encode(PNG).decode()}]
    body = {**LETTER, "cc": "wu@example.com", "priority": "critical", "request_id": "r-1", "attachments": files}

    data = operation.accepts(operator.post(EMAIL, body, format="json"), status=202)

    task = Task.objects.get(task_id=data["task_id"])
    assert (task.name, task.queue, task.payload) == ("email.send", "critical", {"request_id": "r-1"})
    email = Email.objects.get()
    assert (email.to, email.cc, email.attachments.get().filename) == (
        ["lin@example.com"],
        ["wu@example.com"],
        "card.png",
    )
    again = operation.accepts(operator.post(EMAIL, body, format="json"), status=202)
    assert again == data
    other = operator.post(EMAIL, {**body, "subject": "Other"}, format="json")
    operation.refuses(other, code=ErrorCode.IDEMPOTENCY_KEY_REUSED)
    reserved = operator.post(EMAIL, {**LETTER, "request_id": "welcome:5001"}, format="json")
    assert fields_of(operation.refuses(reserved, code=ErrorCode.INVALID_PARAMETER)) == {"request_id"}
    assert Task.objects.count() == 1


@covers("POST", EMAIL)
def test_an_email_with_files_is_a_form(operation: Operation, operator: APIClient) -> None:
    form = {
        "to": ["lin@example.com", "wu@example.com"],
        "subject": "称重",
        "html": "<p>At noon.</p>",
        "attachments": [
            SimpleUploadedFile("card.png", PNG),
            SimpleUploadedFile("big.txt", b"x" * 4_000_000),
        ],
    }

    operation.accepts(operator.post(EMAIL, form, format="multipart"), status=202)

    email = Email.objects.get()
    assert email.to == ["lin@example.com", "wu@example.com"]
    assert [(one.filename, one.size) for one in email.attachments.order_by("position")] == [
        ("card.png", 48),
        ("big.txt", 4_000_000),
    ]
    form["attachments"] = [SimpleUploadedFile("a.txt", b"x" * 11_000_000)]
    errors = operation.refuses(operator.post(EMAIL, form, format="multipart"), code=ErrorCode.INVALID_PARAMETER)
    assert fields_of(errors) == {"attachments"}
    form["attachments"] = [SimpleUploadedFile("a.txt", b"x" * 13_000_000)]
    operation.refuses(operator.post(EMAIL, form, format="multipart"), code=ErrorCode.BODY_TOO_LARGE)
    form["attachments"] = [SimpleUploadedFile("card.png", b"MZ\x90")]
    errors = operation.refuses(operator.post(EMAIL, form, format="multipart"), code=ErrorCode.INVALID_PARAMETER)
    assert fields_of(errors) == {"attachments.0"}
    assert Email.objects.count() == 1


@covers("POST", EMAIL)
@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"to": ["lin@example.com\nBcc: x@example.com"]}, "to.0"),
        ({"to": []}, "to"),
        ({"to": 5}, "to"),
        ({"to": None}, "to"),
        ({"cc": ["x"]}, "cc.0"),
        ({"subject": "Hi\r\nBcc: x@example.com"}, "subject"),
        ({"subject": "x" * 256}, "subject"),
        ({"body": " "}, "body"),
        ({"body": "x" * 300_000}, "body"),
        ({"priority": "urgent"}, "priority"),
        ({"request_id": "a b"}, "request_id"),
        ({"bcc": ["x@example.com"]}, "bcc"),
        ({"attachments": [{"filename": "a.txt", "content": "*"}]}, "attachments.0.content"),
        ({"attachments": "a.txt"}, "attachments"),
    ],
)
def test_a_wrong_email_is_refused_by_field(
    operation: Operation, operator: APIClient, wrong: dict[str, Any], field: str
) -> None:
    errors = operation.refuses(
        operator.post(EMAIL, {**LETTER, **wrong}, format="json"), code=ErrorCode.INVALID_PARAMETER
    )

    assert field in {name.partition("[")[0] for name in fields_of(errors)} | fields_of(errors)
    assert (Email.objects.count(), Task.objects.count()) == (0, 0)


@covers("POST", EMAIL)
def test_who_may_send(operation: Operation, operator: APIClient) -> None:
    operation.refuses(APIClient().post(EMAIL, LETTER, format="json"), code=ErrorCode.MISSING_TOKEN)
    operation.refuses(stranger().post(EMAIL, LETTER, format="json"), code=ErrorCode.FORBIDDEN)
    operation.refuses(operator.post(EMAIL, "x", content_type="text/plain"), code=ErrorCode.UNSUPPORTED_MEDIA_TYPE)
    assert Email.objects.count() == 0


@covers("POST", SYNC)
def test_a_synchronisation_is_accepted(operation: Operation, operator: APIClient) -> None:
    body = {
        "sync_type": "flow_usage",
        "start_date": "2026-11-01",
        "end_date": "2026-11-30",
        "batch_size": 200,
        "priority": "low",
        "request_id": "r-1",
    }

    data = operation.accepts(operator.post(SYNC, body), status=202)

    task = Task.objects.get(task_id=data["task_id"])
    assert (task.name, task.queue, task.payload["batch_size"]) == ("data.sync", "low", 200)
    assert operation.accepts(operator.post(SYNC, body), status=202) == data
    other = operator.post(SYNC, {**body, "sync_type": "sim_status"})
    operation.refuses(other, code=ErrorCode.IDEMPOTENCY_KEY_REUSED)
    operation.accepts(operator.post(SYNC, {"sync_type": "sim_status"}), status=202)
    assert Task.objects.count() == 2


@covers("POST", SYNC)
@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"sync_type": "odd"}, "sync_type"),
        ({"sync_type": None}, "sync_type"),
        ({"batch_size": 0}, "batch_size"),
        ({"batch_size": 1001}, "batch_size"),
        ({"batch_size": "many"}, "batch_size"),
        ({"start_date": "2026-02-30"}, "start_date"),
        ({"start_date": "2026-11-02", "end_date": "2026-11-01"}, "end_date"),
        ({"priority": "high"}, "priority"),
        ({"request_id": "a b"}, "request_id"),
        ({"page": 1}, "page"),
    ],
)
def test_a_wrong_synchronisation_is_refused_by_field(
    operation: Operation, operator: APIClient, wrong: dict[str, Any], field: str
) -> None:
    response = operator.post(SYNC, {"sync_type": "sim_status", **wrong})

    assert fields_of(operation.refuses(response, code=ErrorCode.INVALID_PARAMETER)) == {field}
    assert Task.objects.count() == 0


@covers("POST", SYNC)
def test_who_may_synchronise(operation: Operation, operator: APIClient, settings: Any) -> None:
    body = {"sync_type": "sim_status"}
    operation.refuses(APIClient().post(SYNC, body), code=ErrorCode.MISSING_TOKEN)
    operation.refuses(stranger().post(SYNC, body), code=ErrorCode.FORBIDDEN)
    settings.CARRIER_BASE_URL = ""
    operation.refuses(operator.post(SYNC, body), code=ErrorCode.CONFLICT)
    assert Task.objects.count() == 0


@covers("POST", SIM_STATUS)
def test_sim_states_are_asked_for(operation: Operation, operator: APIClient) -> None:
    data = operation.accepts(operator.post(SIM_STATUS, {"iccids": [ICCID], "force_sync": True}), status=202)

    task = Task.objects.get(task_id=data["task_id"])
    assert (task.name, task.queue, task.payload["iccids"]) == ("sim.status_sync", "default", [ICCID])
    for wrong, field in (
        ({"iccids": []}, "iccids"),
        ({"iccids": [ICCID, "123"]}, "iccids.1"),
        ({"iccids": [ICCID] * 1001}, "iccids"),
        ({"iccids": ICCID}, "iccids"),
        ({"force_sync": "perhaps"}, "force_sync"),
        ({"priority": "x"}, "priority"),
    ):
        response = operator.post(SIM_STATUS, {"iccids": [ICCID], **wrong})
        assert fields_of(operation.refuses(response, code=ErrorCode.INVALID_PARAMETER)) == {field}
    operation.refuses(APIClient().post(SIM_STATUS, {}), code=ErrorCode.MISSING_TOKEN)
    operation.refuses(stranger().post(SIM_STATUS, {"iccids": [ICCID]}), code=ErrorCode.FORBIDDEN)
    assert Task.objects.count() == 1
    named = {"iccids": [ICCID], "request_id": "r-1"}
    operation.accepts(operator.post(SIM_STATUS, named), status=202)
    other = operator.post(SIM_STATUS, {**named, "force_sync": True})
    operation.refuses(other, code=ErrorCode.IDEMPOTENCY_KEY_REUSED)
    assert Task.objects.count() == 2
