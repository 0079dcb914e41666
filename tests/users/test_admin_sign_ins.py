"""Where somebody is signed in, where they signed in from, and how staff end it."""

import uuid
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import override

from apps.core.actor import Actor
from apps.core.errors import Conflict, Denied, NotFound
from apps.users.admin.display import device
from apps.users.models import TokenSession
from apps.users.services.accounts import end_token_session, sign_out_everywhere
from tests.factories.audit import AuditEventFactory
from tests.factories.users import TokenSessionFactory, UserFactory

pytestmark = pytest.mark.django_db
SESSIONS = "admin:users_tokensession_changelist"
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36"
)
COMMAND = Actor.command("test")


@pytest.fixture
def administrator(client):
    user = UserFactory(username="administrator", role="administrator")
    client.force_login(user)
    return user


def page_of(client, user):
    return client.get(reverse("admin:users_user_change", args=[user.pk])).content.decode()


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        (CHROME, "Chrome · Windows"),
        (CHROME + " Edg/143.0", "Edge · Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1", "Safari · iPhone"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox · Linux"),
        ("curl/8.14.1", "curl/8.14.1"),
        ("python-httpx/0.28", "python-httpx/0.28"),
        ("Mozilla/5.0 (something)", "Mozilla/5.0"),
        ("", "未知设备"),
        ("<script>", "未知设备"),
    ],
)
def test_device_is_called_as_people_call_it(agent, name):
    # Whatever language the request of another test left active.
    with override("zh-hans"):
        assert device(agent) == name


def test_page_of_a_user_shows_open_sign_ins_and_leads_to_all(client, administrator):
    user = UserFactory()
    session = TokenSessionFactory(user=user, user_agent=CHROME, client_ip="203.0.113.77")
    TokenSessionFactory(user=user, user_agent="curl/8", revoked_at=timezone.now(), revoked_reason="signed_out")
    TokenSessionFactory(client_ip="203.0.113.99")

    page = page_of(client, user)

    assert "Chrome · Windows" in page
    assert "203.0.113.77" in page
    assert "curl/8" not in page
    assert "203.0.113.99" not in page
    assert reverse("admin:users_tokensession_change", args=[session.pk]) in page
    assert f"{reverse(SESSIONS)}?user__id__exact={user.pk}" in page


def test_list_of_one_user_holds_only_theirs(client, administrator):
    user = UserFactory(username="lin.mei")
    TokenSessionFactory(user=user, client_ip="203.0.113.77")
    TokenSessionFactory(user=user, client_ip="203.0.113.78", revoked_at=timezone.now(), revoked_reason="reused")
    TokenSessionFactory(user=user, client_ip="203.0.113.79", expires_at=timezone.now() - timedelta(seconds=1))
    TokenSessionFactory(client_ip="203.0.113.99")

    page = client.get(reverse(SESSIONS), {"user__id__exact": user.pk}).content.decode()

    assert all(address in page for address in ("203.0.113.77", "203.0.113.78", "203.0.113.79"))
    assert "203.0.113.99" not in page
    assert client.get(reverse(SESSIONS), {"user__password__startswith": "b"}).status_code in {302, 400}


def test_one_sign_in_is_ended_in_a_dialog_with_a_reason(client, administrator, user_events):
    session, other = TokenSessionFactory.create_batch(2, user=UserFactory())
    address = reverse("admin:users_tokensession_end", args=[session.pk])

    client.post(address, {"_form_submitted": "True", "reason": ""})
    assert TokenSession.objects.open().count() == 2
    client.post(address, {"_form_submitted": "True", "reason": "lost phone"})

    assert list(TokenSession.objects.open()) == [other]
    session.refresh_from_db()
    assert session.revoked_reason == "closed_by_staff"
    _login, event = user_events()
    assert (event["action"], event["reason"], event["data"]) == ("revoked", "lost phone", {"sign_in": str(session.pk)})
    detail = client.get(reverse("admin:users_tokensession_change", args=[session.pk])).content.decode()
    assert "由管理人员结束" in detail


def test_ended_or_unknown_sign_in_is_not_ended_again(user_events):
    session = TokenSessionFactory(revoked_at=timezone.now(), revoked_reason="signed_out")

    with pytest.raises(Conflict):
        end_token_session(session.pk, actor=COMMAND, reason="x")
    with pytest.raises(NotFound):
        end_token_session(uuid.uuid4(), actor=COMMAND, reason="x")
    session.refresh_from_db()
    assert session.revoked_reason == "signed_out"
    assert user_events() == []


def test_only_a_superuser_ends_the_sign_in_of_a_superuser(user_events):
    administrator = UserFactory(role="administrator")
    session = TokenSessionFactory(user=UserFactory(superuser=True))

    with pytest.raises(Denied):
        end_token_session(session.pk, actor=Actor.of_user(administrator), reason="x")
    assert TokenSession.objects.open().count() == 1
    assert user_events() == []


def test_signing_out_everywhere_holds_for_browsers_too():
    user, other = UserFactory(role="editor"), UserFactory(role="editor")
    browser, others_browser = Client(), Client()
    browser.force_login(user)
    others_browser.force_login(other)
    assert browser.get(reverse("admin:index")).status_code == 200

    sign_out_everywhere(user.pk, actor=COMMAND, reason="lost laptop")

    assert browser.get(reverse("admin:index")).status_code == 302
    assert others_browser.get(reverse("admin:index")).status_code == 200
    user.refresh_from_db()
    browser.force_login(user)
    assert browser.get(reverse("admin:index")).status_code == 200


def test_sign_in_history_comes_from_the_audit_log(client, administrator):
    user = UserFactory(username="lin.mei")
    about = {"resource_type": "user", "resource_id": str(user.pk), "resource_label": "lin.mei"}
    AuditEventFactory(**about, action="login", client_ip="198.51.100.1", user_agent="curl/8", data={"door": "api"})
    failed = AuditEventFactory(
        **about, action="login_failed", status="failed", client_ip="198.51.100.2", data={"door": "admin"}
    )
    AuditEventFactory(**about, action="updated", client_ip="198.51.100.3")
    AuditEventFactory(**{**about, "resource_id": "987654321"}, action="login", client_ip="198.51.100.4")

    page = page_of(client, user)

    assert "198.51.100.1" in page
    assert "198.51.100.2" in page
    assert "198.51.100.3" not in page
    assert "198.51.100.4" not in page
    assert reverse("admin:audit_auditevent_change", args=[failed.pk]) in page


def test_sign_in_history_is_only_for_readers_of_the_audit_log(client):
    user = UserFactory()
    AuditEventFactory(resource_type="user", resource_id=str(user.pk), action="login", client_ip="198.51.100.1")
    client.force_login(UserFactory(role="operator"))

    page = page_of(client, user)

    assert "198.51.100.1" not in page
    assert "登录记录" not in page
