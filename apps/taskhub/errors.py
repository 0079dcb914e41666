"""Errors of the task hub."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.core.errors import AppError, Conflict, Invalid, NotFound


class UnknownTask(Invalid):
    default_message = _("No task has this name.")


class WrongArguments(Invalid):
    default_message = _("The task does not take these arguments.")


class PayloadTooLarge(Invalid):
    default_message = _("The arguments of a task must fit into 64 KB.")


class TaskNotFound(NotFound):
    default_message = _("This task does not exist.")


class TaskNotFinished(Conflict):
    default_message = _("Only a dead task can be retried.")


class TaskAlreadyFinished(Conflict):
    default_message = _("The task has ended: there is nothing to cancel.")


class RunCancelled(AppError):
    """Raised by ``current_run.stop_if_cancelled()``: ends the attempt as dead/cancelled."""

    default_message = _("The task was cancelled.")


class BadDeclaration(Exception):
    """A ``@hub_task`` that the hub refuses: no limits, a name that is taken, positional arguments."""
