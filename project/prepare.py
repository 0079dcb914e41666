"""What ``make run`` does once before the processes start: tables, demo user, demo content.

One process instead of three: starting Django takes longer than the work itself.
"""

from __future__ import annotations

import os
import sys

import django
from django.core.management import CommandError, call_command


def main(arguments: list[str]) -> None:
    """``--new-password``: a demo user who is there already gets the password of the file.

    Exits with one sentence when a server that was named does not answer, or a step refuses.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    django.setup()
    _require_servers()
    try:
        call_command("migrate", interactive=False)
        call_command("demo_user", renew_password="--new-password" in arguments)
        call_command("demo_content")
    except CommandError as error:
        sys.exit(str(error))


def _require_servers() -> None:
    import redis
    from django.db import DatabaseError, connection

    from apps.core import redis as core_redis

    try:
        connection.ensure_connection()
        core_redis.client().ping()
    except DatabaseError as error:
        sys.exit(
            f"数据库无法连接，请检查 DATABASE_URL：{error}\nThe database can't be reached, check DATABASE_URL: {error}"
        )
    except redis.RedisError as error:
        sys.exit(f"Redis 无法连接，请检查 REDIS_URL：{error}\nRedis can't be reached, check REDIS_URL: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])
