"""``record``: a change and its event commit together or not at all."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections, models
from django.db.backends.base.base import BaseDatabaseWrapper

from apps.audit.enums import Action, Status
from apps.audit.errors import OutsideTransaction, WrongShape
from apps.audit.registry import BoundResource, ResourceRef, resources
from apps.audit.services import outbox, payload
from apps.core.actor import Actor

OUTBOX_TABLE = outbox.OUTBOX_TABLE
_MUTABLE = (dict, list, set)

Subject = models.Model | ResourceRef


@dataclass(frozen=True, slots=True)
class Change:
    """One of many changes of the same kind: what it was done to, and the two snapshots."""

    subject: Subject
    old: Mapping[str, Any] | None = None
    new: Mapping[str, Any] | None = None


def snapshot(obj: models.Model) -> dict[str, Any]:
    """The declared fields of a model instance as they are now.  Later changes of the instance don't reach it."""
    values = obj.__dict__
    taken: dict[str, Any] = {}
    for name, attribute in resources.of_instance(obj).columns:
        value = values[attribute] if attribute in values else getattr(obj, attribute)
        taken[name] = copy.deepcopy(value) if isinstance(value, _MUTABLE) else value
    return taken


def reference(obj: models.Model) -> ResourceRef:
    """The instance's type, id and label.  Take it before a deletion: afterwards the instance has no id."""
    return identify(obj)[1]


def record(
    action: Action,
    subject: Subject,
    *,
    actor: Actor,
    old: Mapping[str, Any] | None = None,
    new: Mapping[str, Any] | None = None,
    reason: str = "",
    data: Mapping[str, Any] | None = None,
) -> None:
    """Write the event of a change into the outbox, in the caller's transaction.

    created without ``new`` and deleted without ``old`` take the snapshot of the instance themselves.  What the values
    are never makes this fail; a database error does, and then the change must not stand either.  Raises
    OutsideTransaction, UnknownResource, WrongShape: mistakes of the caller.
    """
    connection = _transaction_of_the_change()
    outbox.append(connection, _body(action, Change(subject, old, new), actor=actor, reason=reason, data=data))


def record_many(action: Action, changes: Iterable[Change], *, actor: Actor, reason: str = "") -> None:
    """Write one event for each of many changes, in one statement.  Otherwise as ``record``.

    Meant for a chunk of rows changed by one statement; some hundred at a time.
    """
    connection = _transaction_of_the_change()
    outbox.append_many(connection, [_body(action, change, actor=actor, reason=reason) for change in changes])


def _transaction_of_the_change() -> BaseDatabaseWrapper:
    connection = connections[DEFAULT_DB_ALIAS]
    if not connection.in_atomic_block:
        raise OutsideTransaction("record() belongs inside the transaction of the change: wrap both in atomic()")
    return connection


def _body(action: Action, change: Change, *, actor: Actor, reason: str, data: Mapping[str, Any] | None = None) -> str:
    bound, ref = identify(change.subject)
    old, new = _shaped(action, change.subject, change.old, change.new)
    event = payload.head(Action(action).value, ref, actor, Status.SUCCESS.value)
    texts = {"reason": reason} if reason else None
    return payload.encode(event, old=old, new=new, hidden=bound.hidden, texts=texts, data=data)


def identify(subject: Subject) -> tuple[BoundResource, ResourceRef]:
    """Raises UnknownResource; WrongShape for an instance without id."""
    if isinstance(subject, ResourceRef):
        return resources.of_type(subject.type), subject
    bound = resources.of_instance(subject)
    if subject.pk is None:
        raise WrongShape("the instance has no id: save it first, or take reference() before its deletion")
    return bound, ResourceRef(bound.type, str(subject.pk), _label(subject))


def _label(subject: models.Model) -> str:
    try:
        return str(subject)
    except Exception:  # noqa: BLE001  # decision 21: a broken __str__ must not fail the change
        return f"{subject._meta.label} {subject.pk}"


def _shaped(
    action: Action, subject: Subject, old: Mapping[str, Any] | None, new: Mapping[str, Any] | None
) -> tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]:
    if action == Action.CREATED:
        if old is not None:
            raise WrongShape("created has no old object")
        new = snapshot(subject) if new is None and isinstance(subject, models.Model) else new
    elif action == Action.DELETED:
        if new is not None:
            raise WrongShape("deleted has no new object")
        old = snapshot(subject) if old is None and isinstance(subject, models.Model) else old
    elif action == Action.UPDATED and (old is None or new is None):
        raise WrongShape("updated has an old and a new object")
    return old, new
