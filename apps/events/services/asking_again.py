"""Decisions of the identity desk taken back: a name is asked again, two people may be one again.

A merge or split is taken back by ``identity.undo``.  Lock order as in ``identity``: where cards are touched, they come
first; else the name, then its fighter.
"""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from apps.audit.enums import Action
from apps.audit.services import record, snapshot
from apps.core.actor import Actor
from apps.core.db import locked
from apps.core.errors import Conflict, NotFound, PreconditionFailed
from apps.events.services import identity
from apps.fighters.models import DistinctPair, FighterMerge, UnmatchedName
from apps.fighters.services import forget_fighters, remove_alias, write_keys
from apps.fighters.services.fighters import locked_fighter

_Status = UnmatchedName.Status


@transaction.atomic
def ask_again(question_id: int, *, actor: Actor, expected_version: int) -> UnmatchedName:
    """Take back what was said of a name: it is open, its bouts are its own again, its spelling is nobody's.

    Raises NotFound, PreconditionFailed, Conflict for an open name and where something later stands on the answer.
    """
    merge_id = (_expected(question_id, expected_version).decision or {}).get("merge")
    if merge_id is not None:
        identity.undo(merge_id, actor=actor)
        return UnmatchedName.objects.get(pk=question_id)
    question = _expected(question_id, expected_version, is_locked=True)
    if question.status == _Status.MATCHED:
        _take_spelling(question, actor)
    elif question.status == _Status.NEW:
        _take_confirmation(question, actor)
    return _open(question, actor)


@transaction.atomic
def ask_pair_again(pair_id: int, *, actor: Actor) -> DistinctPair:
    """Let two fighters who were told apart be suggested as one again.  Raises NotFound."""
    pair = locked(DistinctPair.objects.filter(pk=pair_id)).first()
    if pair is None:
        raise NotFound(_("They are not told apart."))
    lower, higher = pair.lower, pair.higher
    pair.delete()
    record(Action.RESTORED, lower, actor=actor, old={}, new={}, data={"perhaps_the_same_as": higher.pk})
    return DistinctPair(lower=lower, higher=higher)


def _expected(question_id: int, expected_version: int, *, is_locked: bool = False) -> UnmatchedName:
    rows = UnmatchedName.objects.filter(pk=question_id)
    question = (locked(rows) if is_locked else rows).first()
    if question is None:
        raise NotFound(_("There is no such name."))
    if question.is_open:
        raise Conflict(_("Nothing has been said of it yet."))
    if question.version != expected_version:
        raise PreconditionFailed(version=question.version)
    return question


def _take_spelling(question: UnmatchedName, actor: Actor) -> None:
    """A name without bouts became a spelling of somebody, unless it was theirs before."""
    if question.decision is None:
        raise Conflict(_("Undo the merge itself: it stands in the list of merges and splits."))
    alias = question.decision.get("alias")
    if alias is not None and question.fighter is not None and question.fighter.aliases.filter(pk=alias).exists():
        remove_alias(question.fighter.pk, alias, actor=actor)
    question.fighter = None


def _take_confirmation(question: UnmatchedName, actor: Actor) -> None:
    if question.fighter_id is None:
        return
    fighter = locked_fighter(question.fighter_id)
    if _was_merged_since(question):
        raise Conflict(_("Whoever this was has been merged since: undo that first."))
    before = snapshot(fighter)
    fighter.is_unconfirmed = True
    fighter.version += 1
    fighter.save(update_fields=["is_unconfirmed", "version", "updated_at"])
    record(Action.RESTORED, fighter, actor=actor, old=before, new=snapshot(fighter))
    write_keys([fighter.pk])
    forget_fighters([fighter.pk])


def _was_merged_since(question: UnmatchedName) -> bool:
    """Then its fighter is another one, who was never known by name only."""
    confirmed = (question.decision or {}).get("confirmed")
    if confirmed is not None:
        return bool(confirmed != question.fighter_id)
    # Decided before it was noted who was confirmed.
    return FighterMerge.objects.filter(other=question.fighter_id, kind=FighterMerge.Kind.MERGE, undone_at=None).exists()


def _open(question: UnmatchedName, actor: Actor) -> UnmatchedName:
    before = snapshot(UnmatchedName.objects.get(pk=question.pk))
    question.status, question.decision = _Status.OPEN, None
    question.decided_by, question.decided_at = "", None
    question.version += 1
    question.save(update_fields=["status", "fighter", "decision", "decided_by", "decided_at", "version"])
    record(Action.RESTORED, question, actor=actor, old=before, new=snapshot(question))
    return question
