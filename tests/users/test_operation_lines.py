"""What app.log says of ending sign-ins, and of a repeated request (A-7)."""

from __future__ import annotations

from typing import Any

import pytest
from structlog.testing import capture_logs

from apps.core.actor import Actor
from apps.core.errors import Conflict, Denied
from apps.users.services import idempotency
from apps.users.services.accounts import end_token_session, sign_out_everywhere
from tests.factories.users import PASSWORD, TokenSessionFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)

STAFF = Actor.command("test")


def told(lines: list[Any], *names: str) -> list[tuple[Any, ...]]:
    found = [line for line in lines if str(line["event"]).startswith("operation_")]
    return [(line["event"], line["operation"], *(line.get(name) for name in names)) for line in found]


def test_signing_out_everywhere_is_one_line() -> None:
    user = UserFactory()
    TokenSessionFactory.create_batch(2, user=user)

    with capture_logs() as lines:
        sign_out_everywhere(user.pk, actor=STAFF, reason="lost phone")
        with pytest.raises(Denied):
            sign_out_everywhere(user.pk, actor=Actor.of_user(user), reason="x")

    assert told(lines, "user_id", "count") == [
        ("operation_done", "users.sign_out_everywhere", user.pk, 2),
        ("operation_refused", "users.sign_out_everywhere", user.pk, None),
    ]


def test_ending_one_sign_in_is_one_line() -> None:
    session = TokenSessionFactory()

    with capture_logs() as lines:
        end_token_session(session.pk, actor=STAFF, reason="lost phone")
        with pytest.raises(Conflict):
            end_token_session(session.pk, actor=STAFF, reason="lost phone")

    assert told(lines, "session_id", "user_id") == [
        ("operation_done", "users.end_token_session", session.pk, session.user_id),
        ("operation_refused", "users.end_token_session", session.pk, None),
    ]


def test_a_registration_whose_answer_could_not_be_kept_was_not_done(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    body = {"username": "lin.mei", "email": "lin@example.com", "password": PASSWORD}
    monkeypatch.setattr(idempotency.IdempotentRequest, "save", lambda *_args, **_fields: 1 / 0)
    api.raise_request_exception = False

    with capture_logs() as lines:
        answer = api.post("/api/v1/users", body, headers={"Idempotency-Key": "k-1"})

    assert (answer.status_code, told(lines)) == (500, [])
