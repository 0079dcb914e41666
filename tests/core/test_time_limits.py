"""No statement takes longer than it may, on each database with a statement that really is slow (A-3, C-4)."""

from __future__ import annotations

import io
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import structlog
from django.core.management import call_command
from django.db import DatabaseError, OperationalError, connection, connections, transaction
from django.db.utils import load_backend
from django.urls import reverse

from apps.core import slow_queries
from apps.core.actor import SYSTEM
from apps.core.api.errors import as_app_error
from apps.core.db import locked
from apps.core.errors import TimedOut
from apps.core.slow_queries import fingerprint, normalised
from apps.core.time_limits import UNLIMITED, time_limit, wanted_seconds
from apps.fighters.services.rankings import import_rankings
from apps.fighters.services.spellings import import_spellings
from apps.orders.models import Order
from apps.orders.services import move_order
from apps.taskhub.services import forget_old_processes
from project.databases import database_config
from tests.factories.orders import OrderFactory
from tests.faults import processes

ROOT = Path(__file__).resolve().parents[2]
# Half a minute of real work, which the database does and not Python.
SLOW = {
    "postgresql": "SELECT COUNT(*) FROM (SELECT generate_series(1, 400000000)) AS n",
    "mysql": "SELECT COUNT(*) FROM {0} a, {0} b, {0} c".format("information_schema.columns"),
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4e8) SELECT MAX(i) FROM n",
}


