"""Tables and indexes by the customer's names (decision 3, B.2); the settings of Celery."""

from __future__ import annotations

import sys

import pytest
from celery import current_app
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction

from apps.taskhub.enums import Queue, TaskStatus, state_rank
from apps.taskhub.hub_task import live
from apps.taskhub.hub_task.definition import MAX_HARD_LIMIT_SECONDS
from apps.taskhub.models import Task
from project.celery import _is_celery_process
from tests.factories.taskhub import TaskAttemptFactory, TaskFactory

INDEXES = {
    "tasks": {
        "uk_task_task_id": ["task_id"],
        "uk_task_unique_key": ["unique_key"],
        "idx_task_worker_created": ["worker_name", "created_at"],
        "idx_task_status_updated": ["status", "updated_at"],
        "idx_task_queue_updated": ["queue", "updated_at"],
        "idx_task_send_at": ["send_at"],
    },
    "task_attempts": {
        "uk_attempt_task_attempt": ["task_id", "attempt"],
        "idx_attempt_task_started": ["task_id", "started_at"],
        "idx_attempt_status_started": ["status", "started_at"],
    },
    "workers": {
        "uk_worker_name": ["worker_name"],
        "idx_worker_enabled": ["is_enabled"],
        "idx_worker_heartbeat": ["last_heartbeat_at"],
    },
    "worker_processes": {
        "uk_worker_process_boot": ["boot_id"],
        "idx_worker_process_heartbeat": ["heartbeat_at"],
    },
    "task_once_keys": {},
}


@pytest.mark.django_db
@pytest.mark.parametrize("table", INDEXES)
def test_tables_and_indexes_have_their_names(table):
    with connection.cursor() as cursor:
        assert table in connection.introspection.table_names(cursor)
        constraints = connection.introspection.get_constraints(cursor, table)

    found = {name: about["columns"] for name, about in constraints.items()}
    for name, columns in INDEXES[table].items():
        assert found[name] == columns
    assert not [name for name, about in constraints.items() if about["foreign_key"]]


@pytest.mark.django_db
def test_task_ids_and_attempts_are_unique():
    task = TaskFactory()
    TaskAttemptFactory(task_id=task.task_id)

    with pytest.raises(IntegrityError), transaction.atomic():
        TaskFactory(task_id=task.task_id)
    with pytest.raises(IntegrityError), transaction.atomic():
        TaskAttemptFactory(task_id=task.task_id)


@pytest.mark.django_db
def test_no_migration_is_missing():
    call_command("makemigrations", "taskhub", check=True, dry_run=True, verbosity=0)


def test_states_rank_by_attempt_then_progress():
    ranks = [
        state_rank(1, TaskStatus.PENDING),
        state_rank(1, TaskStatus.RUNNING),
        state_rank(1, TaskStatus.FAIL),
        state_rank(2, TaskStatus.PENDING),
    ]

    assert ranks == sorted(ranks)
    assert state_rank(1, TaskStatus.SUCCESS) == state_rank(1, TaskStatus.DEAD) == state_rank(1, TaskStatus.FAIL)


def test_priorities_are_stored_as_three_two_one():
    assert [queue.priority for queue in Queue] == [3, 2, 1]


def test_names_for_people():
    task = Task(name="a.b", task_id="0123456789abcdef")

    assert str(task) == "a.b 01234567"


def test_celery_has_the_settings_that_the_hub_rests_on():
    conf = current_app.conf

    assert conf.task_acks_late is True
    assert conf.worker_prefetch_multiplier == 1
    assert conf.accept_content == ["json"]
    assert conf.task_ignore_result is True
    assert conf.task_create_missing_queues is False
    assert [queue.name for queue in conf.task_queues] == ["critical", "default", "low"]
    assert conf.worker_concurrency == 10
    assert (conf.task_soft_time_limit, conf.task_time_limit) == (600, 630)
    options = conf.broker_transport_options
    assert options["visibility_timeout"] == live.VISIBILITY_TIMEOUT_SECONDS > MAX_HARD_LIMIT_SECONDS
    assert options["queue_order_strategy"] == "apps.taskhub.hub_task.queue_order:WeightedCycle"


@pytest.mark.parametrize(
    ("arguments", "is_celery"),
    [
        (["/x/bin/celery", "-A", "project", "worker", "-l", "info"], True),
        (["/x/celery/__main__.py", "-A", "project", "beat"], True),
        (["celery", "-A", "project", "inspect", "ping"], False),
        (["manage.py", "runserver"], False),
        (["manage.py", "worker"], False),
        (sys.argv, False),
    ],
)
def test_worker_and_beat_are_told_apart_from_other_processes(arguments, is_celery):
    assert _is_celery_process(arguments) is is_celery
