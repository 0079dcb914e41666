"""Users in the back-office: the list, the dialogs, one's own password."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.urls import reverse

from apps.users.models import TokenSession, User
from tests.factories.users import PASSWORD, TokenSessionFactory, UserFactory

pytestmark = pytest.mark.django_db
LIST = "admin:users_user_changelist"


@pytest.fixture
def administrator(client):
    user = UserFactory(username="administrator", role="administrator")
    client.force_login(user)
    return user


def dialog(client, name: str, user: User, **given: str):
    return client.post(
        reverse(f"admin:users_user_{name}", args=[user.pk]), {"_form_submitted": "True", "reason": "because", **given}
    )


def test_list_shows_roles_and_status_but_no_hash_and_no_deleted_user(client, administrator):
    editor = UserFactory(username="lin.mei", role="editor", status="locked")
    UserFactory(username="gone", deleted_at="2025-01-01T00:00:00Z", deleted_key=7)

    page = client.get(reverse(LIST)).content.decode()

    assert "lin.mei" in page
    assert "编辑" in page
    assert "锁定" in page
    assert "gone" not in page
    detail = client.get(reverse("admin:users_user_change", args=[editor.pk])).content.decode()
    assert "lin.mei" in detail
    assert editor.password not in page + detail
    assert "bcrypt" not in page + detail


@pytest.mark.parametrize(("query", "found"), [("LIN", True), ("lin@example.com", True), ("zhao", False)])
def test_search_finds_names_and_addresses(client, administrator, query, found):
    UserFactory(username="lin.mei", email="lin@example.com")

    assert ("lin.mei" in client.get(reverse(LIST), {"q": query}).content.decode()) is found


def test_roles_are_changed_in_a_dialog_with_a_reason(client, administrator, user_events):
    user = UserFactory(role="editor")

    without_reason = dialog(client, "change_roles", user, operator="on", reason="")
    assert without_reason.status_code == 200
    assert [group.name for group in user.groups.all()] == ["editor"]

    dialog(client, "change_roles", user, operator="on", auditor="on")

    assert set(user.groups.values_list("name", flat=True)) == {"operator", "auditor"}
    event = user_events()[-1]
    assert (event["action"], event["actor_id"], event["reason"]) == ("granted", str(administrator.pk), "because")


def test_status_is_changed_in_a_dialog(client, administrator):
    user = UserFactory()

    dialog(client, "change_status", user, status="locked")

    user.refresh_from_db()
    assert user.status == "locked"


def test_address_is_changed_in_a_dialog_and_a_taken_one_is_told_at_its_field(client, administrator, user_events):
    user, other = UserFactory(), UserFactory()

    refused = dialog(client, "change_contact", user, email=other.email.upper(), language="en")
    assert "该邮箱已被使用" in refused.content.decode()
    user.refresh_from_db()
    assert user.version == 1
    dialog(client, "change_contact", user, email="new@example.com", language="en")

    user.refresh_from_db()
    assert (user.email, user.language, user.version) == ("new@example.com", "en", 2)
    event = user_events()[-1]
    assert (event["action"], sorted(event["changed_fields"]), event["reason"]) == (
        "updated",
        ["email", "language"],
        "because",
    )


def test_own_access_is_refused_with_a_sentence(client, administrator):
    dialog(client, "change_status", administrator, status="locked")

    administrator.refresh_from_db()
    assert administrator.status == "active"
    assert "不能修改自己的权限" in client.get(reverse(LIST)).content.decode()


def test_lock_and_tokens_are_lifted_in_dialogs(client, administrator, user_events):
    user = UserFactory(username="lin.mei")
    TokenSessionFactory(user=user)
    for _ in range(5):
        client.post("/api/v1/auth/token", {"username": "lin.mei", "password": "x"}, content_type="application/json")

    dialog(client, "unlock", user)
    dialog(client, "end_sessions", user)

    assert not TokenSession.objects.open().exists()
    answer = client.post(
        "/api/v1/auth/token", {"username": "LIN.MEI", "password": PASSWORD}, content_type="application/json"
    )
    assert answer.status_code == 200
    assert [event["action"] for event in user_events()] == ["login", "unlocked", "revoked", "login"]


def test_user_is_deleted_in_a_dialog_and_leaves_the_list(client, administrator):
    user = UserFactory(username="lin.mei")

    dialog(client, "remove", user)

    assert not User.objects.alive().filter(pk=user.pk).exists()
    assert client.get(reverse("admin:users_user_change", args=[user.pk])).status_code == 302


def test_own_password_is_changed_through_the_service(client, administrator, user_events):
    session = TokenSessionFactory(user=administrator)
    new = "another-Horse-78"

    response = client.post(
        reverse("admin:password_change"), {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    )

    assert (response.status_code, response.url) == (302, reverse("admin:password_change_done"))
    administrator.refresh_from_db()
    assert administrator.check_password(new)
    session.refresh_from_db()
    assert session.revoked_reason == "password"
    assert user_events()[-1]["action"] == "password_changed"
    assert new not in str(user_events())
    assert client.get(reverse("admin:index")).status_code == 200


def test_wrong_old_password_changes_nothing(client, administrator):
    new = "another-Horse-78"

    client.post(reverse("admin:password_change"), {"old_password": "x", "new_password1": new, "new_password2": new})

    administrator.refresh_from_db()
    assert administrator.check_password(PASSWORD)


def test_groups_have_no_room_of_their_own():
    assert Group not in admin.site._registry
