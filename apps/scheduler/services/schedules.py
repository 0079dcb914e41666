"""What people do to schedules: run now, enable, disable, change.  Each is audited in the transaction of the change."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from apps.audit.enums import Action, Status
from apps.audit.services import observe, record
from apps.core import db
from apps.core.actor import Actor
from apps.core.errors import AppError, FieldError, Invalid
from apps.scheduler.audit_resources import reference
from apps.scheduler.due_times import CronRule
from apps.scheduler.enums import CatchUp, ExecutionState, Kind, Overlap
from apps.scheduler.errors import AlreadyRunning, ScheduleDisabled, ScheduleRetired, UnknownSchedule
from apps.scheduler.models import ScheduledTask, TaskExecution
from apps.scheduler.services import arguments
from apps.scheduler.services.queueing import instance, queue_run
from apps.scheduler.services.rules import cron_text
from apps.scheduler.services.timing import retime, with_definition
from apps.taskhub.hub_task.definition import MAX_HARD_LIMIT_SECONDS

_TRIGGERS = uuid.UUID("3d1a7f5e-5a0c-5c0e-8f57-0f6f2b0a9d44")
REASON_LENGTH = 500


# --- run now ---------------------------------------------------------------------------------------------------------
def trigger(
    uid: str,
    *,
    actor: Actor,
    override: Mapping[str, Any] | None = None,
    reason: str = "",
    nonce: str = "",
) -> TaskExecution:
    """Run a schedule now, with ``override`` in place of some of its arguments.

    The same ``nonce`` twice (a double click) is one run.  Raises UnknownSchedule, ScheduleRetired, ScheduleDisabled,
    AlreadyRunning (as many runs as ``max_concurrent`` are going on), Invalid (arguments).  A refusal is observed in the
    audit log and changes nothing.
    """
    try:
        with transaction.atomic():
            return _trigger(uid, actor=actor, override=override, reason=reason, nonce=nonce)
    except UnknownSchedule:
        raise
    except AppError as error:
        refused = ScheduledTask.objects.with_definition().get(pk=uid)
        observe(
            Action.TRIGGERED, reference(refused), actor=actor, status=Status.FAILED, error=str(error), reason=reason
        )
        raise


def _trigger(uid: str, *, actor: Actor, override: Mapping[str, Any] | None, reason: str, nonce: str) -> TaskExecution:
    schedule = _locked(uid)
    execution_uid = uuid.uuid5(_TRIGGERS, f"{uid}\n{nonce}") if nonce else uuid.uuid4()
    known = TaskExecution.objects.filter(execution_uid=execution_uid).first()
    if known is not None:
        return known
    _require_startable(schedule)
    execution = TaskExecution(
        execution_uid=execution_uid,
        schedule=schedule,
        task_name=schedule.name,
        task_type=schedule.task,
        kind=Kind.MANUAL,
        scheduled_at=timezone.now(),
        state=ExecutionState.PENDING,
        dispatched_by=instance(),
        trigger_by=actor.id,
        trigger_label=actor.label,
        trigger_reason=reason[:REASON_LENGTH],
    )
    queue_run(execution, arguments.merged(schedule, override), actor=actor)
    execution.save()
    record(
        Action.TRIGGERED,
        reference(schedule),
        actor=actor,
        reason=reason,
        data={"execution_uid": str(execution_uid), "override": dict(override or {})},
    )
    return execution


def _require_startable(schedule: ScheduledTask) -> None:
    if schedule.retired_at is not None:
        raise ScheduleRetired
    if not schedule.enabled:
        raise ScheduleDisabled
    going = list(TaskExecution.objects.of_schedules([schedule.uid]).active().order_by("id"))
    if len(going) >= schedule.max_concurrent:
        raise AlreadyRunning(execution_uid=str(going[0].execution_uid))


# --- enable, disable -------------------------------------------------------------------------------------------------
@transaction.atomic
def enable(uid: str, *, actor: Actor, reason: str = "") -> ScheduledTask:
    """From now on the schedule is due again, first at its next time: nothing is caught up.  Twice is the same as once.

    Raises UnknownSchedule, ScheduleRetired.
    """
    schedule = _locked(uid)
    if schedule.retired_at is not None or schedule.definition is None:
        raise ScheduleRetired
    return _switch(schedule, enabled=True, action=Action.ENABLED, actor=actor, reason=reason)


@transaction.atomic
def disable(uid: str, *, actor: Actor, reason: str = "") -> ScheduledTask:
    """No new runs; one that is going on goes on (decision 16).  Twice is the same as once.  Raises UnknownSchedule."""
    return _switch(_locked(uid), enabled=False, action=Action.DISABLED, actor=actor, reason=reason)


def _switch(schedule: ScheduledTask, *, enabled: bool, action: Action, actor: Actor, reason: str) -> ScheduledTask:
    definition = schedule.definition
    if definition is None or definition.enabled == enabled:
        return schedule
    PeriodicTask.objects.filter(pk=definition.pk).update(enabled=enabled, date_changed=timezone.now())
    changed = with_definition(schedule)
    retime(changed, now=timezone.now())
    record(
        action,
        reference(schedule),
        actor=actor,
        old={"enabled": not enabled},
        new={"enabled": enabled},
        reason=reason,
    )
    return changed


# --- change ----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What an operator may change; None leaves a value as it is.  ``cron`` and ``time_zone`` are for cron schedules."""

    cron: str | None = None
    time_zone: str | None = None
    arguments: Mapping[str, Any] | None = None
    overlap: Overlap | None = None
    catch_up: CatchUp | None = None
    catch_up_window_seconds: int | None = None
    priority: int | None = None
    labels: Mapping[str, str] | None = None
    max_duration_seconds: int | None = None
    max_retries: int | None = None
    timeout_grace_period: int | None = None
    max_concurrent: int | None = None


