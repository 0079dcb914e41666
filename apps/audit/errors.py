"""Mistakes in the use of the audit log.  They are bugs of the caller, found by its first test, never user input."""

from __future__ import annotations


class AuditUsageError(RuntimeError):
    """Base of all of them."""


class OutsideTransaction(AuditUsageError):
    """``record`` was called outside a transaction: the event could survive a change that does not, or the reverse."""


class UnknownResource(AuditUsageError):
    """This resource type or model is declared in no ``audit_resources.py``."""


class WrongShape(AuditUsageError):
    """created has only ``new``, deleted only ``old``, updated both."""


class RegistryClosed(AuditUsageError):
    """A resource was registered after start-up."""


class DuplicateResource(AuditUsageError):
    """The resource type or its model is registered twice."""
