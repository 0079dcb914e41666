"""``python -m tests.faults [taskhub|…]``; without a name all of them, one after the other.

Needs DATABASE_URL and REDIS_URL (`make faults` starts throw-away servers).  Each fault works in a scratch database of
its own on that server and drops it; the Redis database of REDIS_URL must hold no data and is emptied.  Exit code 1 when
anything was lost or doubled.
"""

from __future__ import annotations

import argparse
import importlib
import os
import pkgutil
import sys

SUPPORT = {"__main__", "harness", "settings", "processes", "workload"}


def names() -> list[str]:
    package = importlib.import_module("tests.faults")
    return sorted(module.name for module in pkgutil.iter_modules(package.__path__) if module.name not in SUPPORT)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("fault", nargs="*", metavar="FAULT", help=", ".join(names()))
    chosen = parser.parse_args(arguments).fault or names()
    unknown = sorted(set(chosen) - set(names()))
    if unknown:
        parser.error(f"no such fault: {', '.join(unknown)} (there are: {', '.join(names())})")

    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.faults.settings"
    os.environ.setdefault("DATABASE_POOL", "0")
    import django

    django.setup()
    from tests.faults import harness
    from tests.scratch_redis import emptied

    good = True
    with emptied():
        for name in chosen:
            print(f"\n{name}: running …", flush=True)
            with harness.scratch(name):
                rows = importlib.import_module(f"tests.faults.{name}").run()
            good = harness.report(name, rows) and good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
