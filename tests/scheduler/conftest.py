"""A hub task for the scheduler's tests, and time that the test sets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from apps.scheduler.models import ScheduledTask
from apps.taskhub import hub_task as hub

NOTE = "scheduler_tests.note"
noted: list[dict[str, Any]] = []


def note(*, text: str = "", fail: bool = False) -> dict[str, str]:
    """Remember the call; fail if asked to."""
    noted.append({"text": text, "logical_time": hub.current_run.logical_time})
    if fail:
        raise RuntimeError("asked to fail")
    return {"text": text}


@pytest.fixture(autouse=True)
def _note_task() -> Iterator[None]:
    hub.hub_task(name=NOTE, soft_limit_seconds=60, retry=hub.RetryPolicy(max_retries=0))(note)
    noted.clear()
    yield
    hub.forget(NOTE)


@pytest.fixture(autouse=True)
def _only_the_tests_own_schedules(request: pytest.FixtureRequest) -> None:
    """The product's declared schedules are brought in by ``migrate``; these tests start without them."""
    marker = request.node.get_closest_marker("django_db")
    if marker is not None:
        request.getfixturevalue("transactional_db" if marker.kwargs.get("transaction") else "db")
        # A statement each: Beat's models note every deletion by itself, which takes longer than most of these tests.
        for model in (ScheduledTask, PeriodicTask, CrontabSchedule, IntervalSchedule):
            model._default_manager.all()._raw_delete(using="default")
