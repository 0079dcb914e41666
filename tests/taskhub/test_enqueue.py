"""The row and the message: together or not at all, never waiting for the broker."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from django.db import transaction
from kombu import Connection
from kombu import Queue as BrokerQueue

from apps.core import context
from apps.core import redis as core_redis
from apps.core.actor import Actor, ActorKind
from apps.core.errors import Invalid
from apps.taskhub.enums import Queue, TaskStatus
from apps.taskhub.errors import PayloadTooLarge, UnknownTask, WrongArguments
from apps.taskhub.hub_task.broker import TaskMessage, breaker, publish, redis_envelope
from apps.taskhub.models import OnceKey, Task
from apps.taskhub.services import (
    EnqueueOptions,
    enqueue,
    enqueue_each,
    enqueue_many,
    once,
    publish_due,
    republish_unpublished,
)
from apps.taskhub.testing import queued, record_waiting, run_queued
from tests.factories.taskhub import TaskFactory
from tests.taskhub.names import ADD, TRY

EDITOR = Actor(ActorKind.USER, "7", "editor")


def messages(queue: str = "default") -> list[dict]:
    return [orjson.loads(entry) for entry in core_redis.client().lrange(queue, 0, -1)]


def committed(task_id: str) -> Task:
    return Task.objects.get(task_id=task_id)


@pytest.mark.django_db(transaction=True)
def test_row_and_message_follow_the_commit():
    with transaction.atomic():
        task_id = enqueue(ADD, left=1, right=2)
        assert messages() == []

    [message] = messages()
    assert message["headers"]["id"] == task_id
    assert orjson.loads(message["body"])[1] == {"left": 1, "right": 2}
    task = committed(task_id)
    assert (task.name, task.payload, task.status, task.queue, task.priority) == (
        ADD,
        {"left": 1, "right": 2},
        TaskStatus.PENDING,
        Queue.DEFAULT,
        2,
    )
    assert (task.max_retries, task.soft_limit_seconds, task.grace_seconds) == (5, 60, 30)


@pytest.mark.django_db(transaction=True)
def test_rollback_leaves_neither_row_nor_message():
    with transaction.atomic():
        enqueue(ADD, left=1)
        enqueue_many(ADD, [{"left": 2}, {"left": 3}])
        transaction.set_rollback(True)

    assert Task.objects.count() == 0
    assert messages() == []
    assert core_redis.client().xlen("stream:taskhub:events") == 0


@pytest.mark.django_db(transaction=True)
def test_rolled_back_savepoint_takes_its_task_with_it():
    with transaction.atomic():
        kept = enqueue(ADD, left=1)
        with transaction.atomic():
            enqueue(ADD, left=2)
            transaction.set_rollback(True)

    assert [message["headers"]["id"] for message in messages()] == [kept]
    assert queued() == [(ADD, {"left": 1})]


@pytest.mark.django_db(transaction=True)
def test_outside_a_transaction_it_is_its_own():
    task_id = enqueue(ADD, left=1)

    assert committed(task_id).status == TaskStatus.PENDING
    assert len(messages()) == 1


@pytest.mark.django_db(transaction=True)
def test_published_mark_keeps_beat_from_sending_again():
    task_id = enqueue(ADD, left=1)
    assert committed(task_id).send_at is not None

    record_waiting()

    task = committed(task_id)
    assert (task.send_at, task.status) == (None, TaskStatus.PENDING)
    assert task.published_at is not None
    assert republish_unpublished(datetime.now(UTC) + timedelta(minutes=10)) == 0


@pytest.mark.django_db(transaction=True)
def test_redis_down_keeps_the_row_and_beat_sends_it_later(without_redis):
    with without_redis():
        began = time.monotonic()
        task_id = enqueue(ADD, left=1)
        assert time.monotonic() - began < 0.5

    task = committed(task_id)
    assert (task.status, task.published_at) == (TaskStatus.PENDING, None)
    assert messages() == []

    breaker.reset()
    later = datetime.now(UTC) + timedelta(seconds=11)
    assert republish_unpublished(datetime.now(UTC)) == 0
    assert republish_unpublished(later) == 1

    assert [message["headers"]["id"] for message in messages()] == [task_id]
    assert committed(task_id).send_at is None
    assert committed(task_id).published_at == later
    assert republish_unpublished(later) == 0


@pytest.mark.django_db(transaction=True)
def test_after_a_failure_nothing_is_published_for_five_seconds(without_redis, monkeypatch):
    with without_redis():
        enqueue(ADD, left=1)
    assert breaker.is_open
    enqueue(ADD, left=2)
    assert messages() == []

    moment = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: moment + 5.1)
    assert not breaker.is_open
    enqueue(ADD, left=3)

    assert [orjson.loads(message["body"])[1] for message in messages()] == [{"left": 3}]


@pytest.mark.django_db(transaction=True)
def test_many_tasks_are_one_statement(django_assert_num_queries):
    with django_assert_num_queries(3):  # BEGIN, INSERT, COMMIT
        task_ids = enqueue_many(ADD, [{"left": number} for number in range(300)])

    assert len(set(task_ids)) == 300
    assert [payload["left"] for _name, payload in queued()] == list(range(300))
    assert [message["headers"]["id"] for message in reversed(messages())] == task_ids
    record_waiting()
    assert Task.objects.filter(send_at__isnull=True, published_at__isnull=False).count() == 300


@pytest.mark.django_db(transaction=True)
def test_tasks_of_several_names_are_one_statement_within_the_callers_transaction(django_assert_num_queries):
    with django_assert_num_queries(3), transaction.atomic():  # BEGIN, INSERT, COMMIT
        task_ids = enqueue_each([(ADD, {"left": 1}), (TRY, {"fail_times": 0})])
        assert messages() == []

    assert queued() == [(ADD, {"left": 1}), (TRY, {"fail_times": 0})]
    assert [message["headers"]["id"] for message in reversed(messages())] == task_ids


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "arguments", "error"),
    [
        ("taskhub_tests.nobody", {}, UnknownTask),
        (ADD, {}, WrongArguments),
        (ADD, {"left": 1, "middle": 2}, WrongArguments),
        (ADD, {"left": object()}, Invalid),
        (ADD, {"left": "x" * 65_536}, PayloadTooLarge),
    ],
)
def test_a_wrong_call_raises_before_a_row_exists(name, arguments, error):
    with pytest.raises(error):
        enqueue(name, **arguments)

    assert Task.objects.count() == 0


@pytest.mark.django_db
def test_limit_beyond_the_longest_is_refused():
    with pytest.raises(Invalid):
        enqueue(ADD, options=EnqueueOptions(soft_limit_seconds=7_000), left=1)

    assert Task.objects.count() == 0


@pytest.mark.django_db
def test_payload_of_exactly_64_kilobytes_passes():
    frame = len(orjson.dumps({"left": ""}))

    enqueue(ADD, left="x" * (65_536 - frame))

    assert Task.objects.count() == 1


@pytest.mark.django_db
def test_one_wrong_call_among_many_queues_none():
    with pytest.raises(WrongArguments):
        enqueue_many(ADD, [{"left": 1}, {"wrong": 2}])

    assert Task.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_delayed_task_is_sent_when_its_time_has_come():
    due = datetime.now(UTC) + timedelta(minutes=5)
    task_id = enqueue(ADD, options=EnqueueOptions(run_at=due), left=1)
    assert messages() == []

    assert publish_due(due - timedelta(seconds=1)) == 0
    assert publish_due(due + timedelta(seconds=1)) == 1

    assert [message["headers"]["id"] for message in messages()] == [task_id]
    assert publish_due(due + timedelta(seconds=1)) == 0


@pytest.mark.django_db(transaction=True)
def test_options_reach_row_and_message():
    options = EnqueueOptions(
        queue=Queue.CRITICAL,
        actor=EDITOR,
        source="schedule:news",
        logical_time=datetime(2026, 3, 2, tzinfo=UTC),
        max_retries=1,
        soft_limit_seconds=5,
        grace_seconds=2,
    )
    with context.bind(request_id="r-1", client_ip="203.0.113.9"):
        task_id = enqueue(ADD, options=options, left=1)

    task = committed(task_id)
    assert (task.queue, task.priority, task.source, task.max_retries) == (Queue.CRITICAL, 3, "schedule:news", 1)
    assert (task.actor_kind, task.actor_id, task.actor_label) == ("user", "7", "editor")
    assert (task.request_id, task.client_ip) == ("r-1", "203.0.113.9")
    [message] = messages("critical")
    assert message["headers"]["timelimit"] == [7, 5]
    hub = message["headers"]["hub"]
    assert (hub["actor"], hub["request"], hub["ip"], hub["retries"]) == (
        ["user", "7", "editor"],
        "r-1",
        "203.0.113.9",
        1,
    )
    assert hub["logical"] == datetime(2026, 3, 2, tzinfo=UTC).timestamp()


@pytest.mark.django_db(transaction=True)
def test_same_task_id_is_queued_once():
    options = EnqueueOptions(task_id="order-7-receipt")

    assert enqueue(ADD, options=options, left=1) == "order-7-receipt"
    assert enqueue(ADD, options=options, left=2) == "order-7-receipt"

    assert queued() == [(ADD, {"left": 1})]
    assert len(messages()) == 1


@pytest.mark.django_db
def test_task_id_has_an_alphabet():
    with pytest.raises(Invalid):
        enqueue(ADD, options=EnqueueOptions(task_id="no spaces"), left=1)

    assert Task.objects.count() == 0


@pytest.mark.django_db
def test_unique_key_keeps_a_second_task_out_for_a_day():
    options = EnqueueOptions(unique_key="poll:3")
    first = enqueue(ADD, options=options, left=1)
    assert enqueue(ADD, options=options, left=2) == first

    Task.objects.filter(task_id=first).update(created_at=datetime.now(UTC) - timedelta(hours=24, seconds=1))
    second = enqueue(ADD, options=options, left=3)

    assert second != first
    assert queued() == [(ADD, {"left": 1}), (ADD, {"left": 3})]


def test_many_tasks_cannot_share_an_id():
    with pytest.raises(Invalid):
        enqueue_many(ADD, [{"left": 1}], options=EnqueueOptions(task_id="a"))


@pytest.mark.django_db
def test_once_is_true_for_the_first_only():
    with transaction.atomic():
        assert once("receipt:7") is True
        assert once("receipt:7") is False
        assert once("receipt:8") is True

    assert OnceKey.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_once_comes_back_when_its_transaction_does_not_commit():
    with transaction.atomic():
        assert once("receipt:7")
        transaction.set_rollback(True)

    with transaction.atomic():
        assert once("receipt:7")


@pytest.mark.django_db(transaction=True)
def test_once_belongs_into_a_transaction():
    with pytest.raises(transaction.TransactionManagementError):
        once("receipt:7")


def test_kombu_reads_our_envelope_back():
    message = TaskMessage("a" * 32, ADD, "default", 1, 5, 0, 60, 30, {"left": "拳"}, None, "r-1", "", None)
    assert publish([message])
    received = []

    with (
        Connection(core_redis.broker_url(_redis_url())) as connection,
        connection.Consumer(
            queues=[BrokerQueue("default")],
            accept=["json"],
            callbacks=[lambda body, got: (received.append((body, got)), got.ack())],
        ),
    ):
        connection.drain_events(timeout=2)

    [(body, got)] = received
    assert body[1] == {"left": "拳"}
    assert got.headers["task"] == ADD
    assert got.headers["hub"]["request"] == "r-1"
    assert len(redis_envelope(message)) < 1_200


def test_other_brokers_get_the_message_through_kombu(settings):
    settings.CELERY_BROKER_URL = "memory://taskhub-tests"
    message = TaskMessage("b" * 32, ADD, "default", 1, 5, 0, 60, 30, {"left": 1}, None, "", "", None)

    assert publish([message])

    with Connection("memory://taskhub-tests") as connection:
        queue = connection.SimpleQueue("default")
        got = queue.get(timeout=1)
        assert got.headers["id"] == "b" * 32
        assert got.payload[1] == {"left": 1}
        queue.close()
    assert core_redis.client().xlen("stream:taskhub:events") == 1


@pytest.mark.django_db
def test_queued_tasks_of_one_type():
    TaskFactory(name="taskhub_tests.other", payload={})
    enqueue(ADD, left=1)

    assert queued(ADD) == [(ADD, {"left": 1})]


@pytest.mark.django_db
def test_run_queued_runs_what_waits(calls):
    enqueue(ADD, left=1)
    enqueue(ADD, options=EnqueueOptions(run_at=datetime.now(UTC) + timedelta(hours=1)), left=2)

    assert run_queued() == 1

    assert [(left, right) for left, right, _task_id, _attempt in calls] == [(1, 0)]


def _redis_url() -> str:
    from django.conf import settings

    return str(settings.REDIS_URL)
