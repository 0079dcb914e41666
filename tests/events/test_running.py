"""What operators and editors do to bouts and cards: allowed moves, refusals, undo, conflicts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.audit.testing import recorded
from apps.core.actor import Actor, ActorKind
from apps.core.errors import AppError, Invalid, PreconditionFailed
from apps.events import services
from apps.events.enums import BoutState, Result
from apps.events.errors import BoutChanged, ImpossibleResult, MoveNotAllowed, NoSuchBout, NothingToUndo
from apps.events.models import Bout, BoutRevision, Event
from apps.events.services import Ending, Place
from apps.fighters.services import provenance
from tests.factories.events import BoutFactory, EventFactory
from tests.factories.fighters import FighterFactory

pytestmark = pytest.mark.django_db
ANN = Actor(ActorKind.USER, "1", "ann")
BOB = Actor(ActorKind.USER, "2", "bob")
RED_WINS = Ending(Result.WIN, "red", "submission", "Rear-naked choke", 2, 83)


def bout(**values: Any) -> Bout:
    return BoutFactory(scheduled_rounds=3, **values)


def test_a_bout_from_the_walk_to_the_official_result() -> None:
    row = bout()
    steps = [
        (BoutState.WALKOUTS, None),
        (BoutState.IN_ROUND, 1),
        (BoutState.BETWEEN_ROUNDS, 1),
        (BoutState.IN_ROUND, 2),
    ]
    for to, number in steps:
        row = services.step_bout(row.pk, to=to, in_round=number, actor=ANN, expected_version=row.version)
    assert (row.state, row.round, row.is_manual) == ("in_round", 2, True)
    assert Event.objects.get().status == "live"

    row = services.enter_result(row.pk, RED_WINS, actor=ANN, expected_version=row.version)
    assert (row.state, row.winner_fighter_id, row.method) == ("provisional", row.red_fighter_id, "submission")
    assert row.decided_at is not None

    row = services.confirm_result(row.pk, actor=BOB, expected_version=row.version)
    assert row.state == "official"
    assert [revision.actor_label for revision in row.revisions.newest_first()] == ["bob", *["ann"] * 5]
    assert provenance.is_locked(row, "winner_fighter_id")


def test_the_event_version_rises_with_each_change_of_its_card() -> None:
    row = bout()

    services.step_bout(row.pk, to=BoutState.WALKOUTS, actor=ANN, expected_version=1)

    assert Event.objects.get().version == 2


@pytest.mark.parametrize(
    ("ending", "field"),
    [
        (Ending(Result.WIN), "winner"),
        (Ending(Result.DRAW, "red"), "winner"),
        (Ending(Result.NO_CONTEST, "blue"), "winner"),
        (Ending(Result.WIN, "green"), "winner"),
        (Ending(Result.WIN, "red", "magic"), "method"),
        (Ending(Result.DRAW, "", "submission"), "method"),
        (Ending(Result.WIN, "red", "ko_tko", round=4, time_sec=1), "round"),
        (Ending(Result.WIN, "red", "ko_tko", round=0), "round"),
        (Ending(Result.WIN, "red", "ko_tko", round=1, time_sec=301), "time_sec"),
        (Ending(Result.WIN, "red", "ko_tko", round=1, time_sec=-1), "time_sec"),
        (Ending(Result.WIN, "red", "ko_tko", time_sec=60), "round"),
    ],
)
def test_results_that_can_not_be_are_refused_and_change_nothing(ending: Ending, field: str) -> None:
    row = bout()
    before = recorded()

    with pytest.raises(ImpossibleResult) as refusal:
        services.enter_result(row.pk, ending, actor=ANN, expected_version=1)

    assert [error.field for error in refusal.value.errors] == [field]
    row.refresh_from_db()
    assert (row.state, row.version, row.is_manual, row.provenance) == ("scheduled", 1, False, {})
    assert (recorded(), BoutRevision.objects.count()) == (before, 0)


def step(to: BoutState, number: int | None = None) -> Any:
    return lambda pk: services.step_bout(pk, to=to, in_round=number, actor=ANN, expected_version=1)


def enter(ending: Ending = RED_WINS, version: int = 1) -> Any:
    return lambda pk: services.enter_result(pk, ending, actor=ANN, expected_version=version)


def cancel(reason: str) -> Any:
    return lambda pk: services.cancel_bout(pk, reason=reason, actor=ANN, expected_version=1)


def simply(verb: Any) -> Any:
    return lambda pk: verb(pk, actor=ANN, expected_version=1)


@pytest.mark.parametrize(
    ("state", "act", "error"),
    [
        ("official", step(BoutState.IN_ROUND), MoveNotAllowed),
        ("cancelled", step(BoutState.WALKOUTS), MoveNotAllowed),
        ("scheduled", step(BoutState.OFFICIAL), MoveNotAllowed),
        ("scheduled", step(BoutState.IN_ROUND, 4), Invalid),
        ("cancelled", enter(), MoveNotAllowed),
        ("scheduled", simply(services.confirm_result), MoveNotAllowed),
        ("official", simply(services.confirm_result), MoveNotAllowed),
        ("official", cancel("x"), MoveNotAllowed),
        ("scheduled", cancel(" "), Invalid),
        ("scheduled", cancel("x" * 256), Invalid),
        ("scheduled", simply(services.restore_bout), MoveNotAllowed),
        ("scheduled", simply(services.undo), NothingToUndo),
        ("scheduled", enter(version=2), BoutChanged),
        ("scheduled", lambda pk: enter()(pk + 1000), NoSuchBout),
        # Amended without a reason.
        ("official", enter(), Invalid),
    ],
)
def test_moves_that_are_not_allowed_change_nothing(state: str, act: Any, error: type[AppError]) -> None:
    decided = {"result": "draw"} if state == "official" else {}
    row = bout(state=state, **decided)
    before = recorded()

    with pytest.raises(error):
        act(row.pk)

    row.refresh_from_db()
    assert (row.state, row.version) == (state, 1)
    assert recorded() == before


def test_an_official_result_is_amended_with_a_reason_and_keeps_the_old_word() -> None:
    row = bout(state="official", result="draw", round=3, time_sec=300)

    row = services.enter_result(row.pk, RED_WINS, actor=ANN, expected_version=1, reason="Score card was added up wrong")

    assert (row.state, row.amend_reason) == ("amended", "Score card was added up wrong")
    [revision] = row.revisions.all()
    assert (revision.old["result"], revision.new["result"]) == ("draw", "win")


def test_records_follow_from_the_bouts_also_after_a_correction() -> None:
    row = services.enter_result(bout().pk, RED_WINS, actor=ANN, expected_version=1)
    red, blue = row.red_fighter, row.blue_fighter
    red.refresh_from_db()
    blue.refresh_from_db()
    assert (red.record, blue.record) == ("1-0-0", "0-1-0")

    row = services.confirm_result(row.pk, actor=ANN, expected_version=row.version)
    overturned = Ending(Result.NO_CONTEST, method="overturned")
    services.enter_result(row.pk, overturned, actor=ANN, expected_version=row.version, reason="Overturned")

    red.refresh_from_db()
    blue.refresh_from_db()
    assert (red.record, blue.record) == ("0-0-0, 1NC", "0-0-0, 1NC")


def scored() -> Bout:
    red = FighterFactory()
    return bout(
        red_fighter=red,
        winner_fighter=red,
        state="official",
        result="win",
        method="decision_split",
        method_detail="Majority of two",
        round=3,
        time_sec=300,
        scores=[{"judge": "Sal D'Amato", "red": 29, "blue": 28}],
    )


def test_what_is_not_spoken_of_keeps_its_value_and_stays_open_to_sources() -> None:
    row = scored()

    row = services.enter_result(
        row.pk, Ending(Result.WIN, "blue"), actor=ANN, expected_version=1, reason="The cards were swapped"
    )

    assert (row.state, row.winner_fighter_id) == ("amended", row.blue_fighter_id)
    assert (row.method, row.method_detail, row.round, row.time_sec) == ("decision_split", "Majority of two", 3, 300)
    assert row.scores == [{"judge": "Sal D'Amato", "red": 29, "blue": 28}]
    assert set(provenance.locked_fields(row)) == {"state", "winner_fighter_id"}


def test_a_value_that_is_said_to_be_empty_is_emptied_and_locked() -> None:
    row = scored()

    row = services.enter_result(
        row.pk, Ending(Result.WIN, "red", scores=[]), actor=ANN, expected_version=1, reason="Of another bout"
    )

    assert (row.scores, row.method) == ([], "decision_split")
    assert set(provenance.locked_fields(row)) == {"state", "scores"}


@pytest.mark.parametrize(
    ("ending", "field"),
    [(Ending(Result.DRAW), "method"), (Ending(Result.WIN, "red", round=None), "round")],
)
def test_a_result_must_agree_with_what_is_kept(ending: Ending, field: str) -> None:
    row = bout(state="official", result="no_contest", method="submission", round=2, time_sec=10)

    with pytest.raises(ImpossibleResult) as refusal:
        services.enter_result(row.pk, ending, actor=ANN, expected_version=1, reason="Corrected")

    assert [error.field for error in refusal.value.errors] == [field]
    row.refresh_from_db()
    assert (row.state, row.version) == ("official", 1)


# --- undo -------------------------------------------------------------------------------------------------------
def test_the_last_step_can_be_taken_back_within_a_minute() -> None:
    row = bout()
    row = services.enter_result(row.pk, RED_WINS, actor=ANN, expected_version=1)

    row = services.undo(row.pk, actor=ANN, expected_version=row.version)

    assert (row.state, row.winner_fighter_id, row.method, row.is_manual) == ("scheduled", None, "", False)
    assert not provenance.is_locked(row, "winner_fighter_id")
    with pytest.raises(NothingToUndo):
        services.undo(row.pk, actor=ANN, expected_version=row.version)


def test_after_a_minute_it_is_too_late() -> None:
    row = services.enter_result(bout().pk, RED_WINS, actor=ANN, expected_version=1)
    BoutRevision.objects.update(created_at=timezone.now() - timedelta(seconds=61))

    with pytest.raises(NothingToUndo):
        services.undo(row.pk, actor=ANN, expected_version=row.version)


def test_nobody_takes_back_what_another_did() -> None:
    row = services.enter_result(bout().pk, RED_WINS, actor=ANN, expected_version=1)

    with pytest.raises(NothingToUndo):
        services.undo(row.pk, actor=BOB, expected_version=row.version)


def test_a_wrong_touch_does_not_leave_the_event_live() -> None:
    row = services.step_bout(bout().pk, to=BoutState.IN_ROUND, in_round=1, actor=ANN, expected_version=1)
    assert Event.objects.get().status == "live"

    services.undo(row.pk, actor=ANN, expected_version=row.version)

    row.refresh_from_db()
    assert (row.state, row.round) == ("scheduled", None)
    event = Event.objects.get()
    assert (event.status, event.is_manual) == ("scheduled", False)


@pytest.mark.parametrize("other", ["in_round", "official"])
def test_an_event_on_which_something_else_has_begun_stays_live(other: str) -> None:
    first = bout()
    second = BoutFactory(event=first.event)
    row = services.step_bout(first.pk, to=BoutState.IN_ROUND, in_round=1, actor=ANN, expected_version=1)
    Bout.objects.filter(pk=second.pk).update(state=other, result="draw" if other == "official" else "")

    services.undo(row.pk, actor=ANN, expected_version=row.version)

    assert Event.objects.get().status == "live"


def test_an_event_that_was_live_before_stays_live() -> None:
    row = bout(event=EventFactory(status="live"))
    row = services.enter_result(row.pk, RED_WINS, actor=ANN, expected_version=1)

    services.undo(row.pk, actor=ANN, expected_version=row.version)

    assert Event.objects.get().status == "live"


def test_taking_a_result_back_takes_it_from_the_records() -> None:
    row = services.enter_result(bout().pk, RED_WINS, actor=ANN, expected_version=1)

    services.undo(row.pk, actor=ANN, expected_version=row.version)

    row.red_fighter.refresh_from_db()
    assert row.red_fighter.wins == 0


# --- the card ---------------------------------------------------------------------------------------------------
def test_the_order_of_a_card_changes_as_a_whole() -> None:
    event = EventFactory()
    one, two, three = (BoutFactory(event=event, sequence_no=number) for number in (1, 2, 3))

    services.arrange_card(
        event.pk,
        [Place(three.pk, "main_card"), Place(one.pk, "main_card"), Place(two.pk, "prelims")],
        actor=ANN,
        expected_version=1,
    )

    assert list(event.bouts.in_card_order().values_list("pk", "sequence_no", "card_segment")) == [
        (three.pk, 1, "main_card"),
        (one.pk, 2, "main_card"),
        (two.pk, 3, "prelims"),
    ]
    event.refresh_from_db()
    assert event.version > 1


def test_an_order_that_moves_nothing_writes_no_history() -> None:
    row = BoutFactory(sequence_no=1)

    services.arrange_card(row.event_id, [Place(row.pk, "main_card")], actor=ANN, expected_version=1)

    row.refresh_from_db()
    assert (row.version, row.sequence_no) == (1, 1)


@pytest.mark.parametrize("what", ["one is missing", "one twice", "a strange part", "a stale version"])
def test_an_order_that_does_not_fit_is_refused_as_a_whole(what: str) -> None:
    event = EventFactory()
    one, two = (BoutFactory(event=event, sequence_no=number) for number in (1, 2))
    places = {
        "one is missing": [Place(two.pk, "")],
        "one twice": [Place(two.pk, ""), Place(two.pk, "")],
        "a strange part": [Place(two.pk, "undercard"), Place(one.pk, "")],
        "a stale version": [Place(two.pk, ""), Place(one.pk, "")],
    }[what]
    version = 7 if what == "a stale version" else 1

    with pytest.raises((Invalid, PreconditionFailed)):
        services.arrange_card(event.pk, places, actor=ANN, expected_version=version)

    assert list(event.bouts.in_card_order().values_list("pk", "sequence_no")) == [(one.pk, 1), (two.pk, 2)]


@pytest.mark.parametrize("state", ["scheduled", "walkouts"])
def test_a_fighter_is_replaced_with_a_reason(state: str) -> None:
    row, newcomer = bout(red_ranking="3", state=state), FighterFactory()

    row = services.replace_fighter(
        row.pk, corner="red", fighter_id=newcomer.pk, reason="Missed weight", actor=ANN, expected_version=1
    )

    assert (row.red_fighter_id, row.red_ranking, row.version) == (newcomer.pk, "", 2)
    assert row.revisions.get().reason == "Missed weight"


@pytest.mark.parametrize("what", ["begun", "both corners", "unknown", "no reason", "no corner"])
def test_a_replacement_that_makes_no_sense_is_refused(what: str) -> None:
    row = bout(state="in_round" if what == "begun" else "scheduled")
    fighter_id = {"both corners": row.blue_fighter_id, "unknown": 999_999}.get(what) or FighterFactory().pk

    with pytest.raises((MoveNotAllowed, Invalid)):
        services.replace_fighter(
            row.pk,
            corner="middle" if what == "no corner" else "red",
            fighter_id=fighter_id,
            reason="" if what == "no reason" else "Injury",
            actor=ANN,
            expected_version=1,
        )

    before = row.red_fighter_id
    row.refresh_from_db()
    assert (row.red_fighter_id, row.version) == (before, 1)


def test_a_cancelled_bout_keeps_its_reason_and_can_come_back() -> None:
    row = services.cancel_bout(bout().pk, reason="Injury in training", actor=ANN, expected_version=1)
    assert (row.state, row.cancel_reason) == ("cancelled", "Injury in training")

    row = services.restore_bout(row.pk, actor=ANN, expected_version=row.version)

    assert (row.state, row.cancel_reason, row.is_manual) == ("scheduled", "", False)
