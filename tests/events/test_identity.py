"""Merging, splitting, answering open names: with the bouts, undone without loss, refused without trace."""

import threading

import pytest
from django.db import connection

from apps.audit.testing import recorded
from apps.core.actor import Actor, ActorKind
from apps.core.errors import AppError, Conflict, Invalid, NotFound, PreconditionFailed
from apps.events.models import Bout, BoutRevision
from apps.events.services import identity
from apps.events.services.records import recompute_records
from apps.fighters.models import DistinctPair, Fighter, FighterMerge, UnmatchedName
from apps.fighters.services import edit_fighter, write_keys
from tests.factories.events import BoutFactory, EventFactory
from tests.factories.fighters import (
    FighterAliasFactory,
    FighterExternalIdFactory,
    FighterFactory,
    FighterUpdateFactory,
    RankingFactory,
    UnmatchedNameFactory,
)

EDITOR = Actor(ActorKind.USER, "7", "editor")


def won(winner, loser=None, **fields):
    loser = loser or FighterFactory()
    bout = BoutFactory(
        red_fighter=winner, blue_fighter=loser, state="official", result="win", winner_fighter=winner, method="ko_tko",
        **fields,
    )  # fmt: skip
    recompute_records([winner.pk, loser.pk])
    return bout


def record(fighter):
    fighter.refresh_from_db()
    return fighter.record


@pytest.fixture
def pair():
    one = FighterFactory(name="Zhang Weili", name_zh="", nickname="", record="", height_mm=None)
    two = FighterFactory(name="Weili Zhang", name_zh="张伟丽", nickname="Magnum", record="", height_mm=1626)
    write_keys([one.pk, two.pk])
    return one, two


@pytest.mark.django_db
def test_a_merge_moves_everything_and_recounts(pair):
    kept, given_up = pair
    won(kept)
    bout = won(given_up)
    FighterUpdateFactory(fighter=given_up)
    FighterExternalIdFactory(fighter=given_up)
    FighterAliasFactory(fighter=given_up, name="Z. Weili", name_key="zweili")
    RankingFactory(fighter=given_up)

    merge = identity.merge_fighters(given_up.pk, kept.pk, actor=EDITOR, reason="one person")

    bout.refresh_from_db()
    kept.refresh_from_db()
    assert (bout.red_fighter, bout.winner_fighter, bout.version) == (kept, kept, 2)
    assert (kept.record, kept.name_zh, kept.height_mm) == ("2-0-0", "张伟丽", 1626)
    assert sorted(kept.aliases.values_list("name", flat=True)) == ["Weili Zhang", "Z. Weili", "张伟丽"]
    assert (kept.updates.count(), kept.external_ids.count(), kept.rankings.count()) == (1, 1, 1)
    assert [hit.id for hit in Fighter.objects.search("weili zhang")] == [kept.pk]
    assert BoutRevision.objects.get(bout=bout).old["red_fighter_id"] == given_up.pk
    event = next(event for event in recorded() if event["action"] == "merged")
    assert (event["resource_id"], merge.actor_label) == (str(kept.pk), "editor")
    given_up.refresh_from_db()
    assert given_up.merged_into_id == kept.pk


@pytest.mark.django_db
def test_undoing_a_merge_gives_everything_back(pair):
    kept, given_up = pair
    won(kept)
    bout = won(given_up)
    update = FighterUpdateFactory(fighter=given_up)
    merge = identity.merge_fighters(given_up.pk, kept.pk, actor=EDITOR)
    edit_fighter(kept.pk, actor=EDITOR, nickname="Magnum!")

    identity.undo(merge.pk, actor=EDITOR)

    bout.refresh_from_db()
    update.refresh_from_db()
    kept.refresh_from_db()
    given_up.refresh_from_db()
    assert (bout.red_fighter, bout.winner_fighter, update.fighter) == (given_up, given_up, given_up)
    assert (record(kept), record(given_up), given_up.merged_into) == ("1-0-0", "1-0-0", None)
    assert (kept.name_zh, kept.height_mm, kept.aliases.count()) == ("", None, 0)
    assert kept.nickname == "Magnum!"
    assert [hit.id for hit in Fighter.objects.search("张伟丽")] == [given_up.pk]
    with pytest.raises(Conflict):
        identity.undo(merge.pk, actor=EDITOR)


@pytest.mark.django_db
def test_bouts_that_came_after_a_merge_stay(pair):
    kept, given_up = pair
    won(given_up)
    merge = identity.merge_fighters(given_up.pk, kept.pk, actor=EDITOR)
    later = won(kept)

    identity.undo(merge.pk, actor=EDITOR)

    later.refresh_from_db()
    assert later.red_fighter == kept
    assert (record(kept), record(given_up)) == ("1-0-0", "1-0-0")


