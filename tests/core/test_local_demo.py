"""The password that the ready line of ``make run`` tells: one that works, or none."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.management import call_command

from apps.users.models import User
from apps.users.services.accounts import change_password
from apps.users.services.demo import ACTOR, ensure_demo_user
from project.local_demo import DemoPassword, fits

URL = "http://127.0.0.1:8000"


@pytest.fixture
def password(tmp_path: Path) -> DemoPassword:
    return DemoPassword.of(tmp_path, {})


def test_new_word_gets_its_name_when_the_demo_user_has_it(password: DemoPassword) -> None:
    killed = password.prepare_step()
    step = password.prepare_step()

    assert password.is_missing
    assert step == killed, "a start that was killed in between goes on with its word"
    assert step.command[-1] == "--new-password"
    word = Path(step.environment["DEMO_PASSWORD_FILE"]).read_text(encoding="ascii")
    assert len(word.strip()) == 16

    password.keep()

    assert not password.is_missing
    assert password.file.read_text(encoding="ascii") == word
    assert password.file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in password.file.parent.iterdir()] == ["demo_password"]


def test_word_that_is_there_is_given_to_nobody_anew(password: DemoPassword) -> None:
    password.file.write_text("quick-Horse-77\n")

    step = password.prepare_step()
    password.keep()

    assert (step.command[-1], dict(step.environment)) == ("project.prepare", {})
    assert password.word == "quick-Horse-77"


def test_file_that_a_person_named_is_never_made(tmp_path: Path) -> None:
    theirs = DemoPassword.of(tmp_path, {"DEMO_PASSWORD_FILE": str(tmp_path / "theirs")})

    assert not theirs.is_missing
    assert theirs.prepare_step().command[-1] == "project.prepare"
    theirs.keep()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.django_db(transaction=True)
def test_ready_line_tells_a_word_that_works(password: DemoPassword) -> None:
    password.file.write_text("quick-Horse-77\n")
    ensure_demo_user("quick-Horse-77")

    assert password.ready_line(URL) == (
        "八角志已就绪 Bajiaozhi is ready: http://127.0.0.1:8000/admin/  用户 user: demo  密码 password: quick-Horse-77"
    )


@pytest.mark.django_db(transaction=True)
def test_ready_line_says_that_the_password_was_changed(password: DemoPassword) -> None:
    password.file.write_text("quick-Horse-77\n")
    user = ensure_demo_user("quick-Horse-77")
    assert user is not None
    change_password(user.pk, "my-own-Horse-79", actor=ACTOR)

    line = password.ready_line(URL)

    assert "密码 password: 已被更改 was changed" in line
    assert str(password.file) in line
    assert "Horse" not in line


@pytest.mark.django_db(transaction=True)
def test_deleting_the_file_leads_to_a_new_word_that_works(password: DemoPassword, settings: object) -> None:
    user = ensure_demo_user("quick-Horse-77")
    assert user is not None
    step = password.prepare_step()
    settings.DEMO_CONTENT = True  # type: ignore[attr-defined]
    settings.DEMO_PASSWORD_FILE = step.environment["DEMO_PASSWORD_FILE"]  # type: ignore[attr-defined]

    call_command("demo_user", renew_password=True)
    password.keep()

    assert User.objects.get().check_password(password.word)
    assert password.ready_line(URL).endswith(password.word)


@pytest.mark.django_db(transaction=True)
def test_word_fits_nobody_when_the_demo_user_is_gone() -> None:
    assert not fits("quick-Horse-77")
