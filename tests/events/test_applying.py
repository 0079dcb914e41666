"""What an answer costs, and answers that are applied together: each as if it had come alone (issue: 100 a second)."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from apps.audit.testing import recorded
from apps.core import redis as core_redis
from apps.core.db import locked
from apps.events import services
from apps.events.clients.scoreboard import SOURCE, read_scoreboard
from apps.events.models import Bout, BoutReport, BoutRevision, Event, LiveFeed
from apps.events.services import CHANGES, Answer
from apps.events.services.feeds import content_hash
from tests.events.recordings import evening, poll
from tests.factories.events import EventFactory, LiveFeedFactory
from tests.factories.fighters import FighterFactory
from tests.query_counts import check_count

NOW = datetime(2026, 5, 2, 12, 0, tzinfo=UTC)
ALL_POLLS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)


def answer_of(event: Event, body: bytes, sequence: int) -> Answer:
    said = next(one for one in read_scoreboard(body) if one.external_id == "77").as_message()
    message = {"event_id": event.pk, "source": SOURCE, "said": said, "hash": content_hash(said)}
    return Answer.from_message({**message, "sequence": sequence})


def renumbered(body: bytes, number: int) -> bytes:
    """The same evening elsewhere: ids of bouts belong to one event."""
    document = orjson.loads(body)
    for bout in document["events"][0]["competitions"]:
        bout["id"] = f"{number}-{bout['id']}"
    return orjson.dumps(document)


def state_of(event: Event) -> dict[str, Any]:
    """All that is told of a card, and how it came to be."""
    event.refresh_from_db()
    bouts = list(event.bouts.in_card_order())
    names = ("state", "round", "time_sec", "result", "winner_fighter__name", "version", "amend_reason")
    reports = BoutReport.objects.filter(bout__event=event).order_by("bout__sequence_no")
    said = ("state", "round", "clock_sec", "held", "clock_doubtful", "missing_polls", "since")
    history = BoutRevision.objects.filter(bout__event=event).order_by("bout__sequence_no", "version")
    return {
        "event": (event.status, event.version),
        "bouts": list(event.bouts.in_card_order().values_list(*names)),
        "reports": list(reports.values_list(*said)),
        "history": [(row.version, row.source, _plain(row.old), _plain(row.new)) for row in history],
        "records": [(bout.red_fighter.record, bout.blue_fighter.record) for bout in bouts],
        "feed": LiveFeed.objects.values_list("sequence", "content_hash", "unmatched", "settles_until").get(event=event),
    }


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name != "winner_fighter_id"}


# --- what it costs ----------------------------------------------------------------------------------------------------
def count(answers: list[Answer], name: str) -> None:
    with CaptureQueriesContext(connection) as captured:
        services.apply_answers(answers, now=NOW + timedelta(minutes=9))
    queries = [query["sql"] for query in captured.captured_queries]
    queries = [sql for sql in queries if not sql.startswith(("SAVEPOINT", "RELEASE"))]
    check_count("events", name, len(queries), queries=queries)


@pytest.mark.django_db
def test_the_statements_of_one_answer() -> None:
    card = evening(NOW)
    card.play(1, 2, 3)

    count([answer_of(card.event, poll(3), 10**15)], "answer that changes nothing")
    count([answer_of(card.event, poll(4), 10**15 + 1)], "answer that changes a bout")
    count([answer_of(card.event, poll(6), 10**15 + 2)], "answer with a result")
    # It waits to become official, so that its two fighters and it are looked at again.
    count([answer_of(card.event, poll(6), 10**15 + 3)], "answer that changes nothing while a result has to stand")


@pytest.mark.django_db
def test_many_answers_need_no_more_statements_than_one() -> None:
    cards = [evening(NOW, f"7{number}") for number in range(6)]
    first = [answer_of(card.event, renumbered(poll(3), card.event.pk), 1) for card in cards]
    services.apply_answers(first, now=NOW)
    second = [answer_of(card.event, renumbered(poll(4), card.event.pk), 2) for card in cards]

    # Rows in which the same columns change are one call of the driver.
    count(second, "answer that changes a bout")

    assert set(Bout.objects.filter(sequence_no=2).values_list("state", flat=True)) == {"between_rounds"}


# --- together as one by one -------------------------------------------------------------------------------------------
@pytest.mark.django_db
@pytest.mark.parametrize("parts", [[11], [2, 9], [5, 1, 5], [1] * 11], ids=str)
def test_answers_that_wait_together_count_as_if_each_had_come_alone(parts: list[int]) -> None:
    alone, together = evening(NOW, "71"), evening(NOW, "72")
    ours = [answer_of(alone.event, renumbered(poll(n), 1), n) for n in ALL_POLLS]
    theirs = [answer_of(together.event, renumbered(poll(n), 2), n) for n in ALL_POLLS]

    for answer in ours:
        services.apply_answer(answer, now=NOW)
    for length in parts:
        services.apply_answers(theirs[:length], now=NOW)
        del theirs[:length]

    one, other = state_of(alone.event), state_of(together.event)
    # The ids of the bouts at the source are part of what was said.
    for state in (one, other):
        state["feed"] = (state["feed"][0], *state["feed"][2:])
    assert one == other
    changes = [item for item in recorded() if item["resource_type"] == "bout" and item["action"] == "updated"]
    assert len(changes) == BoutRevision.objects.count()


@pytest.mark.django_db
def test_a_bout_that_changes_twice_is_announced_once(django_capture_on_commit_callbacks: Any) -> None:
    card = evening(NOW)
    answers = [answer_of(card.event, poll(n), n) for n in (1, 2, 3, 4)]

    with django_capture_on_commit_callbacks(execute=True):
        services.apply_answers(answers, now=NOW)

    entries: Any = core_redis.client().xrange(CHANGES.name)
    told = [orjson.loads(fields[b"body"]) for _, fields in entries]
    card.event.refresh_from_db()
    opener = told[0]["bout"]
    assert [body["kind"] for body in told] == ["bout", "event"]
    assert (opener["id"], opener["state"], opener["version"]) == (card.opener.pk, "between_rounds", 4)
    assert {body["event_version"] for body in told} == {card.event.version}


@pytest.mark.django_db
def test_what_is_announced_shows_the_records_after_the_result(django_capture_on_commit_callbacks: Any) -> None:
    card = evening(NOW)

    with django_capture_on_commit_callbacks(execute=True):
        card.play(1, 5, 6)

    entries: Any = core_redis.client().xrange(CHANGES.name)
    last = [body for _, fields in entries if (body := orjson.loads(fields[b"body"]))["kind"] == "bout"][-1]["bout"]
    assert last["state"] == "provisional"
    assert (last["red_fighter"]["record"], last["blue_fighter"]["record"]) == ("0-1-0", "1-0-0")


@pytest.mark.django_db
def test_answers_of_several_sources_and_of_nobodys_events_harm_nobody() -> None:
    card = evening(NOW)
    empty = LiveFeedFactory(event=EventFactory())
    good = answer_of(card.event, poll(3), 3)
    foreign = [
        Answer(event_id=10**9, source=SOURCE, sequence=1, content_hash="x", phase="in", bouts=()),
        Answer(event_id=EventFactory().pk, source=SOURCE, sequence=1, content_hash="x", phase="in", bouts=()),
        Answer(event_id=empty.event_id, source=SOURCE, sequence=1, content_hash="x", phase="pre", bouts=good.bouts),
        Answer(event_id=card.event.pk, source="other", sequence=4, content_hash="y", phase="in", bouts=()),
    ]

    outcomes = services.apply_answers([foreign[0], good, *foreign[1:]], now=NOW)

    assert [outcomes[answer.event_id].ignored for answer in foreign] == ["not followed", "not followed", "", ""]
    assert outcomes[empty.event_id].unmatched == len(good.bouts)
    card.opener.refresh_from_db()
    assert card.opener.state == "in_round"


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="there whoever writes is alone")
def test_a_card_that_somebody_holds_keeps_no_other_waiting() -> None:
    held, free = evening(NOW, "71"), evening(NOW, "72")
    answers = [answer_of(card.event, renumbered(poll(3), card.event.pk), 3) for card in (held, free)]
    seen: list[str] = []

    def hear() -> None:
        services.apply_answers(answers, now=NOW)
        connection.close()

    other = threading.Thread(target=hear)
    with transaction.atomic():
        list(locked(Event.objects.filter(pk=held.event.pk)))
        other.start()
        for _ in range(100):
            other.join(0.05)
            free.opener.refresh_from_db()
            if free.opener.state == "in_round":
                break
        held.opener.refresh_from_db()
        seen = [free.opener.state, held.opener.state]
    other.join(20)

    held.opener.refresh_from_db()
    assert seen == ["in_round", "scheduled"]
    assert held.opener.state == "in_round"


# --- bouts of which nothing new is said -------------------------------------------------------------------------------
@pytest.mark.django_db
def test_a_bout_that_was_held_is_judged_again_with_every_new_answer() -> None:
    card = evening(NOW)
    card.play(1)
    stranger = FighterFactory(name="Somebody Else")
    Bout.objects.filter(pk=card.opener.pk).update(red_fighter_id=stranger.pk)
    assert card.hear(poll(3), at=3).held[card.opener.pk] == "strange_fighters"

    # Another way than the editor's, which would have let the same words count anew.
    stranger.name = "Tomas OReilly"
    stranger.save(update_fields=["name"])
    other = orjson.loads(poll(3))
    other["events"][0]["competitions"][1]["status"]["type"]["name"] = "STATUS_PRE_FIGHT"
    card.hear(orjson.dumps(other), at=4)

    assert card.opener.state == "in_round"


@pytest.mark.django_db
def test_the_board_hears_at_the_next_change_that_a_persons_word_stands_against_the_source() -> None:
    card = evening(NOW)
    card.play(1, 3)
    Bout.objects.filter(pk=card.opener.pk).update(is_manual=True)
    other = orjson.loads(poll(3))
    for bout in other["events"][0]["competitions"]:
        if bout["status"]["type"]["name"] == "STATUS_SCHEDULED":
            bout["status"]["type"]["name"] = "STATUS_PRE_FIGHT"

    outcome = card.hear(orjson.dumps(other), at=4)

    assert outcome.held == {card.opener.pk: "operator"}


@pytest.mark.django_db
def test_what_another_app_wrote_is_not_turned_back_by_words_that_are_not_new() -> None:
    """A result that an import brought stands until the feed says something else of this bout."""
    card = evening(NOW)
    card.play(1, 5, 7)
    card.hear(poll(7), at=20, minutes=10)
    assert card.opener.state == "official"
    Bout.objects.filter(pk=card.opener.pk).update(time_sec=180, method="submission")

    card.hear(poll(9), at=21, minutes=11)

    assert (card.opener.state, card.opener.time_sec) == ("official", 180)
