"""The total of the public list: exact after each deed, without counting everything anew."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from apps.articles import cache
from apps.articles.cache import ListQuery
from apps.articles.models import Article
from apps.articles.services import approve, publish_now, retract, take_offline, undo_last
from apps.core.actor import Actor
from tests.factories.articles import ArticleFactory, PendingArticleFactory, SourceFactory
from tests.factories.users import UserFactory

pytestmark = pytest.mark.django_db

LONG_AGO = timedelta(hours=3)


@pytest.fixture
def lin() -> Actor:
    return Actor.of_user(UserFactory(username="lin", role="editor"))


@pytest.fixture
def old() -> list[Article]:
    """Three articles that nobody will add to; the total is known and kept."""
    articles = [ArticleFactory(published_at=timezone.now() - LONG_AGO) for _ in range(3)]
    assert total() == 3
    return articles


def total(**asked: Any) -> int:
    return int(cache.load_public_list(ListQuery(**asked))["pagination"]["total"])


def test_a_new_article_counts_at_once_though_the_old_ones_are_not_counted_again(
    old: list[Article], lin: Actor, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        approve(PendingArticleFactory().pk, actor=lin)

    with CaptureQueriesContext(connection) as queries:
        assert total() == 4

    counts = [query["sql"] for query in queries if "COUNT(" in query["sql"]]
    assert len(counts) == 1
    assert "published_at" in counts[0]


def test_what_leaves_the_list_and_comes_back_to_its_old_place_is_counted(
    old: list[Article], lin: Actor, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    seen = []
    for deed in (
        lambda: take_offline(old[0].pk, actor=lin, reason="wrong"),
        lambda: retract(old[1].pk, actor=lin, notice="It was wrong."),
        lambda: undo_last(actor=lin),
        lambda: publish_now(old[0].pk, actor=lin),
    ):
        with django_capture_on_commit_callbacks(execute=True):
            deed()
        seen.append(total())

    assert seen == [2, 1, 2, 3]


def test_each_filter_has_a_total_of_its_own_and_all_pages_share_it(old: list[Article]) -> None:
    source = SourceFactory()
    ArticleFactory(source=source, published_at=timezone.now() - LONG_AGO)
    ArticleFactory(source=source, language="en", published_at=timezone.now())

    assert total(source_id=source.pk) == 2
    assert total(language="en") == 1
    assert total(source_id=source.pk, page=2) == 2


def test_without_redis_everything_is_counted(old: list[Article], settings: Any) -> None:
    ArticleFactory(published_at=timezone.now() - LONG_AGO)
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    assert total() == 4