@pytest.mark.django_db
def test_old_addresses_lead_on_after_a_second_merge(pair, client):
    kept, given_up = pair
    third = FighterFactory(name="Third")
    first = identity.merge_fighters(given_up.pk, kept.pk, actor=EDITOR)
    identity.merge_fighters(kept.pk, third.pk, actor=EDITOR)

    answer = client.get(f"/api/v1/fighters/{given_up.pk}")
    assert answer.headers["Location"] == f"/api/v1/fighters/{third.pk}"
    with pytest.raises(Conflict):
        identity.undo(first.pk, actor=EDITOR)


@pytest.mark.django_db
def test_what_is_not_one_person_is_not_merged(pair):
    kept, other = pair
    won(kept, other)

    for refused, error in (
        (lambda: identity.merge_fighters(other.pk, kept.pk, actor=EDITOR), Conflict),
        (lambda: identity.merge_fighters(kept.pk, kept.pk, actor=EDITOR), Invalid),
        (lambda: identity.merge_fighters(0, kept.pk, actor=EDITOR), NotFound),
    ):
        with pytest.raises(error):
            refused()
    assert FighterMerge.objects.count() == 0
    assert Bout.objects.get().version == 1


@pytest.mark.django_db
def test_a_split_gives_bouts_to_a_second_person_and_can_be_undone(pair):
    one, _two = pair
    mine, theirs = won(one), won(one)

    split = identity.split_fighter(one.pk, [theirs.pk], actor=EDITOR, name="Zhang Weili (II)", reason="two people")

    fresh = split.fighter
    theirs.refresh_from_db()
    assert (theirs.red_fighter, theirs.winner_fighter, record(fresh), record(one)) == (fresh, fresh, "1-0-0", "1-0-0")
    assert {hit.id for hit in Fighter.objects.search("zhang weili")} >= {one.pk, fresh.pk}
    identity.undo(split.pk, actor=EDITOR)
    theirs.refresh_from_db()
    mine.refresh_from_db()
    fresh.refresh_from_db()
    assert (theirs.red_fighter, mine.red_fighter, record(one), fresh.merged_into) == (one, one, "2-0-0", one)


@pytest.mark.django_db
def test_a_split_takes_only_the_fighters_own_bouts(pair):
    one, two = pair
    foreign = won(two)

    with pytest.raises(NotFound):
        identity.split_fighter(one.pk, [foreign.pk], actor=EDITOR)
    with pytest.raises(Invalid):
        identity.split_fighter(one.pk, [], actor=EDITOR)
    assert Fighter.objects.filter(is_manual=True).count() == 0


@pytest.mark.django_db
def test_an_open_name_becomes_a_known_fighter():
    fighter = FighterFactory(name="Zachary Reese", record="")
    question = UnmatchedNameFactory(name="Zach Reese")
    bout = won(question.fighter)

    decided = identity.match_name(question.pk, fighter.pk, actor=EDITOR, expected_version=1)

    bout.refresh_from_db()
    assert (decided.status, decided.fighter, decided.decided_by) == ("matched", fighter, "editor")
    assert (bout.winner_fighter, record(fighter)) == (fighter, "1-0-0")
    assert fighter.aliases.get().name == "Zach Reese"
    with pytest.raises(Conflict):
        identity.match_name(question.pk, fighter.pk, actor=EDITOR)


@pytest.mark.django_db
def test_undoing_the_answer_opens_the_name_again():
    fighter = FighterFactory(name="Zachary Reese", record="")
    question = UnmatchedNameFactory(name="Zach Reese")
    won(question.fighter)
    stand_in = question.fighter
    identity.match_name(question.pk, fighter.pk, actor=EDITOR)

    identity.undo(FighterMerge.objects.get().pk, actor=EDITOR)

    question.refresh_from_db()
    assert (question.status, question.fighter) == ("open", stand_in)
    assert record(fighter) == ""


@pytest.mark.django_db
def test_a_name_of_several_people_is_answered_bout_by_bout():
    small, large = FighterFactory(name="Bruno Silva"), FighterFactory(name="Bruno Silva")
    question = UnmatchedNameFactory(name="Bruno Silva", cause="ambiguous")
    first, second = won(question.fighter), won(question.fighter)

    open_still = identity.match_name(question.pk, small.pk, actor=EDITOR, bout_ids=[first.pk])
    done = identity.match_name(question.pk, large.pk, actor=EDITOR, bout_ids=[second.pk])

    first.refresh_from_db()
    second.refresh_from_db()
    assert (open_still.status, done.status) == ("open", "matched")
    assert (first.red_fighter, second.red_fighter) == (small, large)


