"""One effect for one ``Idempotency-Key``: what the HTTP door and the table behind it agree upon.

The door is ``apps/core/api/idempotency.py``; the table belongs to ``apps.users``, since core has none
(``settings.IDEMPOTENCY_STORE``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer as it is kept: ``body`` is the JSON of ``data``, without the envelope."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    replayed: bool = False


class AnswerOnce(Protocol):
    """Do the work and keep its answer in one transaction, or return the answer that the key has already.

    ``key`` is a digest that holds the caller; ``fingerprint`` tells one request from another.  What ``work`` raises
    passes through and leaves nothing behind.  Raises IdempotencyKeyReused for another fingerprint, Conflict while the
    first request is not done.
    """

    def __call__(self, key: str, *, fingerprint: str, work: Callable[[], Answer]) -> Answer: ...
