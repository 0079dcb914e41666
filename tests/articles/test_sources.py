"""Sources: adding, changing, fetching now, and whose turn it is."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.articles.models import Source
from apps.articles.services import FetchJob, create_source, queue_due_sources, request_fetch, update_source
from apps.articles.task_names import POLL_SOURCE
from apps.core.actor import SYSTEM, Actor
from apps.core.errors import AppError, Conflict, Invalid, NotFound
from apps.taskhub.testing import queued
from tests.articles.audit_trail import trail
from tests.factories.articles import SourceFactory
from tests.factories.users import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def editor() -> Actor:
    return Actor.of_user(UserFactory(role="editor"))


def test_a_new_source_is_due_at_once_and_audited(editor: Actor) -> None:
    source = create_source(actor=editor, name="Courier", source_url=" https://courier.example/rss ", parser_kind="feed")

    assert source.source_url == "https://courier.example/rss"
    assert list(Source.objects.due(timezone.now())) == [source]
    (event,) = trail()
    assert (event["action"], event["new"]["name"], event["new"]["source_url"]) == (
        "created",
        "Courier",
        "https://courier.example/rss",
    )


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"source_url": "ftp://courier.example/"}, "source_url"),
        ({"source_url": "https://courier.example/" + "x" * 500}, "source_url"),
        ({"rights_proof_url": "javascript:alert(1)"}, "rights_proof_url"),
        ({"name": "  "}, "name"),
        ({"interval_seconds": 59}, "interval_seconds"),
        ({"interval_seconds": 86_401}, "interval_seconds"),
    ],
)
def test_a_source_with_a_wrong_value_is_refused(editor: Actor, changes: dict, field: str) -> None:
    source = SourceFactory()
    before = Source.objects.values().get()

    with pytest.raises(Invalid) as created:
        create_source(actor=editor, **({"name": "Courier", "source_url": "https://courier.example/"} | changes))
    with pytest.raises(Invalid) as updated:
        update_source(source.pk, actor=editor, **changes)

    assert created.value.errors[0].field == updated.value.errors[0].field == field
    assert Source.objects.values().get() == before
    assert trail() == []


def test_one_address_is_one_source(editor: Actor) -> None:
    SourceFactory(source_url="https://courier.example/rss")
    other = SourceFactory()

    with pytest.raises(Conflict):
        create_source(actor=editor, name="Again", source_url="https://COURIER.example:443/rss")
    with pytest.raises(Conflict):
        update_source(other.pk, actor=editor, source_url="https://courier.example/rss")

    assert Source.objects.count() == 2


def test_changing_a_source_is_audited_and_a_new_address_starts_without_validators(editor: Actor) -> None:
    source = SourceFactory(etag='"e"', last_modified="m", next_poll_at=timezone.now() + timedelta(days=1), name="Old")

    update_source(source.pk, actor=editor, name="New", source_url="https://courier.example/new")

    source.refresh_from_db()
    assert (source.etag, source.last_modified) == ("", "")
    assert source.next_poll_at <= timezone.now()
    (event,) = trail()
    assert (event["action"], event["old"]["name"], event["new"]["name"]) == ("updated", "Old", "New")


def test_switching_off_and_on_has_its_own_words_and_nothing_changed_is_no_event(editor: Actor) -> None:
    source = SourceFactory(etag='"e"')

    update_source(source.pk, actor=editor, enabled=False)
    update_source(source.pk, actor=editor, enabled=False)
    update_source(source.pk, actor=editor, enabled=True)

    source.refresh_from_db()
    assert source.etag == '"e"'
    assert [event["action"] for event in trail()] == ["disabled", "enabled"]


def test_only_editable_fields_can_be_changed(editor: Actor) -> None:
    with pytest.raises(TypeError):
        update_source(SourceFactory().pk, actor=editor, etag='"mine"')
    with pytest.raises(NotFound):
        update_source(404, actor=editor, name="x")


def test_fetch_now_queues_a_poll_with_its_actor_also_for_a_disabled_source(editor: Actor) -> None:
    source = SourceFactory(enabled=False)

    task_id = request_fetch(source.pk, actor=editor, job=FetchJob(url="https://other.example/feed"))

    assert queued() == [(POLL_SOURCE, {"source_id": source.pk, "url": "https://other.example/feed", "parser_kind": ""})]
    (event,) = trail()
    assert (event["action"], event["data"]["task_id"]) == ("triggered", task_id)
    assert (event["data"]["url"], event["data"]["parser_kind"]) == ("https://other.example/feed", "feed")


def test_fetch_now_refuses_unknown_sources_and_wrong_addresses(editor: Actor) -> None:
    source = SourceFactory()

    for attempt in (
        lambda: request_fetch(404, actor=editor),
        lambda: request_fetch(source.pk, actor=editor, job=FetchJob(url="file:///etc/passwd")),
    ):
        with pytest.raises(AppError):
            attempt()

    assert queued() == []
    assert trail() == []


def test_a_tick_queues_each_due_source_once_and_sets_its_next_time() -> None:
    now = timezone.now()
    late = SourceFactory(next_poll_at=now - timedelta(hours=1), interval_seconds=600)
    due = SourceFactory(next_poll_at=now)
    SourceFactory(next_poll_at=now + timedelta(seconds=1))
    SourceFactory(next_poll_at=now - timedelta(hours=1), enabled=False)

    assert queue_due_sources(actor=SYSTEM, now=now) == 2
    assert queue_due_sources(actor=SYSTEM, now=now) == 0

    late.refresh_from_db()
    due.refresh_from_db()
    assert queued() == [
        (POLL_SOURCE, {"source_id": source.pk, "turn": source.next_poll_at.isoformat()}) for source in (late, due)
    ]
    assert late.next_poll_at == now + timedelta(seconds=600)


def test_ticks_that_come_a_moment_early_do_not_double_a_short_interval() -> None:
    start = timezone.now()
    source = SourceFactory(next_poll_at=start, interval_seconds=60)

    queued_at = [queue_due_sources(actor=SYSTEM, now=start + timedelta(seconds=s)) for s in (0.8, 60.3, 120.5, 180.1)]

    assert queued_at == [1, 1, 1, 1]
    source.refresh_from_db()
    assert source.next_poll_at == start + timedelta(seconds=240)


def test_a_tick_costs_the_same_statements_for_two_and_for_twenty_sources() -> None:
    now = timezone.now()
    counts = []
    for number in (2, 20):
        Source.objects.all().delete()
        SourceFactory.create_batch(number, next_poll_at=now)
        with CaptureQueriesContext(connection) as captured:
            queue_due_sources(actor=SYSTEM, now=now)
        counts.append(len(captured))

    assert counts[0] == counts[1]
