"""Rows of the audit log."""

from __future__ import annotations

import datetime as dt
import time
import uuid

import factory

from apps.audit.models import AuditEvent, DeadEntry, OutboxEntry


class AuditEventFactory(factory.django.DjangoModelFactory):
    """An event of one user who changed the title of an article."""

    class Meta:
        model = AuditEvent

    id = factory.LazyFunction(uuid.uuid4)
    seq = factory.Sequence(lambda number: number + 1)
    timestamp = factory.LazyFunction(lambda: time.time_ns() // 1_000_000)
    action = "updated"
    resource_type = "article"
    resource_id = "7"
    resource_label = "Title fight postponed"
    actor_kind = "user"
    actor_id = "3"
    actor_label = "alice"
    subsystem = "http"
    status = "success"
    client_ip = "203.0.113.9"
    user_agent = "Mozilla/5.0"
    request_method = "PUT"
    path = "/api/v1/articles/7"
    request_id = factory.Sequence(lambda number: f"request-{number}")
    old_object = '{"title":"Old title"}'
    new_object = '{"title":"New title"}'
    changed_fields = ["title"]


class OutboxEntryFactory(factory.django.DjangoModelFactory):
    """An entry as it stands; for entries of real changes call ``record``."""

    class Meta:
        model = OutboxEntry

    body = "{}"


class DeadEntryFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = DeadEntry

    outbox_id = factory.Sequence(lambda number: number + 1)
    recorded_at = factory.Faker("date_time", tzinfo=dt.UTC)
    body = "{}"
    error = "KeyError: 'id'"
