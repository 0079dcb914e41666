"""The deployment files say what the code does: every knob, every process, no machine of ours."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from project.env import Env
from project.local_run import Address, processes

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
ENVIRONMENTS = ("dev", "staging", "prod")
PROCESSES = ("web", "live", "worker", "beat", "consumer")
# Read by compose.yaml and by `make run` only.
OUTSIDE_ENV = {"POSTGRES_PASSWORD", "BAJIAOZHI_ENV", "HOST", "PORT", "LOCAL_DIR"}
SHOWN = """
import json
from django.conf import settings
from django.db import connection
print(json.dumps({
    "debug": settings.DEBUG,
    "hosts": settings.ALLOWED_HOSTS,
    "redis": settings.REDIS_URL,
    "redis_pool": [settings.REDIS_POOL_SIZE, settings.REDIS_POOL_MIN_IDLE],
    "database": connection.vendor,
    "concurrency": settings.CELERY_WORKER_CONCURRENCY,
    "secure": settings.SESSION_COOKIE_SECURE,
}))
"""


def _assignments(path: Path) -> dict[str, str]:
    """NAME=value lines; those behind a "# " too."""
    found = re.findall(r"(?m)^(?:# )?([A-Z][A-Z0-9_]*)=(.*)$", path.read_text(encoding="utf-8"))
    return dict(found)


def _settings_of(environment: str) -> dict[str, Any]:
    clean = {key: value for key, value in os.environ.items() if key.lower() not in Env.model_fields}
    values = _assignments(DEPLOY / "env" / f"{environment}.env")
    rendered = subprocess.run(
        [sys.executable, "-c", SHOWN],
        cwd=ROOT,
        env={**clean, **values, "SECRET_KEY": "x" * 50, "DJANGO_SETTINGS_MODULE": "project.settings"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert rendered.returncode == 0, rendered.stderr
    shown: dict[str, Any] = json.loads(rendered.stdout)
    return shown


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_settings_render_from_each_environment_file(environment: str) -> None:
    shown = _settings_of(environment)

    assert shown["database"] == "postgresql"
    assert shown["redis"] == "redis://redis:6379/0"
    assert shown["debug"] is (environment == "dev")
    assert shown["secure"] is (environment != "dev")
    assert shown["concurrency"] == {"dev": 4, "staging": 5, "prod": 10}[environment]
    assert shown["redis_pool"] == {"dev": [10, 2], "staging": [10, 5], "prod": [10, 5]}[environment]
    # The container's own health check asks by this name.
    assert "127.0.0.1" in shown["hosts"]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_environment_files_name_only_known_values_and_no_secret(environment: str) -> None:
    text = (DEPLOY / "env" / f"{environment}.env").read_text(encoding="utf-8")
    names = set(re.findall(r"(?m)^([A-Z][A-Z0-9_]*)=", text))

    assert {name.lower() for name in names} <= set(Env.model_fields)
    assert "SECRET_KEY" not in names
    assert not re.search(r"://[^/\s]*:[^/\s]*@", text), "an address carries a password"
    assert "# --- database" in text
    assert "queue" in text


def test_example_names_every_value_with_its_default() -> None:
    shown = _assignments(DEPLOY / ".env.example")

    assert set(shown) - OUTSIDE_ENV == {name.upper() for name in Env.model_fields}
    for name, field in Env.model_fields.items():
        if not field.is_required():
            default = int(field.default) if isinstance(field.default, bool) else field.default
            assert shown[name.upper()] == str(default), name


def test_example_holds_no_secret() -> None:
    shown = _assignments(DEPLOY / ".env.example")

    assert shown["SECRET_KEY"] == ""
    assert shown["POSTGRES_PASSWORD"] == ""


# --- containers -------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    composed = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    found: dict[str, Any] = composed["services"]
    return found


def test_compose_runs_the_databases_the_migration_and_every_process(services: dict[str, Any]) -> None:
    assert set(services) == {"postgres", "redis", "migrate", *PROCESSES, "nginx"}
    assert services["nginx"]["profiles"] == ["proxy"]


def test_everything_that_stays_up_has_a_health_check(services: dict[str, Any]) -> None:
    lasting = {name for name, service in services.items() if service.get("restart") != "no"}

    assert lasting == set(services) - {"migrate"}
    assert [name for name in lasting if not services[name].get("healthcheck", {}).get("test")] == []


def test_processes_wait_for_the_migration_and_get_time_to_end(services: dict[str, Any]) -> None:
    for name in PROCESSES:
        assert services[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
        assert services[name]["stop_grace_period"] == "35s"


def _essence(words: list[str]) -> str:
    """A command without its programs' folders, addresses and thread counts."""
    text = " ".join(Path(word).name if word.startswith("/") else word for word in words)
    text = re.sub(r" (--(host|port|blocking-threads|workers-kill-timeout)) \S+", "", text)
    return re.sub(r"^python[0-9.]* ", "python ", text)


