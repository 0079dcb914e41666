"""Sign-in, refresh and sign-out by token."""

import threading
from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.hashers import make_password
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from apps.audit.testing import observed
from apps.core.actor import SYSTEM
from apps.users.api.tokens import AccessToken
from apps.users.models import TokenSession, User
from apps.users.services import sign_in as sign_in_service
from apps.users.services.accounts import change_password
from tests.factories.users import PASSWORD, UserFactory
from tests.users.answers import refused

TOKEN = "/api/v1/auth/token"
REFRESH = "/api/v1/auth/refresh"
LOGOUT = "/api/v1/auth/logout"
ME = "/api/v1/users/me"


def bearer(token: str) -> dict[str, str]:
    return {"HTTP_AUTHORIZATION": f"Bearer {token}"}


@pytest.mark.parametrize("name", ["Lin.Mei", "lin.mei", "LIN.MEI", "lin@example.com", "LIN@EXAMPLE.COM", " lin.mei "])
def test_name_and_address_sign_in_in_any_spelling(api, user, name):
    response = api.post(TOKEN, {"username": name, "password": PASSWORD})

    assert response.status_code == 200
    data = response.json()["data"]
    assert data["token_type"] == "Bearer"
    assert data["expires_in"] == 600
    assert api.get(ME, **bearer(data["access_token"])).json()["data"]["id"] == user.pk


def test_sign_in_is_recorded_with_address_and_request_id(api, user, user_events):
    before = timezone.now()

    response = api.post(
        TOKEN, {"username": "lin.mei", "password": PASSWORD}, REMOTE_ADDR="198.51.100.7", HTTP_USER_AGENT="check/1"
    )

    user.refresh_from_db()
    assert user.last_login_at >= before
    session = TokenSession.objects.get()
    assert (session.user, session.client_ip, session.user_agent) == (user, "198.51.100.7", "check/1")
    [event] = user_events()
    assert (event["action"], event["resource_type"], event["resource_id"]) == ("login", "user", str(user.pk))
    assert (event["actor_kind"], event["actor_id"]) == ("user", str(user.pk))
    assert (event["client_ip"], event["request_id"]) == ("198.51.100.7", response["X-Request-ID"])
    assert event["data"] == {"door": "api"}


@pytest.mark.parametrize(
    ("name", "password"), [("lin.mei", "wrong-horse-9"), ("nobody", PASSWORD), ("nobody@example.com", PASSWORD)]
)
def test_wrong_name_and_wrong_password_get_the_same_answer(api, user, name, password, user_events):
    response = api.post(TOKEN, {"username": name, "password": password})

    assert refused(response, 401, 1004)
    assert response.json()["messages"]["en"] == "User name or password is wrong."
    assert TokenSession.objects.count() == 0
    assert user_events() == []


@pytest.mark.parametrize("change", [{"status": "inactive"}, {"status": "locked"}, {"deleted": True}])
def test_user_without_access_is_refused_like_a_wrong_password(api, user, change):
    if change.pop("deleted", False):
        change = {"deleted_at": timezone.now(), "deleted_key": user.pk}
    User.objects.filter(pk=user.pk).update(**change)

    assert refused(api.post(TOKEN, {"username": "lin.mei", "password": PASSWORD}), 401, 1004)
    assert TokenSession.objects.count() == 0


def test_failed_sign_in_is_observed_without_what_was_typed(api, user):
    api.post(TOKEN, {"username": "LIN.MEI", "password": "wrong-horse-9"}, REMOTE_ADDR="198.51.100.7")
    api.post(TOKEN, {"username": "my-secret-password", "password": "x"}, REMOTE_ADDR="198.51.100.7")

    known, unknown = observed()
    assert (known["action"], known["status"], known["resource_id"]) == ("login_failed", "failed", str(user.pk))
    assert (known["client_ip"], known["actor_kind"]) == ("198.51.100.7", "anonymous")
    assert known["request_id"]
    assert unknown.get("resource_id", "") == ""
    assert "my-secret" not in str(unknown)
    assert "wrong-horse" not in str(known)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"username": "lin.mei"},
        {"password": "x"},
        {"username": "", "password": ""},
        {"username": "a\0b", "password": "x"},
        [],
    ],
)
def test_incomplete_sign_in_names_the_fields(api, user, body):
    response = api.post(TOKEN, body, format="json")

    assert refused(response, 400, 1001)


