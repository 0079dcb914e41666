"""Fighters and events that an editor says a piece is about: the piece, the article, readers, undo, audit."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from apps.articles.errors import AlreadyReviewed, ClaimedByAnother
from apps.articles.models import Article, Mention, PendingArticle, Story
from apps.articles.services import (
    Naming,
    approve,
    approve_many,
    claim,
    enter_by_hand,
    name_article,
    name_piece,
    retract,
    undo_last,
)
from apps.articles.services.wording import Edits
from apps.articles.task_names import SUGGEST_NAMES
from apps.core import redis as core_redis
from apps.core.actor import Actor
from apps.core.errors import Conflict, Invalid, NotFound, PreconditionFailed
from apps.events.services.identity import merge_fighters
from apps.events.services.identity import undo as undo_merge
from apps.taskhub.testing import queued
from tests.articles.audit_trail import trail
from tests.factories.articles import ArticleFactory, MentionFactory, PendingArticleFactory, SourceFactory
from tests.factories.events import EventFactory
from tests.factories.fighters import FighterFactory
from tests.factories.users import UserFactory

pytestmark = pytest.mark.django_db

LIST = "/api/v1/articles"
PENDING = "/api/v1/review/pending"


@pytest.fixture
def lin() -> Actor:
    return Actor.of_user(UserFactory(username="lin", role="editor"))


@pytest.fixture
def editor() -> APIClient:
    client = APIClient()
    client.force_authenticate(UserFactory(role="editor"))
    return client


def data(response: Any) -> Any:
    assert response.status_code == 200, response.content
    return orjson.loads(response.content)["data"]


def states(**where: Any) -> dict[str, str]:
    return {row.key: row.state for row in Mention.objects.filter(**where)}


def named(article: Article, client: Any = None) -> tuple[list[int], list[int]]:
    """What readers see."""
    core_redis.client().flushdb()
    shown = data((client or Client()).get(f"{LIST}/{article.pk}"))
    return [one["id"] for one in shown["fighters"]], [one["id"] for one in shown["events"]]


def confirmed_article(fighter: Any = None, event: Any = None, **values: Any) -> Article:
    article: Article = ArticleFactory(**values)
    for target in ({"fighter": fighter}, {"event": event, "fighter": None}):
        if next(iter(target.values())) is not None:
            MentionFactory(pending=None, article=article, state="confirmed", **target)
    return article


# --- the piece --------------------------------------------------------------------------------------------------
def test_an_editor_confirms_dismisses_and_adds(lin: Actor) -> None:
    piece = PendingArticleFactory()
    right, wrong = MentionFactory(pending=piece), MentionFactory(pending=piece)
    late = MentionFactory(pending=piece)
    event = EventFactory()

    name_piece(piece.pk, Naming.ticked([right.key, f"event:{event.pk}"], [right.key, wrong.key]), actor=lin)

    assert states() == {
        right.key: "confirmed", wrong.key: "dismissed", late.key: "suggested", f"event:{event.pk}": "confirmed",
    }  # fmt: skip
    piece.refresh_from_db()
    assert (piece.version, piece.status) == (2, "pending")
    [told] = trail("pendingArticle")
    assert (told["action"], told["actor_label"]) == ("updated", "lin")
    assert told["new"] == {"names": sorted([right.key, f"event:{event.pk}"])}


def test_the_same_word_again_changes_nothing(lin: Actor) -> None:
    row = MentionFactory(state="confirmed")

    name_piece(row.pending_id, Naming.ticked([row.key], [row.key]), actor=lin)

    assert PendingArticle.objects.get().version == 1
    assert trail("pendingArticle") == []


def test_a_stale_version_a_claim_and_a_decision_stand_in_the_way(lin: Actor) -> None:
    row = MentionFactory()
    other = Actor.of_user(UserFactory(role="editor"))
    naming = Naming(confirmed=frozenset([row.key]))

    with pytest.raises(PreconditionFailed):
        name_piece(row.pending_id, naming, actor=lin, expected_version=9)
    claim(row.pending_id, actor=other)
    with pytest.raises(ClaimedByAnother):
        name_piece(row.pending_id, naming, actor=lin)
    PendingArticle.objects.update(status="rejected")
    with pytest.raises(AlreadyReviewed):
        name_piece(row.pending_id, naming, actor=other)

    assert states() == {row.key: "suggested"}


@pytest.mark.parametrize(
    ("keys", "error"),
    [
        (["fighter:999"], NotFound),
        (["event:999"], NotFound),
        (["fighter:²"], Invalid),
        (["fighter:"], Invalid),
        (["user:1"], Invalid),
        (["fighter:" + "9" * 40], Invalid),
        (["x" * 500], Invalid),
        ([f"fighter:{n}" for n in range(1, 60)], Invalid),
    ],
)
def test_what_does_not_exist_is_refused_and_nothing_changes(
    lin: Actor, keys: list[str], error: type[Exception]
) -> None:
    row = MentionFactory()

    with pytest.raises(error):
        name_piece(row.pending_id, Naming(confirmed=frozenset([*keys, row.key])), actor=lin)
    with pytest.raises(error):
        approve(row.pending_id, actor=lin, naming=Naming(confirmed=frozenset([*keys, row.key])))

    assert states() == {row.key: "suggested"}
    assert (PendingArticle.objects.get().version, Article.objects.count(), trail("pendingArticle")) == (1, 0, [])


def test_choosing_names_can_be_undone(lin: Actor) -> None:
    piece = PendingArticleFactory()
    row, by_hand = MentionFactory(pending=piece), FighterFactory()
    name_piece(piece.pk, Naming(frozenset([f"fighter:{by_hand.pk}"]), frozenset([row.key])), actor=lin)

    [step] = undo_last(actor=lin)

    assert (step.kind, states()) == ("named", {row.key: "suggested"})
    piece.refresh_from_db()
    assert piece.version == 3


# --- approval ---------------------------------------------------------------------------------------------------
def test_only_what_was_confirmed_reaches_readers(lin: Actor) -> None:
    piece = PendingArticleFactory()
    confirmed = MentionFactory(pending=piece, state="confirmed")
    MentionFactory(pending=piece, state="suggested", is_sure=True)
    MentionFactory(pending=piece, state="dismissed")

    article = approve(piece.pk, actor=lin)

    assert named(article) == ([confirmed.fighter_id], [])


def test_what_is_ticked_is_confirmed_with_the_approval(lin: Actor) -> None:
    piece = PendingArticleFactory()
    sure, wrong = MentionFactory(pending=piece, is_sure=True), MentionFactory(pending=piece)
    event = EventFactory()

    naming = Naming.ticked([sure.key, f"event:{event.pk}"], [sure.key, wrong.key])
    article = approve(piece.pk, actor=lin, naming=naming, edits=Edits(title="New words"))

    assert named(article) == ([sure.fighter_id], [event.pk])
    assert states()[wrong.key] == "dismissed"
    assert [event["action"] for event in trail("pendingArticle")] == ["updated", "approved"]


def test_names_survive_undo_and_a_second_approval(lin: Actor) -> None:
    row, other = MentionFactory(state="confirmed"), FighterFactory()
    article = approve(row.pending_id, actor=lin)
    undo_last(actor=lin)
    assert Client().get(f"{LIST}/{article.pk}").status_code == 404

    name_piece(row.pending_id, Naming(frozenset([f"fighter:{other.pk}"]), frozenset([row.key])), actor=lin)
    again = approve(row.pending_id, actor=lin)

    assert again.pk == article.pk
    assert named(again) == ([other.pk], [])


def test_a_bulk_approval_confirms_nothing_by_itself(lin: Actor) -> None:
    row = MentionFactory(is_sure=True)

    [article] = approve_many({row.pending_id: 1}, actor=lin)

    assert (named(article), states()) == (([], []), {row.key: "suggested"})


# --- the article ------------------------------------------------------------------------------------------------
def test_names_of_an_article_are_changed_undone_and_audited(lin: Actor) -> None:
    row = MentionFactory(state="confirmed")
    article = approve(row.pending_id, actor=lin)
    late = MentionFactory(pending=article.pending)
    before = article.version

    changed = name_article(article.pk, Naming(frozenset([late.key]), frozenset([row.key])), actor=lin)

    assert (changed.version, named(article)) == (before + 1, ([late.fighter_id], []))
    assert trail("article")[-1]["old"] == {"names": [row.key]}
    with pytest.raises(PreconditionFailed):
        name_article(article.pk, Naming(), actor=lin, expected_version=before)
    undo_last(actor=lin)
    assert named(article) == ([row.fighter_id], [])


def test_an_approval_is_not_undone_over_a_later_choice_of_names(lin: Actor) -> None:
    other = Actor.of_user(UserFactory(role="editor"))
    row = MentionFactory()
    article = approve(row.pending_id, actor=lin)
    name_article(article.pk, Naming(frozenset([row.key])), actor=other)

    with pytest.raises(Conflict):
        undo_last(actor=lin)


def test_an_article_without_a_piece_can_be_named_too(lin: Actor) -> None:
    article, fighter = ArticleFactory(pending=None), FighterFactory()

    name_article(article.pk, Naming(frozenset([f"fighter:{fighter.pk}"])), actor=lin)

    assert named(article) == ([fighter.pk], [])


def test_a_retracted_article_names_nobody(lin: Actor) -> None:
    article = confirmed_article(fighter=FighterFactory())

    retract(article.pk, actor=lin, notice="Wrong.")

    assert named(article) == ([], [])


# --- readers ----------------------------------------------------------------------------------------------------
def test_readers_ask_for_a_fighter_or_an_event() -> None:
    fighter, event = FighterFactory(name="Zhang Weili", name_zh="张伟丽"), EventFactory(name="UFC 300: A vs. B")
    both = confirmed_article(fighter=fighter, event=event)
    only = confirmed_article(fighter=fighter)
    suggested = ArticleFactory()
    MentionFactory(pending=None, article=suggested, fighter=fighter)
    confirmed_article(fighter=fighter, status="offline")

    found = data(Client().get(LIST, {"fighter": fighter.pk}))
    assert ([item["id"] for item in found["items"]], found["pagination"]["total"]) == ([only.pk, both.pk], 2)
    assert found["items"][1]["fighters"] == [{"id": fighter.pk, "name": "Zhang Weili", "name_zh": "张伟丽"}]
    assert found["items"][1]["events"] == [{"id": event.pk, "name": "UFC 300: A vs. B"}]
    for query in ({"event": event.pk}, {"event": event.pk, "fighter": fighter.pk, "cursor": ""}):
        assert [item["id"] for item in data(Client().get(LIST, query))["items"]] == [both.pk]
    for query in ({"fighter": 999_999}, {"event": 999_999}, {"fighter": "9" * 18}):
        assert data(Client().get(LIST, query))["items"] == []


@pytest.mark.parametrize("value", ["x", "0", "-1", "1.5", "²", "", "9" * 40])
@pytest.mark.parametrize("name", ["fighter", "event"])
def test_what_is_no_number_is_refused(name: str, value: str) -> None:
    answer = Client().get(LIST, {name: value})

    assert (answer.status_code, answer.json()["code"], answer.json()["errors"][0]["field"]) == (400, 1001, name)


def test_variants_are_kept_apart_and_forgotten_together(lin: Actor, django_capture_on_commit_callbacks: Any) -> None:
    one, other = FighterFactory(), FighterFactory()
    article = confirmed_article(fighter=one)
    client = Client()
    assert len(data(client.get(LIST, {"fighter": one.pk}))["items"]) == 1
    assert data(client.get(LIST, {"fighter": other.pk}))["items"] == []
    assert data(client.get(LIST, {"event": one.pk}))["items"] == []
    with CaptureQueriesContext(connection) as queries:
        client.get(LIST, {"fighter": one.pk})
    assert len(queries) == 0

    with django_capture_on_commit_callbacks(execute=True):
        name_article(article.pk, Naming.of_ids(fighters=[other.pk], no_fighters=[one.pk]), actor=lin)

    assert data(client.get(LIST, {"fighter": one.pk}))["items"] == []
    assert len(data(client.get(LIST, {"fighter": other.pk}))["items"]) == 1
    assert data(client.get(LIST))["items"][0]["fighters"][0]["id"] == other.pk


def test_a_link_follows_a_merge_and_its_undoing(lin: Actor) -> None:
    old, kept = FighterFactory(name="Weili Zhang"), FighterFactory(name="Zhang Weili")
    article = confirmed_article(fighter=old)
    MentionFactory(pending=None, article=article, fighter=kept, state="confirmed")

    merge = merge_fighters(old.pk, kept.pk, actor=lin)
    assert named(article) == ([kept.pk], [])
    for number in (old.pk, kept.pk):
        assert [item["id"] for item in data(Client().get(LIST, {"fighter": number}))["items"]] == [article.pk]

    undo_merge(merge.pk, actor=lin)
    assert named(article) == ([old.pk, kept.pk], [])


def test_ticks_stay_where_they_are_when_a_fighter_was_merged_since(lin: Actor) -> None:
    old, kept = FighterFactory(), FighterFactory()
    article = confirmed_article(fighter=old)
    merge = merge_fighters(old.pk, kept.pk, actor=lin)

    name_article(article.pk, Naming.ticked([f"fighter:{old.pk}"], [f"fighter:{old.pk}"]), actor=lin)

    assert states() == {f"fighter:{old.pk}": "confirmed"}
    assert (Article.objects.get().version, named(article)) == (1, ([kept.pk], []))
    undo_merge(merge.pk, actor=lin)
    assert named(article) == ([old.pk], [])


def test_naming_a_merged_fighter_names_the_one_who_was_kept(lin: Actor) -> None:
    kept = FighterFactory()
    old = FighterFactory(merged_into=kept)
    article = ArticleFactory()

    name_article(article.pk, Naming.of_ids(fighters=[old.pk]), actor=lin)

    assert states() == {f"fighter:{kept.pk}": "confirmed"}


def test_the_public_list_costs_the_same_for_two_and_for_twenty_with_names() -> None:
    counts = []
    for number in (2, 20):
        Article.objects.all().delete()
        fighter, event = FighterFactory(), EventFactory()
        for _ in range(number):
            confirmed_article(fighter=fighter, event=event)
        core_redis.client().flushdb()
        with CaptureQueriesContext(connection) as queries:
            assert len(data(Client().get(LIST, {"fighter": fighter.pk}))["items"]) == number
        counts.append(len(queries))

    assert counts[0] == counts[1] <= 7


# --- the queue --------------------------------------------------------------------------------------------------
def test_the_queue_is_narrowed_by_language_fighter_and_event(editor: APIClient) -> None:
    fighter, event = FighterFactory(), EventFactory()
    english = PendingArticleFactory(source=SourceFactory(language="en"))
    named_piece = PendingArticleFactory(source=SourceFactory(language="zh-hans"))
    MentionFactory(pending=named_piece, fighter=fighter)
    MentionFactory(pending=named_piece, fighter=None, event=event, state="confirmed")
    MentionFactory(pending=english, fighter=fighter, state="dismissed")

    def asked(**query: Any) -> list[int]:
        return [item["id"] for item in data(editor.get(PENDING, query))["items"]]

    assert asked(language="en") == [english.pk]
    assert asked(fighter=fighter.pk) == asked(event=event.pk) == asked(event=event.pk, language="zh-hans")
    assert asked(fighter=fighter.pk) == [named_piece.pk]
    assert asked(fighter=999) == []
    PendingArticle.objects.filter(pk=named_piece.pk).update(story=Story.objects.create(lead=named_piece))
    assert asked(story_id=Story.objects.get().pk) == [named_piece.pk]
    for query in ({"language": "klingon"}, {"fighter": "x"}, {"event": "²"}, {"source_id": "9" * 40}):
        answer = editor.get(PENDING, query)
        assert (answer.status_code, answer.json()["code"]) == (400, 1001)


def test_the_queue_with_names_costs_the_same_for_two_and_for_twenty(editor: APIClient) -> None:
    fighter = FighterFactory()
    counts = []
    for number in (2, 20):
        PendingArticle.objects.all().delete()
        for _ in range(number):
            MentionFactory(fighter=fighter)
        editor.get(PENDING)
        with CaptureQueriesContext(connection) as queries:
            rows = data(editor.get(PENDING, {"fighter": fighter.pk}))["items"]
        assert rows[0]["names"][0]["name"] == fighter.name
        counts.append(len(queries))

    assert counts[0] == counts[1]


# --- doors ------------------------------------------------------------------------------------------------------
def test_names_through_the_api(editor: APIClient) -> None:
    row, other = MentionFactory(), MentionFactory()
    path = f"/api/v1/review/{row.pending_id}/names"

    shown = data(editor.post(path, {"fighters": [row.fighter_id], "version": 1}, format="json"))
    assert [(one["fighter_id"], one["state"]) for one in shown["names"]] == [(row.fighter_id, "confirmed")]
    stale = editor.post(path, {"dismissed_fighters": [row.fighter_id], "version": 1}, format="json")
    assert (stale.status_code, stale.json()["code"]) == (412, 1013)
    for body in ({"fighters": ["x"]}, {"fighters": "x"}, {"events": [0]}, {"events": [10**30]}, {"people": []}):
        assert editor.post(path, body, format="json").json()["code"] == 1001

    approved = data(
        editor.post(
            f"/api/v1/review/{other.pending_id}/approve", {"fighters": [other.fighter_id], "version": 1}, format="json"
        )
    )
    assert named(Article.objects.get(pk=approved["article_id"])) == ([other.fighter_id], [])


def test_a_piece_entered_by_hand_or_reworded_is_looked_at(lin: Actor) -> None:
    source = SourceFactory()

    piece = enter_by_hand(
        actor=lin, source_id=source.pk, title="A", summary="B", source_url="https://news.example/hand"
    )

    assert queued(SUGGEST_NAMES) == [(SUGGEST_NAMES, {"pending_ids": [piece.pk]})]
