"""The first connection is tried again, and the pool's figures are logged (C-2, C-3)."""

from __future__ import annotations

import pytest
import structlog
from django.db import OperationalError, connection
from django.db.utils import load_backend

from apps.core import connecting

pytestmark = pytest.mark.django_db


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    pauses: list[float] = []
    monkeypatch.setattr(connecting.time, "sleep", pauses.append)
    return pauses


def failing(times: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next connections fail so many times; then they are real ones."""
    connect, left = connecting._connect_once, [times]

    def once() -> None:
        left[0] -= 1
        if left[0] >= 0:
            raise OperationalError("connection refused")
        connect()

    monkeypatch.setattr(connecting, "_connect_once", once)


def test_a_database_that_answers_costs_no_wait(slept: list[float]) -> None:
    assert connecting.wait_for_database()
    assert slept == []


def test_a_database_that_comes_late_is_waited_for(slept: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    failing(3, monkeypatch)

    with structlog.testing.capture_logs() as said:
        assert connecting.wait_for_database()

    assert slept == [0.5, 1.0, 2.0]
    assert [(line["event"], line["attempt"]) for line in said] == [
        ("database_connect_retry", number) for number in (1, 2, 3)
    ]


def test_after_five_retries_the_process_starts_without_it(slept: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    failing(99, monkeypatch)

    with structlog.testing.capture_logs() as said:
        assert not connecting.wait_for_database()

    assert slept == [0.5, 1.0, 2.0, 4.0, 8.0]
    assert said[-1]["event"] == "database_not_reached"


def test_a_server_that_is_not_there_is_an_error_to_try_again(
    slept: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = {**connection.settings_dict, "HOST": "127.0.0.1", "PORT": 1, "NAME": "/nowhere/at/all"}
    wrapper = load_backend(elsewhere["ENGINE"]).DatabaseWrapper(elsewhere, "default")
    monkeypatch.setattr(connecting, "connections", {"default": wrapper})

    assert not connecting.wait_for_database()
    assert len(slept) == 5


def test_the_pool_is_logged_in_numbers() -> None:
    class Pool:
        max_size = 25

        @staticmethod
        def get_stats() -> dict[str, int]:
            return {"pool_size": 12, "pool_available": 9, "requests_waiting": 1}

    class WithPool:
        pool = Pool()

    with structlog.testing.capture_logs() as said:
        connecting.log_pool(WithPool())
        connecting.log_pool(connection if connection.vendor == "sqlite" else object())

    assert said == [
        {
            "event": "database_pool",
            "log_level": "info",
            "open": 12,
            "in_use": 3,
            "idle": 9,
            "most": 25,
            "waiting": 1,
        }
    ]
