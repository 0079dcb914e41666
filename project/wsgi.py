"""WSGI entry of the web process: ``granian --interface wsgi project.wsgi:application``."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
# Requests come and go on many threads: the only process with a connection pool (project/databases.py).
os.environ.setdefault("DATABASE_POOL", "1")

# A tenth of the second within which an approval shows to everybody (section G).
CACHE_HELD_SECONDS = 0.1

application = get_wsgi_application()


def _start() -> None:
    """Show that this process lives, and open Redis connections ahead (decision 36)."""
    from contextlib import suppress

    import redis

    from apps.core import redis as core_redis
    from apps.core.cached import held
    from apps.core.connecting import start_logging_pool
    from apps.core.heartbeat import Heartbeat
    from apps.core.metrics import start_publishing
    from apps.core.starting import require_fit_to_start

    require_fit_to_start()
    held.seconds = CACHE_HELD_SECONDS
    Heartbeat("web").start()
    start_publishing("web")
    start_logging_pool()
    # The web process serves without Redis too; /health says that it is away.
    with suppress(redis.RedisError):
        core_redis.warm_up()


_start()
