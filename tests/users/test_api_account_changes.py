"""Users over HTTP: change, delete, change the password."""

from __future__ import annotations

import threading

import pytest
from django.db import connection
from rest_framework.test import APIClient

from apps.core.errors import FieldError
from apps.users.api import accounts
from apps.users.models import TokenSession, User
from apps.users.registry import DeletionGuard, register_deletion_guard, unregister_deletion_guard
from tests.factories.users import PASSWORD, TokenSessionFactory, UserFactory
from tests.users.answers import refused

USERS = "/api/v1/users"
ME = "/api/v1/users/me"


# --- change ---


@pytest.mark.parametrize("path", [ME, ""])
def test_user_changes_own_address_and_language(as_user, user, path, user_events):
    response = as_user.put(path or f"{USERS}/{user.pk}", {"email": "new@example.com", "language": "en"})

    assert response.status_code == 200
    data = response.json()["data"]
    assert (data["email"], data["language"], data["version"]) == ("new@example.com", "en", 2)
    assert User.objects.named("NEW@example.com").get() == user
    assert not User.objects.named("lin@example.com").exists()
    [event] = user_events()
    assert (event["action"], sorted(event["changed_fields"])) == ("updated", ["email", "language"])


@pytest.mark.parametrize("body", [{}, {"email": "Lin@example.com"}, {"language": "zh-hans"}])
def test_nothing_new_changes_nothing(as_user, body, user_events):
    response = as_user.put(ME, body)

    assert (response.status_code, response.json()["data"]["version"]) == (200, 1)
    assert user_events() == []


def test_user_sets_neither_status_nor_roles(as_user, user, user_events):
    response = as_user.put(f"{USERS}/{user.pk}", {"status": "active", "roles": ["administrator"], "email": "n@a.com"})

    assert refused(response, 403, 1005, [("status", "denied"), ("roles", "denied")])
    assert refused(as_user.put(ME, {"status": "active"}), 400, 1001, [("status", "unknown")])
    user.refresh_from_db()
    assert (user.email, user.version) == ("Lin@example.com", 1)
    assert user_events() == []


def test_who_is_deleted_right_after_the_change_is_not_found(as_administrator, monkeypatch):
    person = UserFactory()
    change = accounts.change_user

    def changed_then_deleted(user_id, **values):
        change(user_id, **values)
        User.objects.filter(pk=user_id).delete()

    monkeypatch.setattr(accounts, "change_user", changed_then_deleted)

    assert refused(as_administrator.put(f"{USERS}/{person.pk}", {"language": "en"}), 404, 1006)


def test_user_changes_nobody_else(as_user, user_events):
    other = UserFactory()

    assert refused(as_user.put(f"{USERS}/{other.pk}", {"language": "en"}), 404, 1006)
    assert user_events() == []


def test_who_may_only_see_users_changes_none(api, user, bearer_of, user_events):
    headers = bearer_of(UserFactory(role="auditor"))

    assert refused(api.put(f"{USERS}/{user.pk}", {"language": "en"}, headers=headers), 403, 1005)
    assert refused(api.delete(f"{USERS}/{user.pk}", headers=headers), 403, 1005)
    assert user_events() == []


def test_staff_set_status_and_roles_with_a_reason(as_administrator, user, user_events):
    session = TokenSessionFactory(user=user)
    body = {"status": "inactive", "roles": ["editor"], "email": "new@example.com", "reason": "left"}

    response = as_administrator.put(f"{USERS}/{user.pk}", body)

    data = response.json()["data"]
    assert (data["status"], data["roles"], data["email"], data["is_staff"]) == (
        "inactive",
        ["editor"],
        "new@example.com",
        True,
    )
    session.refresh_from_db()
    assert session.revoked_reason == "status"
    assert [(event["action"], event["reason"]) for event in user_events()] == [
        ("updated", "left"),
        ("updated", "left"),
        ("granted", "left"),
    ]


