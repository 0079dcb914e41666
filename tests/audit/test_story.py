"""What happened to one thing, for its own page."""

import pytest
from django.db import transaction
from django.utils import translation

from apps.audit.enums import Action
from apps.audit.services import record
from apps.audit.services.story import story_of
from apps.core.actor import SYSTEM
from tests.factories.articles import ArticleFactory
from tests.factories.audit import AuditEventFactory

pytestmark = pytest.mark.django_db


def test_events_of_one_thing_newest_first(django_assert_num_queries):
    first = AuditEventFactory(timestamp=1_700_000_000_000, action="created")
    second = AuditEventFactory(timestamp=1_700_000_001_000, reason="typo", data={"door": "api"})
    AuditEventFactory(resource_id="8")
    AuditEventFactory(resource_type="source")

    with django_assert_num_queries(2), translation.override("en"):
        newest, oldest = story_of("article", 7)

    assert (newest.id, oldest.id) == (str(second.pk), str(first.pk))
    assert (newest.reason, newest.data, [change.field for change in newest.changes]) == (
        "typo",
        {"door": "api"},
        ["title"],
    )
    assert (newest.actor, newest.client_ip, newest.at) == ("alice", "203.0.113.9", second.at)
    assert "Title fight postponed" in newest.sentence
    assert newest.is_relayed


def test_only_the_actions_that_are_asked_for_and_not_more_than_the_limit():
    AuditEventFactory.create_batch(3, action="login")
    AuditEventFactory(action="updated")

    events = story_of("article", "7", actions=[Action.LOGIN, Action.LOGIN_FAILED], most=2)

    assert [event.action for event in events] == ["login", "login"]


def test_what_waits_for_the_relay_is_told_but_has_no_page_yet():
    article = ArticleFactory()
    with transaction.atomic():
        record(Action.CREATED, article, actor=SYSTEM)

    lines = story_of("article", article.pk)

    assert [(line.action, line.is_relayed) for line in lines] == [("created", False)]
    assert story_of("article", article.pk, actions=[Action.LOGIN]) == []
