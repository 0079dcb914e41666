"""Who is who: merging two fighters, splitting one, answering an open name; each with its bouts, each can be undone.

Lock order as in ``changing``: the cards that are touched first, then the bouts, then the fighters.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.audit.enums import Action
from apps.audit.services import record, snapshot
from apps.core.actor import Actor
from apps.core.db import locked
from apps.core.errors import Conflict, FieldError, Invalid, NotFound, PreconditionFailed
from apps.events.cache import forget_event
from apps.events.models import Bout, BoutRevision, Event
from apps.events.services.announcing import announce_cards
from apps.events.services.events import hear_again
from apps.events.services.records import recompute_records
from apps.fighters.models import DistinctPair, Fighter, FighterMerge, UnmatchedName
from apps.fighters.services import add_alias, forget_fighters, write_keys
from apps.fighters.services.fighters import locked_fighter
from apps.fighters.services.merging import locked_pair, merge_rows, rejoin_rows, split_off, unmerge_rows

REASON_LENGTH = 500
MOST_BOUTS = 500
_CORNERS = ("red_fighter_id", "blue_fighter_id", "winner_fighter_id")


@transaction.atomic
def merge_fighters(fighter_id: int, into: int, *, actor: Actor, reason: str = "") -> FighterMerge:
    """Make ``fighter_id`` the same person as ``into``, which keeps its address; the old one leads there.

    Raises NotFound, Invalid for one row twice, Conflict when one of them was merged or they fought each other.
    """
    _lock_cards(_bouts_of(fighter_id, into))
    loser, survivor = locked_pair(fighter_id, into)
    if _bouts_of(loser.pk).filter(Q(red_fighter=survivor) | Q(blue_fighter=survivor)).exists():
        raise Conflict(_("They fought each other: they are two people."))
    return _merge(loser, survivor, actor, reason)


def _merge(loser: Fighter, survivor: Fighter, actor: Actor, reason: str) -> FighterMerge:
    before = snapshot(survivor)
    moved = merge_rows(loser, survivor)
    moved["bouts"] = _move(_bouts_of(loser.pk), loser.pk, survivor.pk, actor, reason)
    merge = FighterMerge.objects.create(
        kind=FighterMerge.Kind.MERGE,
        fighter=loser,
        other=survivor,
        moved=moved,
        reason=reason[:REASON_LENGTH],
        actor_label=actor.label[:150],
    )
    if not survivor.is_unconfirmed:
        _answer_names(moved["open_names"], merge, actor)
    _recount(loser.pk, survivor.pk)
    record(
        Action.MERGED,
        survivor,
        actor=actor,
        old=before,
        new=snapshot(survivor),
        reason=reason,
        data={"merged": loser.pk, "name": loser.name, "bouts": len(moved["bouts"])},
    )
    return merge


@transaction.atomic
def split_fighter(
    fighter_id: int, bout_ids: Sequence[int], *, actor: Actor, name: str = "", reason: str = ""
) -> FighterMerge:
    """Give these bouts to a second person of their own, who is made.  Raises NotFound, Conflict, Invalid."""
    _lock_cards(_bouts_of(fighter_id))
    original = locked_fighter(fighter_id)
    bouts = _chosen(original.pk, bout_ids)
    fresh = split_off(original, name=name, by=actor.label)
    moved = {"bouts": _move(bouts, original.pk, fresh.pk, actor, reason)}
    split = FighterMerge.objects.create(
        kind=FighterMerge.Kind.SPLIT,
        fighter=fresh,
        other=original,
        moved=moved,
        reason=reason[:REASON_LENGTH],
        actor_label=actor.label[:150],
    )
    _recount(original.pk, fresh.pk)
    record(Action.CREATED, fresh, actor=actor, new=snapshot(fresh), reason=reason, data={"split_from": original.pk})
    return split


@transaction.atomic
def undo(merge_id: int, *, actor: Actor) -> FighterMerge:
    """Take a merge or split back, with every bout that is still where it was put.

    Raises NotFound, Conflict when it was undone or something later stands on it.
    """
    merge = locked(FighterMerge.objects.filter(pk=merge_id)).first()
    if merge is None:
        raise NotFound(_("There is no such merge or split."))
    if merge.is_undone:
        raise Conflict(_("This has been undone already."))
    before = snapshot(merge)
    bouts = merge.moved.get("bouts", [])
    chosen = Bout.objects.filter(pk__in=[item["id"] for item in bouts])
    _lock_cards(chosen | _bouts_of(merge.fighter_id, merge.other_id))
    reason = str(_("undone"))
    if merge.moved.get("only_bouts"):
        # Raises Conflict when the open name was decided since: that decision is to be undone first.
        locked_pair(merge.fighter_id, merge.other_id)
        _move_back(chosen, bouts, merge.other_id, merge.fighter_id, actor, reason)
    elif merge.kind == FighterMerge.Kind.MERGE:
        unmerge_rows(merge)
        _move_back(chosen, bouts, merge.other_id, merge.fighter_id, actor, reason)
    else:
        fresh, original = locked_pair(merge.fighter_id, merge.other_id)
        _move(chosen & _bouts_of(fresh.pk), fresh.pk, original.pk, actor, reason)
        if _bouts_of(fresh.pk).exists():
            raise Conflict(_("The second fighter has further bouts: merge them instead."))
        rejoin_rows(fresh, original)
    merge.undone_at = timezone.now()
    merge.save(update_fields=["undone_at"])
    _recount(merge.fighter_id, merge.other_id)
    record(Action.RESTORED, merge, actor=actor, old=before, new=snapshot(merge))
    return merge


@transaction.atomic
def match_name(
    question_id: int,
    fighter_id: int,
    *,
    actor: Actor,
    bout_ids: Sequence[int] | None = None,
    expected_version: int | None = None,
) -> UnmatchedName:
    """Say who an open name is: its bouts (or only these of them) become that fighter's, and the spelling theirs.

    With ``bout_ids`` the rest stays open, for a name that several people bear.  Raises NotFound, Conflict when it was
    decided, PreconditionFailed, Invalid.
    """
    # Before the name itself: a merge of its fighter holds the cards when it comes to the names.
    named = UnmatchedName.objects.filter(pk=question_id).values_list("fighter_id", flat=True).first()
    _lock_cards(_bouts_of(*filter(None, (named, fighter_id))))
    question = _open_question(question_id, expected_version)
    if question.fighter_id is None:
        known = set(locked_fighter(fighter_id).aliases.values_list("pk", flat=True))
        alias = add_alias(fighter_id, question.name, actor=actor, source=question.source)
        made = {"alias": None if alias.pk in known else alias.pk}
        return _decide(question, UnmatchedName.Status.MATCHED, actor, fighter_id, made)
    stand_in, fighter = locked_pair(question.fighter_id, fighter_id)
    rest = _bouts_of(stand_in.pk)
    if bout_ids is not None:
        chosen = _chosen(stand_in.pk, bout_ids)
        if rest.exclude(pk__in=bout_ids).exists():
            _give(chosen, stand_in, fighter, actor)
            record(
                Action.UPDATED, question, actor=actor, old={}, new={}, data={"bouts": list(bout_ids), "to": fighter.pk}
            )
            return question
    if rest.filter(Q(red_fighter=fighter) | Q(blue_fighter=fighter)).exists():
        raise Conflict(_("They fought each other: they are two people."))
    merge = _merge(stand_in, fighter, actor, "")
    question.refresh_from_db()
    if question.is_open:
        _answer_names([question.pk], merge, actor)
        question.refresh_from_db()
    return question


def _give(bouts: Any, stand_in: Fighter, fighter: Fighter, actor: Actor) -> None:
    """Only some bouts of an open name: kept as a merge of these, so that it can be undone."""
    FighterMerge.objects.create(
        kind=FighterMerge.Kind.MERGE,
        fighter=stand_in,
        other=fighter,
        moved={"bouts": _move(bouts, stand_in.pk, fighter.pk, actor, ""), "only_bouts": True},
        actor_label=actor.label[:150],
    )
    _recount(stand_in.pk, fighter.pk)


@transaction.atomic
def confirm_new(question_id: int, *, actor: Actor, expected_version: int | None = None) -> UnmatchedName:
    """Say that an open name is somebody whom we did not know.  Raises as ``match_name``."""
    question = _open_question(question_id, expected_version)
    if question.fighter_id is None:
        raise Conflict(_("This name has no bouts: enter the fighter first, then match the name."))
    fighter = locked_fighter(question.fighter_id)
    before = snapshot(fighter)
    fighter.is_unconfirmed = False
    fighter.version += 1
    fighter.save(update_fields=["is_unconfirmed", "version", "updated_at"])
    record(Action.APPROVED, fighter, actor=actor, old=before, new=snapshot(fighter))
    write_keys([fighter.pk])
    forget_fighters([fighter.pk])
    return _decide(question, UnmatchedName.Status.NEW, actor, fighter.pk, {"confirmed": fighter.pk})


@transaction.atomic
def dismiss_name(question_id: int, *, actor: Actor, expected_version: int | None = None) -> UnmatchedName:
    """Say that an open name is nobody ("NA" in a ranking).  Raises Conflict for one that stands in bouts."""
    question = _open_question(question_id, expected_version)
    if question.fighter_id is not None and _bouts_of(question.fighter_id).exists():
        raise Conflict(_("This name stands in bouts: say who it is."))
    return _decide(question, UnmatchedName.Status.DISMISSED, actor, question.fighter_id)


@transaction.atomic
def keep_apart(one_id: int, other_id: int, *, actor: Actor) -> DistinctPair:
    """Say that two fighters of like names are two people: they are not suggested again.  Raises NotFound, Invalid."""
    one, other = locked_pair(one_id, other_id)
    lower, higher = sorted((one, other), key=lambda fighter: fighter.pk)
    pair, is_new = DistinctPair.objects.get_or_create(
        lower=lower, higher=higher, defaults={"decided_by": actor.label[:150]}
    )
    if is_new:
        record(Action.UPDATED, lower, actor=actor, old={}, new={}, data={"not_the_same_as": higher.pk})
    return pair


def _open_question(question_id: int, expected_version: int | None) -> UnmatchedName:
    question = locked(UnmatchedName.objects.filter(pk=question_id)).first()
    if question is None:
        raise NotFound(_("There is no such name."))
    if not question.is_open:
        raise Conflict(_("This name has been decided already."))
    if expected_version is not None and expected_version != question.version:
        raise PreconditionFailed(version=question.version)
    return question


def _answer_names(question_ids: Iterable[int], merge: FighterMerge, actor: Actor) -> None:
    """Names whose stand-in turned out to be somebody: who answered one of them later would give that person away."""
    for question in locked(UnmatchedName.objects.filter(pk__in=question_ids)):
        _decide(question, UnmatchedName.Status.MATCHED, actor, merge.other_id, {"merge": merge.pk})


def _decide(
    question: UnmatchedName,
    status: UnmatchedName.Status,
    actor: Actor,
    fighter_id: int | None,
    decision: dict[str, Any] | None = None,
) -> UnmatchedName:
    before = snapshot(question)
    question.status = status
    question.fighter_id = fighter_id
    question.decision = decision
    question.decided_by, question.decided_at = actor.label[:150], timezone.now()
    question.version += 1
    question.save(update_fields=["status", "fighter", "decision", "decided_by", "decided_at", "version"])
    record(Action.UPDATED, question, actor=actor, old=before, new=snapshot(question))
    return question


# --- bouts ---------------------------------------------------------------------------------------------------------
def _bouts_of(*fighter_ids: int) -> Any:
    return Bout.objects.filter(Q(red_fighter__in=fighter_ids) | Q(blue_fighter__in=fighter_ids))


def _lock_cards(bouts: Any) -> None:
    """The events of these bouts, then the bouts: as everybody does, else two wait for each other for ever."""
    cards = set(bouts.values_list("event_id", flat=True))
    list(locked(Event.objects.filter(pk__in=cards)).values_list("pk", flat=True))
    list(locked(bouts).values_list("pk", flat=True))


def _chosen(fighter_id: int, bout_ids: Sequence[int]) -> Any:
    if not bout_ids or len(bout_ids) > MOST_BOUTS:
        detail = _("Choose between 1 and 500 bouts.")
        raise Invalid(detail, errors=[FieldError("bouts", "invalid", detail)])
    chosen = _bouts_of(fighter_id).filter(pk__in=bout_ids)
    if chosen.count() != len(set(bout_ids)):
        raise NotFound(_("Not all of these bouts are this fighter's."))
    return chosen


def _move(bouts: Any, old_id: int, new_id: int, actor: Actor, reason: str) -> list[dict[str, Any]]:
    """Put one fighter into the other's corners; which corners is returned, for undoing."""
    moved = []
    for bout in locked(bouts):
        corners = [name for name in _CORNERS if getattr(bout, name) == old_id]
        if new_id in (bout.red_fighter_id, bout.blue_fighter_id):
            raise Conflict(_("They fought each other: they are two people."))
        _write(bout, dict.fromkeys(corners, new_id), actor, reason)
        moved.append({"id": bout.pk, "corners": corners})
    _raise_versions({item["id"] for item in moved})
    return moved


