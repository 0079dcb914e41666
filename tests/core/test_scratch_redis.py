"""Runs that empty Redis refuse to begin on a database that holds data."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from apps.core import redis as core_redis
from tests.scratch_redis import emptied, refusal

ROOT = Path(__file__).resolve().parents[2]
RUNS = {
    "test": ("pytest", "tests/core/test_env.py", "--collect-only", "-q", "-p", "no:cacheprovider"),
    "faults": ("tests.faults", "taskhub"),
    "bench": ("tests.benchmarks", "audit"),
}


def number() -> int:
    return int(core_redis.client().connection_pool.connection_kwargs.get("db") or 0)


def test_an_empty_database_is_no_reason_to_refuse() -> None:
    assert refusal() == ""


def test_a_database_with_data_is_named_in_both_languages() -> None:
    core_redis.client().set("unpaid", "orders")

    chinese, english = refusal().splitlines()

    assert f"Redis 数据库 {number()} 中有数据" in chinese
    assert f"Redis database {number()} of REDIS_URL holds data" in english


def test_databases_of_parallel_tests_are_looked_at_too(settings: Any) -> None:
    core_redis.client().set("unpaid", "orders")
    mine = number()
    settings.REDIS_URL = settings.REDIS_URL.removesuffix(str(mine)) + "15"

    assert number() == 15
    assert refusal() == ""
    assert f"Redis database {mine} of" in refusal(also=[mine])


def test_a_server_that_is_away_is_no_reason_to_refuse(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    assert refusal() == ""


def test_a_run_leaves_nothing_behind() -> None:
    with emptied():
        core_redis.client().set("made", "by the run")

    assert core_redis.client().dbsize() == 0


@pytest.mark.parametrize("run", RUNS)
def test_what_is_there_outlives_a_run_that_is_refused(run: str, settings: Any) -> None:
    core_redis.client().set("unpaid", "orders")
    environment = {key: value for key, value in os.environ.items() if key != "PYTEST_XDIST_WORKER"}

    ended = subprocess.run(
        [sys.executable, "-m", *RUNS[run]],
        cwd=ROOT,
        env=environment | {"REDIS_URL": settings.REDIS_URL},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert ended.returncode != 0
    assert f"Redis database {number()} of REDIS_URL holds data" in ended.stdout + ended.stderr
    assert core_redis.client().get("unpaid") == b"orders"
