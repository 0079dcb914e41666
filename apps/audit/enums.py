"""Words of the audit log.  Their values are wire names: stored, filtered on and published; never renamed."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class Action(models.TextChoices):
    """What was done.  An event with another word can't be written.

    Labels have a context of their own: "published" is a deed here and a state elsewhere, two words in Chinese.
    """

    CREATED = "created", pgettext_lazy("audit action", "created")
    UPDATED = "updated", pgettext_lazy("audit action", "changed")
    DELETED = "deleted", pgettext_lazy("audit action", "deleted")
    RESTORED = "restored", pgettext_lazy("audit action", "restored")
    READ = "read", pgettext_lazy("audit action", "read")
    ENABLED = "enabled", pgettext_lazy("audit action", "enabled")
    DISABLED = "disabled", pgettext_lazy("audit action", "disabled")
    LOGIN = "login", pgettext_lazy("audit action", "signed in")
    LOGOUT = "logout", pgettext_lazy("audit action", "signed out")
    LOGIN_FAILED = "login_failed", pgettext_lazy("audit action", "failed to sign in")
    LOCKED = "locked", pgettext_lazy("audit action", "locked")
    UNLOCKED = "unlocked", pgettext_lazy("audit action", "unlocked")
    PASSWORD_CHANGED = "password_changed", pgettext_lazy("audit action", "changed the password of")
    GRANTED = "granted", pgettext_lazy("audit action", "granted")
    REVOKED = "revoked", pgettext_lazy("audit action", "revoked")
    DENIED = "denied", pgettext_lazy("audit action", "was refused")
    APPROVED = "approved", pgettext_lazy("audit action", "approved")
    REJECTED = "rejected", pgettext_lazy("audit action", "rejected")
    PUBLISHED = "published", pgettext_lazy("audit action", "published")
    UNPUBLISHED = "unpublished", pgettext_lazy("audit action", "took offline")
    UNDONE = "undone", pgettext_lazy("audit action", "undid")
    CLAIMED = "claimed", pgettext_lazy("audit action", "claimed")
    RELEASED = "released", pgettext_lazy("audit action", "released")
    SCHEDULED = "scheduled", pgettext_lazy("audit action", "scheduled")
    CORRECTED = "corrected", pgettext_lazy("audit action", "corrected")
    RETRACTED = "retracted", pgettext_lazy("audit action", "retracted")
    REVISED = "revised", pgettext_lazy("audit action", "revised")
    MERGED = "merged", pgettext_lazy("audit action", "merged")
    TRIGGERED = "triggered", pgettext_lazy("audit action", "triggered")
    CANCELLED = "cancelled", pgettext_lazy("audit action", "cancelled")
    RETRIED = "retried", pgettext_lazy("audit action", "retried")
    DISCARDED = "discarded", pgettext_lazy("audit action", "discarded")
    REPLAYED = "replayed", pgettext_lazy("audit action", "replayed")
    PURGED = "purged", pgettext_lazy("audit action", "purged")
    IMPORTED = "imported", pgettext_lazy("audit action", "imported")
    EXPORTED = "exported", pgettext_lazy("audit action", "exported")
    CONFIGURED = "configured", pgettext_lazy("audit action", "configured")
    SYNCHRONISED = "synchronised", pgettext_lazy("audit action", "synchronised")


class Status(models.TextChoices):
    """How it ended."""

    SUCCESS = "success", _("success")
    FAILED = "failed", _("failed")
    PENDING = "pending", _("pending")


class Subsystem(models.TextChoices):
    """Which door the action came through (``context.subsystem``)."""

    HTTP = "http", _("HTTP interface")
    ADMIN = "admin", _("back-office")
    AUTH = "auth", _("sign-in")
    SCHEDULER = "scheduler", _("scheduler")
    TASKHUB = "taskhub", _("task hub")
    WORKER = "worker", _("worker")
    CONSUMER = "consumer", _("consumer")
    COMMAND = "command", _("command line")
    INGEST = "ingest", _("ingest")
    LIVE = "live", _("live results")
    AUDIT = "audit", _("audit log")
    DATABASE = "database", _("database")
    SYSTEM = "system", _("system")


class ActorType(models.TextChoices):
    """``core.actor.ActorKind`` with names for people."""

    USER = "user", _("user")
    SERVICE = "service", _("service")
    SYSTEM = "system", _("system")
    ANONYMOUS = "anonymous", _("anonymous")
