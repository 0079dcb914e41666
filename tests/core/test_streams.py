"""Streams on a real Redis: acknowledged after success only, claimed, dead-lettered, replayed (S3:6, decision 32)."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
import redis
from django.db import OperationalError

from apps.core import redis as core_redis
from apps.core import streams
from apps.core.streams import Loop, Message, Runner, Stream, StreamConsumer

STREAM = Stream("stream:test:items", maxlen=1000)


class Recorder:
    """A handler that remembers its calls and fails for bodies that say so."""

    def __init__(self) -> None:
        self.batches: list[list[Any]] = []

    def __call__(self, messages: list[Message]) -> None:
        self.batches.append([message.body["n"] for message in messages])
        if any(message.body.get("bad") for message in messages):
            raise ValueError("bad message")


def consumer_of(handler: Any, **changes: Any) -> StreamConsumer:
    return StreamConsumer(stream=STREAM, group="worker", handler=handler, **changes)


def pending_count() -> int:
    return int(core_redis.client().xpending(STREAM.name, "worker")["pending"])


def test_success_is_acknowledged_once_and_leaves_no_entry() -> None:
    recorder = Recorder()
    STREAM.publish_many([{"n": 1}, {"n": 2}])

    handled = streams.drain(consumer_of(recorder))

    assert handled == 2
    assert recorder.batches == [[1, 2]]
    assert pending_count() == 0
    assert STREAM.length() == 0


def test_failure_is_not_acknowledged_and_delivered_again() -> None:
    failing = consumer_of(Recorder(), claim_idle_seconds=0)
    STREAM.publish({"n": 1, "bad": True})
    streams.drain(failing)
    assert pending_count() == 1

    healthy = Recorder()
    Runner(
        consumer_of(lambda messages: healthy.batches.append([m.deliveries for m in messages]), claim_idle_seconds=0),
        block_milliseconds=1,
    ).step()

    assert healthy.batches == [[2]]
    assert pending_count() == 0


def test_one_bad_message_does_not_hold_back_its_batch() -> None:
    recorder = Recorder()
    STREAM.publish_many([{"n": 1}, {"n": 2, "bad": True}, {"n": 3}])

    streams.drain(consumer_of(recorder))

    assert recorder.batches == [[1, 2, 3], [1], [2], [3]]
    assert pending_count() == 1


def test_a_message_is_given_up_after_its_last_delivery_with_its_error() -> None:
    consumer = consumer_of(Recorder(), max_deliveries=2, claim_idle_seconds=0)
    STREAM.publish({"n": 7, "bad": True})
    streams.drain(consumer)

    Runner(consumer, block_milliseconds=1).step()

    [dead] = STREAM.dead_letters()
    assert (dead.body, dead.error, dead.deliveries) == ({"n": 7, "bad": True}, "ValueError('bad message')", 2)
    assert pending_count() == 0
    assert STREAM.length() == 0


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({"foo": "bar"}, {"foo": "bar"}),
        ({"body": "{"}, {"unreadable": "{"}),
        ({"body": "[1]"}, {"unreadable": "[1]"}),
        ({"body": b"\xff"}, {"unreadable": "\ufffd"}),
    ],
)
@pytest.mark.parametrize("claimed", [False, True])
def test_an_entry_that_nobody_can_read_is_given_up_and_its_neighbours_go_on(
    fields: Any, shown: dict[str, Any], claimed: bool
) -> None:
    recorder = Recorder()
    consumer = consumer_of(recorder, claim_idle_seconds=0)
    streams.ensure_group(consumer)
    STREAM.publish({"n": 1})
    strange = core_redis.client().xadd(STREAM.name, fields)
    STREAM.publish({"n": 2})
    if claimed:
        core_redis.client().xreadgroup("worker", "dead-owner", {STREAM.name: ">"}, count=10)

    Runner(consumer, block_milliseconds=1).step()

    assert recorder.batches == [[1, 2]]
    assert (pending_count(), STREAM.length()) == (0, 0)
    [dead] = STREAM.dead_letters()
    assert (dead.body, dead.deliveries, dead.original_id) == (shown, 2 if claimed else 1, strange.decode())
    assert dead.error.startswith("unreadable: ")


def test_a_dead_letter_that_is_none_of_ours_is_listed_replayed_and_discarded() -> None:
    consumer = consumer_of(Recorder())
    core_redis.client().xadd(STREAM.dead_letter_name, {"deliveries": "many", "error": b"\xff"})

    [dead] = STREAM.dead_letters()
    assert (dead.body, dead.error, dead.deliveries, dead.original_id) == ({"unreadable": ""}, "\ufffd", 0, "")
    assert STREAM.replay(dead.id) is True
    streams.drain(consumer)
    [again] = STREAM.dead_letters()
    assert STREAM.discard(again.id) is True


def test_a_dead_letter_is_replayed_once_or_discarded() -> None:
    consumer = consumer_of(Recorder(), max_deliveries=1)
    STREAM.publish_many([{"n": 1, "bad": True}, {"n": 2, "bad": True}])
    streams.drain(consumer)
    second, first = STREAM.dead_letters()

    assert STREAM.replay(first.id) is True
    assert STREAM.replay(first.id) is False
    assert STREAM.discard(second.id) is True
    assert STREAM.dead_letters() == []
    assert STREAM.length() == 1


def test_a_database_that_is_away_counts_against_no_message() -> None:
    calls: list[int] = []
    stop = threading.Event()

    def away_once(messages: list[Message]) -> None:
        calls.append(len(messages))
        if len(calls) == 1:
            raise OperationalError("server closed the connection")

    STREAM.publish_many([{"n": 1}, {"n": 2}])
    consumer = consumer_of(away_once, max_deliveries=1)
    streams.ensure_group(consumer)

    Runner(consumer, block_milliseconds=1).step(stop)

    assert calls == [2, 2]
    assert STREAM.dead_letters() == []
    assert STREAM.length() == 0


def test_what_a_dead_consumer_held_is_claimed_by_another() -> None:
    consumer = consumer_of(Recorder(), claim_idle_seconds=0.05)
    STREAM.publish({"n": 1})
    streams.ensure_group(consumer)
    core_redis.client().xreadgroup("worker", "dead-owner", {STREAM.name: ">"}, count=1)

    recorder = Recorder()
    taker = Runner(consumer_of(recorder, claim_idle_seconds=0.05), block_milliseconds=1)
    taker.step()
    time.sleep(0.06)
    taker.step()

    assert recorder.batches == [[1]]
    assert pending_count() == 0


def test_an_emptied_redis_gets_its_group_back() -> None:
    recorder = Recorder()
    consumer = consumer_of(recorder)
    streams.drain(consumer)
    core_redis.client().flushdb()
    STREAM.publish({"n": 5})

    runner = Runner(consumer, block_milliseconds=1)
    while not recorder.batches:
        runner.step()

    assert recorder.batches == [[5]]


def test_health_shows_backlog_pending_and_dead() -> None:
    consumer = consumer_of(Recorder(), max_deliveries=1)
    STREAM.publish_many([{"n": 1, "bad": True}])
    streams.drain(consumer)
    STREAM.publish_many([{"n": 2}, {"n": 3}])

    state = streams.health(consumer)

    assert (state.waiting, state.pending, state.dead) == (2, 0, 1)
    assert 0 <= state.oldest_seconds < 10


def test_two_running_consumers_share_the_load_without_doubling() -> None:
    seen: list[int] = []
    guard = threading.Lock()

    def handle(messages: list[Message]) -> None:
        with guard:
            seen.extend(message.body["n"] for message in messages)

    consumer = consumer_of(handle, batch_size=7)
    streams.ensure_group(consumer)
    STREAM.publish_many([{"n": n} for n in range(300)])
    stop = threading.Event()
    runners = [Runner(consumer, block_milliseconds=20) for _ in range(2)]
    runners[1].owner += "-b"
    threads = [threading.Thread(target=runner.run, args=(stop,)) for runner in runners]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 10
    while len(seen) < 300 and time.monotonic() < deadline:
        time.sleep(0.01)
    stop.set()
    for thread in threads:
        thread.join(5)

    assert sorted(seen) == list(range(300))


def test_a_failing_loop_is_tried_again() -> None:
    calls: list[int] = []
    stop = threading.Event()

    def chore() -> bool:
        calls.append(1)
        if len(calls) == 1:
            raise redis.ConnectionError("away")
        stop.set()
        return False

    streams.run_loop(Loop(name="test.chore", every_seconds=0.01, run=chore), stop)

    assert len(calls) == 2


def test_a_name_is_registered_once() -> None:
    loop = Loop(name="test.once", every_seconds=1, run=lambda: False)
    streams.register_loop(loop)
    try:
        with pytest.raises(ValueError, match=r"test\.once"):
            streams.register_loop(loop)
    finally:
        del streams.registry.loops["test.once"]
