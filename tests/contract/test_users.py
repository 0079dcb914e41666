"""Contract of signing in and out, and of users."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from apps.core.errors import ErrorCode
from apps.users.api.tokens import pair_of
from apps.users.models import User
from tests.contract.operation import Operation, covers
from tests.factories.users import PASSWORD, TokenSessionFactory, UserFactory

pytestmark = pytest.mark.django_db

TOKEN, REFRESH, LOGOUT, PASSWORD_PATH = (
    "/api/v1/auth/token",
    "/api/v1/auth/refresh",
    "/api/v1/auth/logout",
    "/api/v1/auth/password",
)
USERS, USER, ME = "/api/v1/users", "/api/v1/users/{user_id}", "/api/v1/users/me"


def post(client: Client, path: str, body: object, **headers: str) -> Any:
    return client.post(path, body, content_type="application/json", headers=headers)


def put(client: Client, path: str, body: object, **headers: str) -> Any:
    return client.put(path, body, content_type="application/json", headers=headers)


def bearer_of(user: User) -> dict[str, str]:
    return {"Authorization": f"Bearer {pair_of(TokenSessionFactory(user=user)).access_token}"}


def signed_in(client: Client) -> dict[str, Any]:
    user = UserFactory()
    tokens: dict[str, Any] = post(client, TOKEN, {"username": user.username, "password": PASSWORD}).json()["data"]
    return tokens


def bearer(tokens: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens['access_token']}"}


@covers("POST", TOKEN)
def test_token(operation: Operation, client: Client) -> None:
    user = UserFactory()

    tokens = operation.accepts(post(client, TOKEN, {"username": user.username, "password": PASSWORD}))

    assert tokens["access_token"] != tokens["refresh_token"]
    wrong = post(client, TOKEN, {"username": user.username, "password": "wrong"})
    operation.refuses(wrong, code=ErrorCode.WRONG_CREDENTIALS)
    errors = operation.refuses(post(client, TOKEN, {"username": "x"}), code=ErrorCode.INVALID_PARAMETER)
    assert [error["field"] for error in errors] == ["password"]
    text = client.post(TOKEN, "x", content_type="text/plain")
    operation.refuses(text, code=ErrorCode.UNSUPPORTED_MEDIA_TYPE)


@covers("POST", TOKEN)
def test_token_is_throttled(operation: Operation, client: Client, settings: Any) -> None:
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "login": "1/hour"}
    post(client, TOKEN, {"username": "nobody", "password": "wrong"})

    operation.refuses(
        post(client, TOKEN, {"username": "nobody", "password": "wrong"}), code=ErrorCode.TOO_MANY_REQUESTS
    )


@covers("POST", REFRESH)
def test_refresh(operation: Operation, client: Client) -> None:
    tokens = signed_in(client)

    renewed = operation.accepts(post(client, REFRESH, {"refresh_token": tokens["refresh_token"]}))

    assert renewed["refresh_token"] != tokens["refresh_token"]
    operation.refuses(post(client, REFRESH, {"refresh_token": "nonsense"}), code=ErrorCode.INVALID_TOKEN)


@covers("POST", LOGOUT)
def test_logout(operation: Operation, client: Client) -> None:
    tokens = signed_in(client)

    assert operation.accepts(post(client, LOGOUT, None, **bearer(tokens))) is None
    operation.refuses(post(client, LOGOUT, None, **bearer(tokens)), code=ErrorCode.INVALID_TOKEN)
    operation.refuses(post(client, LOGOUT, None), code=ErrorCode.MISSING_TOKEN)


@covers("GET", ME)
def test_me(operation: Operation, client: Client) -> None:
    tokens = signed_in(client)

    me = operation.accepts(client.get(ME, headers=bearer(tokens)))

    assert "password" not in me
    operation.refuses(client.get(ME), code=ErrorCode.MISSING_TOKEN)


@covers("POST", PASSWORD_PATH)
def test_password(operation: Operation, client: Client) -> None:
    headers = bearer(signed_in(client))
    new = {"old_password": PASSWORD, "new_password": "other-battery-7"}

    operation.refuses(
        post(client, PASSWORD_PATH, {**new, "old_password": "x"}, **headers), code=ErrorCode.WRONG_CREDENTIALS
    )
    errors = operation.refuses(post(client, PASSWORD_PATH, {}, **headers), code=ErrorCode.INVALID_PARAMETER)
    assert [error["field"] for error in errors] == ["old_password", "new_password"]
    operation.refuses(post(client, PASSWORD_PATH, new), code=ErrorCode.MISSING_TOKEN)
    assert operation.accepts(post(client, PASSWORD_PATH, new, **headers)) is None


@covers("PUT", ME)
def test_change_me(operation: Operation, client: Client) -> None:
    headers = bearer(signed_in(client))

    me = operation.accepts(put(client, ME, {"language": "en"}, **headers))

    assert (me["language"], me["version"]) == ("en", 2)
    stale = put(client, ME, {"language": "zh-hans"}, **headers, **{"If-Match": '"1"'})
    operation.refuses(stale, code=ErrorCode.PRECONDITION_FAILED)
    taken = put(client, ME, {"email": UserFactory().email}, **headers)
    assert operation.refuses(taken, code=ErrorCode.CONFLICT)[0]["field"] == "email"
    errors = operation.refuses(put(client, ME, {"status": "active"}, **headers), code=ErrorCode.INVALID_PARAMETER)
    assert errors[0]["code"] == "unknown"
    operation.refuses(put(client, ME, {}), code=ErrorCode.MISSING_TOKEN)


@covers("POST", USERS)
def test_register(operation: Operation, client: Client) -> None:
    body = {"username": "lin.mei", "email": "lin@example.com", "password": PASSWORD}
    key = {"Idempotency-Key": "0f8fad5b"}

    user = operation.accepts(post(client, USERS, body, **key), status=201)

    assert "password" not in user
    assert operation.accepts(post(client, USERS, body, **key), status=201) == user
    operation.refuses(post(client, USERS, {**body, "username": "x"}, **key), code=ErrorCode.IDEMPOTENCY_KEY_REUSED)
    operation.refuses(post(client, USERS, body), code=ErrorCode.CONFLICT)
    operation.refuses(post(client, USERS, {}), code=ErrorCode.INVALID_PARAMETER)
    operation.refuses(post(client, USERS, body, Authorization="Bearer x"), code=ErrorCode.INVALID_TOKEN)


@covers("GET", USERS)
def test_list(operation: Operation, client: Client) -> None:
    staff = bearer_of(UserFactory(role="administrator"))

    page = operation.accepts(client.get(USERS, {"status": "active"}, headers=staff))

    assert page["pagination"]["total"] == 1
    assert "password" not in page["items"][0]
    operation.refuses(client.get(USERS, {"limit": 1}, headers=staff), code=ErrorCode.INVALID_PARAMETER)
    operation.refuses(client.get(USERS, headers=bearer_of(UserFactory())), code=ErrorCode.FORBIDDEN)
    operation.refuses(client.get(USERS), code=ErrorCode.MISSING_TOKEN)


@covers("GET", USER)
def test_read(operation: Operation, client: Client) -> None:
    user = UserFactory()
    headers = bearer_of(user)

    response = client.get(f"{USERS}/{user.pk}", headers=headers)

    assert operation.accepts(response)["id"] == user.pk
    same = client.get(f"{USERS}/{user.pk}", headers={**headers, "If-None-Match": response["ETag"]})
    assert same.status_code == 304
    operation.refuses(client.get(f"{USERS}/{UserFactory().pk}", headers=headers), code=ErrorCode.NOT_FOUND)
    operation.refuses(client.get(f"{USERS}/x", headers=headers), code=ErrorCode.INVALID_PARAMETER)
    operation.refuses(client.get(f"{USERS}/{user.pk}"), code=ErrorCode.MISSING_TOKEN)


@covers("PUT", USER)
def test_change(operation: Operation, client: Client) -> None:
    user = UserFactory()
    path, staff = f"{USERS}/{user.pk}", bearer_of(UserFactory(role="administrator"))

    changed = operation.accepts(put(client, path, {"status": "locked", "reason": "asked"}, **staff))

    assert (changed["status"], changed["version"]) == ("locked", 2)
    stale = put(client, path, {"status": "active"}, **staff, **{"If-Match": '"1"'})
    operation.refuses(stale, code=ErrorCode.PRECONDITION_FAILED)
    operation.refuses(put(client, path, {"status": "x"}, **staff), code=ErrorCode.INVALID_PARAMETER)
    operation.refuses(put(client, path, {"email": "boss@example.com"}), code=ErrorCode.MISSING_TOKEN)
    operation.refuses(put(client, path, {}, **bearer_of(UserFactory(role="auditor"))), code=ErrorCode.FORBIDDEN)
    operation.refuses(put(client, path, {}, **bearer_of(UserFactory())), code=ErrorCode.NOT_FOUND)


@covers("DELETE", USER)
def test_delete(operation: Operation, client: Client) -> None:
    user = UserFactory()
    path, staff = f"{USERS}/{user.pk}", bearer_of(UserFactory(role="administrator"))

    operation.refuses(client.delete(path), code=ErrorCode.MISSING_TOKEN)
    operation.refuses(client.delete(path, headers=bearer_of(user)), code=ErrorCode.FORBIDDEN)
    assert operation.accepts(client.delete(path, headers=staff)) is None
    operation.refuses(client.delete(path, headers=staff), code=ErrorCode.NOT_FOUND)