def test_change_that_is_refused_in_part_changes_nothing(as_administrator, administrator, user_events):
    path = f"{USERS}/{administrator.pk}"

    assert refused(as_administrator.put(path, {"email": "new@example.com", "status": "locked"}), 403, 1005)

    administrator.refresh_from_db()
    assert (administrator.email, administrator.version) == ("boss@example.com", 1)
    assert user_events() == []


def test_only_a_superuser_changes_the_address_of_a_superuser(as_administrator, user_events):
    superuser = UserFactory(superuser=True)

    assert refused(as_administrator.put(f"{USERS}/{superuser.pk}", {"email": "mine@example.com"}), 403, 1005)
    assert user_events() == []


@pytest.mark.parametrize(
    ("body", "status", "code", "problem"),
    [
        ({"email": "OTHER@example.com"}, 409, 1007, ("email", "taken")),
        ({"email": "nonsense"}, 400, 1001, ("email", "invalid")),
        ({"email": None}, 400, 1001, ("email", "null")),
        ({"language": "fr"}, 400, 1001, ("language", "invalid_choice")),
        ({"username": "other"}, 400, 1001, ("username", "unknown")),
        ({"password": "x"}, 400, 1001, ("password", "unknown")),
        ({"id": 1}, 400, 1001, ("id", "unknown")),
        ({"version": "x"}, 400, 1001, ("version", "invalid")),
    ],
)
def test_bad_change_is_refused_with_field_and_code(as_user, user, body, status, code, problem, user_events):
    UserFactory(username="other")

    assert refused(as_user.put(ME, body), status, code, [problem])
    user.refresh_from_db()
    assert user.version == 1
    assert user_events() == []


@pytest.mark.parametrize(("status", "roles", "field"), [("asleep", [], "status"), ("active", ["king"], "roles")])
def test_unknown_status_and_role_are_refused(as_administrator, user, status, roles, field):
    response = as_administrator.put(f"{USERS}/{user.pk}", {"status": status, "roles": roles})

    assert refused(response, 400, 1001)
    assert {error["field"].split(".")[0] for error in response.json()["errors"]} == {field}


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"If-Match": '"1"'}, {}, 200),
        ({"If-Match": 'W/"1"'}, {}, 200),
        ({"If-Match": "*"}, {}, 200),
        ({}, {"version": 1}, 200),
        ({"If-Match": '"2"'}, {}, 412),
        ({}, {"version": 2}, 412),
        ({"If-Match": "nonsense"}, {}, 400),
    ],
)
def test_version_is_checked_when_sent(as_user, user, headers, body, status):
    response = as_user.put(ME, {"language": "en", **body}, headers=headers)

    assert (response.status_code, response.json()["code"]) == (status, {200: 0, 412: 1013, 400: 1001}[status])
    user.refresh_from_db()
    assert user.language == ("en" if status == 200 else "zh-hans")


