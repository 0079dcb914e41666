"""GET /health, /healthz, /readyz (decision 11, C-1): an answer within a second, also when a server hangs.

    {"status": "ok", "components": {"postgres": "up", "redis": "up"}, "warnings": []}

One component down: 503 ``degraded``; both: 503 ``unavailable``.  Warnings (a late beat, a full disk) leave 200
``ok``.  Staff also see ``errors``.  /healthz asks nobody and is always 200; /readyz is /health without warnings.

Other apps add warnings: ``register_warning("beat", fn)``, where ``fn()`` returns a sentence or None.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from typing import Any

import redis
import structlog
from django.conf import settings
from django.db import connection
from django.utils import translation
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.core import heartbeat, keys
from apps.core import redis as core_redis
from apps.core.api.envelope import PlainRenderer
from apps.core.api.probes import DatabaseCheck, Outcome, Probe, RedisCheck, run_all
from apps.core.api.staff import is_staff

log = structlog.get_logger(__name__)

# The answer is due within a second; the rest is for the way through the server.
COMPONENT_SECONDS = 0.5
WARNING_SECONDS = 0.8
LEAST_FREE_DISK = 0.05

Warn = Callable[[], str | None]
_TEXT: dict[str, Any] = {"type": "string"}
_STATE: dict[str, Any] = {"type": "string", "enum": ["up", "down"]}
_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["status", "components", "warnings"],
    "properties": {
        "status": {"type": "string", "enum": ["ok", "degraded", "unavailable"]},
        "components": {
            "type": "object",
            "additionalProperties": _STATE,
            "example": {"postgres": "up", "redis": "up"},
        },
        "warnings": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "message"],
                "properties": {"name": {**_TEXT, "example": "beat"}, "message": _TEXT},
            },
        },
        "errors": {"type": "object", "additionalProperties": _TEXT, "description": "For staff only"},
    },
}
_ANSWERS = {
    200: OpenApiResponse(_SCHEMA, description="Serves"),
    503: OpenApiResponse(_SCHEMA, description="A component is down"),
}
_SERVER_NAMES = {"postgresql": "postgres"}
_database, _redis = Probe(DatabaseCheck().run), Probe(RedisCheck().run)
_warnings: dict[str, Probe] = {}


def register_warning(name: str, warn: Warn) -> None:
    """Add a warning.  ``warn`` returns a sentence or None, in the active language.  A name is taken once."""
    if name in _warnings:
        raise ValueError(f"warning {name!r} is registered already")

    def in_language() -> dict[str, str] | None:
        found = {}
        for language, _name in settings.LANGUAGES:
            with translation.override(language):
                sentence = warn()
            if sentence is None:
                return None
            found[language] = sentence
        return found

    _warnings[name] = Probe(in_language)


def components(*, until: float) -> dict[str, Outcome]:
    """Database and Redis, asked at the same time."""
    return run_all({_SERVER_NAMES.get(connection.vendor, connection.vendor): _database, "redis": _redis}, until=until)


def warnings(*, until: float) -> list[dict[str, str]]:
    """What is not well although everything answers.  A warning that can't be found out is one too."""
    found = []
    for name, outcome in run_all(_warnings, until=until).items():
        if outcome.error:
            log.warning("health_warning_failed", warning=name, error=outcome.error)
            found.append({"name": name, "message": _("This could not be checked.")})
        elif outcome.value is not None:
            found.append({"name": name, "message": outcome.value[_language()]})
    return found


def _language() -> str:
    language = translation.get_language() or ""
    return language if language in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE


class HealthView(APIView):
    """Health of the whole product."""

    # Nobody is asked to sign in: that needs the database, which may be what is down.
    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = ()
    renderer_classes = (PlainRenderer,)
    bare_answers = True
    with_warnings = True

    def perform_authentication(self, request: Request) -> None:
        """Not here: it would put "nobody" in the place of the session's user, whom ``is_staff`` asks for."""

    @extend_schema(operation_id="health", summary="Health of the product", tags=["health"], responses=_ANSWERS)
    def get(self, request: Request) -> Response:
        started = time.monotonic()
        found = components(until=started + COMPONENT_SECONDS)
        down = {name: outcome.error for name, outcome in found.items() if outcome.error}
        body = _body(list(found), list(down))
        if down:
            log.warning("health_component_down", components=down)
        elif self.with_warnings:
            body["warnings"] = warnings(until=started + WARNING_SECONDS)
        # Who is staff stands in the database: while it is down nobody can be.
        if down and down.keys() == {"redis"} and is_staff(request._request):
            body["errors"] = down
        return Response(body, status=503 if down else 200, headers={"Cache-Control": "no-store"})


class ReadyView(HealthView):
    """Whether this process can serve: database and Redis, without warnings."""

    with_warnings = False

    @extend_schema(operation_id="ready", summary="Readiness", tags=["health"], responses=_ANSWERS)
    def get(self, request: Request) -> Response:
        return super().get(request)


class AliveView(HealthView):
    """Whether the process answers at all; asks nobody else."""

    @extend_schema(operation_id="alive", summary="Liveness", tags=["health"], responses={200: _ANSWERS[200]})
    def get(self, request: Request) -> Response:
        return Response(_body([], []), headers={"Cache-Control": "no-store"})


def _body(names: list[str], down: list[str]) -> dict[str, Any]:
    status = "ok" if not down else "unavailable" if len(down) == len(names) else "degraded"
    return {
        "status": status,
        "components": {name: "down" if name in down else "up" for name in names},
        "warnings": [],
    }


def _nobody_alive(kind: str, sentence: Callable[[], str]) -> Warn:
    def warn() -> str | None:
        return None if heartbeat.alive(kind) else sentence()

    return warn


def _disk_nearly_full() -> str | None:
    folder = settings.LOG_DIR if settings.LOG_DIR.exists() else settings.BASE_DIR
    usage = shutil.disk_usage(folder)
    return None if usage.free / usage.total >= LEAST_FREE_DISK else _("The disk of the logs is nearly full.")


def _lines_lost() -> str | None:
    try:
        lost = int(core_redis.client().get(keys.counter("access_log_dropped")) or 0)
    except redis.RedisError:
        return None
    return _("%(count)d request(s) could not be written to the access log.") % {"count": lost} if lost else None


register_warning("worker", _nobody_alive("worker", lambda: _("No worker is alive: queued tasks wait.")))
register_warning("beat", _nobody_alive("beat", lambda: _("Beat is not alive: schedules are late.")))
register_warning("consumer", _nobody_alive("consumer", lambda: _("No consumer is alive: history falls behind.")))
register_warning("live", _nobody_alive("live", lambda: _("No live process is alive: event streams are not served.")))
register_warning("disk", _disk_nearly_full)
register_warning("access_log", _lines_lost)
