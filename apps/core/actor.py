"""Who acts.  An ``Actor`` is an argument of every service that changes state; it is never ``None``."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any


class ActorKind(enum.StrEnum):
    USER = "user"
    SERVICE = "service"
    SYSTEM = "system"
    ANONYMOUS = "anonymous"


@dataclass(frozen=True, slots=True)
class Actor:
    """A person, a schedule or command (service), the system itself, or nobody known (I-13).

    ``id`` and ``label`` are copied into the audit log, so they outlive what they name.
    """

    kind: ActorKind
    id: str
    label: str

    @classmethod
    def of_user(cls, user: Any) -> Actor:
        """The signed-in user, or ANONYMOUS for Django's AnonymousUser."""
        if not getattr(user, "is_authenticated", False):
            return ANONYMOUS
        return cls(ActorKind.USER, str(user.pk), user.get_username())

    @classmethod
    def schedule(cls, uid: str) -> Actor:
        return cls(ActorKind.SERVICE, f"schedule:{uid}", uid)

    @classmethod
    def task(cls, name: str) -> Actor:
        return cls(ActorKind.SERVICE, f"task:{name}", name)

    @classmethod
    def command(cls, name: str) -> Actor:
        return cls(ActorKind.SERVICE, f"command:{name}", name)


SYSTEM = Actor(ActorKind.SYSTEM, "system", "system")
ANONYMOUS = Actor(ActorKind.ANONYMOUS, "anonymous", "anonymous")
