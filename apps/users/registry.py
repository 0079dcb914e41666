"""Who has a say before a user is deleted.

    register_deletion_guard(DeletionGuard("orders", open_orders_of))

``delete_user`` calls every guard in plain sight, inside its transaction and with the user's row locked, so a guard
whose app locks the same row before it adds something (an order) can't be overtaken.  What a guard returns is listed
in the refusal (1007); an empty list lets the deletion pass.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from apps.core.errors import FieldError


@dataclass(frozen=True, slots=True)
class DeletionGuard:
    """``obstacles`` gets the id of the user and returns what has to be settled first, in words."""

    name: str
    obstacles: Callable[[int], list[FieldError]]


_guards: dict[str, DeletionGuard] = {}


def register_deletion_guard(guard: DeletionGuard) -> DeletionGuard:
    """Called from an app's ``ready``.  Raises ValueError for a name that is taken."""
    if guard.name in _guards:
        raise ValueError(f"deletion guard registered twice: {guard.name}")
    _guards[guard.name] = guard
    return guard


def unregister_deletion_guard(name: str) -> None:
    """For tests."""
    _guards.pop(name, None)


def obstacles_to_deletion(user_id: int) -> list[FieldError]:
    return [obstacle for guard in _guards.values() for obstacle in guard.obstacles(user_id)]
