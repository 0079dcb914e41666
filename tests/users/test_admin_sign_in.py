"""The sign-in page of the back-office."""

from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from apps.audit.testing import observed
from tests.factories.users import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db
HERE = {"REMOTE_ADDR": "198.51.100.7"}


@pytest.fixture
def page():
    return reverse("admin:login")


def texts(response) -> str:
    return response.content.decode()


@pytest.mark.parametrize("name", ["Editor", "EDITOR", "editor@example.com"])
def test_staff_sign_in_and_out_and_both_are_recorded(client, page, name, user_events):
    editor = UserFactory(username="editor", role="editor")

    response = client.post(page, {"username": name, "password": PASSWORD}, **HERE)
    assert response.status_code == 302
    client.post(reverse("admin:logout"), **HERE)

    editor.refresh_from_db()
    assert editor.last_login_at is not None
    login, logout = user_events()
    assert (login["action"], login["actor_id"], login["client_ip"]) == ("login", str(editor.pk), "198.51.100.7")
    assert login["request_id"] == response["X-Request-ID"]
    assert (logout["action"], logout["resource_id"]) == ("logout", str(editor.pk))
    assert login["data"] == logout["data"] == {"door": "admin"}
    assert login["subsystem"] == "auth"


@pytest.mark.parametrize(("language", "sentence"), [("zh-hans", "用户名或密码错误"), ("en", "password is wrong")])
def test_wrong_password_is_refused_in_the_readers_language(client, page, language, sentence):
    UserFactory(username="editor", role="editor")

    response = client.post(page, {"username": "editor", "password": "x"}, headers={"accept-language": language}, **HERE)

    assert response.status_code == 200
    assert sentence in texts(response)
    assert "_auth_user_id" not in client.session
    [event] = observed()
    assert (event["action"], event["error_message"], event["data"]) == (
        "login_failed",
        "wrong credentials",
        {"door": "admin"},
    )


def test_customer_with_right_password_reads_the_same_sentence_and_leaves_a_trace(client, page):
    UserFactory(username="customer")

    right = client.post(page, {"username": "customer", "password": PASSWORD}, **HERE)
    wrong = client.post(page, {"username": "customer", "password": "x"}, **HERE)

    assert "用户名或密码错误" in texts(right)
    assert "用户名或密码错误" in texts(wrong)
    assert "_auth_user_id" not in client.session
    assert [event["error_message"] for event in observed()] == ["not staff", "wrong credentials"]


@pytest.mark.parametrize(("language", "sentence"), [("zh-hans", "15 分钟后"), ("en", "in 15 minutes")])
def test_fifth_failure_locks_with_the_time_to_wait(client, page, language, sentence):
    UserFactory(username="editor", role="editor", email="editor@example.com")
    for name in ("editor", "EDITOR", "editor@example.com", "Editor"):
        assert client.post(page, {"username": name, "password": "x"}, **HERE).status_code == 200

    fifth = client.post(page, {"username": "editor", "password": "x"}, headers={"accept-language": language}, **HERE)
    right = client.post(
        page, {"username": "editor", "password": PASSWORD}, headers={"accept-language": language}, **HERE
    )

    for response in (fifth, right):
        assert response.status_code == 429
        assert 890 <= int(response["Retry-After"]) <= 900
        assert sentence in texts(response)
    assert "_auth_user_id" not in client.session
    assert [event["error_message"] for event in observed()][-2:] == ["locked after failures"] * 2


def test_lock_of_one_address_leaves_others_alone_and_ends(client, page):
    UserFactory(username="editor", role="editor")
    with time_machine.travel(timezone.now() - timedelta(minutes=16), tick=False):
        for _ in range(5):
            client.post(page, {"username": "editor", "password": "x"}, **HERE)
        elsewhere = client.post(page, {"username": "editor", "password": PASSWORD}, REMOTE_ADDR="198.51.100.8")
        assert elsewhere.status_code == 302

    assert client.post(page, {"username": "editor", "password": PASSWORD}, **HERE).status_code == 302


@pytest.mark.parametrize("status", ["inactive", "locked"])
def test_session_of_a_user_who_is_shut_out_ends_with_the_next_request(client, status):
    editor = UserFactory(role="editor")
    client.force_login(editor)
    assert client.get(reverse("admin:index")).status_code == 200

    type(editor).objects.filter(pk=editor.pk).update(status=status)

    response = client.get(reverse("admin:index"))
    assert (response.status_code, response.url.split("?")[0]) == (302, reverse("admin:login"))
