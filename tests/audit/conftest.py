"""A resource for the tests: Django's Group, with one recorded and one hidden field."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from apps.audit.registry import BoundResource, Resource, resources
from apps.audit.services.observing import gate
from apps.core.actor import Actor, ActorKind

ALICE = Actor(ActorKind.USER, "3", "alice")


@pytest.fixture(autouse=True)
def _open_gate() -> None:
    """No test inherits the pause after another one's Redis failure."""
    gate.open()


@pytest.fixture
def group_resource() -> Iterator[BoundResource]:
    with resources.temporarily(Resource(type="testGroup", model="auth.Group", fields=("id", "name"))) as bound:
        yield bound


@pytest.fixture
def permission_resource() -> Iterator[BoundResource]:
    """``name`` is recorded, ``codename`` only as changed or not; ``content_type`` is a foreign key."""
    resource = Resource(
        type="testPermission",
        model="auth.Permission",
        fields=("name", "codename", "content_type"),
        redact=("codename",),
    )
    with resources.temporarily(resource) as bound:
        yield bound


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Accepts connections and never answers, like a server that hangs."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
