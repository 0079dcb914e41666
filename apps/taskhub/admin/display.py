"""Cells and the time line that the hub's pages share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from apps.core.admin import chip
from apps.taskhub.enums import DeadReason, Queue, TaskStatus
from apps.taskhub.errors import UnknownTask
from apps.taskhub.hub_task import definition_of
from apps.taskhub.models import Task, TaskAttempt

TONES: dict[str, str] = {
    TaskStatus.PENDING: "neutral",
    TaskStatus.RUNNING: "info",
    TaskStatus.SUCCESS: "success",
    TaskStatus.FAIL: "warning",
    TaskStatus.DEAD: "danger",
}


def label_of(name: str) -> str:
    """The task type in the reader's language; its name when no such type is declared any more."""
    try:
        return str(definition_of(name).label)
    except UnknownTask:
        return name


def status_chip(status: str, dead_reason: str = "") -> SafeString:
    """The state; a dead task says why, and a cancelled one is no alarm."""
    known = TaskStatus(status)
    if known is TaskStatus.DEAD and dead_reason:
        tone = "neutral" if dead_reason == DeadReason.CANCELLED else "danger"
        return chip(f"{known.label}: {DeadReason(dead_reason).label}", tone)
    return chip(known.label, TONES[known])


def attempt_chip(attempt: TaskAttempt) -> SafeString:
    """As ``status_chip``; a failed attempt whose worker died says so."""
    if attempt.status == TaskStatus.FAIL:
        return chip(DeadReason(attempt.dead_reason).label if attempt.dead_reason else _("failed"), "warning")
    return status_chip(attempt.status, attempt.dead_reason)


def queue_label(queue: str) -> str:
    return str(Queue(queue).label) if queue in Queue.values else queue


def duration(milliseconds: int | None) -> str:
    """In the unit that a person would choose."""
    if milliseconds is None:
        return "–"
    if milliseconds < 1_000:
        return _("%(count)d ms") % {"count": milliseconds}
    if milliseconds < 60_000:
        return _("%(seconds).1f s") % {"seconds": milliseconds / 1_000}
    minutes, seconds = divmod(milliseconds // 1_000, 60)
    return _("%(minutes)d min %(seconds)d s") % {"minutes": minutes, "seconds": seconds}


@dataclass(frozen=True, slots=True)
class Step:
    """One point of the time line."""

    moment: datetime
    title: str | Promise
    tone: str
    detail: str = ""


def time_line(task: Task, attempts: Iterable[TaskAttempt]) -> list[Step]:
    """What happened to a task, oldest first, and what comes next."""
    steps = [Step(task.created_at, _("Queued"), "neutral", task.actor_label)]
    if task.published_at:
        steps.append(Step(task.published_at, _("Sent to the queue"), "neutral", queue_label(task.queue)))
    for attempt in attempts:
        steps.extend(_of_attempt(attempt))
    if task.cancel_requested_at:
        steps.append(Step(task.cancel_requested_at, _("Cancellation asked for"), "warning"))
    steps.sort(key=lambda step: step.moment)
    if task.run_at and not task.is_final and task.status != TaskStatus.RUNNING:
        steps.append(Step(task.run_at, _("Next attempt, not before"), "info"))
    return steps


def _of_attempt(attempt: TaskAttempt) -> Iterator[Step]:
    number = {"number": attempt.attempt}
    if attempt.started_at:
        yield Step(attempt.started_at, _("Attempt %(number)d started") % number, "info", attempt.worker_name)
    if not attempt.finished_at:
        return
    title, tone = _("Attempt %(number)d failed") % number, "danger"
    if attempt.status == TaskStatus.SUCCESS:
        title, tone = _("Attempt %(number)d succeeded") % number, "success"
    elif attempt.dead_reason == DeadReason.CANCELLED:
        title, tone = _("Cancelled"), "neutral"
    elif attempt.dead_reason == DeadReason.WORKER_LOST:
        title, tone = _("Attempt %(number)d lost its worker") % number, "warning"
    elif attempt.dead_reason == DeadReason.WORKER_STOPPED:
        title, tone = _("Attempt %(number)d was given back by a stopping worker") % number, "neutral"
    elif attempt.dead_reason == DeadReason.TIMEOUT:
        title = _("Attempt %(number)d exceeded its time limit") % number
    yield Step(attempt.finished_at, title, tone, duration(attempt.duration_ms) if attempt.started_at else "")
