"""Users over HTTP: register, list, read, change, delete."""

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

USERS = "/api/v1/users"
ME = "/api/v1/users/me"
BODY = {"username": "Lin.Mei", "email": "Lin@Example.com", "password": PASSWORD}


def refused(response, status, code, fields=None):
    body = response.json()
    found = (response.status_code, body["code"], body["data"])
    if fields is not None:
        assert [(error["field"], error["code"]) for error in body["errors"]] == fields
    return found == (status, code, None)


@pytest.fixture
def administrator(db):
    return UserFactory(role="administrator", username="boss")


@pytest.fixture
def as_administrator(api, administrator, bearer_of):
    api.credentials(HTTP_AUTHORIZATION=bearer_of(administrator)["authorization"])
    return api


@pytest.fixture
def as_user(user, bearer_of):
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=bearer_of(user)["authorization"])
    return client


# --- register ---


@pytest.mark.django_db
def test_anybody_registers_and_may_sign_in(api, sign_in, user_events):
    response = api.post(USERS, BODY, headers={"Accept-Language": "en"})

    assert response.status_code == 201
    data = response.json()["data"]
    user = User.objects.get()
    assert response["Location"] == f"/api/v1/users/{user.pk}"
    assert (data["username"], data["email"], data["status"], data["roles"]) == (
        "Lin.Mei",
        "Lin@Example.com",
        "active",
        [],
    )
    assert (data["language"], data["is_staff"], data["version"]) == ("en", False, 1)
    assert "password" not in data
    assert user.password.startswith("bcrypt_sha256$")
    [event] = user_events()
    assert (event["action"], event["actor_kind"]) == ("created", "anonymous")
    assert sign_in("lin.mei")["token_type"] == "Bearer"


@pytest.mark.django_db
@pytest.mark.parametrize(("given", "header", "language"), [("zh-hans", "en", "zh-hans"), (None, "", "zh-hans")])
def test_language_of_a_new_user(api, given, header, language):
    body = {**BODY, "language": given} if given else BODY

    response = api.post(USERS, body, headers={"Accept-Language": header} if header else {})

    assert response.json()["data"]["language"] == language


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"username": "ab"}, ("username", "min_length")),
        ({"username": "a" * 51}, ("username", "max_length")),
        ({"username": "lin@mei"}, ("username", "invalid")),
        # Nine characters that are 162 when they are compared.
        ({"username": "ﷺ" * 9}, ("username", "max_length")),
        ({"username": None}, ("username", "null")),
        ({"username": 7}, ("username", "min_length")),
        ({"username": ["x"]}, ("username", "invalid")),
        ({"email": "nonsense"}, ("email", "invalid")),
        # Django takes them; no letter could be sent there.
        ({"email": "li@例子.公司"}, ("email", "invalid")),
        ({"email": "a@" + "ﷺ" * 20 + ".com"}, ("email", "invalid")),
        ({"email": "a" * 95 + "@example.com"}, ("email", "max_length")),
        ({"password": "short"}, ("password", "min_length")),
        ({"password": "password123"}, ("password", "password_too_common")),
        ({"password": "Lin.Mei.1"}, ("password", "password_too_similar")),
        ({"language": "fr"}, ("language", "invalid_choice")),
        ({"status": "active"}, ("status", "unknown")),
        ({"is_superuser": True}, ("is_superuser", "unknown")),
    ],
)
def test_bad_value_is_refused_with_field_and_code(api, changes, problem, user_events):
    assert refused(api.post(USERS, {**BODY, **changes}), 400, 1001, [problem])
    assert not User.objects.exists()
    assert user_events() == []


@pytest.mark.django_db
def test_everything_that_is_wrong_is_told_at_once(api):
    response = api.post(USERS, {"username": "ab", "email": "x", "nonsense": 1})

    assert refused(
        response,
        400,
        1001,
        [("username", "min_length"), ("email", "invalid"), ("password", "required"), ("nonsense", "unknown")],
    )


@pytest.mark.django_db
@pytest.mark.parametrize("body", [[], "text", 7, None])
def test_body_that_is_no_object_is_refused(api, body):
    assert refused(api.post(USERS, body, format="json"), 400, 1001)


def test_taken_name_and_address_are_named(api, user):
    response = api.post(USERS, {**BODY, "username": "LIN.MEI", "email": "LIN@example.com"})

    assert refused(response, 409, 1007, [("username", "taken"), ("email", "taken")])
    assert User.objects.count() == 1


def test_name_and_address_of_a_deleted_user_are_free(as_administrator, user):
    assert as_administrator.delete(f"{USERS}/{user.pk}").status_code == 200

    response = APIClient().post(USERS, BODY)

    assert response.status_code == 201
    assert response.json()["data"]["id"] != user.pk


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("other", [{}, {"username": "someone.else"}, {"email": "else@example.com"}])
def test_of_two_registrations_at_once_one_gets_the_name(other, user_events):
    barrier, responses = threading.Barrier(2), []

    def register(body):
        barrier.wait()
        try:
            responses.append(APIClient().post(USERS, body))
        finally:
            connection.close()

    threads = [threading.Thread(target=register, args=[body]) for body in (BODY, {**BODY, **other})]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    made, turned_away = sorted(responses, key=lambda response: response.status_code)
    assert made.status_code == 201
    taken = {"username", "email"} - set(other)
    assert refused(turned_away, 409, 1007)
    assert {error["field"] for error in turned_away.json()["errors"]} == taken
    assert User.objects.count() == 1
    assert [event["action"] for event in user_events()] == ["created"]


