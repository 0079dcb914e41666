"""The health check of containers, as the real program."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from apps.core import heartbeat


def _ask(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "project.alive", *words],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "project.settings", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_beating_process_is_alive_and_a_silent_kind_is_not() -> None:
    heartbeat.beat_once("worker")

    beating, silent = _ask("worker"), _ask("consumer")

    assert (beating.returncode, beating.stdout[:15]) == (0, "worker: 1 alive")
    assert (silent.returncode, silent.stdout) == (1, "consumer: no heartbeat on this machine\n")


def test_lost_redis_is_no_reason_to_kill_a_process() -> None:
    unknown = _ask("worker", REDIS_URL="redis://127.0.0.1:1/0")

    assert unknown.returncode == 0
    assert unknown.stdout.startswith("worker: unknown, Redis does not answer")


@pytest.mark.parametrize("words", [(), ("waiter",), ("web", "worker")])
def test_wrong_words_are_answered_with_the_right_ones(words: tuple[str, ...]) -> None:
    refused = _ask(*words)

    assert refused.returncode == 2
    assert refused.stderr == "usage: python -m project.alive web | live | worker | beat | consumer\n"
