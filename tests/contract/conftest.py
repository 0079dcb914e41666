"""The operation that a contract test proves, and the contract as a guard of every answer."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from tests.contract.operation import Operation, check


@pytest.fixture
def operation(request: Any) -> Operation:
    """The operation of ``@covers(method, path)``; the nearest one when a test covers several."""
    mark = request.node.get_closest_marker("covers")
    if mark is None:
        pytest.fail("a contract test says which operation it covers: @covers(method, path)")
    return Operation(*mark.args)


@pytest.fixture(autouse=True)
def _every_answer_fits_the_contract(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Client.request

    def request(self: Client, **environ: Any) -> Any:
        response = real(self, **environ)
        check(response)
        return response

    monkeypatch.setattr(Client, "request", request)
