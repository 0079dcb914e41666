"""/health, /healthz, /readyz: the truth within a second (decision 11, C-1)."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client

from apps.core import heartbeat
from apps.core.api import health, probes
from apps.core.api.probes import Outcome, Probe
from tests.factories.users import UserFactory

pytestmark = pytest.mark.django_db
DATABASE = "postgres" if connection.vendor == "postgresql" else connection.vendor
BACKEND = "apps.users.backends.NameOrEmailBackend"
ON_A_SERVER = pytest.mark.skipif(connection.vendor == "sqlite", reason="a file has no server that could hang")


@pytest.fixture(autouse=True)
def _idle_probes() -> Iterator[None]:
    """A probe that hangs in one test is not joined by the next."""
    yield
    for probe in (health._database, health._redis):
        probe._ended = None


@pytest.fixture(autouse=True, scope="module")
def _routes_are_loaded() -> None:
    """The first request of a process reads all routes; the second is what a caller waits for."""
    Client().get("/healthz")


@pytest.fixture(autouse=True)
def _declared_schedules_are_not_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """What ``migrate`` declared becomes late by itself while the tests run, and a probe sees it."""
    others = {name: ask for name, ask in health._warnings.items() if name != "schedules"}
    monkeypatch.setattr(health, "_warnings", others)


@pytest.fixture
def hanging_port() -> Iterator[int]:
    """A server that takes connections and never says a word."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(50)
        yield server.getsockname()[1]


@pytest.fixture
def refusing_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port: int = server.getsockname()[1]
        return port


def redis_at(port: int, settings: Any) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{port}/0"


