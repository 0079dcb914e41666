"""What is audited of the task hub."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.audit.registry import Resource, register

register(
    Resource(
        type="task",
        model="taskhub.Task",
        fields=("name", "queue", "status", "dead_reason", "attempts", "max_retries", "cancel_requested_at"),
        label=_("task"),
    )
)