@pytest.mark.django_db(transaction=True)
def test_of_two_who_take_one_address_at_once_one_gets_it(bearer_of):
    users = UserFactory.create_batch(2)
    headers = [bearer_of(user) for user in users]
    barrier, responses = threading.Barrier(2), []

    def take(header):
        barrier.wait()
        try:
            responses.append(APIClient().put(ME, {"email": "wanted@example.com"}, headers=header))
        finally:
            connection.close()

    threads = [threading.Thread(target=take, args=[header]) for header in headers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(response.status_code for response in responses) == [200, 409]
    assert User.objects.filter(email="wanted@example.com").count() == 1


# --- delete ---


def test_staff_delete_a_user_who_is_out_at_once(as_administrator, as_user, user, user_events):
    response = as_administrator.delete(f"{USERS}/{user.pk}?reason=asked")

    assert (response.status_code, response.json()["data"]) == (200, None)
    assert refused(as_user.get(ME), 401, 1003)
    assert refused(as_administrator.delete(f"{USERS}/{user.pk}"), 404, 1006)
    assert User.objects.filter(pk=user.pk, deleted_key=user.pk).exists()
    assert [(event["action"], event["reason"]) for event in user_events()] == [("deleted", "asked")]


def test_delete_checks_the_version_and_refuses_unknown_parameters(as_administrator, user):
    path = f"{USERS}/{user.pk}"

    assert refused(as_administrator.delete(path, headers={"If-Match": '"7"'}), 412, 1013)
    assert refused(as_administrator.delete(f"{path}?why=x"), 400, 1001, [("why", "unknown")])
    assert User.objects.alive().filter(pk=user.pk).exists()
    assert as_administrator.delete(path, headers={"If-Match": '"1"'}).status_code == 200


def test_ordinary_user_deletes_nobody(as_user, user, user_events):
    other = UserFactory()

    assert refused(as_user.delete(f"{USERS}/{user.pk}"), 403, 1005)
    assert refused(as_user.delete(f"{USERS}/{other.pk}"), 404, 1006)
    assert user_events() == []


def test_nobody_deletes_themself(as_administrator, administrator):
    assert refused(as_administrator.delete(f"{USERS}/{administrator.pk}"), 403, 1005)


@pytest.fixture
def guard():
    open_things: list[FieldError] = []
    register_deletion_guard(DeletionGuard("test", lambda user_id: open_things))
    yield open_things
    unregister_deletion_guard("test")


def test_what_is_still_open_keeps_a_user_and_is_listed(as_administrator, user, guard, user_events):
    guard.append(FieldError("orders", "open", "20260101-7"))
    session = TokenSessionFactory(user=user)

    assert refused(as_administrator.delete(f"{USERS}/{user.pk}"), 409, 1007, [("orders", "open")])

    assert User.objects.alive().filter(pk=user.pk).exists()
    assert session in TokenSession.objects.open()
    assert user_events() == []
    guard.clear()
    assert as_administrator.delete(f"{USERS}/{user.pk}").status_code == 200


def test_guard_is_registered_once(guard):
    with pytest.raises(ValueError, match="twice"):
        register_deletion_guard(DeletionGuard("test", lambda user_id: []))


# --- password ---

PASSWORD_PATH = "/api/v1/auth/password"
NEW = "other-battery-7"


def test_new_password_ends_every_sign_in(api, user, sign_in, user_events):
    first, second = sign_in("lin.mei"), sign_in("lin.mei")
    headers = {"Authorization": f"Bearer {first['access_token']}"}

    response = api.post(PASSWORD_PATH, {"old_password": PASSWORD, "new_password": NEW}, headers=headers)

    assert (response.status_code, response.json()["data"]) == (200, None)
    for pair in (first, second):
        assert refused(api.get(ME, headers={"Authorization": f"Bearer {pair['access_token']}"}), 401, 1003)
    assert refused(api.post("/api/v1/auth/token", {"username": "lin.mei", "password": PASSWORD}), 401, 1004)
    assert sign_in("lin.mei", NEW)
    assert [event["action"] for event in user_events()] == ["login", "login", "password_changed", "login"]


@pytest.mark.parametrize(
    ("old", "new", "status", "code"),
    [
        ("wrong", NEW, 401, 1004),
        (PASSWORD, "short", 400, 1001),
        (PASSWORD, "password123", 400, 1001),
        (PASSWORD, "lin.mei.1", 400, 1001),
        (PASSWORD, "", 400, 1001),
        ("", NEW, 400, 1001),
    ],
)
def test_bad_change_of_password_changes_nothing(as_user, user, old, new, status, code, user_events):
    response = as_user.post(PASSWORD_PATH, {"old_password": old, "new_password": new})

    assert refused(response, status, code)
    if status == 400:
        assert [error["field"] for error in response.json()["errors"]] == ["new_password" if old else "old_password"]
    before = user.password
    user.refresh_from_db()
    assert user.password == before
    assert TokenSession.objects.open().count() == 1
    assert user_events() == []


def test_old_password_can_not_be_guessed_with_a_stolen_token(as_user):
    for _ in range(5):
        last = as_user.post(PASSWORD_PATH, {"old_password": "wrong", "new_password": NEW})

    assert refused(last, 429, 1008)
    assert refused(as_user.post(PASSWORD_PATH, {"old_password": PASSWORD, "new_password": NEW}), 429, 1008)
