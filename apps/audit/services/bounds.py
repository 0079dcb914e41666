"""Keeping a recorded object within 64 KB: same structure, same names, the longest values cut (I-3).

The room is shared out like water: small values stay whole, the big ones get what is left in equal parts.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

OBJECT_LIMIT_BYTES = 65_536
CUT_MARK = "...[truncated]"
# A value is not cut below the room that the mark itself needs.
_LEAST_BYTES = len(CUT_MARK) + 2


def size(value: Any) -> int:
    return len(orjson.dumps(value))


def fit(value: Any, limit: int) -> tuple[Any, list[str]]:
    """The value with its longest parts cut so that its JSON has at most ``limit`` bytes, and the paths of the cuts.

    ``value`` must be plain JSON.  A container whose mere names do not fit becomes the cut mark as a whole.
    """
    cut: list[str] = []
    return _fit(value, limit, "", cut), cut


def _fit(value: Any, limit: int, path: str, cut: list[str]) -> Any:
    if size(value) <= limit:
        return value
    if isinstance(value, dict):
        names = 1 + sum(size(name) + 2 for name in value)
        level = _water_level([size(item) for item in value.values()], limit - names)
        if level is not None:
            return {name: _fit(item, level, f"{path}.{name}".lstrip("."), cut) for name, item in value.items()}
    if isinstance(value, list):
        level = _water_level([size(item) for item in value], limit - 1 - len(value))
        if level is not None:
            return [_fit(item, level, f"{path}[{index}]", cut) for index, item in enumerate(value)]
    cut.append(path)
    return cut_text(value, limit) if isinstance(value, str) else CUT_MARK


def _water_level(sizes: Iterable[int], room: int) -> int | None:
    """The greatest size at which every item fits together with the others, None when there is no such size."""
    ordered = sorted(sizes)
    for index, item in enumerate(ordered):
        share = room // (len(ordered) - index)
        if item > share:
            return share if share >= _LEAST_BYTES else None
        room -= item
    return None


def cut_text(text: str, limit: int) -> str:
    """The beginning of a text, whole characters only, whose JSON form with the mark has at most ``limit`` bytes."""
    room = max(limit - _LEAST_BYTES, 0)
    kept = text.encode()[:room].decode(errors="ignore")
    while kept and (length := size(kept) - 2) > room:
        # Escapes made it longer than its bytes: shrink in proportion, at least by one.
        kept = kept[: min(len(kept) - 1, len(kept) * room // length)]
    return kept + CUT_MARK
