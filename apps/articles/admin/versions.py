"""What a person saw, what stands there now, and what they sent: for dialogs and lists that met a newer version (1013).

A form carries what it showed in one hidden field.  It only ever comes back to the person who sent it, escaped.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from django.db import models
from django.utils.safestring import SafeString
from django.utils.text import capfirst

from apps.articles.admin.differences import difference
from apps.articles.models import Article, PendingArticle
from apps.core.admin.display import exact

_COMPARED = ("status", "title", "summary", "publish_at")


@dataclass(frozen=True, slots=True)
class Compared:
    """One field: what was seen, what stands there now with the difference, the person's own with its difference."""

    label: str
    seen: str
    now: SafeString
    own: SafeString | None


def seen_of(row: PendingArticle | Article) -> str:
    """What a form shows of the row, for its hidden field."""
    return orjson.dumps({name: _told(row, name) for name in _COMPARED if hasattr(row, name)}).decode()


def compared(row: PendingArticle | Article, seen: str, own: Mapping[str, Any]) -> list[Compared]:
    """The fields that differ.  A text that ``seen_of`` did not write says nothing: then only ``own`` differs."""
    shown = _parsed(seen)
    found = []
    for name in _COMPARED:
        if not hasattr(row, name):
            continue
        now = _told(row, name)
        before = shown.get(name, now)
        mine = _as_text(own[name]) if own.get(name) not in (None, "") else None
        if before != now or (mine is not None and mine != now):
            field: Any = row._meta.get_field(name)
            words = None if mine is None else difference(now, mine)
            found.append(Compared(str(capfirst(field.verbose_name)), before, difference(before, now), words))
    return found


def _parsed(text: str) -> dict[str, str]:
    try:
        values = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return {name: value for name, value in values.items() if isinstance(value, str)} if isinstance(values, dict) else {}


def _told(row: models.Model, name: str) -> str:
    value = getattr(row, f"get_{name}_display")() if hasattr(row, f"get_{name}_display") else getattr(row, name)
    return _as_text(value)


def _as_text(value: Any) -> str:
    return exact(value) if isinstance(value, dt.datetime) else str(value or "")
