"""Reads of schedules, executions and locks."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from django.db import models
from django.db.models import Avg, Case, CharField, Count, F, Func, Q, TextField, Value, When
from django.db.models.functions import Cast, Coalesce, Now

from apps.core import db
from apps.scheduler.enums import ACTIVE_STATES, ExecutionState

if TYPE_CHECKING:
    from apps.scheduler.models import ScheduledTask, TaskExecution, TaskLock  # noqa: F401  # in the bases below

LATE_AFTER = timedelta(seconds=60)
_ENABLED = Q(definition__enabled=True, retired_at__isnull=True)
RULE_COLUMNS = (
    "crontab__minute",
    "crontab__hour",
    "crontab__day_of_month",
    "crontab__month_of_year",
    "crontab__day_of_week",
    "crontab__timezone",
    "interval__every",
    "interval__period",
    "clocked__clocked_time",
    "solar_id",
    "start_time",
    "expires",
    "one_off",
)


class _Joined(Func):
    """Texts one after the other, in one flat expression: Django's Concat nests, too deep for SQLite's parser."""

    template = "(%(expressions)s)"
    arg_joiner = " || "
    output_field = TextField()

    def as_mysql(self, compiler: Any, connection: Any, **context: Any) -> tuple[str, Any]:
        sql: tuple[str, Any] = self.as_sql(
            compiler, connection, template="CONCAT(%(expressions)s)", arg_joiner=", ", **context
        )
        return sql


def _rule_text() -> Case:
    """Everything that decides when a schedule is due, as one text made by the database; empty when it never is.

    The same expression writes ``next_run_rule`` and is compared with it, so an edit by anybody (services, another
    program's ORM, plain SQL) is seen without knowing how a server prints a time.
    """
    texts: list[Coalesce | Value] = []
    for part in RULE_COLUMNS:
        texts += [Coalesce(Cast(f"definition__{part}", CharField(max_length=255)), Value("")), Value("|")]
    return Case(
        When(definition__enabled=True, retired_at__isnull=True, then=_Joined(*texts)),
        default=Value(""),
        output_field=TextField(),
    )


class ScheduledTaskQuerySet(models.QuerySet["ScheduledTask"]):
    def with_definition(self) -> Self:
        """The rule's rows, ``rule_text`` as it is now, and ``zone_name`` of the cron rule.

        The zone comes as text and its field not at all: a name that nobody knows would make the whole query fail, and
        one bad row must not stop the others.
        """
        rows = ("definition__crontab", "definition__interval", "definition__clocked", "definition__solar")
        zone_name = Coalesce(Cast("definition__crontab__timezone", CharField(max_length=63)), Value(""))
        return (
            self.select_related(*rows)
            .defer("definition__crontab__timezone")
            .annotate(rule_text=_rule_text(), zone_name=zone_name)
        )

    def rule_changed(self) -> Self:
        """Those whose ``next_run`` was computed for another rule than the present one."""
        return self.annotate(rule_text=_rule_text()).exclude(next_run_rule=F("rule_text"))

    def due(self, now: datetime) -> Self:
        return self.filter(next_run__lte=now).order_by("next_run")

    def take_due(self, now: datetime, *, limit: int) -> list[ScheduledTask]:
        """Lock due rows that nobody else holds.  No join and no other order: MariaDB locks whatever it reads."""
        return list(db.skip_locked(self.due(now))[:limit])

    def late(self, now: datetime) -> Self:
        """Due for more than a minute and not answered: no beat is running, or it can't keep up."""
        return self.filter(next_run__lt=now - LATE_AFTER)

    def with_problem(self) -> Self:
        return self.exclude(problem="")

    def present(self) -> Self:
        return self.filter(retired_at__isnull=True)

    def enabled(self) -> Self:
        return self.filter(_ENABLED)

    def not_enabled(self) -> Self:
        """Disabled, retired, or without definition."""
        return self.exclude(_ENABLED)

    def for_list(self) -> Self:
        return self.with_definition().order_by("definition__name", "uid")


class TaskExecutionQuerySet(models.QuerySet["TaskExecution"]):
    def active(self) -> Self:
        return self.filter(state__in=ACTIVE_STATES)

    def of_schedules(self, uids: Iterable[str]) -> Self:
        return self.filter(schedule_id__in=list(uids))

    def newest_first(self) -> Self:
        return self.order_by("-id")

    def success_durations(self) -> dict[str, tuple[float, int]]:
        """(mean in ms, number) of the successful runs of each schedule."""
        rows = (
            self.filter(state=ExecutionState.SUCCESS, duration_ms__isnull=False)
            .order_by()
            .values("schedule_id")
            .annotate(mean=Avg("duration_ms"), number=Count("id"))
        )
        return {row["schedule_id"]: (float(row["mean"]), row["number"]) for row in rows}


class TaskLockQuerySet(models.QuerySet["TaskLock"]):
    """Expiry is judged by the database's clock: hosts may disagree about the time."""

    def free(self) -> Self:
        return self.filter(Q(released_at__isnull=False) | Q(expires_at__lte=Now()))

    def held(self, name: str) -> Self:
        return self.filter(lock_key=name, released_at__isnull=True, expires_at__gt=Now())

    def held_with(self, name: str, token: uuid.UUID) -> Self:
        return self.held(name).filter(token=token)
