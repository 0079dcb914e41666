"""The list of changes that sources offered and were refused, and what people decide on them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import orjson
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.audit.enums import Action
from apps.audit.services import record, snapshot
from apps.core.actor import Actor
from apps.core.db import locked
from apps.core.errors import Conflict, NotFound
from apps.fighters.models import RefusedChange
from apps.fighters.services.provenance import Refused

_BATCH = 500


def refuse(resource_type: str, refused: Iterable[tuple[int, Refused]], *, source: str) -> int:
    """Put offers on the list: pairs of the row's id and ``Refused``.  Returns how many are new.

    ``resource_type`` is the audit type ("fighter", "event", "bout").  Offers that stand there already, decided or
    not, are left alone, so that a repeated import writes nothing.  To be called inside the importer's transaction.
    """
    offers = {_key(row_id, item): (row_id, item) for row_id, item in refused}
    if not offers:
        return 0
    known = RefusedChange.objects.filter(
        resource_type=resource_type, source=source, resource_id__in={row_id for row_id, _item in offers.values()}
    ).values_list("resource_id", "field", "offered_key")
    for key in known:
        offers.pop(key, None)
    RefusedChange.objects.bulk_create(
        [
            RefusedChange(
                resource_type=resource_type,
                resource_id=row_id,
                field=item.field,
                source=source,
                kept=_plain(item.kept),
                offered=_plain(item.offered),
                offered_key=key[2],
                reason=item.reason,
            )
            for key, (row_id, item) in offers.items()
        ],
        batch_size=_BATCH,
    )
    return len(offers)


@transaction.atomic
def dismiss(change_id: int, *, actor: Actor) -> RefusedChange:
    """Keep our value; the same offer is not shown again.  Raises NotFound, Conflict when decided already."""
    return decide(change_id, RefusedChange.Status.DISMISSED, actor=actor)


def decide(change_id: int, status: RefusedChange.Status, *, actor: Actor) -> RefusedChange:
    """Close an offer, inside the caller's transaction.  Taking its value over is the affair of the row's own app."""
    change = locked(RefusedChange.objects.filter(pk=change_id)).first()
    if change is None:
        raise NotFound(_("There is no such refused change."))
    if change.status != RefusedChange.Status.OPEN:
        raise Conflict(_("This refused change has been decided already."))
    before = snapshot(change)
    change.status = status
    change.decided_by = actor.label[:150]
    change.decided_at = timezone.now()
    change.save(update_fields=["status", "decided_by", "decided_at"])
    record(Action.UPDATED, change, actor=actor, old=before, new=snapshot(change))
    return change


def _key(row_id: int, item: Refused) -> tuple[int, str, str]:
    return row_id, item.field, hashlib.sha256(orjson.dumps(_plain(item.offered))).hexdigest()


def _plain(value: Any) -> Any:
    """As it stands in JSON."""
    return orjson.loads(orjson.dumps(value, default=str, option=orjson.OPT_UTC_Z))
