"""Django says when a connection was opened; we give it its time limit and look at what it does."""

from __future__ import annotations

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from apps.core.slow_queries import watch_connection
from apps.core.time_limits import limit_new_connection


def prepare(sender: Any, connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    watch_connection(connection)
    limit_new_connection(connection)


connection_created.connect(prepare, dispatch_uid="core.prepare_connection")
