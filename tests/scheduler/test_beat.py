"""The beat class: duties, errors, closing (feasibility §2)."""

from __future__ import annotations

from typing import Any

import pytest
import redis
from django.db import OperationalError, connection

from apps.core import heartbeat
from apps.scheduler.beat import HubScheduler
from apps.scheduler.models import ScheduledTask, TaskExecution, TaskLock
from apps.scheduler.services import tick
from apps.scheduler.services.tick import Duty, Ticker, until_next_second
from project.celery import app
from tests.factories.scheduler import NOON, ScheduledTaskFactory

pytestmark = pytest.mark.django_db


def test_celery_is_told_to_use_our_class() -> None:
    assert app.conf.beat_scheduler == "apps.scheduler.beat:HubScheduler"


def test_making_it_for_the_banner_touches_nothing(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        scheduler = HubScheduler(app=app, lazy=True)

    assert (scheduler.schedule, scheduler.max_interval) == ({}, 1.0)
    assert heartbeat.alive("beat") == []


@pytest.mark.parametrize(("asked", "taken"), [(30, 1.0), (None, 1.0), (0.5, 0.5)])
def test_the_interval_is_never_longer_than_a_second(asked: float | None, taken: float) -> None:
    assert HubScheduler(app=app, max_interval=asked, lazy=True).max_interval == taken


def test_a_tick_answers_what_is_due_and_says_that_it_lives() -> None:
    ScheduledTaskFactory()
    scheduler = HubScheduler(app=app)
    scheduler.tick()
    ScheduledTask.objects.update(next_run=NOON)

    pause = scheduler.tick()

    assert 0 <= pause <= 1.0
    assert set(TaskExecution.objects.values_list("state", flat=True)) <= {"missed", "pending"}
    assert TaskExecution.objects.count() >= 1
    assert [process.kind for process in heartbeat.alive("beat")] == ["beat"]
    assert TaskLock.objects.get().lock_key == "scheduler_global"


def test_celerys_own_entries_are_not_installed() -> None:
    app.conf.beat_schedule = {"x": {"task": "y", "schedule": 3}}
    try:
        assert HubScheduler(app=app).schedule == {}
    finally:
        app.conf.beat_schedule = {}


def test_the_first_close_only_sets_a_flag_and_the_second_resigns(django_assert_num_queries: Any) -> None:
    scheduler = HubScheduler(app=app)
    scheduler.tick()

    with django_assert_num_queries(0):
        scheduler.close()
        assert scheduler.tick() == 1.0
    assert TaskLock.objects.get().released_at is None


@pytest.mark.django_db(transaction=True)
def test_after_the_second_close_another_beat_may_take_over_at_once() -> None:
    first, second = HubScheduler(app=app), HubScheduler(app=app)
    first.tick()
    second.tick()
    assert TaskLock.objects.get().term == 1

    first.close()
    first.close()
    second.tick()

    lock = TaskLock.objects.get()
    assert (lock.term, lock.released_at) == (2, None)


@pytest.mark.django_db(transaction=True)
def test_a_lost_database_is_met_with_a_new_connection(monkeypatch: Any) -> None:
    scheduler = HubScheduler(app=app)
    scheduler.tick()
    assert scheduler._ticker is not None

    def broken(_now: Any) -> bool:
        raise OperationalError("server closed the connection")

    duties = scheduler._ticker.duties
    scheduler._ticker.duties = [Duty("broken", 0, broken)]
    assert scheduler.tick() == 1.0
    assert connection.connection is None

    scheduler._ticker.duties = duties
    assert scheduler.tick() < 1.1


@pytest.mark.parametrize("error", [RuntimeError("bug"), redis.ConnectionError("away")])
def test_a_duty_that_fails_does_not_stop_the_others(error: Exception) -> None:
    done: list[str] = []

    def fails(_now: Any) -> bool:
        raise error

    def works(_now: Any) -> bool:
        done.append("works")
        return False

    ticker = Ticker()
    ticker.duties = [Duty("fails", 0, fails), Duty("works", 0, works)]
    ticker.tick()

    assert done == ["works"]


def test_a_duty_waits_for_its_turn_and_comes_again_when_more_is_left() -> None:
    calls: list[str] = []
    ticker = Ticker()
    ticker.duties = [
        Duty("rare", 3600, lambda _now: bool(calls.append("rare"))),
        Duty("full", 3600, lambda _now: bool(calls.append("full")) or calls.count("full") < 2),
    ]

    assert ticker.tick() == 0.0
    ticker.tick()
    ticker.tick()

    assert calls == ["rare", "full", "full"]


def test_without_redis_the_tick_goes_on(settings: Any) -> None:
    ScheduledTaskFactory()
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    scheduler = HubScheduler(app=app)

    scheduler.tick()

    assert ScheduledTask.objects.get().next_run is not None


@pytest.mark.parametrize(("now", "wanted"), [(10.0, 1.0), (10.25, 0.755), (10.999, 0.006)])
def test_beat_wakes_just_after_a_second_begins(now: float, wanted: float) -> None:
    assert until_next_second(now) == pytest.approx(wanted)


def test_an_idle_round_asks_little(django_assert_max_num_queries: Any) -> None:
    ticker = Ticker()
    ticker.tick()

    with django_assert_max_num_queries(7):
        ticker.tick()


def test_the_duties_of_a_round_are_in_plain_sight() -> None:
    assert [duty.name for duty in tick.duties()] == [
        "answer_due",
        "follow_definitions",
        "publish_due",
        "republish_unpublished",
        "check_epoch",
        "recover_orphans",
        "follow_hub",
    ]
