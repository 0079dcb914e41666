"""From a change to the one JSON text that the outbox holds, and back.

Building an event never fails a change (decision 21): a value that can't be serialised or redacted becomes a marker
with type, id and reason, and is alarmed.  The usual event is built by one pass of redaction and one ``orjson.dumps``;
only what fails or exceeds 64 KB takes the careful path.

For an update whose two snapshots have the same fields, ``old`` holds only what changed; ``expand`` completes it.
"""

from __future__ import annotations

import datetime as dt
import secrets
import time
import uuid
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import orjson
from django.db.models.fields.files import FieldFile
from django.utils.functional import Promise

from apps.audit.registry import ResourceRef
from apps.audit.services import alarms, bounds
from apps.core import context
from apps.core.actor import Actor
from apps.core.redaction import is_secret_name, redact, redact_values

HIDDEN = "[hidden]"
HIDDEN_CHANGED = "[hidden, changed]"
MARKER = "audit_marker"
DATA_LIMIT_BYTES = 16_384
TEXT_LIMIT_BYTES = 8_192
LABEL_LIMIT = 255

# Types that hold no text.
_BARE = frozenset({type(None), bool, int, float, Decimal, dt.datetime, dt.date, dt.time, dt.timedelta, uuid.UUID})
_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS

Event = dict[str, Any]


def head(action: str, ref: ResourceRef, actor: Actor, status: str) -> Event:
    """Everything but the objects.  Empty values are left out; ``expand`` and the table know the defaults."""
    now = time.time_ns() // 1_000_000
    event: Event = {
        "id": event_id(now),
        "timestamp": now,
        "action": action,
        "resource_type": ref.type,
        "resource_id": ref.id,
        "resource_label": ref.label[:LABEL_LIMIT],
        "actor_kind": actor.kind,
        "actor_id": actor.id,
        "actor_label": actor.label,
        "status": status,
    }
    surroundings = context.current()
    event["subsystem"] = surroundings.subsystem
    if surroundings.request_id:
        event["request_id"] = surroundings.request_id
        event["client_ip"] = surroundings.client_ip
        event["user_agent"] = surroundings.user_agent
        event["request_method"] = surroundings.method
        event["path"] = surroundings.path
    if surroundings.run_id:
        event["run_id"] = surroundings.run_id
    return event


def event_id(milliseconds: int) -> str:
    """A version 7 UUID in hex: ordered by time, so that the primary key grows at its end."""
    chance = secrets.randbits(74)
    high, low = chance >> 62, chance & 0x3FFF_FFFF_FFFF_FFFF
    return f"{milliseconds << 80 | 7 << 76 | high << 64 | 2 << 62 | low:032x}"


def encode(
    event: Event,
    *,
    old: Mapping[str, Any] | None = None,
    new: Mapping[str, Any] | None = None,
    hidden: frozenset[str] = frozenset(),
    texts: Mapping[str, str] | None = None,
    data: Mapping[str, Any] | None = None,
) -> str:
    """The text for the outbox or the stream.  Never raises for what the values are."""
    parts: dict[str, Any] = {name: text for name, text in (texts or {}).items() if text}
    if data:
        parts["data"] = data
    if old is not None and new is not None:
        changed = changed_fields(old, new)
        event["changed_fields"] = changed
        parts["new"] = conceal(new, hidden, changed)
        if old.keys() == new.keys():
            parts["old"] = conceal({name: old[name] for name in changed}, hidden, changed)
            event["old_is_partial"] = True
        else:
            parts["old"] = conceal(old, hidden, changed)
    elif new is not None:
        parts["new"] = conceal(new, hidden, ())
    elif old is not None:
        parts["old"] = conceal(old, hidden, ())
    try:
        body = orjson.dumps(event | _redacted(parts), default=plain, option=_OPTIONS)
        if len(body) <= bounds.OBJECT_LIMIT_BYTES:
            return body.decode()
    except Exception:  # noqa: BLE001, S110  # the careful path below finds out which value it was
        pass
    return _encode_carefully(event, parts)


def _redacted(parts: dict[str, Any]) -> dict[str, Any]:
    """The parts without secrets.  Most hold none; one look at all texts together shows it (8 µs instead of 32)."""
    return parts if _is_clean(parts) else redact(parts)


