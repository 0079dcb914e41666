from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.core.http_server import LocalServer, serving


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with serving() as running:
        yield running
