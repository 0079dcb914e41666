"""Decisions of the editors: one transaction each, and what they leave behind."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime

import pytest
from django.db import connection, connections

from apps.articles import cache
from apps.articles.errors import AlreadyReviewed
from apps.articles.models import Article, PendingArticle
from apps.articles.services import approve, approve_many, reject, reject_many
from apps.core import context
from apps.core import redis as core_redis
from apps.core.actor import Actor
from apps.core.cache import SECOND_DELETE_AFTER_SECONDS, carry_out_owed_deletes
from apps.core.errors import AppError, Conflict, ErrorCode, Invalid, NotFound, PreconditionFailed
from tests.articles.audit_trail import trail
from tests.factories.articles import ArticleFactory, PendingArticleFactory
from tests.factories.users import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def editor() -> Actor:
    return Actor.of_user(UserFactory(username="lin", role="editor"))


def state() -> list[tuple]:
    return [
        *PendingArticle.objects.order_by("pk").values_list("pk", "status", "version", "reviewer_id", "reject_reason"),
        *Article.objects.order_by("pk").values_list("pk", "status"),
    ]


def test_approving_publishes_the_piece_with_all_its_fields(editor: Actor) -> None:
    piece = PendingArticleFactory(
        cover_url="https://news.example/c.jpg",
        video_url="https://news.example/v.mp4",
        source_published_at=datetime(2026, 3, 1, tzinfo=UTC),
    )

    article = approve(piece.pk, actor=editor)

    article.refresh_from_db()
    piece.refresh_from_db()
    carried = (
        "source_id",
        "identity_hash",
        "title",
        "summary",
        "content",
        "source_url",
        "cover_url",
        "video_url",
        "source_published_at",
    )
    assert {name: getattr(article, name) for name in carried} == {name: getattr(piece, name) for name in carried}
    assert (article.status, article.published_mode, article.pending_id) == ("published", "manual", piece.pk)
    assert article.published_at == piece.reviewed_at
    assert (piece.status, piece.reviewer_id, piece.reviewer_label, piece.version) == (
        "approved",
        int(editor.id),
        "lin",
        2,
    )


def test_approving_is_audited_with_actor_address_request_old_and_new(editor: Actor) -> None:
    piece = PendingArticleFactory(title="Title fight")

    with context.bind(request_id="req-1", client_ip="192.0.2.7"):
        article = approve(piece.pk, actor=editor)

    approved, published = trail()
    assert (approved["action"], approved["resource_type"], approved["resource_id"]) == (
        "approved",
        "pendingArticle",
        str(piece.pk),
    )
    assert (approved["old"]["status"], approved["new"]["status"]) == ("pending", "approved")
    assert (approved["actor_id"], approved["actor_label"]) == (editor.id, "lin")
    assert (approved["request_id"], approved["client_ip"]) == ("req-1", "192.0.2.7")
    assert (published["action"], published["resource_type"], published["resource_id"]) == (
        "published",
        "article",
        str(article.pk),
    )
    assert published["new"]["title"] == "Title fight"
    assert "old" not in published


def test_rejecting_keeps_the_reason_and_publishes_nothing(editor: Actor) -> None:
    piece = PendingArticleFactory()

    reject(piece.pk, actor=editor, reason="  Old news. ")

    piece.refresh_from_db()
    assert (piece.status, piece.reject_reason, piece.reviewer_id) == ("rejected", "Old news.", int(editor.id))
    assert Article.objects.count() == 0
    (event,) = trail()
    assert (event["action"], event["reason"]) == ("rejected", "Old news.")
    assert (event["old"]["status"], event["new"]["status"]) == ("pending", "rejected")


@pytest.mark.parametrize("reason", ["", "   ", "x" * 501])
def test_a_rejection_needs_a_reason_of_bearable_length(editor: Actor, reason: str) -> None:
    piece = PendingArticleFactory()
    before = state()

    with pytest.raises(Invalid) as error:
        reject(piece.pk, actor=editor, reason=reason)

    assert error.value.errors[0].field == "reason"
    assert state() == before
    assert trail() == []


@pytest.mark.parametrize("first", ["approved", "rejected"])
def test_the_second_decision_is_refused_and_names_the_state(editor: Actor, first: str) -> None:
    piece = PendingArticleFactory(status=first)
    before = state()

    for decide in (lambda: approve(piece.pk, actor=editor), lambda: reject(piece.pk, actor=editor, reason="no")):
        with pytest.raises(AlreadyReviewed) as error:
            decide()
        assert error.value.code == ErrorCode.CONFLICT
        assert error.value.errors[0].code == first

    assert state() == before
    assert trail() == []


def test_a_stale_version_is_refused(editor: Actor) -> None:
    piece = PendingArticleFactory(version=3)
    before = state()

    with pytest.raises(PreconditionFailed):
        approve(piece.pk, actor=editor, expected_version=2)
    with pytest.raises(PreconditionFailed):
        reject(piece.pk, actor=editor, reason="no", expected_version=4)

    assert state() == before
    approve(piece.pk, actor=editor, expected_version=3)
    assert Article.objects.count() == 1


def test_an_unknown_piece_is_not_found(editor: Actor) -> None:
    with pytest.raises(NotFound):
        approve(404, actor=editor)


def test_an_address_that_is_published_already_is_a_conflict(editor: Actor) -> None:
    piece = PendingArticleFactory()
    ArticleFactory(identity_hash=piece.identity_hash)
    before = state()

    with pytest.raises(Conflict):
        approve(piece.pk, actor=editor)

    assert state() == before


def test_many_are_approved_or_rejected_together(editor: Actor) -> None:
    pieces = [PendingArticleFactory() for _ in range(3)]
    others = [PendingArticleFactory() for _ in range(2)]

    articles = approve_many({piece.pk: 1 for piece in pieces}, actor=editor)
    reject_many({piece.pk: 1 for piece in others}, actor=editor, reason="Spam.")

    assert {article.pending_id for article in articles} == {piece.pk for piece in pieces}
    assert PendingArticle.objects.filter(status="approved").count() == 3
    assert PendingArticle.objects.filter(status="rejected", reject_reason="Spam.").count() == 2
    assert len(trail("pendingArticle")) == 5


@pytest.mark.parametrize("spoilt", ["decided", "edited", "missing", "none", "too many"])
def test_many_are_all_or_nothing(editor: Actor, spoilt: str) -> None:
    chosen = {PendingArticleFactory().pk: 1 for _ in range(2)}
    if spoilt == "decided":
        chosen[PendingArticleFactory(status="rejected").pk] = 1
    if spoilt == "edited":
        chosen[PendingArticleFactory(version=2).pk] = 1
    if spoilt == "missing":
        chosen[max(chosen) + 1000] = 1
    if spoilt == "none":
        chosen = {}
    if spoilt == "too many":
        chosen = dict.fromkeys(range(1, 202), 1)
    before = state()

    for decide in (lambda: approve_many(chosen, actor=editor), lambda: reject_many(chosen, actor=editor, reason="no")):
        with pytest.raises(AppError):
            decide()

    assert state() == before
    assert trail() == []


@pytest.mark.django_db(transaction=True)
def test_approving_forgets_the_cached_list_on_commit_and_once_more_later() -> None:
    actor = Actor.of_user(UserFactory())
    first, second = PendingArticleFactory(), PendingArticleFactory()
    redis = core_redis.client()
    cache.public_list()
    cache.public_list(cache.ListQuery(page_size=10))
    old_variants = set(redis.keys("cache:articles:list:v1:0:*"))
    assert redis.exists(cache.LIST_KEY)

    approve(first.pk, actor=actor)

    assert not redis.exists(cache.LIST_KEY)
    assert b'"total":1' in cache.public_list().body
    assert b'"total":1' in cache.public_list(cache.ListQuery(page_size=10)).body
    assert len(old_variants) == 1
    # A reader that began before the commit fills the key with what it saw: the second delete takes it away.
    redis.set(cache.LIST_KEY, b"stale\n{}")
    time.sleep(SECOND_DELETE_AFTER_SECONDS + 0.05)
    carry_out_owed_deletes()
    assert not redis.exists(cache.LIST_KEY)
    reject(second.pk, actor=actor, reason="no")
    assert b'"total":1' in cache.public_list().body


@pytest.mark.django_db(transaction=True)
def test_two_editors_at_once_one_wins_and_the_other_learns_the_state() -> None:
    if connection.vendor == "sqlite":
        pytest.skip("an in-memory database has one connection")
    piece = PendingArticleFactory()
    actors = [Actor.of_user(UserFactory()) for _ in range(2)]
    together = threading.Barrier(2)
    outcomes: list[str] = []

    def decide(actor: Actor) -> None:
        together.wait()
        try:
            approve(piece.pk, actor=actor)
            outcomes.append("approved")
        except AlreadyReviewed:
            outcomes.append("refused")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=decide, args=(actor,)) for actor in actors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["approved", "refused"]
    assert Article.objects.count() == 1
    assert len(trail()) == 2
