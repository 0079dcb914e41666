"""Arguments of a schedule's task: JSON objects of at most 10 KB."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from django.utils.translation import gettext_lazy as _

from apps.core.errors import FieldError, Invalid
from apps.scheduler.errors import TooLarge
from apps.scheduler.models import DATA_MAX_BYTES, ScheduledTask


def of_definition(schedule: ScheduledTask) -> dict[str, Any]:
    """The keyword arguments that the definition holds.  Raises Invalid: anybody may have written them."""
    definition = schedule.definition
    if definition is None:
        raise Invalid(_("The definition was deleted."))
    if _parsed(definition.args or "[]") not in ([], None):
        raise Invalid(_("The definition has positional arguments: tasks of the hub take named ones."))
    arguments = _parsed(definition.kwargs or "{}")
    if not isinstance(arguments, dict):
        raise Invalid(_("The arguments must be a JSON object."))
    return arguments


def merged(schedule: ScheduledTask, override: Mapping[str, Any] | None) -> dict[str, Any]:
    """The definition's arguments with a person's in their place.  Raises Invalid, TooLarge."""
    arguments = of_definition(schedule) | dict(override or {})
    check_size(arguments)
    return arguments


def parse(text: str, *, field: str) -> dict[str, Any]:
    """JSON text that a person typed.  Raises Invalid naming the field."""
    if not text.strip():
        return {}
    if len(text.encode()) > DATA_MAX_BYTES:
        raise TooLarge(errors=[FieldError(field, "too_large", TooLarge.default_message)])
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        detail = _("This is not valid JSON.")
        raise Invalid(detail, errors=[FieldError(field, "invalid", detail)]) from error
    if not isinstance(value, dict):
        detail = _("The arguments must be a JSON object.")
        raise Invalid(detail, errors=[FieldError(field, "invalid", detail)])
    return value


def check_size(arguments: Mapping[str, Any]) -> None:
    """Raises TooLarge."""
    if len(orjson.dumps(dict(arguments))) > DATA_MAX_BYTES:
        raise TooLarge(errors=[FieldError("arguments", "too_large", TooLarge.default_message)])


def _parsed(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Invalid(_("The arguments of the definition are not valid JSON.")) from error