@pytest.mark.django_db
def test_bouts_given_to_a_bearer_of_a_name_can_be_taken_back():
    small, large = FighterFactory(name="Bruno Silva"), FighterFactory(name="Bruno Silva")
    question = UnmatchedNameFactory(name="Bruno Silva", cause="ambiguous")
    stand_in = question.fighter
    first, second = won(stand_in), won(stand_in)
    identity.match_name(question.pk, small.pk, actor=EDITOR, bout_ids=[first.pk])
    assert record(small) == "1-0-0"

    identity.undo(FighterMerge.objects.get().pk, actor=EDITOR)

    for bout in (first, second):
        bout.refresh_from_db()
        assert (bout.red_fighter, bout.winner_fighter) == (stand_in, stand_in)
    question.refresh_from_db()
    small.refresh_from_db()
    assert (question.status, question.fighter, small.wins) == ("open", stand_in, 0)
    assert identity.match_name(question.pk, large.pk, actor=EDITOR, bout_ids=[first.pk, second.pk]).status == "matched"


@pytest.mark.django_db
def test_bouts_of_a_name_that_was_decided_since_are_not_taken_back():
    small, large = FighterFactory(name="Bruno Silva"), FighterFactory(name="Bruno Silva")
    question = UnmatchedNameFactory(name="Bruno Silva", cause="ambiguous")
    first, second = won(question.fighter), won(question.fighter)
    identity.match_name(question.pk, small.pk, actor=EDITOR, bout_ids=[first.pk])
    given = FighterMerge.objects.get()
    identity.match_name(question.pk, large.pk, actor=EDITOR, bout_ids=[second.pk])

    with pytest.raises(Conflict):
        identity.undo(given.pk, actor=EDITOR)

    first.refresh_from_db()
    assert first.red_fighter == small
    identity.undo(FighterMerge.objects.get(other=large).pk, actor=EDITOR)
    identity.undo(given.pk, actor=EDITOR)
    first.refresh_from_db()
    assert first.red_fighter == question.fighter


@pytest.mark.django_db
def test_an_open_name_is_a_new_fighter_or_nobody():
    known, nobody = UnmatchedNameFactory(name="Ben New"), UnmatchedNameFactory(name="NA", fighter=None)

    assert identity.confirm_new(known.pk, actor=EDITOR).status == "new"
    assert not Fighter.objects.get(name="Ben New").is_unconfirmed
    assert identity.dismiss_name(nobody.pk, actor=EDITOR).status == "dismissed"
    with pytest.raises(Conflict):
        identity.confirm_new(known.pk, actor=EDITOR)


@pytest.mark.django_db
def test_a_name_in_bouts_is_not_dismissed_and_a_stale_answer_is_refused():
    question = UnmatchedNameFactory()
    won(question.fighter)

    with pytest.raises(Conflict):
        identity.dismiss_name(question.pk, actor=EDITOR)
    with pytest.raises(PreconditionFailed):
        identity.confirm_new(question.pk, actor=EDITOR, expected_version=7)
    with pytest.raises(NotFound):
        identity.confirm_new(question.pk + 9, actor=EDITOR)
    assert UnmatchedName.objects.get(pk=question.pk).is_open


@pytest.mark.django_db
def test_two_people_are_kept_apart_once(pair):
    one, two = pair
    identity.keep_apart(two.pk, one.pk, actor=EDITOR)
    identity.keep_apart(one.pk, two.pk, actor=EDITOR)

    assert DistinctPair.objects.count() == 1


@pytest.mark.django_db
def test_a_profile_shows_bouts_from_the_fighters_corner(client):
    fighter, rival = FighterFactory(name="Zhang Weili"), FighterFactory(name="Rose")
    won(rival, fighter, round=3, time_sec=60, event=EventFactory(name="UFC 261"))
    BoutFactory(red_fighter=fighter, blue_fighter=rival, event=EventFactory(name="UFC 400"))

    data = client.get(f"/api/v1/fighters/{fighter.pk}").json()["data"]

    assert [(bout["event_name"], bout["outcome"], bout["opponent_name"]) for bout in data["past_bouts"]] == [
        ("UFC 261", "loss", "Rose")
    ]
    assert [bout["event_name"] for bout in data["next_bouts"]] == ["UFC 400"]


@pytest.mark.django_db(transaction=True)
def test_of_two_who_merge_the_same_fighter_one_wins():
    lost = FighterFactory()
    targets = [FighterFactory(), FighterFactory()]
    start, outcomes = threading.Barrier(2), []

    def merge(target):
        start.wait()
        try:
            identity.merge_fighters(lost.pk, target.pk, actor=EDITOR)
            outcomes.append("merged")
        except AppError as error:
            outcomes.append(type(error).__name__)
        finally:
            connection.close()

    threads = [threading.Thread(target=merge, args=(target,)) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["Conflict", "merged"]
    assert FighterMerge.objects.count() == 1
