"""One fight that stands on a card twice: a person puts one of the two aside, and can take that back.

The row stays, with its ids, so that an import does not bring it again; it counts in no record and is on no public card.
"""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from apps.audit.enums import Action
from apps.core.actor import Actor
from apps.core.errors import FieldError, Invalid
from apps.events.enums import BoutState
from apps.events.errors import MoveNotAllowed, NoSuchBout
from apps.events.models import Bout
from apps.events.services.changing import locked_bout, write_bout
from apps.events.services.running import OPERATOR, checked_reason

_VOIDED = ("state", "cancel_reason", "is_manual")


@transaction.atomic
def void_duplicate(bout_id: int, *, of: int, reason: str, actor: Actor, expected_version: int) -> Bout:
    """Put ``bout_id`` aside as a second row of the bout ``of``: same card, same two people.

    Raises NoSuchBout, BoutChanged, Invalid without a reason or for another pair, MoveNotAllowed when one of the two was
    put aside already or others were put aside for this one.
    """
    bout = locked_bout(bout_id, expected_version)
    kept = Bout.objects.filter(pk=of, event_id=bout.event_id).first()
    if kept is None:
        raise NoSuchBout
    reason = checked_reason(reason, _("Say why it is a duplicate."))
    if kept.pk == bout.pk or _pair(kept) != _pair(bout):
        sentence = _("Choose another bout of the same two fighters on this card.")
        raise Invalid(sentence, errors=[FieldError("of", "invalid", sentence)])
    if bout.is_void or kept.is_void or bout.duplicates.exists():
        raise MoveNotAllowed(_("One of the two was put aside already."))
    changes = {
        "state": BoutState.CANCELLED.value, "duplicate_of_id": kept.pk, "cancel_reason": reason, "is_manual": True,
    }  # fmt: skip
    write_bout(bout, changes, actor=actor, source=OPERATOR, reason=reason, action=Action.RETRACTED)
    return bout


@transaction.atomic
def restore_duplicate(bout_id: int, *, actor: Actor, expected_version: int) -> Bout:
    """Take that back: the bout is what it was, and counts.  Raises NoSuchBout, BoutChanged, MoveNotAllowed."""
    bout = locked_bout(bout_id, expected_version)
    if not bout.is_void:
        raise MoveNotAllowed
    revisions = bout.revisions.newest_first()
    before = next(revision.old for revision in revisions if revision.new.get("duplicate_of_id"))
    changes = {name: before.get(name, getattr(bout, name)) for name in _VOIDED}
    write_bout(bout, changes | {"duplicate_of_id": None}, actor=actor, source=OPERATOR, action=Action.RESTORED)
    return bout


def _pair(bout: Bout) -> set[int]:
    return {bout.red_fighter_id, bout.blue_fighter_id}
