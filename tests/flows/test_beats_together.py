"""Three beats on one database, one of them killed: every due time has exactly one answer (decision 18)."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db.models import Max

from apps.articles.task_names import POLL_DUE_SOURCES
from apps.scheduler.enums import Overlap
from apps.scheduler.models import TaskExecution, TaskLock
from apps.taskhub.models import Task
from tests.factories.scheduler import every
from tests.faults.processes import environment
from tests.scheduler.conftest import _only_the_tests_own_schedules  # noqa: F401  # autouse here too

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

ROOT = Path(__file__).resolve().parents[2]
SCHEDULES = 20
# The lease is given back at once; the rest is the interpreter taking itself apart on a busy machine.
STOP_SECONDS = 20.0


class Beats:
    """Real ``celery -A project beat`` processes on the test database."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self, count: int, **more: str) -> None:
        values = environment(DJANGO_SETTINGS_MODULE="tests.settings", **more)
        for number in range(count):
            with (self.folder / f"beat{number}.log").open("wb") as log:
                command = [sys.executable, "-m", "celery", "-A", "project", "beat"]
                self.running.append(subprocess.Popen(command, cwd=ROOT, env=values, stdout=log, stderr=log))

    def kill(self, pid: int) -> None:
        [victim] = [process for process in self.running if process.pid == pid]
        victim.kill()
        victim.wait()
        self.running.remove(victim)

    def stop(self) -> list[int]:
        """SIGTERM to all; their exit codes."""
        for process in self.running:
            process.send_signal(signal.SIGTERM)
        codes = [process.wait(timeout=STOP_SECONDS) for process in self.running]
        self.running.clear()
        return codes

    def said(self) -> str:
        return "\n".join(path.read_text() for path in sorted(self.folder.glob("beat*.log")))


@pytest.fixture
def beats(tmp_path: Path) -> Iterator[Beats]:
    found = Beats(tmp_path)
    yield found
    for process in found.running:
        process.kill()
        process.wait()


@pytest.fixture
def _each_second() -> None:
    for number in range(SCHEDULES):
        schedule = every(1, f"tests.second_{number}", overlap=Overlap.ALLOW, max_concurrent=100_000)
        schedule.definition.task = POLL_DUE_SOURCES
        schedule.definition.save()


@pytest.mark.usefixtures("_each_second")
@pytest.mark.timeout(120)
def test_the_working_beat_is_killed_and_no_time_is_missed_or_answered_twice(beats: Beats) -> None:
    beats.start(3)
    wait_until(lambda: newest() is not None, beats)
    first_holder = holder()
    run_for(4)

    beats.kill(int(first_holder.split(":")[1]))
    killed_at = newest()
    assert killed_at is not None
    wait_until(lambda: holder() != first_holder, beats, seconds=15)
    wait_until(lambda: (newest() or killed_at) > killed_at + timedelta(seconds=12), beats, seconds=30)

    assert beats.stop() == [0, 0]
    assert_every_second_has_one_answer()
    assert TaskLock.objects.get().released_at is not None


@pytest.mark.usefixtures("_each_second")
@pytest.mark.timeout(120)
def test_without_the_lock_service_three_beats_work_at_once_and_still_answer_once(beats: Beats) -> None:
    beats.start(3, LOCK_BACKEND="redis", REDIS_URL="redis://127.0.0.1:1/0")
    wait_until(
        lambda: len(dispatchers()) == 3 or (seconds_answered() > 6 and len(dispatchers()) > 1), beats, seconds=60
    )
    run_for(3)

    beats.kill(beats.running[0].pid)
    run_for(3)

    assert beats.stop() == [0, 0]
    assert_every_second_has_one_answer()


def newest() -> datetime | None:
    found: datetime | None = TaskExecution.objects.aggregate(newest=Max("scheduled_at"))["newest"]
    return found


def seconds_answered() -> int:
    return TaskExecution.objects.values("scheduled_at").distinct().count()


def dispatchers() -> set[str]:
    return set(TaskExecution.objects.values_list("dispatched_by", flat=True))


def holder() -> str:
    return TaskLock.objects.values_list("holder_id", flat=True).get()


def assert_every_second_has_one_answer() -> None:
    answered: dict[str, list[datetime]] = defaultdict(list)
    for row in TaskExecution.objects.order_by("scheduled_at"):
        answered[row.schedule_id] += [row.scheduled_at + timedelta(seconds=step) for step in range(row.due_count)]
    assert len(answered) == SCHEDULES
    for uid, times in answered.items():
        span = int((times[-1] - times[0]).total_seconds()) + 1
        assert times == [times[0] + timedelta(seconds=step) for step in range(span)], uid
        assert span > 5
    started = TaskExecution.objects.exclude(hub_task_id="")
    assert started.count() == Task.objects.count() > 0
    assert set(started.values_list("hub_task_id", flat=True)) == set(Task.objects.values_list("task_id", flat=True))


def run_for(seconds: float) -> None:
    """Real time must pass: this is about processes, not about a clock that could be set."""
    end = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() > end, None, seconds=seconds + 5)


def wait_until(condition: Any, beats: Beats | None, *, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, beats.said() if beats else "waited too long"
        time.sleep(0.1)
