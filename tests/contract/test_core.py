"""Contract of the product's own routes."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from tests.contract.operation import Operation, covers


@covers("GET", "/health")
@pytest.mark.django_db
def test_health(operation: Operation, client: Client, settings: Any) -> None:
    body = operation.accepts(client.get("/health"))
    assert body["status"] == "ok"

    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    body = operation.accepts(client.get("/health"), status=503)
    assert body["status"] == "degraded"


@covers("GET", "/readyz")
@pytest.mark.django_db
def test_ready(operation: Operation, client: Client, settings: Any) -> None:
    assert operation.accepts(client.get("/readyz"))["status"] == "ok"

    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert operation.accepts(client.get("/readyz"), status=503)["components"]["redis"] == "down"


@covers("GET", "/healthz")
def test_alive(operation: Operation, client: Client) -> None:
    assert operation.accepts(client.get("/healthz"))["status"] == "ok"
