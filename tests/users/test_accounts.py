"""Making users and changing their access."""

import pytest
from django.db import IntegrityError, transaction

from apps.core.actor import Actor
from apps.core.errors import Conflict, Denied, Invalid, NotFound
from apps.users.models import TokenSession, User
from apps.users.roles import Role
from apps.users.services.accounts import (
    create_user,
    delete_user,
    roles_of,
    set_roles,
    set_status,
    sign_out_everywhere,
)
from tests.factories.users import PASSWORD, TokenSessionFactory, UserFactory

pytestmark = pytest.mark.django_db
COMMAND = Actor.command("test")


@pytest.fixture
def administrator():
    return UserFactory(role="administrator")


def make(**changes):
    return create_user(
        **{"username": "lin.mei", "email": "lin@example.com", "password": PASSWORD, "actor": COMMAND, **changes}
    )


def test_new_user_is_active_has_a_bcrypt_hash_and_no_right(user_events):
    user = make()

    user.refresh_from_db()
    assert (user.status, user.is_staff, user.is_superuser, user.is_demo) == ("active", False, False, False)
    assert user.password.startswith("bcrypt_sha256$")
    assert roles_of(user) == []
    [event] = user_events()
    assert (event["action"], event["resource_id"], event["actor_id"]) == ("created", str(user.pk), "command:test")
    assert PASSWORD not in str(event)
    assert user.password not in str(event)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("username", "ab"),
        ("username", "a" * 51),
        ("username", "lin@mei"),
        ("username", "lin mei"),
        ("username", ""),
        ("email", "nonsense"),
        ("email", ""),
        ("email", "a" * 95 + "@example.com"),
        ("password", "short"),
        ("password", "password123"),
        ("password", "lin.mei.1"),
    ],
)
def test_bad_value_is_refused_by_name(field, value, user_events):
    with pytest.raises(Invalid) as error:
        make(**{field: value})

    assert {item.field for item in error.value.errors} == {field}
    assert User.objects.count() == 0
    assert user_events() == []


@pytest.mark.parametrize("name", ["林小梅", "müller", "O.Neil+x_y-9"])
def test_letters_of_every_script_may_stand_in_a_name(name):
    assert make(username=name).username == name


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"username": "LIN.MEI", "email": "other@example.com"}, "username"),
        ({"username": "ｌｉｎ.mei", "email": "other@example.com"}, "username"),
        ({"username": "other", "email": "LIN@example.COM"}, "email"),
    ],
)
def test_name_and_address_are_unique_without_case(changes, field):
    make()

    with pytest.raises(Conflict) as error:
        make(**changes)

    assert [item.field for item in error.value.errors] == [field]
    assert User.objects.count() == 1


def test_database_itself_refuses_a_name_in_other_case():
    UserFactory(username="Straße")

    with pytest.raises(IntegrityError), transaction.atomic():
        UserFactory(username="STRASSE")


def test_deleted_user_is_invisible_and_frees_name_and_address(administrator, user_events):
    user = UserFactory(username="lin.mei", email="lin@example.com")
    session = TokenSessionFactory(user=user)

    delete_user(user.pk, actor=Actor.of_user(administrator), reason="asked for it")

    user.refresh_from_db()
    assert user.deleted_at is not None
    assert user.deleted_key == user.pk
    assert not User.objects.alive().filter(pk=user.pk).exists()
    assert not User.objects.named("lin.mei").exists()
    session.refresh_from_db()
    assert (session.revoked_at is not None, session.revoked_reason) == (True, "deleted")
    [event] = user_events()
    assert (event["action"], event["reason"], event["actor_id"]) == ("deleted", "asked for it", str(administrator.pk))
    assert make().pk != user.pk
    with pytest.raises(NotFound):
        delete_user(user.pk, actor=COMMAND, reason="again")


