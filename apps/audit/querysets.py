"""Reads of the audit log.  Newest first means the pair (timestamp, seq), which every index ends with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models

if TYPE_CHECKING:
    from apps.audit.models import AuditEvent  # noqa: F401  # named in quotes below

NEWEST_FIRST = ("-timestamp", "-seq")
# What a list does not show, and what may weigh 128 KB a row.
_HEAVY = ("old_object", "new_object", "data", "user_agent")


class AuditEventQuerySet(models.QuerySet["AuditEvent"]):
    def newest_first(self) -> AuditEventQuerySet:
        return self.order_by(*NEWEST_FIRST)

    def for_list(self) -> AuditEventQuerySet:
        """Without the recorded objects."""
        return self.newest_first().defer(*_HEAVY)

    def of_object(self, resource_type: str, resource_id: str) -> AuditEventQuerySet:
        return self.filter(resource_type=resource_type, resource_id=resource_id)

    def of_request(self, request_id: str) -> AuditEventQuerySet:
        return self.filter(request_id=request_id)
