"""Is a process of this kind alive on this machine?  For the health checks of containers and for operators.

python -m project.alive worker         exit code 0 and one line, or 1
"""

from __future__ import annotations

import os
import socket
import sys

USAGE = "usage: python -m project.alive web | live | worker | beat | consumer"


def main(arguments: list[str]) -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    import redis

    from apps.core import heartbeat

    if len(arguments) != 1 or arguments[0] not in heartbeat.KINDS:
        sys.stderr.write(f"{USAGE}\n")
        return 2
    kind = arguments[0]
    try:
        living = [process for process in heartbeat.alive(kind) if process.host == socket.gethostname()]
    except redis.RedisError as error:
        # Redis may be away while the process is well; killing it for that would make a bad day worse.
        sys.stdout.write(f"{kind}: unknown, Redis does not answer ({error.__class__.__name__})\n")
        return 0
    newest = min((process.age_seconds for process in living), default=None)
    if newest is None:
        sys.stdout.write(f"{kind}: no heartbeat on this machine\n")
        return 1
    sys.stdout.write(f"{kind}: {len(living)} alive, last beat {newest:.0f} s ago\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