def test_weaker_hash_is_replaced_at_sign_in(api, user, settings, user_events):
    settings.PASSWORD_HASHERS = [*settings.PASSWORD_HASHERS, "django.contrib.auth.hashers.MD5PasswordHasher"]
    User.objects.filter(pk=user.pk).update(password=make_password(PASSWORD, hasher="md5"))

    assert api.post(TOKEN, {"username": "lin.mei", "password": PASSWORD}).status_code == 200

    user.refresh_from_db()
    assert user.password.startswith("bcrypt_sha256$")
    assert user.check_password(PASSWORD)
    assert [event["action"] for event in user_events()] == ["updated", "login"]
    assert user.password not in str(user_events())


class AtOnce:
    """Runs something while a password is being compared: in between the row is somebody else's."""

    def __init__(self, monkeypatch, deed):
        compare = sign_in_service.check_password
        monkeypatch.setattr(sign_in_service, "check_password", self.compared(compare, deed))

    @staticmethod
    def compared(compare, deed):
        def slowly(raw, encoded, setter=None, preferred="default"):
            deed()
            return compare(raw, encoded, setter=setter, preferred=preferred)

        return slowly


@pytest.mark.parametrize("hasher", ["md5", "default"])
def test_a_password_changed_while_the_old_one_is_compared_stands(api, user, settings, monkeypatch, hasher):
    settings.PASSWORD_HASHERS = [*settings.PASSWORD_HASHERS, "django.contrib.auth.hashers.MD5PasswordHasher"]
    User.objects.filter(pk=user.pk).update(password=make_password(PASSWORD, hasher=hasher))
    new = "a-quite-other-Passphrase-7"
    AtOnce(monkeypatch, lambda: change_password(user.pk, new, actor=SYSTEM))

    response = api.post(TOKEN, {"username": "lin.mei", "password": PASSWORD})

    assert refused(response, 401, 1004)
    assert not TokenSession.objects.exists()
    user.refresh_from_db()
    assert user.check_password(new)


def test_who_is_shut_out_while_signing_in_stays_out(api, user, monkeypatch):
    AtOnce(monkeypatch, lambda: User.objects.filter(pk=user.pk).update(status="locked"))

    assert refused(api.post(TOKEN, {"username": "lin.mei", "password": PASSWORD}), 401, 1004)
    assert not TokenSession.objects.exists()


# --- refresh ---


def test_refresh_gives_a_new_pair_of_the_same_session(api, user, sign_in):
    first = sign_in("lin.mei")

    response = api.post(REFRESH, {"refresh_token": first["refresh_token"]})

    assert response.status_code == 200
    second = response.json()["data"]
    assert second["refresh_token"] != first["refresh_token"]
    assert TokenSession.objects.count() == 1
    assert api.get(ME, **bearer(second["access_token"])).status_code == 200
    assert api.post(REFRESH, {"refresh_token": second["refresh_token"]}).status_code == 200


def test_refresh_token_sent_twice_closes_the_session_for_everybody(api, user, sign_in, user_events):
    first = sign_in("lin.mei")
    other = sign_in("lin.mei")
    second = api.post(REFRESH, {"refresh_token": first["refresh_token"]}).json()["data"]

    assert refused(api.post(REFRESH, {"refresh_token": first["refresh_token"]}), 401, 1003)

    assert refused(api.post(REFRESH, {"refresh_token": second["refresh_token"]}), 401, 1003)
    assert refused(api.get(ME, **bearer(second["access_token"])), 401, 1003)
    assert api.get(ME, **bearer(other["access_token"])).status_code == 200
    assert [event["action"] for event in user_events()] == ["login", "login", "revoked"]


