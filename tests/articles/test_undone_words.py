"""Undo and the words of sources: what nobody has touched shows what its source says, and no article loses its title."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from apps.articles.models import Article, PendingArticle, PendingRevision, Source
from apps.articles.services import Edits, approve, edit, name_piece, reject, undo_last
from apps.articles.services.mentions import Naming
from apps.articles.task_names import SUGGEST_NAMES
from apps.core.actor import Actor
from apps.taskhub.testing import queued
from tests.articles.audit_trail import trail
from tests.articles.test_wordings import item, poll
from tests.factories.articles import PendingArticleFactory, SourceFactory
from tests.factories.fighters import FighterFactory
from tests.factories.users import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def lin() -> Actor:
    return Actor.of_user(UserFactory(username="lin", role="editor"))


@pytest.fixture
def source() -> Source:
    return SourceFactory()


def piece() -> PendingArticle:
    return PendingArticle.objects.get()


def other_words() -> list[str]:
    return list(PendingRevision.objects.values_list("title", flat=True))


@pytest.mark.parametrize("deed", ["edit", "approve", "approve with own words", "reject"])
def test_what_the_source_said_meanwhile_stands_when_nobody_has_touched_the_piece_any_more(
    source: Source, lin: Actor, deed: str
) -> None:
    poll(source, item("First words"))
    {
        "edit": lambda: edit(piece().pk, actor=lin, edits=Edits(title="My words")),
        "approve": lambda: approve(piece().pk, actor=lin),
        "approve with own words": lambda: approve(piece().pk, actor=lin, edits=Edits(title="My words")),
        "reject": lambda: reject(piece().pk, actor=lin, reason_code="spam"),
    }[deed]()
    poll(source, item("Second words", summary="Free live stream"))
    before = len(queued(SUGGEST_NAMES))

    undo_last(actor=lin)

    assert (piece().title, piece().summary, piece().status) == ("Second words", "Free live stream", "pending")
    assert (piece().changed_after_review_at, piece().is_suspect) == (None, True)
    assert other_words() == ["First words"]
    assert len(queued(SUGGEST_NAMES)) == before + 1
    undone = next(event for event in trail("pendingArticle") if event["action"] == "undone")
    assert undone["new"]["title"] == "Second words"
    # The next answer says the same: nothing new.
    version = piece().version
    poll(source, item("Second words", summary="Free live stream"))
    assert (piece().version, other_words()) == (version, ["First words"])


def test_an_undone_approval_of_edited_words_keeps_them_and_the_mark(source: Source, lin: Actor) -> None:
    poll(source, item("First words"))
    edit(piece().pk, actor=lin, edits=Edits(title="My words"))
    approve(piece().pk, actor=lin)
    poll(source, item("Second words"))

    undo_last(actor=lin)

    assert piece().title == "My words"
    assert piece().changed_after_review_at is not None
    undo_last(actor=lin)
    assert piece().title == "Second words"
    assert piece().changed_after_review_at is None
    assert other_words() == ["First words"]


def test_an_older_wording_that_came_late_stays_another_one(source: Source, lin: Actor) -> None:
    now = timezone.now()
    poll(source, item("Newer words", published_at=now))
    approve(piece().pk, actor=lin)
    poll(source, item("Older words", published_at=now - timedelta(hours=3)))

    undo_last(actor=lin)

    assert piece().title == "Newer words"
    assert other_words() == ["Older words"]


def test_undoing_names_changes_no_words(source: Source, lin: Actor) -> None:
    poll(source, item("First words"))
    fighter = FighterFactory()
    name_piece(piece().pk, Naming.of_ids(fighters=[fighter.pk]), actor=lin)
    poll(source, item("Second words"))

    undo_last(actor=lin)

    assert piece().title == "Second words"
    assert other_words() == ["First words"]


@pytest.mark.parametrize("publish_at", [None, timezone.now() + timedelta(days=1)])
def test_an_article_that_never_stood_before_keeps_its_title_when_its_approval_is_undone(
    lin: Actor, publish_at: datetime | None
) -> None:
    words = PendingArticleFactory(title="Zhang wins", summary="In five rounds.")
    approve(words.pk, actor=lin, publish_at=publish_at)

    undo_last(actor=lin)

    article = Article.objects.get()
    assert (article.title, article.summary, article.status) == ("Zhang wins", "In five rounds.", "pending")
    assert (article.published_at, article.publish_at) == (None, None)
    assert [one.pk for one in Article.objects.found_by("zhang")] == [article.pk]
