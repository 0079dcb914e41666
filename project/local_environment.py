"""The environment that the ``make`` targets give to the product's processes."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def local_folder() -> Path:
    """Where data, keys and records of this machine stand; LOCAL_DIR puts them elsewhere."""
    return Path(os.environ.get("LOCAL_DIR") or ROOT / ".local")


def local_servers_wanted(setting: str, environment: Mapping[str, str]) -> bool:
    """A server of our own is started only on demand (decision 30) and only where no address is given."""
    return environment.get("LOCAL_SERVICES") == "1" and not environment.get(setting)


def product_environment() -> dict[str, str]:
    """Ours, fit for plain HTTP on this machine; without what would lead a client of our own PostgreSQL elsewhere."""
    environment = dict(os.environ)
    if local_servers_wanted("DATABASE_URL", environment):
        # Of a server that a person named they are theirs: its password may come as PGPASSWORD.
        environment = {key: value for key, value in environment.items() if not key.startswith("PG")}
    environment.setdefault("SECURE_COOKIES", "0")
    environment["PYTHONUNBUFFERED"] = "1"
    return environment


def kept_secret(path: Path, *, length: int) -> str:
    """A random word, made once and kept for this installation, readable by its owner only."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        if kept := path.read_text(encoding="ascii").strip():
            return kept
        path.unlink()
        return kept_secret(path, length=length)
    secret = secrets.token_urlsafe(length)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secret + "\n")
    return secret