@pytest.mark.django_db
def test_registering_is_limited_for_each_address_but_not_for_staff(api, administrator, bearer_of, settings):
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "registration": "1/hour"}
    assert api.post(USERS, BODY).status_code == 201

    second = api.post(USERS, {**BODY, "username": "second", "email": "second@example.com"})

    assert refused(second, 429, 1008)
    assert int(second["Retry-After"]) > 3000
    third = {**BODY, "username": "third", "email": "third@example.com"}
    assert api.post(USERS, third, headers=bearer_of(administrator)).status_code == 201


@pytest.mark.django_db
def test_bad_token_is_not_taken_for_none(api):
    assert refused(api.post(USERS, BODY, headers={"Authorization": "Bearer x"}), 401, 1003)
    assert not User.objects.exists()


def test_staff_are_named_as_those_who_made_the_user(as_administrator, administrator, user_events):
    as_administrator.post(USERS, BODY)

    [event] = user_events()
    assert (event["actor_kind"], event["actor_id"]) == ("user", str(administrator.pk))


# --- list ---


@pytest.mark.django_db
def test_list_is_for_staff_with_the_right(api, user, as_user, bearer_of):
    assert refused(api.get(USERS), 401, 1002)
    assert refused(as_user.get(USERS), 403, 1005)
    assert refused(api.get(USERS, headers=bearer_of(UserFactory(role="editor"))), 403, 1005)
    assert api.get(USERS, headers=bearer_of(UserFactory(role="auditor"))).status_code == 200


def test_list_is_newest_first_in_pages(as_administrator, administrator):
    users = UserFactory.create_batch(3)
    gone = UserFactory()
    User.objects.filter(pk=gone.pk).update(deleted_at=gone.created_at, deleted_key=gone.pk)

    data = as_administrator.get(f"{USERS}?page_size=2").json()["data"]
    rest = as_administrator.get(f"{USERS}?page_size=2&page=2").json()["data"]

    assert [row["id"] for row in data["items"] + rest["items"]] == [
        *(user.pk for user in reversed(users)),
        administrator.pk,
    ]
    assert data["pagination"] == {"page": 1, "page_size": 2, "total": 4, "total_pages": 2}
    beyond = as_administrator.get(f"{USERS}?page=9")
    assert (beyond.status_code, beyond.json()["data"]["items"]) == (200, [])


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("status=locked", ["locked"]),
        ("is_staff=true", ["editor", "boss"]),
        ("is_staff=false", ["locked", "Lin.Mei"]),
        ("role=editor", ["editor"]),
        ("username=LIN.mei", ["Lin.Mei"]),
        ("email=lin@example.COM", ["Lin.Mei"]),
        ("created_from=2000-01-01T00:00:00Z&status=locked", ["locked"]),
        ("created_until=2000-01-01T00:00:00Z", []),
    ],
)
def test_list_is_filtered(as_administrator, user, query, names):
    UserFactory(username="locked", status="locked")
    UserFactory(username="editor", role="editor")

    rows = as_administrator.get(f"{USERS}?{query}").json()["data"]["items"]

    assert sorted(row["username"] for row in rows) == sorted(names)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("status=asleep", "status"),
        ("is_staff=maybe", "is_staff"),
        ("role=king", "role"),
        ("created_from=yesterday", "created_from"),
        ("page=0", "page"),
        ("page_size=101", "page_size"),
        ("limit=5", "limit"),
        ("password=x", "password"),
    ],
)
def test_unknown_filter_and_bad_value_are_refused_by_name(as_administrator, query, field):
    response = as_administrator.get(f"{USERS}?{query}")

    assert refused(response, 400, 1001)
    assert [error["field"] for error in response.json()["errors"]] == [field]


def test_list_takes_as_many_queries_for_twenty_users_as_for_two(as_administrator, django_assert_max_num_queries):
    UserFactory(role="editor")
    with django_assert_max_num_queries(6) as few:
        as_administrator.get(USERS)
    UserFactory.create_batch(18, role="editor")
    with django_assert_max_num_queries(6) as many:
        as_administrator.get(USERS)

    assert len(few) == len(many)


# --- read ---


def test_user_reads_themself_and_finds_nobody_else(as_user, user):
    other = UserFactory()

    own = as_user.get(f"{USERS}/{user.pk}")

    assert own.json()["data"] == as_user.get(ME).json()["data"]
    assert refused(as_user.get(f"{USERS}/{other.pk}"), 404, 1006)
    assert refused(as_user.get(f"{USERS}/987654321"), 404, 1006)
    assert refused(as_user.get(f"{USERS}/x"), 400, 1001, [("id", "invalid")])
    assert refused(APIClient().get(f"{USERS}/{user.pk}"), 401, 1002)


def test_staff_read_any_living_user(as_administrator, user):
    assert as_administrator.get(f"{USERS}/{user.pk}").json()["data"]["username"] == "Lin.Mei"

    as_administrator.delete(f"{USERS}/{user.pk}")

    assert refused(as_administrator.get(f"{USERS}/{user.pk}"), 404, 1006)


@pytest.mark.parametrize("path", [ME, ""])
def test_copy_that_is_still_the_newest_is_not_sent_again(as_user, user, path):
    path = path or f"{USERS}/{user.pk}"
    tag = as_user.get(path)["ETag"]

    same = as_user.get(path, headers={"If-None-Match": tag})
    assert (same.status_code, same.content, same["ETag"]) == (304, b"", tag)

    User.objects.filter(pk=user.pk).update(version=2)
    assert as_user.get(path, headers={"If-None-Match": tag}).status_code == 200


def test_a_sign_in_makes_copies_stale_but_refuses_no_change(as_user, user, sign_in):
    tag = as_user.get(ME)["ETag"]
    sign_in("lin.mei")

    assert as_user.get(ME, headers={"If-None-Match": tag}).status_code == 200
    assert as_user.put(ME, {"language": "en"}, headers={"If-Match": tag}).status_code == 200


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
