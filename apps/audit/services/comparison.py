"""What an event changed, readable: one line per field, and inside a text the clauses that differ.

Texts are compared clause by clause (Chinese and Western marks), then inside a changed clause by words and single Han
characters.  Comparing 20,000 characters one by one would take a hundred times as long and shred the sentences.
"""

from __future__ import annotations

import difflib
import enum
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from apps.audit.errors import UnknownResource
from apps.audit.models import AuditEvent
from apps.audit.registry import resources
from apps.audit.services.bounds import CUT_MARK
from apps.audit.services.payload import HIDDEN, HIDDEN_CHANGED, MARKER

# Below this a text is read faster as a whole.
SHORT_TEXT = 40
# More clauses than this are shown as a whole, too: the comparison would take longer than a page may.
MOST_CLAUSES = 8000
# Unchanged stretches keep so many characters on each side.
CONTEXT = 30
_CLAUSES = re.compile(r"[^，。！？；：,.!?;:\n]*[，。！？；：,.!?;:\n]+|[^，。！？；：,.!?;:\n]+")
_WORDS = re.compile(r"[A-Za-z0-9_À-ɏЀ-ӿ]+|\s+|.", re.DOTALL)
_ABSENT = object()


class Kind(enum.StrEnum):
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    SAME = "same"


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text: ``same``, ``removed`` or ``added``.  ``folded`` counts characters left out of its middle."""

    kind: Kind
    text: str
    folded: int = 0
    tail: str = ""


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field.  ``old`` and ``new`` are ready to read; ``pieces`` says more for long texts."""

    field: str
    label: str
    kind: Kind
    old: str
    new: str
    is_hidden: bool
    is_truncated: bool
    pieces: tuple[Piece, ...] = ()


def compare(event: AuditEvent) -> list[FieldChange]:
    """Every recorded field, the changed ones first, each group in recorded order."""
    old, new = dict(flattened(event.old or {})), dict(flattened(event.new or {}))
    changed = set(event.changed_fields)
    model = _model(event.resource_type)
    rows = [
        _row(name, old.get(name, _ABSENT), new.get(name, _ABSENT), changed, model)
        for name in dict.fromkeys([*old, *new])
    ]
    return sorted(rows, key=lambda row: row.kind == Kind.SAME)


def flattened(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested objects as ``a.b``; lists and markers stay whole."""
    for name, item in value.items():
        if isinstance(item, dict) and item and MARKER not in item:
            yield from flattened(item, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", item


def _row(name: str, old: Any, new: Any, changed: set[str], model: type[models.Model] | None) -> FieldChange:
    field = _field(model, name)
    before, after = readable(old, field), readable(new, field)
    kind = _kind(old, new)
    if kind is Kind.SAME and name in changed:
        # Hidden and cut values look alike on both sides; that they differ was noted when they were recorded.
        kind = Kind.CHANGED
    is_long = isinstance(old, str) and isinstance(new, str) and max(len(old), len(new)) > SHORT_TEXT
    return FieldChange(
        field=name,
        label=capfirst(str(field.verbose_name)) if field is not None else name,
        kind=kind,
        old=before,
        new=after,
        is_hidden=bool({old, new} & {HIDDEN, HIDDEN_CHANGED}) if _hashable(old, new) else False,
        is_truncated=any(isinstance(value, str) and value.endswith(CUT_MARK) for value in (old, new)),
        pieces=tuple(text_pieces(before, after)) if kind is Kind.CHANGED and is_long else (),
    )


def _kind(old: Any, new: Any) -> Kind:
    if old is _ABSENT:
        return Kind.ADDED
    if new is _ABSENT:
        return Kind.REMOVED
    return Kind.SAME if old == new else Kind.CHANGED


def _hashable(*values: Any) -> bool:
    return not any(isinstance(value, dict | list) for value in values)


def _model(resource_type: str) -> type[models.Model] | None:
    try:
        return resources.of_type(resource_type).model
    except UnknownResource:
        return None


def _field(model: type[models.Model] | None, name: str) -> models.Field[Any, Any] | None:
    if model is None:
        return None
    try:
        field = model._meta.get_field(name)
    except FieldDoesNotExist:
        return None
    return field if isinstance(field, models.Field) else None


def readable(value: Any, field: models.Field[Any, Any] | None = None) -> str:
    """A value for people: choices by their label, times in the zone of the back-office, objects as JSON."""
    if value is _ABSENT or value is None:
        return ""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, dict) and MARKER in value:
        return _("[not recorded: %(reason)s]") % {"reason": value[MARKER]}
    if isinstance(value, dict | list):
        return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    if field is not None and field.flatchoices:
        return str(dict(field.flatchoices).get(value, value))
    if isinstance(value, str) and isinstance(field, models.DateTimeField):
        moment = parse_datetime(value)
        if moment is not None and timezone.is_aware(moment):
            local = timezone.localtime(moment)
            return f"{local:%Y-%m-%d %H:%M:%S} ({local:%Z})"
    return str(value)


def text_pieces(old: str, new: str) -> list[Piece]:
    """The stretches that turn ``old`` into ``new``, in reading order."""
    before, after = _CLAUSES.findall(old), _CLAUSES.findall(new)
    if len(before) + len(after) > MOST_CLAUSES:
        return [Piece(Kind.REMOVED, old), Piece(Kind.ADDED, new)]
    pieces: list[Piece] = []
    # difflib's default leaves clauses that repeat all over a long text out of its search: else it is quadratic in them.
    for tag, i, j, k, m in difflib.SequenceMatcher(None, before, after).get_opcodes():
        gone, come = "".join(before[i:j]), "".join(after[k:m])
        if tag == "equal":
            pieces.append(_folded(gone))
        else:
            pieces += _within_clause(gone, come)
    return pieces


def _within_clause(old: str, new: str) -> Iterator[Piece]:
    before, after = _WORDS.findall(old), _WORDS.findall(new)
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    if len(before) * len(after) > 250_000 or matcher.ratio() < 0.5:
        # Rewritten rather than edited: two whole clauses read better than confetti.
        yield from (Piece(kind, text) for kind, text in ((Kind.REMOVED, old), (Kind.ADDED, new)) if text)
        return
    for tag, i, j, k, m in matcher.get_opcodes():
        gone, come = "".join(before[i:j]), "".join(after[k:m])
        if tag == "equal":
            yield Piece(Kind.SAME, gone)
            continue
        yield from (Piece(kind, text) for kind, text in ((Kind.REMOVED, gone), (Kind.ADDED, come)) if text)


def _folded(text: str) -> Piece:
    left_out = len(text) - 2 * CONTEXT
    if left_out <= CONTEXT:
        return Piece(Kind.SAME, text)
    return Piece(Kind.SAME, text[:CONTEXT], folded=left_out, tail=text[-CONTEXT:])
