"""One's own password in the back-office: the old one is no easier to guess here than at the sign-in page."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.audit.testing import observed
from apps.users.models import TokenSession, User
from apps.users.services.accounts import change_password
from tests.factories.users import PASSWORD, TokenSessionFactory, UserFactory

pytestmark = pytest.mark.django_db

HERE = {"REMOTE_ADDR": "198.51.100.7"}
NEW = "another-Horse-78"


@pytest.fixture
def editor(client: Client) -> User:
    user = UserFactory(username="editor", role="editor")
    client.force_login(user)
    return user


def change(client: Client, old: str) -> Any:
    return client.post(
        reverse("admin:password_change"), {"old_password": old, "new_password1": NEW, "new_password2": NEW}, **HERE
    )


def test_a_wrong_old_password_leaves_its_trace_and_changes_nothing(client: Client, editor: User) -> None:
    session = TokenSessionFactory(user=editor)

    response = change(client, "wrong-horse-9")

    assert response.status_code == 200
    assert "old_password" in response.context["form"].errors
    [event] = observed()
    assert (event["action"], event["status"], event["resource_id"]) == ("login_failed", "failed", str(editor.pk))
    assert (event["client_ip"], event["data"]) == ("198.51.100.7", {"door": "admin"})
    assert "wrong-horse" not in str(event)
    editor.refresh_from_db()
    assert (editor.check_password(PASSWORD), editor.version) == (True, 1)
    assert list(TokenSession.objects.open()) == [session]


def test_five_wrong_ones_lock_the_name_also_for_the_right_one(client: Client, editor: User) -> None:
    for _ in range(4):
        assert change(client, "x").status_code == 200

    fifth, right = change(client, "x"), change(client, PASSWORD)

    for response in (fifth, right):
        assert response.status_code == 429
        assert 890 <= int(response["Retry-After"]) <= 900
    assert "登录失败次数过多" in right.content.decode()
    editor.refresh_from_db()
    assert (editor.check_password(PASSWORD), editor.version) == (True, 1)
    body = {"username": "editor", "password": PASSWORD}
    assert client.post("/api/v1/auth/token", body, content_type="application/json", **HERE).status_code == 429


def test_the_old_password_must_still_be_it_when_the_new_one_is_written(
    client: Client, editor: User, monkeypatch: pytest.MonkeyPatch, user_events: Any
) -> None:
    own_password = importlib.import_module("apps.users.admin.own_password")
    write = own_password.change_own_password

    def overtaken(*args: Any, **fields: Any) -> User:
        change_password(editor.pk, "from-another-Window-3", actor=fields["actor"])
        return write(*args, **fields)

    monkeypatch.setattr(own_password, "change_own_password", overtaken)

    response = change(client, PASSWORD)

    assert response.status_code == 200
    assert "old_password" in response.context["form"].errors
    editor.refresh_from_db()
    assert editor.check_password("from-another-Window-3")
    assert [event["action"] for event in user_events()] == ["login", "password_changed"]
