"""The tables of the audit log (I.1).

``audit_outbox`` is written inside the transaction of the change, ``audit_events`` by the relay.  Events have no
foreign keys: ids and labels are copied, so that they outlive what they name.  Triggers refuse UPDATE, DELETE and
(PostgreSQL) TRUNCATE on ``audit_events`` unless a row of ``audit_pass`` is visible to the same transaction.
``space_path`` of I.1 is left out: the product has no spaces.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import orjson
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from apps.audit.querysets import AuditEventQuerySet


class AuditEvent(models.Model):
    """Who did what to which thing, when, from where, and what it changed.  Append-only."""

    id = models.UUIDField(primary_key=True, editable=False)
    # Given by the relay without gaps, in the order in which it read the outbox.
    seq = models.PositiveBigIntegerField(_("number"), unique=True)
    timestamp = models.PositiveBigIntegerField(_("time"), help_text=_("Unix milliseconds"))
    # The words of ``enums``; no choices here, so that a new word needs no migration.
    action = models.CharField(_("action"), max_length=32)
    resource_type = models.CharField(_("resource type"), max_length=64)
    resource_id = models.CharField(_("resource id"), max_length=255)
    resource_label = models.CharField(_("resource"), max_length=255, blank=True)
    actor_kind = models.CharField(_("actor type"), max_length=16)
    actor_id = models.CharField(_("actor id"), max_length=255)
    actor_label = models.CharField(_("actor"), max_length=255)
    subsystem = models.CharField(_("subsystem"), max_length=32)
    status = models.CharField(_("status"), max_length=16)
    error_message = models.TextField(_("error"), blank=True)
    reason = models.TextField(_("reason"), blank=True)
    client_ip = models.CharField(_("client address"), max_length=45, blank=True)
    user_agent = models.CharField(_("user agent"), max_length=512, blank=True)
    request_method = models.CharField(_("method"), max_length=16, blank=True)
    path = models.CharField(_("path"), max_length=1024, blank=True)
    request_id = models.CharField(_("request id"), max_length=128, blank=True)
    run_id = models.CharField(_("hub task"), max_length=64, blank=True)
    # JSON text, each at most 64 KB; text and not jsonb, so that the bytes stay what was recorded.
    old_object = models.TextField(_("before"), null=True, blank=True)
    new_object = models.TextField(_("after"), null=True, blank=True)
    old_object_truncated = models.BooleanField(_("before was cut"), default=False)
    new_object_truncated = models.BooleanField(_("after was cut"), default=False)
    truncated_fields = models.JSONField(_("cut fields"), default=list)
    changed_fields = models.JSONField(_("changed fields"), default=list)
    data = models.JSONField(_("details"), default=dict)
    created_at = models.DateTimeField(_("written"), db_default=Now())

    objects = AuditEventQuerySet.as_manager()

    class Meta:
        db_table = "audit_events"
        verbose_name = _("audit event")
        verbose_name_plural = _("audit events")
        default_permissions = ("view",)
        permissions = [("configure_audit", _("Can configure the audit log"))]
        indexes = [
            models.Index(fields=["-timestamp", "-seq"], name="idx_audit_time"),
            models.Index(fields=["resource_type", "resource_id", "-timestamp", "-seq"], name="idx_audit_object"),
            models.Index(fields=["resource_type", "action", "-timestamp", "-seq"], name="idx_audit_type_action"),
            models.Index(fields=["action", "-timestamp", "-seq"], name="idx_audit_action"),
            models.Index(fields=["actor_id", "-timestamp", "-seq"], name="idx_audit_actor"),
            models.Index(fields=["actor_label", "-timestamp", "-seq"], name="idx_audit_actor_label"),
            models.Index(fields=["subsystem", "-timestamp", "-seq"], name="idx_audit_subsystem"),
            models.Index(fields=["status", "-timestamp", "-seq"], name="idx_audit_status"),
            models.Index(fields=["client_ip", "-timestamp", "-seq"], name="idx_audit_client_ip"),
            models.Index(fields=["request_id"], name="idx_audit_request"),
        ]

    def __str__(self) -> str:
        return f"{self.actor_label} {self.action} {self.resource_type} {self.resource_label or self.resource_id}"

    @property
    def at(self) -> dt.datetime:
        return dt.datetime.fromtimestamp(self.timestamp / 1000, tz=dt.UTC)

    @property
    def old(self) -> dict[str, Any] | None:
        return None if self.old_object is None else orjson.loads(self.old_object)

    @property
    def new(self) -> dict[str, Any] | None:
        return None if self.new_object is None else orjson.loads(self.new_object)


class OutboxEntry(models.Model):
    """One event of a change, waiting for the relay.  Narrow on purpose: it is paid for by every audited save."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(db_default=Now())
    body = models.TextField()

    class Meta:
        db_table = "audit_outbox"
        default_permissions = ()

    def __str__(self) -> str:
        return f"audit outbox {self.pk}"


class DeadEntry(models.Model):
    """An outbox entry that could not become an event, with the reason.  A person looks at it."""

    id = models.BigAutoField(primary_key=True)
    outbox_id = models.PositiveBigIntegerField(_("outbox entry"))
    recorded_at = models.DateTimeField(_("recorded"))
    body = models.TextField(_("content"))
    error = models.TextField(_("error"))
    failed_at = models.DateTimeField(_("set aside"), db_default=Now())

    class Meta:
        db_table = "audit_dead"
        verbose_name = _("unreadable audit entry")
        verbose_name_plural = _("unreadable audit entries")
        # Who may see events may see what could not become one.
        default_permissions = ()

    def __str__(self) -> str:
        return f"audit dead {self.pk}"


class Sequence(models.Model):
    """The last event number given.  One row; relays take it FOR UPDATE, one after the other."""

    id = models.PositiveSmallIntegerField(primary_key=True)
    value = models.PositiveBigIntegerField(default=0)

    class Meta:
        db_table = "audit_sequence"
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.value)


class RemovalPass(models.Model):
    """While this row exists, events may be removed.  See ``services.passes``."""

    id = models.PositiveSmallIntegerField(primary_key=True)

    class Meta:
        db_table = "audit_pass"
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.pk)
