"""A recorded evening applied to our card: what follows, what is held, what is left alone (E-4, E-6, §3.4)."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.audit.testing import recorded
from apps.core import redis as core_redis
from apps.core.actor import Actor, ActorKind
from apps.core.streams import Runner, drain, ensure_group
from apps.events import services
from apps.events.clients.scoreboard import read_scoreboard
from apps.events.enums import BoutState
from apps.events.errors import FeedUnreadable
from apps.events.models import Bout, BoutExternalId, BoutReport, BoutRevision, LiveFeed
from apps.events.services import ANSWERS, CHANGES, identity
from apps.events.streams import ANSWERED
from tests.events.recordings import SHARED, Evening, evening, poll
from tests.factories.events import BoutFactory
from tests.factories.fighters import FighterFactory

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 5, 2, 12, 0, tzinfo=UTC)
OPERATOR = Actor(ActorKind.USER, "7", "operator")


@pytest.fixture
def card() -> Evening:
    return evening(NOW)


def test_the_evening_from_the_first_poll_to_the_last(card: Evening) -> None:
    seen = []
    for number in (1, 2, 3, 4, 5, 6, 7, 9, 10):
        card.hear(poll(number), at=number, minutes=number / 2)
        opener = card.opener
        seen.append((card.event.status, opener.state, opener.round, opener.time_sec, card.main.state))

    assert seen == [
        ("scheduled", "scheduled", None, None, "scheduled"),
        ("scheduled", "walkouts", None, None, "scheduled"),
        ("live", "in_round", 1, None, "scheduled"),
        ("live", "between_rounds", 1, None, "scheduled"),
        ("live", "in_round", 3, None, "scheduled"),
        # Final with 2:01 left: 2:59 passed, as the next poll confirms.
        ("live", "provisional", 3, 179, "scheduled"),
        ("live", "provisional", 3, 179, "scheduled"),
        ("completed", "provisional", 3, 179, "stopped"),
        ("completed", "provisional", 3, 179, "provisional"),
    ]
    # Zhao Hai, first of the feed and our blue corner.
    assert card.opener.winner_fighter.name == "Zhao Hai"
    assert card.main.winner_fighter.name == "Kovac Bela"
    assert card.opener.status == "finished"


def test_a_result_that_stands_becomes_official_also_after_the_event(card: Evening) -> None:
    card.play(1, 5, 7, 10)
    card.hear(poll(10), at=20, minutes=10)

    assert (card.opener.state, card.main.state) == ("official", "official")
    assert LiveFeed.objects.get().settles_until is not None


def test_the_same_answer_twice_writes_no_history_and_asks_nobody(card: Evening) -> None:
    card.play(1, 3)
    before = (BoutRevision.objects.count(), recorded(), CHANGES.length())

    with CaptureQueriesContext(connection) as queries:
        outcome = card.hear(poll(3), at=4)

    assert outcome.ignored == "unchanged"
    assert (BoutRevision.objects.count(), recorded(), CHANGES.length()) == before
    # Three of these are the test's own reading.
    assert len(queries) - 3 <= 6


def test_an_answer_that_was_captured_earlier_does_not_win(card: Evening) -> None:
    card.play(1, 5, 6)

    outcome = card.hear(poll(8), at=5)

    assert outcome.ignored == "older"
    assert (card.opener.state, card.main.state) == ("provisional", "scheduled")


def test_a_step_back_is_held_and_shown(card: Evening) -> None:
    card.play(1, 5, 6)

    outcome = card.hear(poll(8), at=8)

    assert outcome.held == {card.opener.pk: "state_fell"}
    assert (card.opener.state, card.main.state) == ("provisional", "walkouts")
    report = BoutReport.objects.get(bout=card.opener)
    assert (report.state, report.held) == ("in_round", "state_fell")


def test_a_corrected_winner_is_an_amendment_with_the_old_value_kept(card: Evening) -> None:
    card.play(1, 5, 7, 10)
    card.hear(poll(10), at=20, minutes=10)
    first = card.opener.winner_fighter_id

    card.hear(poll(11), at=21, minutes=10.5)

    assert card.opener.state == "amended"
    assert card.opener.winner_fighter_id != first
    revision = card.opener.revisions.newest_first().first()
    assert revision is not None
    assert (revision.old["winner_fighter_id"], revision.source) == (first, "espn")
    assert revision.version == card.opener.version


def test_every_change_of_state_is_audited_with_the_source_as_actor(card: Evening) -> None:
    before = len(recorded())

    card.play(1, 2, 3)

    # Opener twice, the event once.
    assert len(recorded()) - before == 3
    assert set(card.opener.revisions.values_list("actor_id", flat=True)) == {"source:espn"}


def test_a_persons_word_wins_until_it_is_released(card: Evening) -> None:
    card.play(1, 3)
    services.step_bout(
        card.opener.pk, to=BoutState.IN_ROUND, in_round=2, actor=OPERATOR, expected_version=card.opener.version
    )

    outcome = card.hear(poll(6), at=6)
    assert outcome.held[card.opener.pk] == "operator"
    assert (card.opener.state, card.opener.round) == ("in_round", 2)
    assert BoutReport.objects.get(bout=card.opener).winner_fighter_id == card.opener.blue_fighter_id

    services.release_bout(card.opener.pk, actor=OPERATOR, expected_version=card.opener.version)
    card.hear(poll(6), at=7)

    assert card.opener.state == "provisional"


def test_an_event_run_by_hand_is_not_ended_by_its_feed(card: Evening) -> None:
    services.run_by_hand(card.event.pk, actor=OPERATOR, by_hand=True)

    card.play(1, 3, 10)

    assert card.event.status == "scheduled"
    assert card.opener.state == "provisional"


def test_a_missing_bout_is_never_cancelled(card: Evening) -> None:
    card.play(1)
    alone = orjson.loads(poll(3))
    alone["events"][0]["competitions"].pop()
    outcomes = [card.hear(orjson.dumps(alone), at=at) for at in (2, 3, 4)]

    assert [outcome.held.get(card.main.pk) for outcome in outcomes] == [None, "missing", None]
    assert (card.main.state, BoutReport.objects.get(bout=card.main).held) == ("scheduled", "missing")

    card.hear(poll(3), at=5)
    assert BoutReport.objects.get(bout=card.main).held == ""


def test_a_replaced_fighter_is_held_until_a_person_has_looked(card: Evening) -> None:
    card.play(1)
    changed = orjson.loads(poll(3))
    substitute = changed["events"][0]["competitions"][0]["competitors"][0]
    substitute["id"], substitute["athlete"]["fullName"] = "9000009", "Somebody Else"

    outcome = card.hear(orjson.dumps(changed), at=3)

    assert outcome.held[card.opener.pk] == "strange_fighters"
    assert card.opener.state == "scheduled"


def test_after_a_repair_of_the_card_the_same_answer_counts(card: Evening) -> None:
    right = card.opener.blue_fighter_id
    stranger = FighterFactory(name="Somebody Else")
    repairs: list[Any] = [
        lambda version: services.replace_fighter(
            card.opener.pk, corner="blue", fighter_id=right, reason="typo", actor=OPERATOR, expected_version=version
        ),
        lambda version: services.restore_bout(card.opener.pk, actor=OPERATOR, expected_version=version),
        lambda _version: identity.merge_fighters(stranger.pk, right, actor=OPERATOR),
    ]
    breaks = [
        {"blue_fighter_id": stranger.pk},
        {"state": "cancelled", "is_manual": True},
        {"blue_fighter_id": stranger.pk},
    ]
    for number, (broken, repair) in enumerate(zip(breaks, repairs, strict=True)):
        Bout.objects.filter(pk=card.opener.pk).update(**{"state": "scheduled", "round": None, **broken})
        LiveFeed.objects.update(content_hash="")
        card.hear(poll(3), at=10 * number + 3)
        assert card.opener.state != "in_round"

        repair(card.opener.version)
        card.hear(poll(3), at=10 * number + 4)

        assert card.opener.state == "in_round"


def test_an_unknown_bout_waits_for_a_person(card: Evening) -> None:
    more = orjson.loads(poll(3))
    stranger = orjson.loads(poll(3))["events"][0]["competitions"][0] | {"id": "77009"}
    stranger["competitors"][0]["athlete"]["fullName"] = "Somebody Else"
    more["events"][0]["competitions"].append(stranger)

    outcome = card.hear(orjson.dumps(more), at=3)

    assert outcome.unmatched == 1
    assert LiveFeed.objects.get().unmatched == [{"external_id": "77009", "names": "Somebody Else – Tomás O'Reilly Jr."}]
    assert card.opener.state == "in_round"


def test_two_bouts_of_the_same_names_are_no_match(card: Evening) -> None:
    BoutFactory(
        event=card.event,
        sequence_no=3,
        red_fighter=FighterFactory(name="Zhao Hai"),
        blue_fighter=FighterFactory(name="Tomas OReilly"),
    )

    assert card.hear(poll(3), at=3).unmatched == 1
    assert not BoutExternalId.objects.filter(external_id="77002").exists()


# --- the stream (decision 32) ---------------------------------------------------------------------------------------
def publish(card: Evening, number: int) -> None:
    [said] = read_scoreboard(poll(number))
    services.publish_answers([(card.event.pk, said.as_message())], source="espn", sequence=number)


def test_an_answer_is_acknowledged_once_after_the_commit(card: Evening) -> None:
    publish(card, 3)

    drain(ANSWERED)

    card.opener.refresh_from_db()
    assert card.opener.state == "in_round"
    assert ANSWERS.length() == 0
    assert core_redis.client().xpending(ANSWERS.name, "worker")["pending"] == 0


def test_an_answer_whose_handling_fails_is_delivered_again(card: Evening, monkeypatch: pytest.MonkeyPatch) -> None:
    ensure_group(ANSWERED)
    publish(card, 3)

    def fail(*_given: Any, **_named: Any) -> None:
        raise RuntimeError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr("apps.events.streams.apply_answers", fail)
        Runner(ANSWERED, block_milliseconds=1, claims=False).step()
    assert core_redis.client().xpending(ANSWERS.name, "worker")["pending"] == 1
    card.opener.refresh_from_db()
    assert card.opener.state == "scheduled"

    second = Runner(ANSWERED, block_milliseconds=1)
    core_redis.client().xclaim(ANSWERS.name, "worker", "gone", 0, _pending_ids(), idle=60_000)
    second.step()

    card.opener.refresh_from_db()
    assert (card.opener.state, card.opener.version) == ("in_round", 2)
    assert ANSWERS.length() == 0


def _pending_ids() -> list[bytes]:
    entries: Any = core_redis.client().xpending_range(ANSWERS.name, "worker", "-", "+", 10)
    return [entry["message_id"] for entry in entries]


def test_a_foreign_message_harms_only_itself(card: Evening) -> None:
    ANSWERS.publish({"event_id": card.event.pk, "said": "nothing"})
    publish(card, 3)

    drain(ANSWERED)

    card.opener.refresh_from_db()
    assert card.opener.state == "in_round"


@pytest.mark.django_db(transaction=True)
def test_two_consumers_with_two_answers_leave_the_newer_one() -> None:
    card = evening(NOW)
    together = threading.Barrier(2)

    def hear(number: int) -> None:
        [said] = read_scoreboard(poll(number))
        body = {"event_id": card.event.pk, "source": "espn", "said": said.as_message()}
        answer = services.Answer.from_message({**body, "sequence": number, "hash": str(number)})
        together.wait()
        services.apply_answer(answer)
        connection.close()

    threads = [threading.Thread(target=hear, args=(number,)) for number in (3, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    card.opener.refresh_from_db()
    assert (card.opener.state, card.opener.round) == ("in_round", 3)
    assert card.opener.revisions.count() == card.opener.version - 1


def test_changes_are_announced_in_the_form_of_the_card(card: Evening, django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        card.hear(poll(3), at=3)

    entries: Any = core_redis.client().xrange(CHANGES.name)
    bodies = [orjson.loads(fields[b"body"]) for _, fields in entries]
    assert [body["kind"] for body in bodies] == ["bout", "event"]
    assert bodies[0]["bout"]["state"] == "in_round"
    assert bodies[0]["bout"]["red_fighter"]["name"] == "Tomas OReilly"
    assert {body["event_id"] for body in bodies} == {card.event.pk}


# --- reading the provider ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"events": 3}', b"\xff\xfe"])
def test_what_is_no_scoreboard_is_refused(body: bytes) -> None:
    with pytest.raises(FeedUnreadable):
        read_scoreboard(body)


def test_broken_entries_do_not_harm_their_neighbours() -> None:
    document = orjson.loads(poll(3))
    good = document["events"][0]
    document["events"] = [None, {"id": None}, {"id": 5, "competitions": "x"}, {**good, "status": None}]
    good["competitions"] += [{"id": "1"}, {"id": "2", "competitors": [None], "status": {"type": 7, "period": True}}]

    first, second = read_scoreboard(orjson.dumps(document))

    assert (first.external_id, first.bouts) == ("5", ())
    assert [bout.state for bout in second.bouts] == ["in_round", "scheduled", "scheduled"]
    assert second.phase == "pre"


def test_odd_values_do_not_harm_the_answer() -> None:
    document = orjson.loads(poll(3))
    event = document["events"][0]
    bouts = len(event["competitions"])
    event["name"] = "Test\0 Night"
    event["competitions"][0]["status"]["displayClock"] = "999:59"
    event["competitions"][0]["competitors"][0]["athlete"]["fullName"] = "Zhao\0 Hai"
    event["competitions"].append({**event["competitions"][1], "id": "9" * 129})
    document["events"].append({**event, "id": "9" * 129})

    [said] = read_scoreboard(orjson.dumps(document))

    assert (said.name, len(said.bouts), said.bouts[0].clock_sec) == ("Test Night", bouts, None)
    assert said.bouts[0].athletes[0][1] == "Zhao Hai"


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared recordings are not on this machine")
@pytest.mark.parametrize(
    ("name", "state", "number", "clock", "winner"),
    [
        ("sep26_1_prefight", "walkouts", None, None, ""),
        ("sep26_2_inround", "between_rounds", 1, 238, ""),
        ("sep26_3_settled", "provisional", 1, 62, "5063403"),
    ],
)
def test_a_real_bout_before_in_and_after_its_only_round(
    name: str, state: str, number: int | None, clock: int | None, winner: str
) -> None:
    [event] = read_scoreboard((SHARED / f"{name}.json").read_bytes())
    [bout] = event.bouts

    assert (bout.state, bout.round, bout.clock_sec, bout.winner) == (state, number, clock, winner)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared recordings are not on this machine")
def test_real_scoreboards_are_read_whole() -> None:
    [weekend] = read_scoreboard((SHARED / "espnScoreboardWeekend.json").read_bytes())
    [final] = read_scoreboard((SHARED / "ufc331_final.json").read_bytes())

    assert (weekend.phase, len(weekend.bouts)) == ("pre", 14)
    assert {bout.state for bout in weekend.bouts} == {"scheduled"}
    assert all(len(bout.athletes) == 2 and all(name for _, name in bout.athletes) for bout in weekend.bouts)
    assert final.phase == "post"
    assert [bout.winners for bout in final.bouts] == [1, 1, 1]
