"""``createsuperuser`` and ``changepassword`` are ours: rules, audit log and sign-ins as by every other door."""

import getpass

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from apps.users.models import TokenSession, User
from apps.users.services.token_sessions import open_token_session
from tests.factories.users import UserFactory

pytestmark = pytest.mark.django_db

PASSWORD = "quick-Horse-77"


@pytest.fixture
def typed(monkeypatch):
    """Answers to the prompts for a password, in order."""

    def answer(*texts):
        waiting = list(texts)
        monkeypatch.setattr(getpass, "getpass", lambda _prompt="": waiting.pop(0))

    return answer


@pytest.fixture
def environment(monkeypatch):
    def give(**values):
        for name in ("username", "email", "password"):
            monkeypatch.delenv(f"DJANGO_SUPERUSER_{name.upper()}", raising=False)
        for name, value in values.items():
            monkeypatch.setenv(f"DJANGO_SUPERUSER_{name.upper()}", value)

    return give


def test_a_superuser_is_made_with_an_event(environment, user_events, capsys):
    environment(password=PASSWORD)

    call_command("createsuperuser", "--noinput", "--username", "chief", "--email", "chief@example.com")

    user = User.objects.get()
    assert (user.username, user.is_superuser, user.is_staff) == ("chief", True, True)
    assert user.check_password(PASSWORD)
    assert [(event["action"], event["actor_id"]) for event in user_events()] == [("created", "command:createsuperuser")]
    assert PASSWORD not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"username": "chief", "email": "chief@example.com"}, "password"),
        ({"username": "chief", "email": "chief@example.com", "password": "123"}, "password: "),
        ({"username": "chief", "email": "nowhere", "password": PASSWORD}, "email: "),
        ({"username": "TAKEN", "email": "chief@example.com", "password": PASSWORD}, "username: "),
    ],
)
def test_what_breaks_a_rule_makes_nobody(environment, user_events, given, said):
    UserFactory(username="taken")
    environment(**given)

    with pytest.raises(CommandError, match=said):
        call_command("createsuperuser", "--noinput")

    assert User.objects.count() == 1
    assert user_events() == []


def test_without_a_terminal_nothing_is_asked():
    with pytest.raises(CommandError, match="--noinput"):
        call_command("createsuperuser")


def test_asked_at_a_terminal(monkeypatch, typed):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    answers = iter(["chief", "chief@example.com"])
    monkeypatch.setattr("builtins.input", lambda _prompt="": next(answers))
    typed(PASSWORD, PASSWORD)

    call_command("createsuperuser")

    assert User.objects.get().check_password(PASSWORD)


def test_a_new_password_ends_sign_ins_and_is_an_event(typed, user_events):
    user = UserFactory(username="anna")
    open_token_session(user, client_ip="192.0.2.1", user_agent="", now=timezone.now())
    typed(PASSWORD, PASSWORD)

    call_command("changepassword", "Anna")

    user.refresh_from_db()
    assert user.check_password(PASSWORD)
    assert not TokenSession.objects.open().exists()
    last = user_events()[-1]
    assert (last["action"], last["actor_id"]) == ("password_changed", "command:changepassword")


@pytest.mark.parametrize("texts", [("",), (PASSWORD, "other-Horse-78"), ("123", "123")])
def test_a_useless_password_changes_nothing(typed, user_events, texts):
    user = UserFactory(username="anna")
    typed(*texts)

    with pytest.raises(CommandError):
        call_command("changepassword", "anna")

    assert User.objects.get().password == user.password
    assert user_events() == []


def test_nobody_of_this_name():
    with pytest.raises(CommandError, match="nobody"):
        call_command("changepassword", "nobody")
