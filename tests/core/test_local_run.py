"""What ``make run`` tells its processes of the address at which it is reached."""

from __future__ import annotations

import socket
from pathlib import Path

import psutil
import pytest

from apps.core.local_services import Places
from project.local_environment import product_environment
from project.local_run import Address, running_environment


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    for name in ("LIVE_URL", "LIVE_PORT", "ALLOWED_HOSTS", "SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)
    return Places.prepare(tmp_path)


def test_on_this_machine_alone_the_live_process_has_one_address(places: Places) -> None:
    environment = running_environment(places, Address("127.0.0.1", 8000))

    assert environment["LIVE_URL"] == "http://127.0.0.1:8001"
    assert environment["ALLOWED_HOSTS"] == "localhost,127.0.0.1,[::1]"
    assert "LIVE_PORT" not in environment


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])  # named, not bound
def test_open_to_all_every_name_and_address_of_this_machine_counts(places: Places, host: str) -> None:
    environment = running_environment(places, Address(host, 8000))

    allowed = environment["ALLOWED_HOSTS"].split(",")
    addresses = {one.address for card in psutil.net_if_addrs().values() for one in card if one.family == socket.AF_INET}
    assert addresses | {socket.gethostname().lower(), "localhost", "[::1]"} <= set(allowed)
    assert len(allowed) == len(set(allowed))
    assert not any("%" in one or "*" in one for one in allowed)
    # Each browser finds the live process on the host by which it found us.
    assert environment["LIVE_PORT"] == "8001"
    assert "LIVE_URL" not in environment


@pytest.mark.parametrize(
    ("database_url", "passed_on"),
    [("postgres://bajiaozhi@db.example:5432/bajiaozhi", {"PGPASSWORD": "theirs", "PGSSLMODE": "require"}), ("", {})],
)
def test_words_for_a_postgresql_client_go_to_the_server_that_a_person_named(
    monkeypatch: pytest.MonkeyPatch, database_url: str, passed_on: dict[str, str]
) -> None:
    monkeypatch.setenv("LOCAL_SERVICES", "1")
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("PGPASSWORD", "theirs")
    monkeypatch.setenv("PGSSLMODE", "require")

    environment = product_environment()

    assert {key: value for key, value in environment.items() if key.startswith("PG")} == passed_on


def test_what_a_person_has_set_wins(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOWED_HOSTS", "bench.example")
    monkeypatch.setenv("LIVE_URL", "https://live.example")

    environment = running_environment(places, Address("0.0.0.0", 8000))

    assert (environment["ALLOWED_HOSTS"], environment["LIVE_URL"]) == ("bench.example", "https://live.example")
