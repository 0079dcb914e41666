"""Two at once: signing in, changing passwords, taking each other's access away."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from django.db import connections
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from apps.core.actor import SYSTEM, Actor
from apps.core.errors import Denied, WrongCredentials
from apps.users.models import TokenSession, User
from apps.users.services import sign_in as sign_in_service
from apps.users.services.accounts import (
    change_own_password,
    change_password,
    set_roles,
    set_status,
    sign_out_everywhere,
)
from apps.users.services.changing import change_user
from tests.factories.users import PASSWORD, TokenSessionFactory, UserFactory
from tests.users.answers import refused

TOKEN = "/api/v1/auth/token"
CHANGE = "/api/v1/auth/password"
NEW = ("a-quite-other-Passphrase-7", "one-more-Passphrase-8")


def at_once(*deeds: Callable[[], Any]) -> list[Any]:
    """What each returns or raises."""
    start, results = threading.Barrier(len(deeds)), [None] * len(deeds)

    def run(place: int, deed: Callable[[], Any]) -> None:
        start.wait(10)
        try:
            results[place] = deed()
        except Exception as error:
            results[place] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(deeds)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.fixture
def both_have_read(monkeypatch):
    """Neither compares a password before both have read the row."""
    compare, meeting, met = sign_in_service.check_password, threading.Barrier(2), set()

    def compare_together(raw, encoded, **options):
        if threading.get_ident() not in met:
            met.add(threading.get_ident())
            meeting.wait(10)
        return compare(raw, encoded, **options)

    monkeypatch.setattr(sign_in_service, "check_password", compare_together)


@pytest.fixture
def weak_hash(settings):
    settings.PASSWORD_HASHERS = [*settings.PASSWORD_HASHERS, "django.contrib.auth.hashers.MD5PasswordHasher"]
    return make_password(PASSWORD, hasher="md5")


def with_hash(password: str, **fields: Any) -> User:
    user = UserFactory(**fields)
    User.objects.filter(pk=user.pk).update(password=password)
    return user


# --- signing in -----------------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_two_sign_ins_on_a_weak_hash_both_get_in(weak_hash, both_have_read, user_events):
    user = with_hash(weak_hash, username="lin.mei")
    body = {"username": "lin.mei", "password": PASSWORD}

    answers = at_once(*[lambda: APIClient().post(TOKEN, body)] * 2)

    assert [answer.status_code for answer in answers] == [200, 200]
    assert TokenSession.objects.open().count() == 2
    user.refresh_from_db()
    assert user.password.startswith("bcrypt_sha256$")
    assert sorted(event["action"] for event in user_events()) == ["login", "login", "updated"]


@pytest.mark.django_db(transaction=True)
def test_two_browsers_that_sign_in_on_a_weak_hash_both_stay_in(weak_hash, both_have_read):
    with_hash(weak_hash, username="editor", role="editor")

    def enter() -> int:
        browser = Client()
        browser.post(reverse("admin:login"), {"username": "editor", "password": PASSWORD})
        return browser.get(reverse("admin:index")).status_code

    assert at_once(enter, enter) == [200, 200]


@pytest.mark.django_db
def test_signing_out_everywhere_ends_a_sign_in_under_way(api, user, monkeypatch):
    compare = sign_in_service.check_password

    def slowly(raw, encoded, **options):
        sign_out_everywhere(user.pk, actor=SYSTEM, reason="lost phone")
        return compare(raw, encoded, **options)

    monkeypatch.setattr(sign_in_service, "check_password", slowly)

    assert refused(api.post(TOKEN, {"username": "lin.mei", "password": PASSWORD}), 401, 1004)
    assert not TokenSession.objects.exists()


# --- one's own password ---------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_of_two_changes_with_the_same_old_password_one_gets_through(bearer_of, both_have_read, user_events):
    user = UserFactory()
    headers = [bearer_of(user), bearer_of(user)]

    def change(place: int) -> int:
        body = {"old_password": PASSWORD, "new_password": NEW[place]}
        return APIClient().post(CHANGE, body, headers=headers[place]).status_code

    statuses = at_once(lambda: change(0), lambda: change(1))

    assert sorted(statuses) == [200, 401]
    user.refresh_from_db()
    assert user.check_password(NEW[statuses.index(200)])
    assert [event["action"] for event in user_events()] == ["password_changed"]


@pytest.mark.django_db
@pytest.mark.parametrize("why", ["password", "status", "deleted"])
def test_what_was_proved_must_still_hold(user, why, user_events):
    proved = user.password
    if why == "password":
        change_password(user.pk, NEW[0], actor=SYSTEM)
    elif why == "status":
        User.objects.filter(pk=user.pk).update(status="locked")
    else:
        User.objects.filter(pk=user.pk).update(deleted_at="2026-01-01T00:00:00Z", deleted_key=user.pk)
    session, events, before = TokenSessionFactory(user=user), user_events(), User.objects.get(pk=user.pk)

    with pytest.raises(WrongCredentials):
        change_own_password(user.pk, NEW[1], proved=proved, actor=Actor.of_user(user))

    after = User.objects.get(pk=user.pk)
    assert (after.password, after.version, user_events()) == (before.password, before.version, events)
    assert list(TokenSession.objects.open()) == [session]


# --- access ---------------------------------------------------------------------------------------------------------
def lock(victim: User, actor: User) -> User:
    return set_status(victim.pk, "locked", actor=Actor.of_user(actor), reason="x")


def lock_by_change(victim: User, actor: User) -> User:
    return change_user(victim.pk, actor=Actor.of_user(actor), status="locked", reason="x")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("deed", [lock, lock_by_change])
def test_two_superusers_do_not_shut_each_other_out(deed, user_events):
    one, other = UserFactory(superuser=True), UserFactory(superuser=True)

    results = at_once(lambda: deed(one, other), lambda: deed(other, one))

    assert sorted(type(result).__name__ for result in results) == ["Denied", "User"]
    assert sorted(User.objects.values_list("status", flat=True)) == ["active", "locked"]
    assert [event["action"] for event in user_events()] == ["updated"]


@pytest.mark.django_db
@pytest.mark.parametrize("change", [{"status": "locked"}, {"is_staff": False}])
def test_whose_access_is_gone_changes_nobody_any_more(change, user_events):
    actor, victim = UserFactory(role="administrator"), UserFactory(role="editor")
    User.objects.filter(pk=actor.pk).update(**change)

    for deed in (
        lambda: lock(victim, actor),
        lambda: set_roles(victim.pk, [], actor=Actor.of_user(actor), reason="x"),
        lambda: sign_out_everywhere(victim.pk, actor=Actor.of_user(actor), reason="x"),
        lambda: change_user(victim.pk, actor=Actor.of_user(actor), email="other@example.com"),
    ):
        with pytest.raises(Denied):
            deed()

    victim.refresh_from_db()
    assert (victim.status, victim.version, victim.sign_in_epoch) == ("active", 1, 0)
    assert user_events() == []
