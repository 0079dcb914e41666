"""Starting without configuration, or with a wrong one (decision 30), as real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from apps.taskhub.hub_task.definition import MAX_HARD_LIMIT_SECONDS
from project.env import Env, explain

PROGRAMS = Path(sys.executable).parent
PROCESSES = {
    "web": (str(PROGRAMS / "granian"), "--interface", "wsgi", "--port", "0", "project.wsgi:application"),
    "live": (str(PROGRAMS / "granian"), "--interface", "asgi", "--port", "0", "project.asgi:application"),
    "worker": (str(PROGRAMS / "celery"), "-A", "project", "worker", "-l", "info"),
    "beat": (str(PROGRAMS / "celery"), "-A", "project", "beat"),
    "consumer": (sys.executable, "manage.py", "consume"),
    "manage.py": (sys.executable, "manage.py", "migrate"),
}
REQUIRED = {
    "SECRET_KEY": "a-secret-of-sixteen-letters",
    "DATABASE_URL": "postgres://somebody:hunter2@127.0.0.1:1/x",
    "REDIS_URL": "redis://:hunter3@127.0.0.1:1/0",
}


def _bare_environment() -> dict[str, str]:
    """Ours without the settings, and without what leads a process to the settings of the tests."""
    dropped = {*REQUIRED, "LOCAL_SERVICES", "DJANGO_SETTINGS_MODULE", "PYTEST_XDIST_WORKER"}
    return {key: value for key, value in os.environ.items() if key not in dropped}


def _start(process: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        PROCESSES[process], env=_bare_environment(), capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("process", PROCESSES)
def test_no_process_starts_without_settings(process: str) -> None:
    ended = _start(process)

    assert ended.returncode != 0
    output = ended.stdout + ended.stderr
    assert "无法启动：缺少环境变量 SECRET_KEY, DATABASE_URL, REDIS_URL。" in output
    assert "Cannot start: missing settings: SECRET_KEY, DATABASE_URL, REDIS_URL." in output
    assert "Traceback" not in output


def test_local_services_start_only_on_demand() -> None:
    """LOCAL_SERVICES=1 is what the make targets say; without it the runner gives no server either."""
    ended = subprocess.run(
        [sys.executable, "-m", "project.local", "test", "--", sys.executable, "manage.py", "check"],
        env=_bare_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode == 2
    assert "missing settings: DATABASE_URL, REDIS_URL" in ended.stderr


def _explain(monkeypatch: pytest.MonkeyPatch, **settings: str) -> str:
    for name, value in {**REQUIRED, **settings}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError) as caught:
        Env()
    return explain(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REDIS_URL", "redis://127.0.0.1:6379/zero"),
        ("REDIS_URL", "unix:///run/redis.sock?db=zero"),
        ("REDIS_URL", "127.0.0.1:6379"),
        ("DATABASE_URL", "oracle://somebody@host/x"),
        ("SECRET_KEY", "short"),
        ("WORKER_CONCURRENCY", "many"),
        ("CLIENT_IP_HEADER", "x-made-up"),
        ("LIVE_PROVIDER_ZONE", "America/Nowhere"),
    ],
)
def test_wrong_value_is_named_in_both_languages_and_never_printed(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sentence = _explain(monkeypatch, **{name: value})

    chinese, english = sentence.splitlines()
    assert chinese.startswith(f"无法启动：环境变量的值有误：{name} (")
    assert english.startswith(f"Cannot start: wrong settings: {name} (")
    for secret in (value, "hunter2", "hunter3"):
        assert secret not in sentence


def test_missing_and_wrong_values_are_named_together(monkeypatch: pytest.MonkeyPatch) -> None:
    sentence = _explain(monkeypatch, SECRET_KEY="", DATABASE_URL="", DB_POOL_MAX_OPEN="0")

    assert "missing settings: SECRET_KEY, DATABASE_URL; wrong settings: DB_POOL_MAX_OPEN" in sentence
    assert "缺少环境变量 SECRET_KEY, DATABASE_URL；环境变量的值有误：DB_POOL_MAX_OPEN" in sentence


def test_a_time_limit_that_no_task_may_have_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    longest = MAX_HARD_LIMIT_SECONDS - 30

    assert "wrong settings: TASK_TIME_LIMIT_SECONDS" in _explain(monkeypatch, TASK_TIME_LIMIT_SECONDS=str(longest + 1))
    monkeypatch.setenv("TASK_TIME_LIMIT_SECONDS", str(longest))
    assert Env().task_time_limit_seconds == longest


def test_defaults_are_the_customers_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Env.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in REQUIRED.items():
        monkeypatch.setenv(name, value)

    env = Env()

    assert (env.db_pool_max_open, env.db_pool_min_idle, env.db_pool_max_lifetime_seconds) == (25, 10, 300)
    assert (env.db_time_limit_seconds, env.slow_query_ms) == (3, 100)
    assert (env.redis_pool_size, env.redis_pool_min_idle) == (10, 5)
    assert (env.worker_concurrency, env.task_max_retries, env.task_time_limit_seconds) == (10, 5, 600)
    assert env.secure_cookies
    assert not env.debug
    assert not env.demo_content
