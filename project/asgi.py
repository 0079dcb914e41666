"""ASGI entry of the live process: ``granian --interface asgi project.asgi:application``.

Serves only event streams; everything else is the web process's.
"""

import os

import django
import structlog

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
django.setup()

from apps.core.heartbeat import Heartbeat  # noqa: E402  # after setup
from apps.core.metrics import start_publishing  # noqa: E402
from apps.core.middleware.asgi_access import AccessLogged  # noqa: E402
from apps.core.starting import require_fit_to_start  # noqa: E402
from apps.events.api.listening import LiveApplication, route_of  # noqa: E402

live = LiveApplication()
application = AccessLogged(live, route=route_of)
_heartbeat = Heartbeat("live")
log = structlog.get_logger(__name__)


def _start() -> None:
    _heartbeat.start()
    start_publishing("live")
    log.info("live_started")


def _stop() -> None:
    _heartbeat.stop()
    log.info("live_stopped")


require_fit_to_start()
live.on_start, live.on_stop = _start, _stop