POLICY_FIELDS = (
    "overlap",
    "catch_up",
    "catch_up_window_seconds",
    "priority",
    "labels",
    "max_duration_seconds",
    "max_retries",
    "timeout_grace_period",
    "max_concurrent",
)


@transaction.atomic
def configure(uid: str, *, actor: Actor, changes: Changes, reason: str = "") -> ScheduledTask:
    """An operator's change of rule, arguments or policies.  It wins over the code's declaration and shows as drift.

    Raises UnknownSchedule, ScheduleRetired, Invalid naming the field.
    """
    schedule = _locked(uid)
    if schedule.retired_at is not None or schedule.definition is None:
        raise ScheduleRetired
    old = snapshot(schedule)
    _set_policies(schedule, changes)
    _set_rule(schedule, changes)
    if changes.arguments is not None:
        arguments.check_size(changes.arguments)
        schedule.definition.kwargs = orjson.dumps(dict(changes.arguments)).decode()
        schedule.definition.save(update_fields=["kwargs", "date_changed"])
    changed = with_definition(schedule)
    if changed.rule_text != changed.next_run_rule:
        retime(changed, now=timezone.now())
    new = snapshot(changed)
    if new != old:
        record(Action.CONFIGURED, reference(changed), actor=actor, old=old, new=new, reason=reason)
    return changed


def _set_policies(schedule: ScheduledTask, changes: Changes) -> None:
    given = {name: getattr(changes, name) for name in POLICY_FIELDS if getattr(changes, name) is not None}
    for name, value in given.items():
        setattr(schedule, name, dict(value) if name == "labels" else value)
    _require_valid_limits(schedule)
    if given:
        schedule.save(update_fields=[*given, "updated_at"])


def _require_valid_limits(schedule: ScheduledTask) -> None:
    errors = []
    if schedule.max_duration_seconds < 1:
        errors.append(FieldError("max_duration_seconds", "too_small", _("The time limit must be above 0.")))
    elif schedule.timeout_grace_period >= schedule.max_duration_seconds:
        detail = _("The grace period must be below the time limit.")
        errors.append(FieldError("timeout_grace_period", "too_large", detail))
    elif schedule.max_duration_seconds + schedule.timeout_grace_period > MAX_HARD_LIMIT_SECONDS:
        detail = _("Time limit and grace period together may be %(limit)d seconds at most.")
        errors.append(FieldError("max_duration_seconds", "too_large", detail % {"limit": MAX_HARD_LIMIT_SECONDS}))
    if schedule.max_concurrent < 1:
        errors.append(FieldError("max_concurrent", "too_small", _("At least one run at a time.")))
    if errors:
        raise Invalid(errors=errors)


def _set_rule(schedule: ScheduledTask, changes: Changes) -> None:
    if changes.cron is None and changes.time_zone is None:
        return
    definition = schedule.definition
    crontab = definition.crontab if definition is not None else None
    if definition is None or crontab is None:
        detail = _("This schedule is not a cron schedule.")
        raise Invalid(detail, errors=[FieldError("cron", "not_cron", detail)])
    cron = changes.cron if changes.cron is not None else cron_text(crontab)
    zone = _zone(changes.time_zone if changes.time_zone is not None else schedule.zone_name)
    try:
        CronRule(cron, zone)
    except Invalid as error:
        raise Invalid(error.message, errors=[FieldError("cron", "invalid", error.message)]) from error
    if (cron, str(zone)) != (cron_text(crontab), schedule.zone_name):
        give_crontab(definition, cron, zone)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        detail = _("There is no time zone of this name.")
        raise Invalid(detail, errors=[FieldError("time_zone", "unknown", detail)]) from error


def give_crontab(definition: PeriodicTask, cron: str, zone: ZoneInfo) -> None:
    """Set a definition's rule in a crontab row of its own.

    A row that another PeriodicTask uses as well is left to it: changing or deleting a shared row would change or
    delete the others' schedules.
    """
    minute, hour, day_of_month, month, day_of_week = cron.split()
    values = {
        "minute": minute,
        "hour": hour,
        "day_of_month": day_of_month,
        "month_of_year": month,
        "day_of_week": day_of_week,
        "timezone": zone,
    }
    crontab = definition.crontab
    is_shared = crontab is None or crontab.periodictask_set.exclude(pk=definition.pk).exists()
    if not is_shared:
        for name, value in values.items():
            setattr(crontab, name, value)
        crontab.save()
        return
    definition.crontab, definition.interval = CrontabSchedule.objects.create(**values), None
    if definition.pk is not None:
        definition.save(update_fields=["crontab", "interval", "date_changed"])


def snapshot(schedule: ScheduledTask) -> dict[str, Any]:
    """What the audit log compares: rule, arguments, policies."""
    values: dict[str, Any] = {name: getattr(schedule, name) for name in POLICY_FIELDS}
    definition = schedule.definition
    if definition is not None:
        values |= {"enabled": definition.enabled, "task": definition.task, "arguments": definition.kwargs}
        if definition.crontab is not None:
            values |= {"cron": cron_text(definition.crontab), "time_zone": schedule.zone_name}
    return values


def _locked(uid: str) -> ScheduledTask:
    """Raises UnknownSchedule."""
    locked = db.locked(ScheduledTask.objects.filter(pk=uid)).first()
    if locked is None:
        raise UnknownSchedule
    return with_definition(locked)
