"""What undoing a merge or split gives back, and what it leaves alone: names, origins of values, best ranks."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from apps.core.actor import Actor, ActorKind
from apps.events.services import identity
from apps.fighters.models import Fighter, FighterMerge, UnmatchedName
from apps.fighters.services import edit_fighter, provenance
from apps.fighters.services.best_ranks import set_best_ranks
from tests.events.test_identity import record, won
from tests.factories.fighters import FighterFactory, RankingFactory, UnmatchedNameFactory

pytestmark = pytest.mark.django_db
EDITOR = Actor(ActorKind.USER, "7", "editor")
LAST_YEAR = timezone.now() - dt.timedelta(days=300)


def fresh(row: Any) -> Any:
    return type(row).objects.get(pk=row.pk)


# --- names ------------------------------------------------------------------------------------------------------------
@pytest.fixture
def decided() -> UnmatchedName:
    """A name that somebody matched long ago."""
    return UnmatchedNameFactory(
        name="M. Davis",
        status="matched",
        decided_by="ann",
        decided_at=LAST_YEAR,
        version=2,
        fighter=FighterFactory(name="Mike Davis"),
    )


@pytest.mark.parametrize("noted", [True, False], ids=["noted", "of an older version"])
def test_a_name_that_was_decided_long_before_stays_decided(decided: UnmatchedName, noted: bool) -> None:
    merge = identity.merge_fighters(decided.fighter_id, FighterFactory().pk, actor=EDITOR)
    if not noted:
        del merge.moved["open_names"]
        merge.save(update_fields=["moved"])

    identity.undo(merge.pk, actor=EDITOR)

    now = fresh(decided)
    assert (now.status, now.decided_by, now.fighter, now.version) == ("matched", "ann", decided.fighter, 2)


@pytest.mark.parametrize("noted", [True, False], ids=["noted", "of an older version"])
def test_the_name_that_was_answered_is_asked_again_with_a_new_version(noted: bool) -> None:
    question = UnmatchedNameFactory(name="Zach Reese")
    won(question.fighter)
    identity.match_name(question.pk, FighterFactory().pk, actor=EDITOR, expected_version=1)
    merge = FighterMerge.objects.get()
    if not noted:
        del merge.moved["open_names"]
        merge.save(update_fields=["moved"])

    identity.undo(merge.pk, actor=EDITOR)

    now = fresh(question)
    assert (now.status, now.decided_by, now.decided_at, now.fighter) == ("open", "", None, question.fighter)
    # Who has the page of the first time on the screen answers nothing.
    assert now.version == 3


def test_a_name_whose_stand_in_is_merged_into_a_known_person_is_theirs() -> None:
    question, person = UnmatchedNameFactory(), FighterFactory()

    merge = identity.merge_fighters(question.fighter_id, person.pk, actor=EDITOR)

    now = fresh(question)
    assert (now.status, now.fighter, now.decided_by, now.version) == ("matched", person, "editor", 2)
    identity.undo(merge.pk, actor=EDITOR)
    now = fresh(question)
    assert (now.status, now.fighter, now.version) == ("open", question.fighter, 3)


def test_a_known_person_who_is_merged_into_a_stand_in_answers_its_name() -> None:
    question, person = UnmatchedNameFactory(), FighterFactory()

    merge = identity.merge_fighters(person.pk, question.fighter_id, actor=EDITOR)

    assert fresh(question).status == "matched"
    identity.undo(merge.pk, actor=EDITOR)
    assert (fresh(question).status, fresh(question.fighter).is_unconfirmed) == ("open", True)


def test_names_of_two_stand_ins_stay_open_until_one_is_somebody() -> None:
    one, other = UnmatchedNameFactory(), UnmatchedNameFactory()
    identity.merge_fighters(one.fighter_id, other.fighter_id, actor=EDITOR)
    assert [fresh(one).status, fresh(other).status] == ["open", "open"]
    person = FighterFactory()

    identity.match_name(one.pk, person.pk, actor=EDITOR)

    assert [(fresh(name).status, fresh(name).fighter) for name in (one, other)] == [("matched", person)] * 2


# --- values -----------------------------------------------------------------------------------------------------------
def test_a_field_that_is_empty_again_may_be_filled_by_a_source() -> None:
    kept, given = FighterFactory(nickname=""), FighterFactory(nickname="")
    edit_fighter(given.pk, actor=EDITOR, nickname="Magnum")
    merge = identity.merge_fighters(given.pk, kept.pk, actor=EDITOR)
    assert fresh(kept).nickname == "Magnum"

    identity.undo(merge.pk, actor=EDITOR)

    now = fresh(kept)
    assert (now.nickname, provenance.source_of(now, "nickname")) == ("", "")
    accepted, refused = provenance.split(now, {"nickname": "The Rock"}, source="ufcstats")
    assert (accepted, refused) == ({"nickname": "The Rock"}, [])


def test_a_field_that_a_person_has_emptied_is_not_filled() -> None:
    kept, given = FighterFactory(nickname="Wrong"), FighterFactory(nickname="Magnum")
    edit_fighter(kept.pk, actor=EDITOR, nickname="")

    identity.merge_fighters(given.pk, kept.pk, actor=EDITOR)

    now = fresh(kept)
    assert (now.nickname, provenance.is_locked(now, "nickname")) == ("", True)


# --- splits -----------------------------------------------------------------------------------------------------------
def test_a_split_that_is_undone_leaves_no_trace_on_the_original() -> None:
    original = FighterFactory(name="Bruno Silva", name_zh="", is_unconfirmed=True)
    bout = won(original)
    split = identity.split_fighter(original.pk, [bout.pk], actor=EDITOR, name="Bruno Silva (II)")

    identity.undo(split.pk, actor=EDITOR)

    now = fresh(original)
    assert (list(now.aliases.all()), now.is_unconfirmed, record(now)) == ([], True, "1-0-0")
    assert [hit.id for hit in Fighter.objects.search("bruno silva")] == [original.pk]


def test_a_spelling_that_the_second_person_was_given_is_the_originals() -> None:
    original = FighterFactory(name="Bruno Silva", name_zh="")
    split = identity.split_fighter(original.pk, [won(original).pk], actor=EDITOR, name="Bruno Silva (II)")
    identity.match_name(UnmatchedNameFactory(name="B. Silva", fighter=None).pk, split.fighter_id, actor=EDITOR)

    identity.undo(split.pk, actor=EDITOR)

    assert list(fresh(original).aliases.values_list("name", flat=True)) == ["B. Silva"]


# --- ranks ------------------------------------------------------------------------------------------------------------
def test_the_best_rank_moves_with_the_rankings_and_back() -> None:
    kept, given = FighterFactory(), FighterFactory()
    RankingFactory(fighter=given, place=3)
    RankingFactory(fighter=kept, place=9, division="Welterweight")
    set_best_ranks()

    merge = identity.merge_fighters(given.pk, kept.pk, actor=EDITOR)
    assert (fresh(kept).best_rank, fresh(given).best_rank) == (3, None)

    identity.undo(merge.pk, actor=EDITOR)
    assert (fresh(kept).best_rank, fresh(given).best_rank) == (9, 3)
