"""Declarations in code become rows; an operator's changes win and show as drift (architecture §6, H-17)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_celery_beat.models import PeriodicTask

from apps.audit.testing import recorded
from apps.core.actor import SYSTEM
from apps.scheduler import services, signals
from apps.scheduler.enums import Origin
from apps.scheduler.errors import DuplicateSchedule, RegistryClosed
from apps.scheduler.models import ScheduledTask
from apps.scheduler.registry import Schedule, ScheduleRegistry, schedules
from apps.scheduler.services.synchronise import drift, synchronise
from tests.factories.scheduler import PeriodicTaskFactory, TaskExecutionFactory
from tests.scheduler.conftest import NOTE

pytestmark = pytest.mark.django_db

NIGHTLY = Schedule(
    uid="tests.nightly",
    name=_("schedule"),
    task=NOTE,
    cron="0 2 * * *",
    arguments={"text": "night"},
    labels={"team": "content"},
    priority=3,
)
NOTHING = {"created": [], "changed": [], "retired": []}


def row() -> ScheduledTask:
    return ScheduledTask.objects.with_definition().get(pk="tests.nightly")


def test_a_declared_schedule_becomes_a_row_with_its_next_run() -> None:
    assert synchronise([NIGHTLY]) == {**NOTHING, "created": ["tests.nightly"]}

    schedule = row()
    assert (schedule.name, schedule.task, schedule.origin, schedule.enabled) == ("schedule", NOTE, Origin.CODE, True)
    assert str(schedule.definition.crontab.timezone) == "Asia/Shanghai"
    assert (schedule.priority, schedule.labels, schedule.definition.kwargs) == (
        3,
        {"team": "content"},
        '{"text":"night"}',
    )
    assert schedule.next_run is not None
    assert schedule.next_run > timezone.now()
    assert [(event["action"], event["actor_id"]) for event in recorded()] == [("synchronised", "system")]


def test_an_unchanged_declaration_writes_nothing() -> None:
    synchronise([NIGHTLY])
    before = row().updated_at

    assert synchronise([NIGHTLY]) == NOTHING
    assert row().updated_at == before
    assert len(recorded()) == 1


def test_a_changed_declaration_is_followed() -> None:
    synchronise([NIGHTLY])

    done = synchronise([replace(NIGHTLY, cron="30 3 * * *", priority=1)])

    schedule = row()
    assert done == {**NOTHING, "changed": ["tests.nightly"]}
    assert (schedule.definition.crontab.minute, schedule.definition.crontab.hour, schedule.priority) == ("30", "3", 1)
    assert schedule.rule_text == schedule.next_run_rule
    assert drift(schedule) == {}


def test_what_an_operator_changed_stays_and_shows_as_drift() -> None:
    synchronise([NIGHTLY])
    services.configure(NIGHTLY.uid, actor=SYSTEM, changes=services.Changes(cron="0 5 * * *"))

    assert synchronise([NIGHTLY]) == NOTHING
    synchronise([replace(NIGHTLY, cron="0 6 * * *", priority=9)])

    schedule = row()
    assert (schedule.definition.crontab.hour, schedule.priority) == ("5", 9)
    assert drift(schedule) == {"cron": ("0 6 * * *", "0 5 * * *")}


def test_a_rule_that_an_operator_changed_stays_as_a_whole() -> None:
    synchronise([NIGHTLY])
    services.configure(NIGHTLY.uid, actor=SYSTEM, changes=services.Changes(time_zone="Europe/Berlin"))

    synchronise([replace(NIGHTLY, cron="0 6 * * *")])

    crontab = row().definition.crontab
    assert (crontab.hour, str(crontab.timezone)) == ("2", "Europe/Berlin")


def test_enabled_is_the_operators_alone() -> None:
    synchronise([NIGHTLY])
    services.disable(NIGHTLY.uid, actor=SYSTEM)

    synchronise([replace(NIGHTLY, cron="0 6 * * *", enabled=True)])

    assert (row().enabled, row().next_run) == (False, None)


def test_a_removed_declaration_is_retired_not_deleted_and_may_come_back() -> None:
    synchronise([NIGHTLY])
    TaskExecutionFactory(schedule=row())

    assert synchronise([]) == {**NOTHING, "retired": ["tests.nightly"]}
    assert (row().enabled, row().next_run) == (False, None)
    assert PeriodicTask.objects.get().enabled is True
    assert row().executions.count() == 1
    assert synchronise([]) == NOTHING

    synchronise([NIGHTLY])
    assert (row().retired_at, row().enabled) == (None, True)
    assert row().next_run is not None


def test_a_cron_schedule_may_become_an_interval_and_back() -> None:
    synchronise([NIGHTLY])

    synchronise([replace(NIGHTLY, cron="", every=timedelta(minutes=5))])
    assert (row().definition.crontab, row().definition.interval.every) == (None, 300)
    synchronise([NIGHTLY])

    assert (row().definition.crontab.hour, row().definition.interval) == ("2", None)
    assert drift(row()) == {}


def test_a_definition_that_somebody_deleted_is_made_again() -> None:
    synchronise([NIGHTLY])
    PeriodicTask.objects.all().delete()

    assert synchronise([NIGHTLY])["changed"] == ["tests.nightly"]
    assert (row().enabled, row().next_run is not None) == (True, True)


def test_a_stranger_with_our_name_keeps_it() -> None:
    PeriodicTaskFactory(name="schedule", task="other.task")

    synchronise([NIGHTLY])
    synchronise([replace(NIGHTLY, priority=1)])

    assert row().name == "schedule (tests.nightly)"
    assert drift(row()) == {}


def test_a_definition_left_over_from_before_is_taken_up_again() -> None:
    synchronise([NIGHTLY])
    services.disable(NIGHTLY.uid, actor=SYSTEM)
    ScheduledTask.objects.all().delete()

    synchronise([NIGHTLY])

    assert PeriodicTask.objects.count() == 1
    assert (row().name, row().enabled) == ("schedule", False)


def test_adopted_schedules_are_never_retired() -> None:
    PeriodicTaskFactory()
    from apps.scheduler.services import timing

    timing.follow_definitions(now=timezone.now())

    assert synchronise([]) == NOTHING


def test_migrate_brings_in_what_the_product_declares() -> None:
    call_command("migrate", verbosity=0)

    assert set(ScheduledTask.objects.values_list("uid", flat=True)) == {schedule.uid for schedule in schedules.all()}


def test_on_the_way_back_to_zero_nothing_is_brought_in(monkeypatch: Any) -> None:
    monkeypatch.setattr(signals, "_all_applied", lambda: False)

    signals.synchronise_after_migrate(plan=[])

    assert ScheduledTask.objects.count() == 0


# --- registry --------------------------------------------------------------------------------------------------------
def test_the_registry_is_closed_after_start() -> None:
    assert schedules.closed
    with pytest.raises(RegistryClosed):
        schedules.register([NIGHTLY])


@pytest.mark.parametrize("other", [replace(NIGHTLY, name="another"), replace(NIGHTLY, uid="tests.other")])
def test_uid_and_name_are_declared_once(other: Schedule) -> None:
    registry = ScheduleRegistry()
    registry.register([NIGHTLY])

    with pytest.raises(DuplicateSchedule):
        registry.register([other])
    assert registry.all() == [NIGHTLY]