def _move_back(
    bouts: Any, moved: Iterable[dict[str, Any]], old_id: int, new_id: int, actor: Actor, reason: str
) -> None:
    """Only bouts that were moved, and only where nobody has put somebody else since."""
    corners = {item["id"]: item["corners"] for item in moved}
    changed = set()
    for bout in locked(bouts):
        held = [name for name in corners[bout.pk] if getattr(bout, name) == old_id]
        if bout.winner_fighter_id == old_id and "winner_fighter_id" not in held and held:
            held.append("winner_fighter_id")
        if held:
            _write(bout, dict.fromkeys(held, new_id), actor, reason)
            changed.add(bout.pk)
    _raise_versions(changed)


def _write(bout: Bout, values: dict[str, int], actor: Actor, reason: str) -> None:
    before = snapshot(bout)
    old = {name: getattr(bout, name) for name in values}
    for name, value in values.items():
        setattr(bout, name, value)
    bout.version += 1
    bout.save(update_fields=[*(name.removesuffix("_id") for name in values), "version", "updated_at"])
    BoutRevision.objects.create(
        bout=bout,
        version=bout.version,
        source="manual",
        actor_id=actor.id[:64],
        actor_label=actor.label[:150],
        reason=reason[:255],
        old=old,
        new=values,
    )
    record(Action.UPDATED, bout, actor=actor, old=before, new=snapshot(bout), reason=reason)


def _raise_versions(bout_ids: set[int]) -> None:
    """Cards that show other people now are newer cards, and what their feed said of them counts anew."""
    cards = set(Bout.objects.filter(pk__in=bout_ids).values_list("event_id", flat=True))
    for event in locked(Event.objects.filter(pk__in=cards)):
        event.version += 1
        event.save(update_fields=["version", "updated_at"])
        forget_event(event.pk)
        hear_again(event.pk)
    announce_cards(cards)


def _recount(*fighter_ids: int) -> None:
    recompute_records(fighter_ids)
    forget_fighters(fighter_ids)
