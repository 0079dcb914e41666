"""Errors of the scheduler."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.core.errors import Conflict, Invalid, NotFound, Unavailable


class BadRule(Invalid):
    default_message = _("This rule can't be understood.")


class UnknownSchedule(NotFound):
    default_message = _("There is no such schedule.")


class ScheduleDisabled(Conflict):
    default_message = _("The schedule is disabled: enable it first.")


class ScheduleRetired(Conflict):
    default_message = _("The schedule was removed from the product and can't be used any more.")


class AlreadyRunning(Conflict):
    default_message = _("The task is already running.")


class TooLarge(Invalid):
    default_message = _("The arguments are larger than 10 KB.")


class LockUnavailable(Unavailable):
    default_message = _("The lock service does not answer.")


class RegistryClosed(RuntimeError):
    """A schedule was declared after start-up."""


class DuplicateSchedule(RuntimeError):
    """Two schedules share a uid or a name."""
