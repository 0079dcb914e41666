"""``python -m tests.benchmarks [audit|taskhub|…]``; without a name all of them, one after the other.

Needs DATABASE_URL and REDIS_URL.  Each bench works in a scratch database of its own on that server and drops it; the
Redis database of REDIS_URL must hold no data and is emptied.
"""

from __future__ import annotations

import argparse
import importlib
import os
import pkgutil
import sys
import time

SUPPORT = {
    *("__main__", "harness", "settings", "models", "apps", "audit_resources"),
    *("articles_fastapi", "articles_plain", "articles_plain_urls", "live_fastapi"),
    *("orders_data", "orders_load", "orders_plain", "orders_plain_urls"),
}


def names() -> list[str]:
    package = importlib.import_module("tests.benchmarks")
    return sorted(module.name for module in pkgutil.iter_modules(package.__path__) if module.name not in SUPPORT)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("bench", nargs="*", metavar="BENCH", help=", ".join(names()))
    chosen = parser.parse_args(arguments).bench or names()
    unknown = sorted(set(chosen) - set(names()))
    if unknown:
        parser.error(f"no such bench: {', '.join(unknown)} (there are: {', '.join(names())})")

    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.benchmarks.settings"
    # One connection kept for the whole run, as workers and consumers have it.
    os.environ.setdefault("DATABASE_POOL", "0")
    # For scratch databases, made and dropped on a busy machine; what is measured has the product's limit.
    os.environ.setdefault("DB_TIME_LIMIT_SECONDS", "120")
    import django

    django.setup()
    from tests.benchmarks import harness
    from tests.scratch_redis import emptied

    with emptied():
        for name in chosen:
            started = time.monotonic()
            print(f"\n{name}: measuring …", flush=True)
            with harness.scratch_database(name):
                rows = importlib.import_module(f"tests.benchmarks.{name}").run()
            harness.report(name, rows, seconds=time.monotonic() - started)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
