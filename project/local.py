"""What the ``make`` targets run: the product, or one command, on PostgreSQL and Redis of our own.

    python -m project.local run            the whole product under the supervisor (make run)
    python -m project.local test -- CMD…   CMD with DATABASE_URL, REDIS_URL and SECRET_KEY of throw-away servers

A server is started only where its URL is not set.  Without ``LOCAL_SERVICES=1`` none is started at all: a process
without settings shall fail (decision 30), not invent a database.
"""

from __future__ import annotations

import sys

from apps.core.local_services import LocalServiceError
from project.local_run import run_product
from project.local_test import run_with_test_servers

USAGE = "usage: python -m project.local run | test -- command [argument …]"


def main(arguments: list[str]) -> int:
    try:
        match arguments:
            case ["run"]:
                return run_product()
            case ["test", "--", *command] if command:
                return run_with_test_servers(command)
    except LocalServiceError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stderr.write(f"{USAGE}\n")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