def test_containers_units_and_make_run_start_the_same_commands(services: dict[str, Any]) -> None:
    local = {spec.name: _essence(list(spec.command)) for spec in processes(Address("127.0.0.1", 8000), {})}
    image = re.search(r'(?m)^CMD \["sh", "-c", "exec (.*)"\]$', (DEPLOY / "Dockerfile").read_text(encoding="utf-8"))
    assert image is not None
    composed = {name: _essence(services[name].get("command") or image[1].split()) for name in PROCESSES}
    units = {
        name: _essence(re.search(r"(?m)^ExecStart=(.*)$", _unit(name))[1].split())  # type: ignore[index]
        for name in PROCESSES
    }

    assert composed == local
    assert units == local


def _unit(name: str) -> str:
    return (DEPLOY / "systemd" / f"bajiaozhi-{name}.service").read_text(encoding="utf-8")


def test_target_starts_every_unit() -> None:
    target = (DEPLOY / "systemd" / "bajiaozhi.target").read_text(encoding="utf-8")

    assert set(re.findall(r"bajiaozhi-([a-z]+)\.service", target)) == set(PROCESSES)


def test_image_does_not_run_as_root_and_copies_what_exists() -> None:
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    last_stage = text.split("\nFROM ")[-1]

    assert re.search(r"(?m)^USER bajiaozhi$", last_stage)
    for sources in re.findall(r"(?m)^COPY (?!--from)(.*) \S+$", text):
        for source in sources.split():
            assert (ROOT / source).exists(), source


def test_commands_of_the_product_that_the_image_is_built_with_end_well() -> None:
    lines = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    steps = re.findall(r"(?m)^RUN .*$", lines)
    found = [one for step in steps for one in re.findall(r"((?:[A-Z_]+=\S+ +)*)python (manage\.py [^&|;]+)", step)]

    for assignments, command in found:
        ended = subprocess.run(
            [sys.executable, *command.split()],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], **dict(one.split("=", 1) for one in assignments.split())},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr


def test_told_way_to_try_the_containers_needs_no_certificate() -> None:
    """Nothing in compose.yaml speaks TLS, so an environment that demands HTTPS would lead every browser nowhere."""
    told = (ROOT / "README.md").read_text(encoding="utf-8"), (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    calls = [call for text in told for call in re.findall(r"(\S*)\sdocker compose -f deploy/compose.yaml", text)]

    assert len(calls) >= 3
    for prefix in calls:
        chosen = re.search(r"BAJIAOZHI_ENV=([a-z]+)", prefix)
        assert chosen is not None, prefix
        assert _assignments(DEPLOY / "env" / f"{chosen[1]}.env")["SECURE_COOKIES"] == "0"


# --- lock files -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["requirements.lock", "requirements-test.lock"])
def test_lock_files_name_no_index_and_no_path(name: str) -> None:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()

    assert [line for line in lines if re.search(r"--(index-url|extra-index-url|find-links|trusted-host)", line)] == []
    assert [line for line in lines if re.search(r"(https?|file)://|^-|@ |^\s*#.*\s/\w", line)] == []


def test_every_locked_package_has_hashes() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    entries = re.findall(r"(?m)^([a-z0-9][a-z0-9._-]*)==\S+ \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", text)

    assert len(entries) == len(re.findall(r"(?m)^[a-z0-9][a-z0-9._-]*==", text))
    assert len(entries) > 50
