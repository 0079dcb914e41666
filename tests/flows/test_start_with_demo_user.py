"""A production start refuses while a demo user lives: each real process, on a database of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTHON = sys.executable
PROCESSES = {
    "web": [PYTHON, "-m", "granian", "--interface", "wsgi", "--port", "0", "project.wsgi:application"],
    "worker": [PYTHON, "-m", "celery", "-A", "project", "worker", "--concurrency", "1"],
    "beat": [PYTHON, "-m", "celery", "-A", "project", "beat"],
    "consumer": [PYTHON, "manage.py", "consume"],
}

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def environment(tmp_path_factory) -> dict[str, str]:
    """An installation on SQLite, migrated, that has a demo user by mistake."""
    folder = tmp_path_factory.mktemp("demo")
    (folder / "password").write_text("quick-Horse-77")
    values = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "project.settings",
        "SECRET_KEY": "a-secret-for-this-test-only",
        "DATABASE_URL": f"sqlite:///{folder}/db.sqlite3",
        "LOG_DIR": str(folder / "logs"),
        "DEMO_PASSWORD_FILE": str(folder / "password"),
        "DEMO_CONTENT": "1",
    }
    for command in (["migrate", "--verbosity", "0"], ["demo_user"]):
        subprocess.run([PYTHON, "manage.py", *command], cwd=ROOT, env=values, check=True, capture_output=True)
    return {**values, "DEMO_CONTENT": "0"}


@pytest.mark.parametrize("name", PROCESSES)
def test_process_refuses_with_both_sentences(environment, name):
    ended = subprocess.run(
        PROCESSES[name], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )

    said = ended.stdout + ended.stderr
    assert ended.returncode != 0
    assert said.count("存在演示用户") == 1
    assert said.count("Cannot start: there is a demo user") == 1
    assert "Traceback" not in said


def test_operator_can_still_migrate_and_delete_the_demo_user(environment):
    for command in (["migrate", "--verbosity", "0"], ["demo_user", "--delete"], ["check"]):
        ended = subprocess.run(
            [PYTHON, "manage.py", *command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stderr
