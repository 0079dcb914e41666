"""The HTTP door: envelope, errors, paging, filters, permissions, throttles, health, schema."""

from __future__ import annotations

from typing import Any

from apps.core.actor import Actor

__all__ = ["request_actor"]


def request_actor(request: Any) -> Actor:
    """Who calls: the signed-in user, or ANONYMOUS.  Takes Django's and DRF's requests."""
    return Actor.of_user(getattr(request, "user", None))