@pytest.mark.parametrize("status", ["inactive", "locked"])
def test_shutting_out_closes_token_sessions_and_is_recorded(administrator, user_events, status):
    user = UserFactory()
    TokenSessionFactory(user=user)
    other = TokenSessionFactory()

    set_status(user.pk, status, actor=Actor.of_user(administrator), reason="left")

    user.refresh_from_db()
    assert (user.status, user.version, user.is_active) == (status, 2, False)
    assert list(TokenSession.objects.open()) == [other]
    [event] = user_events()
    assert (event["action"], event["changed_fields"], event["reason"]) == ("updated", ["status"], "left")
    assert (event["old"]["status"], event["new"]["status"]) == ("active", status)


def test_same_or_unknown_status_is_refused(user_events):
    user = UserFactory()

    with pytest.raises(Conflict):
        set_status(user.pk, "active", actor=COMMAND, reason="")
    with pytest.raises(Invalid):
        set_status(user.pk, "asleep", actor=COMMAND, reason="")

    user.refresh_from_db()
    assert (user.status, user.version) == ("active", 1)
    assert user_events() == []


def test_roles_are_exactly_those_that_are_set(administrator, user_events):
    user = UserFactory(role="editor")

    set_roles(user.pk, [Role.OPERATOR, Role.AUDITOR], actor=Actor.of_user(administrator), reason="moved")

    user = User.objects.get(pk=user.pk)
    assert roles_of(user) == [Role.OPERATOR, Role.AUDITOR]
    assert (user.is_staff, user.version) == (True, 2)
    assert user.has_perm("taskhub.view_worker")
    assert not user.has_perm("articles.change_article")
    [event] = user_events()
    assert (event["action"], event["reason"]) == ("granted", "moved")
    assert (event["old"]["roles"], event["new"]["roles"]) == (["editor"], ["auditor", "operator"])


def test_without_roles_nobody_is_staff_except_a_superuser(user_events):
    user, superuser = UserFactory(role="editor"), UserFactory(role="editor", superuser=True)

    for each in (user, superuser):
        set_roles(each.pk, [], actor=COMMAND, reason="left")

    user.refresh_from_db()
    superuser.refresh_from_db()
    assert (user.is_staff, superuser.is_staff) == (False, True)
    assert [event["action"] for event in user_events()] == ["revoked", "revoked"]


def change_everything(pk, actor):
    return (
        lambda: set_status(pk, "locked", actor=actor, reason="x"),
        lambda: set_roles(pk, [Role.AUDITOR], actor=actor, reason="x"),
        lambda: delete_user(pk, actor=actor, reason="x"),
        lambda: sign_out_everywhere(pk, actor=actor, reason="x"),
    )


def test_nobody_changes_their_own_access(administrator, user_events):
    for change in change_everything(administrator.pk, Actor.of_user(administrator)):
        with pytest.raises(Denied):
            change()

    administrator.refresh_from_db()
    assert (administrator.status, administrator.version, administrator.deleted_at) == ("active", 1, None)
    assert user_events() == []


def test_only_a_superuser_touches_a_superuser(administrator, user_events):
    superuser = UserFactory(superuser=True)

    for change in change_everything(superuser.pk, Actor.of_user(administrator)):
        with pytest.raises(Denied):
            change()
    superuser.refresh_from_db()
    assert (superuser.status, superuser.version, superuser.deleted_at) == ("active", 1, None)
    assert user_events() == []

    set_status(superuser.pk, "locked", actor=Actor.of_user(UserFactory(superuser=True)), reason="left")
    superuser.refresh_from_db()
    assert superuser.status == "locked"


def test_signing_out_everywhere_counts_what_was_open(administrator, user_events):
    user = UserFactory()
    TokenSessionFactory.create_batch(2, user=user)

    assert sign_out_everywhere(user.pk, actor=Actor.of_user(administrator), reason="lost phone") == 2

    assert not TokenSession.objects.open().exists()
    [event] = user_events()
    assert (event["action"], event["data"]) == ("revoked", {"ended_sign_ins": 2})


@pytest.mark.parametrize("status", ["inactive", "locked", "active"])
def test_database_knows_the_statuses(status):
    user = UserFactory(status=status)

    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.filter(pk=user.pk).update(status="asleep")