def database_at(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what the probe opens itself goes there; the test's own connection stays."""
    elsewhere = {**probes.database_config(), "HOST": "127.0.0.1", "PORT": port}
    monkeypatch.setattr(probes, "database_config", lambda: elsewhere)


def timed(client: Client, path: str, **extra: Any) -> tuple[Any, float]:
    start = time.monotonic()
    response = client.get(path, **extra)
    return response, time.monotonic() - start


def all_alive() -> None:
    for kind in ("worker", "beat", "consumer", "live"):
        heartbeat.beat_once(kind)


def test_everything_up_is_ok(client: Client) -> None:
    all_alive()

    response, seconds = timed(client, "/health")

    assert response.status_code == 200
    assert response.json() == {"status": "ok", "components": {DATABASE: "up", "redis": "up"}, "warnings": []}
    assert response.headers["Cache-Control"] == "no-store"
    assert seconds < 1


def test_missing_processes_are_warnings_not_failures(client: Client) -> None:
    heartbeat.beat_once("worker")

    response = client.get("/health")

    assert (response.status_code, response.json()["status"]) == (200, "ok")
    assert [warning["name"] for warning in response.json()["warnings"]] == ["beat", "consumer", "live"]


def test_warnings_speak_the_language_of_the_caller(client: Client) -> None:
    chinese = client.get("/health", headers={"Accept-Language": "zh-CN"}).json()["warnings"]
    english = client.get("/health", headers={"Accept-Language": "en"}).json()["warnings"]

    assert english[0]["message"] == "No worker is alive: queued tasks wait."
    assert chinese[0]["message"] != english[0]["message"]


@pytest.mark.parametrize("path", ["/health", "/readyz"])
def test_refused_redis_is_degraded(client: Client, settings: Any, refusing_port: int, path: str) -> None:
    redis_at(refusing_port, settings)

    response, seconds = timed(client, path)

    assert response.status_code == 503
    assert response.json() == {"status": "degraded", "components": {DATABASE: "up", "redis": "down"}, "warnings": []}
    assert seconds < 1


@pytest.mark.parametrize("path", ["/health", "/readyz"])
def test_hanging_redis_is_degraded_within_a_second(client: Client, settings: Any, hanging_port: int, path: str) -> None:
    redis_at(hanging_port, settings)

    response, seconds = timed(client, path)

    assert (response.status_code, response.json()["components"]["redis"]) == (503, "down")
    assert seconds < 1


@ON_A_SERVER
def test_refused_database_is_degraded(client: Client, monkeypatch: pytest.MonkeyPatch, refusing_port: int) -> None:
    database_at(refusing_port, monkeypatch)

    response, seconds = timed(client, "/health")

    assert response.status_code == 503
    assert response.json() == {"status": "degraded", "components": {DATABASE: "down", "redis": "up"}, "warnings": []}
    assert seconds < 1


@ON_A_SERVER
def test_both_hanging_is_unavailable_within_a_second_every_time(
    client: Client, settings: Any, monkeypatch: pytest.MonkeyPatch, hanging_port: int
) -> None:
    redis_at(hanging_port, settings)
    database_at(hanging_port, monkeypatch)

    for _ in range(3):
        response, seconds = timed(client, "/health")
        assert (response.status_code, response.json()["status"]) == (503, "unavailable")
        assert seconds < 1


@ON_A_SERVER
def test_it_is_up_again_as_soon_as_the_server_is(
    client: Client, monkeypatch: pytest.MonkeyPatch, refusing_port: int
) -> None:
    with monkeypatch.context() as down:
        database_at(refusing_port, down)
        assert client.get("/readyz").status_code == 503

    assert client.get("/readyz").status_code == 200


def test_alive_asks_nobody(client: Client, settings: Any, refusing_port: int, django_assert_num_queries: Any) -> None:
    redis_at(refusing_port, settings)

    with django_assert_num_queries(0):
        response = client.get("/healthz")

    assert (response.status_code, response.json()) == (200, {"status": "ok", "components": {}, "warnings": []})


def test_error_texts_are_for_staff_only(client: Client, settings: Any, refusing_port: int) -> None:
    redis_at(refusing_port, settings)
    staff, user = Client(), Client()
    staff.force_login(UserFactory(is_staff=True), backend=BACKEND)
    user.force_login(UserFactory(), backend=BACKEND)

    assert "refused" in staff.get("/health").json()["errors"]["redis"]
    for other in (client, user):
        response = other.get("/health", headers={"Authorization": "Bearer nonsense"} if other is client else {})
        assert "errors" not in response.json()
        assert str(refusing_port) not in response.content.decode()


def test_a_warning_that_fails_or_hangs_does_not_stop_the_answer(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "components", lambda until: {DATABASE: Outcome(), "redis": Outcome()})
    monkeypatch.setattr(health, "_warnings", {})
    health.register_warning("broken", lambda: str(1 // 0))
    health.register_warning("slow", lambda: time.sleep(3) or "never")  # type: ignore[func-returns-value]
    health.register_warning("fine", lambda: None)
    health.register_warning("said", lambda: "a sentence")

    response, seconds = timed(client, "/health")

    assert [warning["name"] for warning in response.json()["warnings"]] == ["broken", "slow", "said"]
    assert response.status_code == 200
    assert seconds < 1


def test_a_warning_is_registered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_warnings", {})
    health.register_warning("beat", lambda: None)

    with pytest.raises(ValueError, match="beat"):
        health.register_warning("beat", lambda: None)


def test_a_stale_heartbeat_is_a_warning(client: Client) -> None:
    all_alive()

    with time_machine.travel(time.time() + 60, tick=True):
        names = [warning["name"] for warning in client.get("/health").json()["warnings"]]

    assert {"worker", "beat", "consumer", "live"} <= set(names)


def test_a_hanging_probe_is_started_once() -> None:
    starts = []

    def hang() -> None:
        starts.append(1)
        time.sleep(0.5)

    probe = Probe(hang)
    for _ in range(5):
        assert probe.outcome(probe.start(), until=time.monotonic() + 0.01) == Outcome(error="no answer in time")
    assert starts == [1]

    assert probe.outcome(probe.start(), until=time.monotonic() + 5) == Outcome()
    probe.outcome(probe.start(), until=time.monotonic() + 5)
    assert starts == [1, 1]


@pytest.mark.parametrize("path", ["/health", "/healthz", "/readyz"])
def test_only_reads_are_allowed(client: Client, path: str) -> None:
    assert client.post(path).status_code == 405
    assert client.head(path).status_code == 200


class TestMetrics:
    def test_the_machine_itself_may_ask(self, client: Client) -> None:
        client.get("/healthz")

        response = client.get("/metrics")

        assert response.status_code == 200
        assert 'http_requests_total{method="GET",process="web@' in response.content.decode()
        assert 'route="healthz",status="200"' in response.content.decode()

    @pytest.mark.parametrize(
        "extra",
        [{"REMOTE_ADDR": "198.51.100.7"}, {"HTTP_X_FORWARDED_FOR": "127.0.0.1"}, {"HTTP_X_REAL_IP": "10.0.0.1"},
         {"REMOTE_ADDR": ""}],
    )  # fmt: skip
    def test_others_may_not(self, client: Client, extra: dict[str, str]) -> None:
        assert client.get("/metrics", **extra).status_code == 403  # type: ignore[arg-type]

    def test_a_trusted_proxy_may_but_not_who_stands_behind_it(self, client: Client, settings: Any) -> None:
        settings.TRUSTED_PROXIES = ["10.0.0.0/8"]

        assert client.get("/metrics", REMOTE_ADDR="10.0.0.1").status_code == 200
        behind = client.get("/metrics", REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR="198.51.100.7")
        assert behind.status_code == 403

    def test_staff_may_from_anywhere(self) -> None:
        staff = Client(REMOTE_ADDR="198.51.100.7")
        staff.force_login(UserFactory(is_staff=True), backend=BACKEND)

        assert staff.get("/metrics").status_code == 200

    def test_metrics_of_all_processes_stand_side_by_side(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        from apps.core import metrics

        with monkeypatch.context() as elsewhere:
            elsewhere.setattr(heartbeat, "identity", lambda: ("other-host", 77, "boot-of-the-worker"))
            metrics.publish("worker")

        text = client.get("/metrics").content.decode()

        assert 'process="worker@other-host:77"' in text
        assert text.count("# TYPE http_requests_total counter") == 1

    def test_dead_processes_disappear(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        from apps.core import metrics

        with monkeypatch.context() as elsewhere, time_machine.travel(time.time() - 120, tick=True):
            elsewhere.setattr(heartbeat, "identity", lambda: ("other-host", 77, "boot-of-the-worker"))
            metrics.publish("worker")

        assert "other-host" not in client.get("/metrics").content.decode()

    def test_without_redis_the_process_shows_itself(self, client: Client, settings: Any, refusing_port: int) -> None:
        redis_at(refusing_port, settings)

        assert "http_requests_total" in client.get("/metrics").content.decode()

    def test_a_source_that_fails_hides_no_other(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        from prometheus_client.core import GaugeMetricFamily

        from apps.core import metrics

        monkeypatch.setattr(metrics, "_shared", [])
        metrics.register_shared(lambda: iter([1 // 0]))  # type: ignore[list-item]
        metrics.register_shared(lambda: iter([GaugeMetricFamily("queue_length", "Waiting tasks", value=3)]))

        assert "queue_length 3.0" in client.get("/metrics").content.decode()