@pytest.mark.django_db(transaction=True)
def test_of_many_simultaneous_uses_of_one_refresh_token_one_gets_through():
    UserFactory(username="lin.mei")
    token = APIClient().post(TOKEN, {"username": "lin.mei", "password": PASSWORD}).json()["data"]["refresh_token"]
    barrier = threading.Barrier(4)
    statuses = []

    def use():
        barrier.wait()
        try:
            statuses.append(APIClient().post(REFRESH, {"refresh_token": token}).status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(statuses) == [200, 401, 401, 401]
    assert TokenSession.objects.get().revoked_reason == "reused"


@pytest.mark.parametrize("token", ["", "abc", "a.b.c", "eyJhbGciOiJub25lIn0.e30."])
def test_nonsense_is_no_refresh_token(api, user, token):
    response = api.post(REFRESH, {"refresh_token": token})

    assert response.json()["code"] == (1003 if token else 1001)


def test_access_token_is_no_refresh_token_and_the_reverse(api, user, sign_in):
    pair = sign_in("lin.mei")

    assert refused(api.post(REFRESH, {"refresh_token": pair["access_token"]}), 401, 1003)
    assert refused(api.get(ME, **bearer(pair["refresh_token"])), 401, 1003)
    assert TokenSession.objects.get().revoked_at is None


def test_expired_tokens_are_refused(api, user):
    with time_machine.travel(timezone.now() - timedelta(days=15), tick=False):
        pair = api.post(TOKEN, {"username": "lin.mei", "password": PASSWORD}).json()["data"]

    assert refused(api.get(ME, **bearer(pair["access_token"])), 401, 1003)
    assert refused(api.post(REFRESH, {"refresh_token": pair["refresh_token"]}), 401, 1003)


@pytest.mark.parametrize("status", ["inactive", "locked"])
def test_changed_status_holds_from_the_next_request_on(api, user, sign_in, status):
    pair = sign_in("lin.mei")
    User.objects.filter(pk=user.pk).update(status=status)

    assert refused(api.get(ME, **bearer(pair["access_token"])), 401, 1003)
    assert refused(api.post(REFRESH, {"refresh_token": pair["refresh_token"]}), 401, 1003)


def test_token_signed_with_another_key_is_refused(api, user, sign_in):
    pair = sign_in("lin.mei")
    header, payload, _ = pair["access_token"].split(".")

    assert refused(api.get(ME, **bearer(f"{header}.{payload}.AAAA")), 401, 1003)


def test_token_without_session_is_refused(api, user):
    token = AccessToken()
    token["sub"] = str(user.pk)

    assert refused(api.get(ME, **bearer(str(token))), 401, 1003)


# --- sign-out and oneself ---


def test_sign_out_closes_the_session_at_once_and_is_recorded(api, user, sign_in, user_events):
    pair = sign_in("lin.mei")

    response = api.post(LOGOUT, **bearer(pair["access_token"]))

    assert (response.status_code, response.json()["data"]) == (200, None)
    assert refused(api.get(ME, **bearer(pair["access_token"])), 401, 1003)
    assert refused(api.post(REFRESH, {"refresh_token": pair["refresh_token"]}), 401, 1003)
    assert [event["action"] for event in user_events()] == ["login", "logout"]


@pytest.mark.django_db
@pytest.mark.parametrize(("method", "path"), [("get", ME), ("post", LOGOUT)])
def test_without_token_nothing_is_shown(api, method, path):
    response = getattr(api, method)(path)

    assert refused(response, 401, 1002)
    assert response["WWW-Authenticate"] == 'Bearer realm="api"'


def test_oneself_is_shown_without_any_form_of_the_password(api, db, sign_in):
    editor = UserFactory(username="editor", role="editor")
    pair = sign_in("editor")

    data = api.get(ME, **bearer(pair["access_token"])).json()["data"]

    assert data["username"] == "editor"
    assert data["roles"] == ["editor"]
    assert set(data) == {
        "id",
        "username",
        "email",
        "status",
        "language",
        "is_staff",
        "roles",
        "version",
        "last_login_at",
        "created_at",
        "updated_at",
    }
    assert editor.password not in str(data)


def test_asking_for_oneself_takes_two_queries(api, user, sign_in, django_assert_num_queries):
    pair = sign_in("lin.mei")

    # session with user, groups
    with django_assert_num_queries(2):
        api.get(ME, **bearer(pair["access_token"]))


# --- lock ---


def test_five_failures_lock_the_name_for_this_address_only(api, user):
    here, there = {"REMOTE_ADDR": "198.51.100.7"}, {"REMOTE_ADDR": "198.51.100.8"}
    spellings = ["lin.mei", "LIN.MEI", "lin@example.com", "Lin.Mei"]
    for name in spellings:
        assert refused(api.post(TOKEN, {"username": name, "password": "x"}, **here), 401, 1004)

    fifth = api.post(TOKEN, {"username": "Lin@Example.com", "password": "x"}, **here)
    right = api.post(TOKEN, {"username": "lin.mei", "password": PASSWORD}, **here)

    for response in (fifth, right):
        assert refused(response, 429, 1008)
        assert 890 <= int(response["Retry-After"]) <= 900
    assert TokenSession.objects.count() == 0
    assert api.post(TOKEN, {"username": "lin.mei", "password": PASSWORD}, **there).status_code == 200
    UserFactory(username="other")
    assert api.post(TOKEN, {"username": "other", "password": PASSWORD}, **here).status_code == 200


def test_lock_ends_after_a_quarter_of_an_hour_and_success_forgets_failures(api, user):
    with time_machine.travel(timezone.now() - timedelta(minutes=16), tick=False):
        for _ in range(5):
            last = api.post(TOKEN, {"username": "lin.mei", "password": "x"})
        assert last.status_code == 429

    assert api.post(TOKEN, {"username": "lin.mei", "password": PASSWORD}).status_code == 200
    for _ in range(4):
        assert api.post(TOKEN, {"username": "lin.mei", "password": "x"}).status_code == 401
    assert api.post(TOKEN, {"username": "lin.mei", "password": PASSWORD}).status_code == 200


def test_unknown_name_locks_too(api, db):
    for _ in range(5):
        last = api.post(TOKEN, {"username": "nobody", "password": "x"})

    assert refused(last, 429, 1008)


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        ("2001:db8:1:1::1", "2001:db8:1:1:ffff::2", True),
        ("2001:db8:1:1::1", "2001:db8:1:2::1", False),
        ("::ffff:198.51.100.7", "198.51.100.7", True),
        ("", "", True),
    ],
)
def test_addresses_that_one_subscriber_owns_count_together(api, user, first, second, together):
    for _ in range(5):
        api.post(TOKEN, {"username": "lin.mei", "password": "x"}, REMOTE_ADDR=first)

    response = api.post(TOKEN, {"username": "lin.mei", "password": PASSWORD}, REMOTE_ADDR=second)

    assert response.status_code == (429 if together else 200)


def test_lock_holds_while_redis_is_away(api, user, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    for _ in range(4):
        assert refused(api.post(TOKEN, {"username": "lin.mei", "password": "x"}), 401, 1004)

    assert refused(api.post(TOKEN, {"username": "lin.mei", "password": "x"}), 429, 1008)
    assert refused(api.post(TOKEN, {"username": "lin.mei", "password": PASSWORD}), 429, 1008)
    there = api.post(TOKEN, {"username": "lin.mei", "password": PASSWORD}, REMOTE_ADDR="198.51.100.8")
    assert there.status_code == 200


def test_sign_in_has_a_limit_per_address_of_its_own(api, user, settings):
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "login": "2/min"}
    for _ in range(2):
        assert api.post(TOKEN, {"username": "lin.mei", "password": PASSWORD}).status_code == 200

    third = api.post(TOKEN, {"username": "lin.mei", "password": PASSWORD})

    assert refused(third, 429, 1008)
    assert 1 <= int(third["Retry-After"]) <= 60
    assert TokenSession.objects.count() == 2
