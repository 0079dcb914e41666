"""Single SIM cards: which of them the carrier has to be asked for, what it said, and which order a card belongs to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.audit.enums import Action
from apps.audit.registry import ResourceRef
from apps.audit.services import record, snapshot
from apps.core.actor import Actor
from apps.core.db import locked
from apps.core.errors import Conflict, FieldError, Invalid, NotFound
from apps.core.operations import logged
from apps.orders.enums import SyncType
from apps.orders.models import Order, SimCard, SyncRun
from apps.orders.services.iccids import label_of
from apps.orders.services.orders import checked_reason
from apps.orders.services.sim_batches import Counts, Rows, store_rows
from apps.orders.services.sim_sync import SYNC


# --- what the carrier says ------------------------------------------------------------------------------------------
def stale_among(iccids: Sequence[str], *, now: datetime) -> list[str]:
    """Those whose status is older than SIM_STATUS_FRESH, in the order given.

    After a recent whole run these are the ones whose status is not known: the run need not have told of them.
    """
    fresh_from = now - settings.SIM_STATUS_FRESH
    newest = SyncRun.objects.whole_status_runs().values_list("started_at", flat=True).first()
    cards = SimCard.objects.filter(iccid__in=iccids)
    after_whole_run = newest is not None and newest > fresh_from
    settled = cards.with_known_status() if after_whole_run else cards.filter(synced_at__gt=fresh_from)
    fresh = set(settled.values_list("iccid", flat=True))
    return [iccid for iccid in iccids if iccid not in fresh]


@transaction.atomic
def store_asked(rows: Rows, *, actor: Actor) -> Counts:
    """What the carrier said of cards that were asked for by themselves: all of them are fresh now."""
    now = timezone.now()
    counts = store_rows(rows, now=now, actor=actor)
    iccids = [row.iccid for row in rows]
    SimCard.objects.filter(iccid__in=iccids).exclude(synced_at=now).update(synced_at=now)
    return counts


@transaction.atomic
def note_asked(task_id: str, iccids: Sequence[str], *, counts: Mapping[str, Any], actor: Actor) -> None:
    """The event of a question that is answered, as that of a run."""
    record(Action.SYNCHRONISED, ResourceRef(SYNC, task_id, label_of(iccids)), actor=actor, data=counts)


@transaction.atomic
def note_question_failed(task_id: str, *, error: str, actor: Actor) -> None:
    """The event of a question whose task is dead."""
    ref = ResourceRef(SYNC, task_id, SyncType.SIM_STATUS)
    record(Action.SYNCHRONISED, ref, actor=actor, data={"state": "failed", "error": error[:2000]})


# --- whose it is ----------------------------------------------------------------------------------------------------
@logged("sim_cards.assign", card_pk="pk", order_pk="order_id")
@transaction.atomic
def assign_card(card_pk: int, order_pk: int | None, *, actor: Actor, reason: str) -> SimCard:
    """Let a card belong to an order, or to none.  The order is locked: nobody deletes it before this commits.

    Raises NotFound, Invalid on ``order_id`` for an order that is not there, Conflict when it is so already.
    """
    card = locked(SimCard.objects.filter(pk=card_pk)).first()
    if card is None:
        raise NotFound
    if order_pk is not None and locked(Order.objects.alive().filter(pk=order_pk)).first() is None:
        raise Invalid(errors=[FieldError("order_id", "unknown", _("There is no such order."))])
    if card.order_id == order_pk:
        raise Conflict(_("The card belongs there already."))
    before = snapshot(card)
    card.order_id = order_pk
    card.save(update_fields=["order", "updated_at"])
    record(Action.UPDATED, card, actor=actor, old=before, new=snapshot(card), reason=checked_reason(reason))
    return card