def run(sql: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()


def slow() -> None:
    run(SLOW[connection.vendor])


@pytest.mark.django_db
def test_slow_statement_is_stopped_and_the_connection_goes_on() -> None:
    started = time.monotonic()

    with pytest.raises(OperationalError) as stopped, transaction.atomic(), time_limit(seconds=0.3):
        slow()

    assert time.monotonic() - started < 5
    assert isinstance(as_app_error(stopped.value), TimedOut)
    assert run("SELECT 1") == (1,)


@pytest.mark.django_db(transaction=True)
def test_default_holds_again_after_the_block_however_it_ends() -> None:
    default = wanted_seconds(connection)

    with time_limit(seconds=UNLIMITED):
        assert _on_the_server() == 0
        with time_limit(seconds=7):
            assert _on_the_server() == 7
        assert _on_the_server() == 0
    assert _on_the_server() == default
    with pytest.raises(ZeroDivisionError), time_limit(seconds=7):
        raise ZeroDivisionError
    assert _on_the_server() == default
    with pytest.raises(DatabaseError), transaction.atomic(), time_limit(seconds=7):
        run("SELECT no_such_column")
    assert _on_the_server() == default


@pytest.mark.django_db(transaction=True)
def test_connection_that_comes_back_within_the_block_has_its_limit() -> None:
    with time_limit(seconds=7):
        connection.close()
        assert _on_the_server() == 7
    connection.close()
    assert _on_the_server() == wanted_seconds(connection) != 7


def test_sqlite_waits_for_other_writers_as_long_as_a_statement_may_take() -> None:
    env = SimpleNamespace(database_url="sqlite:////tmp/x.sqlite3", db_time_limit_seconds=3.0)

    assert database_config(cast(Any, env))["OPTIONS"]["timeout"] == 3.0


@pytest.mark.parametrize(
    ("url", "seconds"),
    [
        ("postgres://u@db.example/x", 5),
        ("mysql://u@db.example/x", 5),
        ("postgres://u@db.example/x?connect_timeout=2", 2),
        ("mysql://u@db.example/x?connect_timeout=2", 2),
    ],
)
def test_time_to_connect_is_ours_or_that_of_the_url(url: str, seconds: int) -> None:
    env = SimpleNamespace(database_url=url, db_time_limit_seconds=3.0, database_pool=False)

    assert int(database_config(cast(Any, env))["OPTIONS"]["connect_timeout"]) == seconds


@pytest.mark.django_db
def test_server_that_takes_a_connection_and_is_silent_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgres://u@127.0.0.1:{silent.getsockname()[1]}/x?connect_timeout=2&sslmode=disable"
        env = SimpleNamespace(database_url=url, db_time_limit_seconds=3.0, database_pool=False)
        config = connections.configure_settings({"default": database_config(cast(Any, env))})["default"]

        with pytest.raises(OperationalError, match="timeout"):
            load_backend(config["ENGINE"]).DatabaseWrapper(config, "silent").ensure_connection()


@pytest.mark.django_db
def test_what_works_on_many_rows_has_a_limit_of_its_own() -> None:
    opml = ROOT / "tests/fixtures/opml/reader.opml"
    for work in (
        lambda: import_rankings([], source="ufc"),
        lambda: import_spellings([], source="standard"),
        lambda: call_command("import_feeds", str(opml), stdout=io.StringIO(), stderr=io.StringIO()),
        forget_old_processes,
    ):
        limits: set[float] = set()

        def watch(execute: Any, sql: str, *rest: Any, limits: set[float] = limits) -> Any:
            if sql.startswith(("SELECT", "INSERT", "DELETE")):
                limits.add(wanted_seconds(connection))
            return execute(sql, *rest)

        with connection.execute_wrapper(watch):
            work()

        assert limits == {60}, work
        assert wanted_seconds(connection) != 60


@pytest.mark.django_db(transaction=True)
def test_waiting_for_a_row_is_limited_too() -> None:
    if connection.vendor == "sqlite":
        pytest.skip("no row locks: writers wait for one another by the busy timeout")
    order = OrderFactory()
    held, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            list(locked(Order.objects.filter(pk=order.pk)))
            held.set()
            let_go.wait(20)
        connections.close_all()

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(10)
    try:
        with pytest.raises(OperationalError) as stopped, time_limit(seconds=0.5):
            move_order(order.pk, "paid", actor=SYSTEM)
    finally:
        let_go.set()
        holder.join()

    assert isinstance(as_app_error(stopped.value), TimedOut)
    assert Order.objects.get(pk=order.pk).status == "pending"


@pytest.mark.django_db
def test_door_answers_a_stopped_statement_with_2005(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The public list reads the database, here a database that takes too long."""

    def slowly(*args: Any, **kwargs: Any) -> None:
        with time_limit(seconds=0.3):
            slow()

    monkeypatch.setattr("apps.articles.api.public.cache.public_list", slowly)

    with transaction.atomic():
        response = client.get(reverse("articles"))
        transaction.set_rollback(True)

    assert response.status_code == 504
    assert response.json()["code"] == 2005


@pytest.mark.django_db(transaction=True)
def test_product_limits_every_statement_to_three_seconds() -> None:
    """In a process of its own, with the product's settings and nothing in the environment."""
    environment = processes.environment(DJANGO_SETTINGS_MODULE="project.settings")
    del environment["DB_TIME_LIMIT_SECONDS"]
    script = f"""
import time, django; django.setup()
from django.db import OperationalError, connection
started = time.monotonic()
try:
    with connection.cursor() as cursor:
        cursor.execute({SLOW[connection.vendor]!r})
except OperationalError:
    print("stopped after", round(time.monotonic() - started, 1))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100
    )

    words = done.stdout.split()
    assert words[:2] == ["stopped", "after"], done.stdout + done.stderr
    assert 2.8 < float(words[2]) < 15


@pytest.mark.django_db(transaction=True)
def test_migrations_say_their_own_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[float] = []
    monkeypatch.setattr(
        "django.core.management.commands.migrate.Command.handle", lambda *args, **options: seen.append(_on_the_server())
    )

    call_command("migrate", verbosity=0)

    assert seen == [3600]


def _on_the_server() -> float:
    if connection.vendor == "postgresql":
        return float(run("SELECT setting FROM pg_settings WHERE name = 'statement_timeout'")[0]) / 1000
    if connection.vendor == "mysql":
        return float(run("SELECT @@SESSION.max_statement_time")[0])
    return wanted_seconds(connection)


# --- the log of slow statements ---


@pytest.mark.django_db
def test_slow_statement_is_told_without_its_values(settings: Any) -> None:
    settings.SLOW_QUERY_SECONDS = 0.0

    with structlog.testing.capture_logs() as logs:
        list(Order.objects.filter(order_id="secret-parameter", amount__in=[1, 2, 3]))
        run("SELECT 'secret-literal', 4711")

    by_orm, by_hand = [entry for entry in logs if entry["event"] == "slow_query"]
    assert "secret" not in str(logs)
    assert "4711" not in str(logs)
    assert "tb_order" in by_orm["sql"]
    assert len(by_orm["fingerprint"]) == 12
    assert by_orm["duration_ms"] >= 0
    assert by_hand["fingerprint"] != by_orm["fingerprint"]


@pytest.mark.django_db
def test_slow_statement_names_the_line_of_ours_and_the_request(client: Any, settings: Any) -> None:
    settings.SLOW_QUERY_SECONDS = 0.0
    lines: list[str] = []

    class Handler:
        def warning(self, event: str, **facts: Any) -> None:
            lines.append(facts["place"])

    slow_queries_log, slow_queries.log = slow_queries.log, Handler()
    try:
        Order.objects.numbers_by_status(most=10)
    finally:
        slow_queries.log = slow_queries_log

    assert lines[0].startswith("apps/orders/querysets.py:")


@pytest.mark.django_db
def test_quick_statement_is_not_told() -> None:
    with structlog.testing.capture_logs() as logs:
        run("SELECT 1")

    assert logs == []


@pytest.mark.django_db
def test_request_id_stands_beside_a_slow_statement(settings: Any) -> None:
    from apps.core import context
    from apps.core.logging import add_surroundings

    with context.bind(request_id="abc"):
        assert add_surroundings(None, "warning", {"event": "slow_query"})["request_id"] == "abc"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT 1 WHERE a IN (%s, %s)", "SELECT 22 WHERE a  IN (%s,%s,%s)"),
        ("INSERT INTO t (a, b) VALUES (%s, %s), (%s, %s)", "INSERT INTO t (a, b) VALUES (%s, %s), (%s, %s), (%s, %s)"),
        ("SELECT 'it''s'", "SELECT 'x'"),
        ('SAVEPOINT "s123_x4"', 'SAVEPOINT "s9_x77"'),
    ],
)
def test_fingerprint_does_not_depend_on_values(one: str, other: str) -> None:
    assert fingerprint(one) == fingerprint(other)


def test_names_with_digits_stay_in_the_fingerprint() -> None:
    assert normalised("SELECT a1 FROM t2 WHERE x = 3") == "SELECT a1 FROM t2 WHERE x = ?"
