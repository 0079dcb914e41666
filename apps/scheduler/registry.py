"""Schedules that the product declares in code.

    # apps/<app>/schedules.py
    SCHEDULES = (
        Schedule(uid="articles.poll_due_sources", name=_("Poll the sources that are due"), task=POLL_DUE,
                 cron="* * * * *"),
    )

The modules are found at start-up, then the register is closed.  ``manage.py migrate`` brings the declarations into the
database (``services/synchronise.py``); an operator's changes win and are shown as drift.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from importlib import import_module
from typing import Any
from zoneinfo import ZoneInfo

from django.apps import apps
from django.conf import settings
from django.utils.functional import Promise
from django.utils.module_loading import module_has_submodule
from django.utils.translation import override

from apps.scheduler.due_times import CronRule, IntervalRule, Rule
from apps.scheduler.enums import CatchUp, Overlap
from apps.scheduler.errors import DuplicateSchedule, RegistryClosed


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """One declared schedule: either ``cron`` or ``every``.

    ``uid`` and ``task`` are wire names.  ``time_zone`` empty means ``settings.TIME_ZONE``.  Limits are those of one
    run; the retries are the hub's, within one execution (decisions 12 and 15).
    """

    uid: str
    name: str | Promise
    task: str
    cron: str = ""
    every: timedelta | None = None
    time_zone: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    description: str | Promise = ""
    enabled: bool = True
    queue: str = ""
    overlap: Overlap = Overlap.SKIP
    catch_up: CatchUp = CatchUp.LATEST
    catch_up_window_seconds: int = 3600
    priority: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)
    max_duration_seconds: int = 3600
    max_retries: int = 3
    timeout_grace_period: int = 30
    max_concurrent: int = 1

    def rule(self) -> Rule:
        """Raises BadRule."""
        if self.every is not None:
            return IntervalRule(self.every)
        return CronRule(self.cron, ZoneInfo(self.zone_name))

    @property
    def zone_name(self) -> str:
        return self.time_zone or settings.TIME_ZONE

    @property
    def english_name(self) -> str:
        """What is stored: one language, whatever the language of the process that migrates."""
        with override("en"):
            return str(self.name)

    @property
    def english_description(self) -> str:
        with override("en"):
            return str(self.description)


@dataclass(slots=True)
class ScheduleRegistry:
    closed: bool = False
    _schedules: dict[str, Schedule] = field(default_factory=dict)

    def register(self, schedules: Iterable[Schedule]) -> None:
        """Raises RegistryClosed, or DuplicateSchedule when a uid or name is taken."""
        for schedule in schedules:
            if self.closed:
                raise RegistryClosed(f"schedule {schedule.uid!r} comes after start-up")
            names = {other.english_name for other in self._schedules.values()}
            if schedule.uid in self._schedules or schedule.english_name in names:
                raise DuplicateSchedule(f"schedule {schedule.uid!r} or its name is declared twice")
            self._schedules[schedule.uid] = schedule

    def discover(self) -> None:
        """Take ``SCHEDULES`` of every app's ``schedules`` module, and no more after that."""
        for config in apps.get_app_configs():
            if config.module is not None and module_has_submodule(config.module, "schedules"):
                self.register(getattr(import_module(f"{config.name}.schedules"), "SCHEDULES", ()))
        self.closed = True

    def get(self, uid: str) -> Schedule | None:
        return self._schedules.get(uid)

    def all(self) -> list[Schedule]:
        return list(self._schedules.values())


schedules = ScheduleRegistry()
