"""The demo user: only where demo content is wanted."""

import pytest
from django.core.management import CommandError, call_command

from apps.core.errors import FieldError
from apps.core.starting import require_fit_to_start
from apps.users.models import User
from apps.users.registry import DeletionGuard, register_deletion_guard, unregister_deletion_guard
from apps.users.services.demo import DemoUserPresent
from tests.factories.users import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def demo(settings, tmp_path):
    path = tmp_path / "password"
    path.write_text("quick-Horse-77\n")
    settings.DEMO_CONTENT = True
    settings.DEMO_PASSWORD_FILE = str(path)
    return path


def test_demo_user_is_a_superuser_with_the_password_of_the_file(demo, user_events, capsys):
    call_command("demo_user")

    user = User.objects.get()
    assert (user.username, user.is_demo, user.is_superuser, user.is_staff) == ("demo", True, True, True)
    assert user.check_password("quick-Horse-77")
    assert [(event["action"], event["actor_id"]) for event in user_events()] == [("created", "command:demo_user")]
    assert "quick-Horse" not in capsys.readouterr().out


def test_second_time_changes_nothing_even_if_the_word_no_longer_fits(demo, user_events):
    """A person replaced it in the admin; the ready line of `make run` says so."""
    call_command("demo_user")
    before = User.objects.values().get()
    demo.write_text("another-Horse-78")

    call_command("demo_user")

    assert User.objects.values().get() == before
    assert len(user_events()) == 1


def test_new_word_is_given_to_the_demo_user_who_is_there(demo, user_events):
    call_command("demo_user")
    demo.write_text("another-Horse-78")

    call_command("demo_user", renew_password=True)
    call_command("demo_user", renew_password=True)

    assert User.objects.get().check_password("another-Horse-78")
    assert [event["action"] for event in user_events()] == ["created", "password_changed"]
    assert user_events()[1]["actor_id"] == "command:demo_user"


def test_word_that_is_no_password_is_refused_and_the_old_one_stays(demo, user_events):
    call_command("demo_user")
    demo.write_text("short")

    with pytest.raises(CommandError, match=r"short|太短|过短"):
        call_command("demo_user", renew_password=True)

    assert User.objects.get().check_password("quick-Horse-77")
    assert len(user_events()) == 1


def test_without_demo_content_it_is_refused(demo, settings):
    settings.DEMO_CONTENT = False

    with pytest.raises(CommandError, match=r"未开启演示内容.*DEMO_CONTENT"):
        call_command("demo_user")

    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("text", "sentence"), [(None, "can't be read"), ("", "empty"), ("short", "too short|太短|过短")]
)
def test_useless_password_file_is_refused(demo, text, sentence):
    if text is None:
        demo.unlink()
    else:
        demo.write_text(text)

    with pytest.raises(CommandError, match=sentence):
        call_command("demo_user")

    assert not User.objects.exists()


def test_somebody_else_called_demo_is_left_alone(demo):
    other = UserFactory(username="DEMO")

    with pytest.raises(CommandError):
        call_command("demo_user")

    assert User.objects.get() == other
    assert not other.is_demo


def test_production_start_refuses_while_a_demo_user_lives(demo, settings, capfd):
    require_fit_to_start()
    call_command("demo_user")
    require_fit_to_start()
    settings.DEMO_CONTENT = False

    with pytest.raises(DemoUserPresent) as refusal:
        require_fit_to_start()

    assert refusal.value.code == 1
    said = capfd.readouterr().err
    assert "存在演示用户" in said
    assert "Cannot start: there is a demo user" in said

    call_command("demo_user", delete=True)
    require_fit_to_start()
    assert not User.objects.alive().exists()


def test_demo_user_with_something_open_stays_and_says_why(demo):
    call_command("demo_user")
    register_deletion_guard(DeletionGuard("test", lambda user_id: [FieldError("orders", "open", "order 20260101-7")]))
    try:
        with pytest.raises(CommandError, match="20260101-7"):
            call_command("demo_user", "--delete")
    finally:
        unregister_deletion_guard("test")

    assert User.objects.demo().exists()
