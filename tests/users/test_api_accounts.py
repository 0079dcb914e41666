"""Users over HTTP: register, list, read."""

from __future__ import annotations

import threading

import pytest
from django.db import connection
from rest_framework.test import APIClient

from apps.users.models import User
from tests.factories.users import PASSWORD, UserFactory
from tests.users.answers import refused

USERS = "/api/v1/users"
ME = "/api/v1/users/me"
BODY = {"username": "Lin.Mei", "email": "Lin@Example.com", "password": PASSWORD}


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
