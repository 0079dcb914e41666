"""Is there a Chromium for the browser tests?  Installs Debian's on a build machine, else says what to do.

python -m tests.browser_ready
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def browser_path() -> str | None:
    """The browser to use; CHROMIUM names another one."""
    chosen = os.environ.get("CHROMIUM")
    if chosen:
        return chosen if os.access(chosen, os.X_OK) else None
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def main() -> int:
    if browser_path():
        return 0
    if os.environ.get("CI") and os.geteuid() == 0 and shutil.which("apt-get"):
        # fonts: without them every Chinese text is a row of boxes of one width
        packages = ["chromium", "fonts-noto-cjk"]
        subprocess.run(["apt-get", "update", "-qq"], check=True, stdin=subprocess.DEVNULL)
        subprocess.run(
            ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages],
            check=True,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        )
        if browser_path():
            return 0
    print("找不到 Chromium，请安装它（Debian：apt-get install chromium），或用 CHROMIUM=… 指定路径。")
    print("Chromium is missing; install it (Debian: apt-get install chromium) or name it with CHROMIUM=….")
    return 1


if __name__ == "__main__":
    sys.exit(main())