def _is_clean(parts: Mapping[str, Any]) -> bool:
    texts: list[str] = []
    for part in parts.values():
        if isinstance(part, str):
            texts.append(part)
            continue
        for name, value in part.items():
            if not isinstance(name, str) or is_secret_name(name):
                return False
            if isinstance(value, str):
                texts.append(value)
            elif type(value) not in _BARE:
                return False
    # NUL keeps neighbours apart: no form of a secret reaches across it.
    together = "\x00".join(texts)
    return redact_values(together) == together


def changed_fields(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Names whose values differ, including those that only one side has."""
    missing = object()
    changed = [name for name, value in new.items() if old.get(name, missing) != value]
    changed += [name for name in old if name not in new]
    return changed


def conceal(values: Mapping[str, Any], hidden: frozenset[str], changed: Iterable[str]) -> Mapping[str, Any]:
    """Values of hidden fields never leave the process: only whether they changed."""
    if not hidden:
        return values
    return {
        name: (HIDDEN_CHANGED if name in changed else HIDDEN) if name in hidden else value
        for name, value in values.items()
    }


def plain(value: Any) -> Any:
    """What orjson does not know by itself.  Raises TypeError for what has no plain form."""
    if isinstance(value, Decimal | Promise):
        return str(value)
    if isinstance(value, dt.timedelta):
        return value.total_seconds()
    if isinstance(value, bytes | bytearray | memoryview):
        return f"[{len(value)} bytes]"
    if isinstance(value, FieldFile):
        return value.name
    raise TypeError(type(value).__name__)


def _encode_carefully(event: Event, parts: Mapping[str, Any]) -> str:
    ref = ResourceRef(event["resource_type"], event["resource_id"])
    if event.pop("old_is_partial", False):
        # Cut each side for itself: completing a cut side from the other would mix them up.
        parts = {**parts, "old": {**parts["new"], **parts["old"]}}
    safe: Event = {name: _scalar(value) for name, value in event.items()}
    truncated: list[str] = []
    for name, part in parts.items():
        value = _part(name, part, ref)
        limit = {"old": bounds.OBJECT_LIMIT_BYTES, "new": bounds.OBJECT_LIMIT_BYTES, "data": DATA_LIMIT_BYTES}
        fitted, cut = bounds.fit(value, limit.get(name, TEXT_LIMIT_BYTES))
        if name in limit and not isinstance(fitted, dict):
            fitted = _marker("too large", ref)
            alarms.degraded(resource_type=ref.type, resource_id=ref.id, reason="too large", fields=[name])
        safe[name] = fitted
        if cut:
            truncated += [f"{name}.{path}" if path else name for path in cut]
    if truncated:
        safe["truncated_fields"] = truncated
    return orjson.dumps(safe).decode()


def _part(name: str, part: Any, ref: ResourceRef) -> Any:
    """One object (or text) in plain JSON, each value that resists replaced by a marker."""
    if not isinstance(part, Mapping):
        return _value(part, name, ref)
    return {str(_scalar(key)): _value(value, str(_scalar(key)), ref) for key, value in part.items()}


def _value(value: Any, name: str, ref: ResourceRef) -> Any:
    try:
        # In a pair with its name, because redaction goes by names too.
        redacted = redact({name: value})
    except Exception as error:  # noqa: BLE001  # decision 21: whatever happens, the change goes on
        return _degrade("not redactable", name, ref, error)
    try:
        return orjson.loads(orjson.dumps(redacted, default=plain, option=_OPTIONS))[name]
    except Exception as error:  # noqa: BLE001  # decision 21
        return _degrade("not serialisable", name, ref, error)


def _degrade(reason: str, name: str, ref: ResourceRef, error: Exception) -> dict[str, str]:
    alarms.degraded(resource_type=ref.type, resource_id=ref.id, reason=reason, fields=[name])
    # The class only: the message of an error may hold the very value.
    return _marker(f"{reason}: {type(error).__name__}", ref)


def _marker(reason: str, ref: ResourceRef) -> dict[str, str]:
    return {MARKER: reason, "type": ref.type, "id": _scalar(ref.id)}


def _scalar(value: Any) -> Any:
    """A text without the lone surrogates that UTF-8 can't hold; anything else as it is."""
    return value.encode(errors="replace").decode() if isinstance(value, str) else value


def decode(body: str | bytes) -> Event:
    """The event of a body, with ``old`` completed.  Raises ValueError (or KeyError) for what is no event."""
    event: Event = orjson.loads(body)
    return expand(event)


def expand(event: Event) -> Event:
    if event.pop("old_is_partial", False):
        event["old"] = {**event["new"], **event["old"]}
        for name in event["changed_fields"]:
            if name not in event["new"]:
                event["old"].pop(name, None)
    return event
