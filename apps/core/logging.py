"""Application log: structlog to ``app.log`` (JSON lines) and to the console (C-8, decision 27).

    log = structlog.get_logger(__name__)
    log.info("order_cancelled", order_id=order.pk)

Each event has a stable English key and gets its Chinese sentence (``message``) from ``log_messages``.  Request id and
run id come from ``core.context``.  Secrets are removed last, when the traceback is text too.  Records of other
packages (Django, Celery) take the same way.  The access log is a file of its own: ``middleware/access_log.py``.
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from apps.core import context
from apps.core.encoding import to_json
from apps.core.log_file import LogFile
from apps.core.log_messages import MESSAGES
from apps.core.redaction import redact


class RotatingHandler(logging.Handler):
    """Writes records to a file that all processes share."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.file = LogFile(Path(path))

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self.file.write(self.format(record).encode("utf-8", "replace") + b"\n")
        except Exception:  # noqa: BLE001  # as every handler of the standard library: logging never fails the caller
            self.handleError(record)


def configure_structlog() -> None:
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_enriching(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def logging_config(*, log_dir: Path, level: str) -> dict[str, Any]:
    """Django's LOGGING."""
    console = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": _formatter(structlog.processors.JSONRenderer(serializer=_json_line)),
            "console": _formatter(console),
        },
        "handlers": {
            "app_file": {"()": RotatingHandler, "path": str(log_dir / "app.log"), "formatter": "json"},
            "console": {"class": "logging.StreamHandler", "formatter": "console"},
        },
        "root": {"handlers": ["app_file", "console"], "level": level},
        "loggers": {
            "django": {"handlers": [], "level": "INFO", "propagate": True},
            # Refused and failed requests stand in access.log, failures with traceback in app.log as request_failed.
            "django.request": {"level": "CRITICAL"},
            "django.server": {"handlers": [], "level": "WARNING", "propagate": True},
            "axes": {"level": "ERROR"},
            # A line for every request to other systems: a run over 100,000 cards asks a hundred times.
            "httpx": {"level": "WARNING"},
        },
    }


def _enriching() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        add_surroundings,
        add_message,
    ]


def _formatter(renderer: Processor) -> dict[str, Any]:
    return {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": [structlog.stdlib.ExtraAdder(), *_enriching()],
        "processors": [
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            remove_secrets,
            renderer,
        ],
    }


def add_surroundings(logger: WrappedLogger, method: str, event_dict: EventDict) -> EventDict:
    """Request id and run id of the current work."""
    current = context.current()
    if current.request_id:
        event_dict.setdefault("request_id", current.request_id)
    if current.run_id:
        event_dict.setdefault("run_id", current.run_id)
    return event_dict


def add_message(logger: WrappedLogger, method: str, event_dict: EventDict) -> EventDict:
    """The Chinese sentence of the event."""
    sentence = MESSAGES.get(str(event_dict.get("event")))
    if sentence is not None:
        event_dict.setdefault("message", sentence)
    return event_dict


def remove_secrets(logger: WrappedLogger, method: str, event_dict: EventDict) -> EventDict:
    cleaned: EventDict = redact(event_dict)
    return cleaned


def _json_line(event_dict: EventDict, **_: Any) -> str:
    try:
        return to_json(event_dict).decode()
    except TypeError:
        # Slower, and takes everything: objects as their repr, huge numbers, halves of surrogate pairs.
        return json.dumps(event_dict, default=repr)
