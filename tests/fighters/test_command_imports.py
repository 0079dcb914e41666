"""Imports of commands: ended by whatever breaks them, and taken for lost when their command is gone."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from apps.audit.testing import recorded
from apps.core.actor import SYSTEM, Actor
from apps.core.errors import Invalid
from apps.fighters.models import ImportRun
from apps.fighters.services import command_imports
from apps.fighters.services.command_imports import close_lost_runs, run_of_command
from apps.fighters.task_names import CLOSE_LOST_IMPORTS
from apps.scheduler.models import ScheduledTask
from apps.taskhub.services import enqueue
from apps.taskhub.testing import run_queued
from tests.factories.fighters import ImportRunFactory
from tests.factories.users import UserFactory

COMMAND = Actor.command("import_aliases")
LONG_AGO = timedelta(minutes=6)
RELOADS = '<meta name="bjz-reload"'


def cut_off(**values: object) -> ImportRun:
    """A run of a command of which nothing was heard for six minutes."""
    run = ImportRunFactory(**{"status": "running", "started_at": timezone.now() - LONG_AGO, **values})
    ImportRun.objects.filter(pk=run.pk).update(created_at=timezone.now() - LONG_AGO)
    run.refresh_from_db()
    return run


@pytest.mark.django_db
@pytest.mark.parametrize("status", ["queued", "running"])
def test_a_run_whose_command_is_gone_is_ended_once(status: str) -> None:
    run = cut_off(status=status)
    assert run.is_lost

    closed = [close_lost_runs(actor=SYSTEM, now=timezone.now()) for _time in range(2)]

    run.refresh_from_db()
    assert (closed, run.status, run.is_lost) == ([1, 0], "failed", False)
    assert run.error
    assert [item["action"] for item in recorded()] == ["imported"]


@pytest.mark.django_db
@pytest.mark.parametrize("what", ["alive", "of a worker", "young", "ended"])
def test_other_runs_are_left_alone(what: str) -> None:
    run = {
        "alive": lambda: cut_off(alive_at=timezone.now()),
        "of a worker": lambda: cut_off(task_id="t"),
        "young": lambda: ImportRunFactory(status="running", started_at=timezone.now()),
        "ended": lambda: cut_off(status="succeeded"),
    }[what]()
    before = run.status

    assert (close_lost_runs(actor=SYSTEM, now=timezone.now()), run.is_lost) == (0, False)

    run.refresh_from_db()
    assert (run.status, run.error, recorded()) == (before, "", [])


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("error", "told"), [(Invalid("No such column."), "No such column."), (KeyError("x"), "KeyError: 'x'")]
)
def test_what_breaks_the_command_ends_its_run(error: Exception, told: str) -> None:
    with pytest.raises(type(error)), run_of_command("aliases", actor=COMMAND, file_name="a.csv"):
        raise error

    run = ImportRun.objects.get()
    assert (run.status, run.error, run.file_name) == ("failed", told, "a.csv")


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["import_aliases", "import_rankings"])
def test_a_file_that_is_no_use_ends_the_commands_run(tmp_path: Path, name: str) -> None:
    file = tmp_path / "list.csv"
    file.write_text("nothing,of,use\n1,2,3\n")

    with pytest.raises(CommandError):
        call_command(name, str(file))

    assert ImportRun.objects.get().status == "failed"


@pytest.mark.django_db(transaction=True)
def test_a_command_says_that_it_is_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_imports, "ALIVE_EVERY_SECONDS", 0.05)
    with run_of_command("aliases", actor=COMMAND, file_name="a.csv") as run:
        ImportRun.objects.filter(pk=run.pk).update(started_at=timezone.now() - LONG_AGO)
        patience = time.monotonic() + 10
        while ImportRun.objects.get().alive_at is None and time.monotonic() < patience:
            time.sleep(0.05)

        assert not ImportRun.objects.get().is_lost


@pytest.mark.django_db
def test_the_pages_say_that_the_import_is_lost_and_stop_reloading(client: Client) -> None:
    client.force_login(UserFactory(role="editor"))
    client.cookies["django_language"] = "en"
    run, young = cut_off(), ImportRunFactory(status="running", started_at=timezone.now())

    page = client.get(f"/admin/fighters/importrun/{run.pk}/change/").content.decode()
    assert "Nothing has been heard of the command for minutes" in page
    assert RELOADS not in page
    assert RELOADS in client.get(f"/admin/fighters/importrun/{young.pk}/change/").content.decode()
    listed = client.get("/admin/fighters/importrun/").content.decode()
    assert listed.count(">lost<") == 1


@pytest.mark.django_db
def test_the_task_that_ends_them_is_scheduled_and_safe_to_run_twice() -> None:
    run = cut_off()

    for _time in range(2):
        enqueue(CLOSE_LOST_IMPORTS)
        run_queued()

    run.refresh_from_db()
    assert (run.status, [item["action"] for item in recorded()].count("imported")) == ("failed", 1)
    assert ScheduledTask.objects.filter(uid="fighters.close_lost_imports").exists()
