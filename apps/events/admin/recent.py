"""What was decided last at the identity desk, by whom, and how each of it is taken back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from apps.core.actor import Actor
from apps.fighters.models import DistinctPair, Fighter, FighterMerge, UnmatchedName

# Of each kind so many are looked at; so many are shown, and one's own last one in any case.
LOOKED_AT, SHOWN = 30, 5
DECIDE, MERGE = "fighters.change_unmatchedname", "fighters.merge_fighter"


@dataclass(slots=True)
class Decision:
    """One line; ``sent`` is the form that takes it back, empty for who may not."""

    kind: Any
    names: list[tuple[Any, str]]
    joined: str
    by: str
    at: datetime
    sent: dict[str, Any]
    is_undone: bool = False
    # The key ``u`` takes back one's own last decision, never anybody else's.
    has_key: bool = False


def recent_decisions(request: HttpRequest) -> list[Decision]:
    """The newest first."""
    merges = FighterMerge.objects.for_admin_list()[:LOOKED_AT]
    names = UnmatchedName.objects.decided().select_related("fighter").order_by("-decided_at")[:LOOKED_AT]
    pairs = DistinctPair.objects.select_related("lower", "higher").order_by("-pk")[:LOOKED_AT]
    user: Any = request.user
    may_merge, may_decide = user.has_perm(MERGE), user.has_perm(DECIDE)
    found = [
        *(_of_merge(merge, may_merge) for merge in merges),
        # The merge that answered a name stands there already.
        *(_of_name(name, may_decide) for name in names if "merge" not in (name.decision or {})),
        *(_of_pair(pair, may_merge) for pair in pairs),
    ]
    found.sort(key=lambda decision: decision.at, reverse=True)
    return _with_own_last(found, Actor.of_user(user).label[:150])


def _with_own_last(found: list[Decision], label: str) -> list[Decision]:
    own = next((decision for decision in found if decision.by == label and decision.sent), None)
    if own is None:
        return found[:SHOWN]
    own.has_key = True
    return found[:SHOWN] if own in found[:SHOWN] else [*found[:SHOWN], own]


def _of_merge(merge: FighterMerge, may: bool) -> Decision:
    sent = {"deed": "undo", "merge": merge.pk} if may and not merge.is_undone else {}
    names = _linked([merge.fighter, merge.other])
    return Decision(
        merge.get_kind_display(), names, "→", merge.actor_label, merge.created_at, sent, is_undone=merge.is_undone
    )


def _of_name(name: UnmatchedName, may: bool) -> Decision:
    sent = {"deed": "ask_again", "question": name.pk, "version": name.version} if may else {}
    names = [(name.name, reverse("admin:fighters_unmatchedname_change", args=[name.pk]))]
    names += _linked([name.fighter] if name.fighter is not None else [])
    return Decision(name.get_status_display(), names, "→", name.decided_by, name.decided_at or name.created_at, sent)


def _of_pair(pair: DistinctPair, may: bool) -> Decision:
    sent = {"deed": "pair_again", "pair": pair.pk, "tab": "pairs"} if may else {}
    return Decision(_("two people"), _linked([pair.lower, pair.higher]), "≠", pair.decided_by, pair.created_at, sent)


def _linked(fighters: Iterable[Fighter]) -> list[tuple[Any, str]]:
    return [(fighter, reverse("admin:fighters_fighter_change", args=[fighter.pk])) for fighter in fighters]
