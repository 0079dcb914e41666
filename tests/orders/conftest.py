from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client

from apps.orders.clients import carrier as carrier_client
from apps.users.api.tokens import pair_of
from apps.users.models import User
from tests.factories.users import TokenSessionFactory
from tests.orders.carrier_server import CarrierServer, carrier_serving


class Caller:
    """Somebody with a token who speaks JSON."""

    def __init__(self, user: User | None) -> None:
        self.user = user
        self._client = Client()
        self._headers = {}
        if user is not None:
            self._headers["Authorization"] = f"Bearer {pair_of(TokenSessionFactory(user=user)).access_token}"

    def get(self, path: str, query: dict[str, Any] | None = None, **headers: str) -> Any:
        return self._client.get(path, query, headers={**self._headers, **_names(headers)})

    def post(self, path: str, body: Any, **headers: str) -> Any:
        return self._send("post", path, body, headers)

    def put(self, path: str, body: Any, **headers: str) -> Any:
        return self._send("put", path, body, headers)

    def delete(self, path: str, **headers: str) -> Any:
        return self._client.delete(path, headers={**self._headers, **_names(headers)})

    def _send(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Any:
        send = getattr(self._client, method)
        return send(path, body, content_type="application/json", headers={**self._headers, **_names(headers)})


def _names(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


@pytest.fixture
def call(settings: Any) -> Callable[[User | None], Caller]:
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, "off")
    return Caller


@pytest.fixture
def carrier(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[CarrierServer]:
    monkeypatch.setattr(carrier_client, "FIRST_PAUSE_SECONDS", 0.01)
    with carrier_serving() as server:
        server.configure(settings)
        yield server
