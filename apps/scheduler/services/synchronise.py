"""Bringing the declarations of ``schedules.py`` into the database, after every ``migrate``.

A row is written only when its *declaration* changed since it was last applied.  Then the fields that nobody changed
follow the code; a field that an operator changed stays (it is shown as drift), and so does ``enabled``, always.  A
schedule that left the code is retired, not deleted: its history stays readable.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import structlog
from django.db import transaction
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from apps.audit.enums import Action
from apps.audit.services import record
from apps.core import db
from apps.core.actor import SYSTEM
from apps.scheduler.audit_resources import reference
from apps.scheduler.enums import Origin
from apps.scheduler.models import ScheduledTask
from apps.scheduler.registry import Schedule, schedules
from apps.scheduler.services.rules import cron_text, interval_seconds
from apps.scheduler.services.schedules import POLICY_FIELDS, give_crontab
from apps.scheduler.services.timing import retime, with_definition

log = structlog.get_logger(__name__)

# An operator's rule stays as a whole: half of it and half of the code's would be a rule that nobody wrote.
RULE = frozenset({"cron", "time_zone", "every_seconds"})


def synchronise(declared: Iterable[Schedule] | None = None) -> dict[str, list[str]]:
    """Apply the declarations (of the registry unless given).  Returns the uids created, changed and retired."""
    wanted = {schedule.uid: schedule for schedule in (schedules.all() if declared is None else declared)}
    with transaction.atomic():
        rows = {row.uid: row for row in db.locked(ScheduledTask.objects.filter(origin=Origin.CODE))}
        done = {
            "created": [uid for uid in wanted if uid not in rows and _create(wanted[uid])],
            "changed": [uid for uid, row in rows.items() if uid in wanted and _update(row, wanted[uid])],
            "retired": [uid for uid, row in rows.items() if uid not in wanted and _retire(row)],
        }
    if any(done.values()):
        log.info("schedules_synchronised", **{key: len(uids) for key, uids in done.items()})
    return done


def declaration(schedule: Schedule) -> dict[str, Any]:
    """A declared schedule as plain values: what is stored as ``declared`` and compared with the rows."""
    values = {
        "name": schedule.english_name,
        "description": schedule.english_description,
        "task": schedule.task,
        "queue": schedule.queue,
        "arguments": dict(schedule.arguments),
        "cron": schedule.cron,
        "time_zone": schedule.zone_name if schedule.cron else "",
        "every_seconds": int(schedule.every.total_seconds()) if schedule.every is not None else None,
        **{name: getattr(schedule, name) for name in POLICY_FIELDS},
        "labels": dict(schedule.labels),
    }
    # As the database gives it back: a tuple would come as a list and look changed at every migrate.
    plain: dict[str, Any] = orjson.loads(orjson.dumps(values))
    return plain


def drift(schedule: ScheduledTask) -> dict[str, tuple[Any, Any]]:
    """Fields in which the row differs from the declaration: name → (declared, present).  Empty for adopted ones."""
    if schedule.origin != Origin.CODE or not schedule.declared or schedule.definition is None:
        return {}
    now = _present(schedule, schedule.definition)
    return {name: (value, now[name]) for name, value in schedule.declared.items() if name in now and now[name] != value}


def _create(wanted: Schedule) -> bool:
    values = declaration(wanted)
    # One of the same name and task that belongs to nobody is ours from before our tables were dropped.
    known = PeriodicTask.objects.filter(name=values["name"], task=wanted.task, scheduled__isnull=True).first()
    definition = known or PeriodicTask(enabled=wanted.enabled)
    _set_definition(definition, values, wanted.uid)
    definition.save()
    row = ScheduledTask(uid=wanted.uid, definition=definition, origin=Origin.CODE, declared=values)
    _set_policies(row, values)
    row.save()
    _finish(row, old={}, new=values)
    return True


def _update(row: ScheduledTask, wanted: Schedule) -> bool:
    values = declaration(wanted)
    if row.declared == values and row.retired_at is None and row.definition_id is not None:
        return False
    row = with_definition(row)
    # A definition that somebody deleted is made again, whole.
    edited = _edited(row)
    apply = {name: value for name, value in values.items() if name not in edited}
    definition: Any = row.definition or PeriodicTask(enabled=wanted.enabled)
    _set_definition(definition, apply, row.uid)
    definition.save()
    row.definition = definition
    _set_policies(row, apply)
    old, row.declared, row.retired_at = row.declared, values, None
    row.save(update_fields=["definition", "declared", "retired_at", *POLICY_FIELDS, "updated_at"])
    _finish(row, old=old, new=values)
    return True


def _retire(row: ScheduledTask) -> bool:
    if row.retired_at is not None:
        return False
    row.retired_at = timezone.now()
    row.save(update_fields=["retired_at", "updated_at"])
    _finish(row, old=row.declared, new={})
    return True


def _finish(row: ScheduledTask, *, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    changed = with_definition(row)
    if changed.rule_text != changed.next_run_rule:
        retime(changed, now=timezone.now())
    record(Action.SYNCHRONISED, reference(changed), actor=SYSTEM, old=dict(old), new=dict(new))


def _edited(row: ScheduledTask) -> frozenset[str]:
    edited = frozenset(drift(row))
    return edited | RULE if edited & RULE else edited


def _set_definition(definition: PeriodicTask, values: Mapping[str, Any], uid: str) -> None:
    definition.name = _free_name(values["name"], uid, definition)
    for name in ("description", "task"):
        if name in values:
            setattr(definition, name, values[name])
    if "queue" in values:
        definition.queue = values["queue"] or None
    if "arguments" in values:
        definition.kwargs = orjson.dumps(values["arguments"]).decode()
    if values.get("cron"):
        # Rule and zone come together or not at all (RULE).
        give_crontab(definition, values["cron"], ZoneInfo(values["time_zone"]))
    elif values.get("every_seconds"):
        # Rows of intervals are values, not rules of one schedule: they are never changed, so sharing them is safe.
        every = values["every_seconds"]
        definition.interval = IntervalSchedule.objects.filter(every=every, period="seconds").first()
        definition.interval = definition.interval or IntervalSchedule.objects.create(every=every, period="seconds")
        definition.crontab = None


def _set_policies(row: ScheduledTask, values: Mapping[str, Any]) -> None:
    for name in POLICY_FIELDS:
        if name in values:
            setattr(row, name, values[name])


def _present(schedule: ScheduledTask, definition: PeriodicTask) -> dict[str, Any]:
    crontab = definition.crontab
    return {
        "description": definition.description,
        "task": definition.task,
        "queue": definition.queue or "",
        "arguments": _parsed(definition.kwargs),
        "cron": cron_text(crontab) if crontab is not None else "",
        "time_zone": schedule.zone_name,
        "every_seconds": interval_seconds(schedule),
        **{name: getattr(schedule, name) for name in POLICY_FIELDS},
    }


def _parsed(text: str) -> Any:
    try:
        return orjson.loads(text or "{}")
    except orjson.JSONDecodeError:
        return text


def _free_name(name: str, uid: str, definition: PeriodicTask) -> str:
    """A stranger's PeriodicTask may have our name: then ours carries its uid."""
    is_taken = PeriodicTask.objects.filter(name=name).exclude(pk=definition.pk).exists()
    return f"{name} ({uid})"[:200] if is_taken else name
