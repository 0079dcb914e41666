"""``Idempotency-Key`` at the routes that ask for background work: one effect, the same answer, also with files."""

from __future__ import annotations

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
# A request, and what makes it another one.
REQUESTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    EMAIL: ({"to": ["lin@example.com"], "subject": "称重", "body": "At noon."}, {"subject": "Other"}),
    SYNC: ({"sync_type": "sim_status"}, {"batch_size": 7}),
    SIM_STATUS: ({"iccids": [ICCID]}, {"force_sync": True}),
}


@pytest.fixture(autouse=True)
def _carrier(settings: Any) -> None:
    settings.CARRIER_BASE_URL = "http://127.0.0.1:1"


def operator() -> APIClient:
    client = APIClient()
    client.force_authenticate(UserFactory(role="operator"))
    return client


def ask(client: APIClient, path: str, body: dict[str, Any], *, key: str = "k-1", form: str = "json") -> Any:
    return client.post(path, body, format=form, headers={"Idempotency-Key": key})


def the_same_key_asks_once(operation: Operation) -> None:
    path = operation.path
    body, change = REQUESTS[path]
    client = operator()

    first, again = ask(client, path, body), ask(client, path, body)
    accepted = operation.accepts(first, status=202)
    assert (operation.accepts(again, status=202), Task.objects.count()) == (accepted, 1)
    assert ("Idempotency-Replayed" in first, again["Idempotency-Replayed"]) == (False, "true")
    operation.refuses(ask(client, path, {**body, **change}), code=ErrorCode.IDEMPOTENCY_KEY_REUSED)
    errors = operation.refuses(ask(client, path, body, key="a b"), code=ErrorCode.INVALID_PARAMETER)
    assert [error["field"] for error in errors] == ["Idempotency-Key"]
    assert Task.objects.count() == 1

    others = operation.accepts(ask(operator(), path, body), status=202)
    next_key = operation.accepts(ask(client, path, body, key="k-2"), status=202)
    assert len({accepted["task_id"], others["task_id"], next_key["task_id"]}) == 3


@covers("POST", EMAIL)
def test_the_same_key_is_one_email(operation: Operation) -> None:
    the_same_key_asks_once(operation)


@covers("POST", SYNC)
def test_the_same_key_is_one_synchronisation(operation: Operation) -> None:
    the_same_key_asks_once(operation)


@covers("POST", SIM_STATUS)
def test_the_same_key_is_one_question_for_sim_states(operation: Operation) -> None:
    the_same_key_asks_once(operation)


@covers("POST", EMAIL)
def test_files_belong_to_the_request_by_their_content(operation: Operation) -> None:
    client = operator()

    def send(content: bytes, name: str = "names.txt", *, key: str = "k-1") -> Any:
        body = {**REQUESTS[EMAIL][0], "attachments": [SimpleUploadedFile(name, content)]}
        return ask(client, EMAIL, body, key=key, form="multipart")

    first = operation.accepts(send(b"Lin"), status=202)

    assert operation.accepts(send(b"Lin"), status=202) == first
    for content, name in ((b"Wu!", "names.txt"), (b"Lin", "other.txt")):
        operation.refuses(send(content, name), code=ErrorCode.IDEMPOTENCY_KEY_REUSED)
    attachment = Email.objects.get().attachments.get()
    assert b"".join(bytes(part.content) for part in attachment.parts.all()) == b"Lin"
    large = b"x" * 4_000_000
    operation.accepts(send(large, key="k-2"), status=202)
    assert operation.accepts(send(large, key="k-2"), status=202)
    assert Email.objects.count() == 2


@covers("POST", EMAIL)
def test_a_refused_request_may_be_mended_under_its_key(operation: Operation) -> None:
    client, body = operator(), REQUESTS[EMAIL][0]

    operation.refuses(ask(client, EMAIL, {**body, "to": []}), code=ErrorCode.INVALID_PARAMETER)
    operation.accepts(ask(client, EMAIL, body), status=202)

    assert Email.objects.count() == 1
