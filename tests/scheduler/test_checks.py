"""``manage.py check`` finds schedules that could never run."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.scheduler.checks import check_beat_schedule, check_schedules, problems
from apps.scheduler.registry import Schedule
from tests.scheduler.conftest import NOTE

GOOD = Schedule(uid="tests.good", name="good", task=NOTE, cron="0 2 * * *")


def test_a_good_declaration_has_no_problem() -> None:
    assert list(problems(GOOD, timezone.now())) == []
    assert list(problems(replace(GOOD, cron="", every=timedelta(minutes=5)), timezone.now())) == []


@pytest.mark.parametrize(
    ("bad", "number"),
    [
        (replace(GOOD, uid="Has spaces"), 1),
        (replace(GOOD, uid="a" * 101), 1),
        (replace(GOOD, task="nobody.knows_this"), 2),
        (replace(GOOD, arguments={"other": 1}), 3),
        (replace(GOOD, cron="61 * * * *"), 4),
        (replace(GOOD, cron=""), 4),
        (replace(GOOD, every=timedelta(minutes=5)), 4),
        (replace(GOOD, time_zone="Mars/Olympus"), 4),
        (replace(GOOD, cron="0 0 30 2 *"), 4),
        (replace(GOOD, cron="0 0 31 4,6,9 *"), 4),
        (replace(GOOD, queue="urgent"), 6),
        (replace(GOOD, cron="0 0 * 2 MON#5"), 5),
        (replace(GOOD, timeout_grace_period=600, max_duration_seconds=600), 7),
        (replace(GOOD, max_duration_seconds=7000), 8),
        (replace(GOOD, max_concurrent=0), 9),
    ],
)
def test_every_mistake_has_its_number(bad: Schedule, number: int) -> None:
    assert [found for found, _ in problems(bad, timezone.now())] == [number]


def test_a_leap_day_is_not_never() -> None:
    assert list(problems(replace(GOOD, cron="0 0 29 2 *"), timezone.now())) == []


def test_the_products_own_schedules_have_no_problem() -> None:
    assert check_schedules() == []


def test_celerys_own_list_of_schedules_is_refused(settings: Any) -> None:
    assert check_beat_schedule() == []
    settings.CELERY_BEAT_SCHEDULE = {"x": {"task": "y", "schedule": 3}}

    assert [error.id for error in check_beat_schedule()] == ["scheduler.E010"]
