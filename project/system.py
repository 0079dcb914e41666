"""The system page: settings as the live objects have them (decision 36), versions, living processes.

Nothing here is read from the settings file when the object that obeys it can be asked.
"""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import redis
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import connection as default_connection
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.core import heartbeat
from apps.core import redis as core_redis
from apps.taskhub.hub_task import RetryPolicy
from project import state
from project.celery import app as celery

Fact = tuple[str | Promise, Any]

PERMISSION = "taskhub.view_worker"
PACKAGES = (
    "Django",
    "djangorestframework",
    "celery",
    "kombu",
    "redis",
    "psycopg",
    "django-celery-beat",
    "django-unfold",
    "granian",
)
KINDS = {"web": _("Web"), "live": _("Live"), "worker": _("Worker"), "beat": _("Beat"), "consumer": _("Consumer")}


def system(request: HttpRequest) -> HttpResponse:
    """``/admin/system/``, for staff who may see the workers."""
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    living = state.processes()
    context = {
        **admin.site.each_context(request),
        "title": _("System"),
        "now": timezone.now(),
        "redis_answers": living is not None,
        "groups": [(KINDS.get(kind, kind), (living or {}).get(kind, [])) for kind in heartbeat.KINDS],
        "facts": [
            (_("Database connections of this process"), database_facts()),
            (_("Redis connections of this process"), redis_facts()),
            (_("Task queue"), celery_facts()),
            (_("Versions"), version_facts()),
        ],
    }
    return TemplateResponse(request, "pages/system.html", context)


def database_facts(connection: Any = default_connection) -> list[Fact]:
    """From psycopg's pool where there is one (the web process)."""
    facts: list[Fact] = [(_("Server"), state.database_version(connection))]
    pool = getattr(connection, "pool", None)
    if pool is None:
        return [*facts, (_("Connections"), _("one per process, kept open"))]
    numbers = pool.get_stats()
    return [
        *facts,
        (_("Most open"), pool.max_size),
        (_("Kept ready"), pool.min_size),
        (_("Replaced after"), _seconds(pool.max_lifetime)),
        (_("Open now"), numbers.get("pool_size", 0)),
        (_("Idle now"), numbers.get("pool_available", 0)),
    ]


def redis_facts() -> list[Fact]:
    """From redis-py's pool and the server itself."""
    client = core_redis.client()
    pool = client.connection_pool
    facts: list[Fact] = [
        (_("Server"), _redis_version(client)),
        (_("Most open"), pool.max_connections),
        (_("Opened ahead"), settings.REDIS_POOL_MIN_IDLE),
        (_("Waits to connect"), _seconds(pool.connection_kwargs.get("socket_connect_timeout"))),
        (_("Waits for an answer"), _seconds(pool.connection_kwargs.get("socket_timeout"))),
    ]
    return facts


def _redis_version(client: redis.Redis) -> str | Promise:
    try:
        information: Any = client.info("server")
    except redis.RedisError:
        return _("does not answer")
    return f"Redis {information['redis_version']}"


def celery_facts() -> list[Fact]:
    """From the Celery application that worker and beat of this code run with."""
    conf = celery.conf
    return [
        (_("Tasks at a time per worker"), conf.worker_concurrency),
        (_("Retries of a task"), RetryPolicy().retries),
        (_("Time limit of a task"), _seconds(conf.task_soft_time_limit)),
        (_("Acknowledged"), _("after the work") if conf.task_acks_late else _("before the work")),
        (_("Fetched ahead"), conf.worker_prefetch_multiplier),
        (_("Scheduler"), conf.beat_scheduler),
    ]


def version_facts() -> list[Fact]:
    facts: list[Fact] = [("Python", platform.python_version())]
    for package in PACKAGES:
        try:
            facts.append((package, version(package)))
        except PackageNotFoundError:
            continue
    return facts


def _seconds(value: Any) -> str | Promise:
    return _("no limit") if value is None else f"{value:g} s"
