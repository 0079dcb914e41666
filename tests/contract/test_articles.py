"""Every endpoint of articles, review and ingest: status, promised form, error form (D.2, decision 38)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator
from openapi_schema_validator import OAS30Validator
from rest_framework.test import APIClient

from tests.contract.operation import covers
from tests.factories.articles import ArticleFactory, MentionFactory, PendingArticleFactory, SourceFactory
from tests.factories.events import EventFactory
from tests.factories.users import UserFactory

pytestmark = pytest.mark.django_db

LIST, ONE = "/api/v1/articles", "/api/v1/articles/{article_id}"
PENDING = "/api/v1/review/pending"
APPROVE, REJECT = "/api/v1/review/{pending_id}/approve", "/api/v1/review/{pending_id}/reject"
FETCH = "/api/v1/ingest/fetch"


@pytest.fixture
def editor() -> APIClient:
    client = APIClient()
    client.force_authenticate(UserFactory(role="editor"))
    return client


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    found: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return json.loads(json.dumps(found, default=str))


def answered(schema: dict[str, Any], response: Any, path: str, method: str = "get") -> tuple[int, Any]:
    """Status and body of an answer that has the form that the contract promises."""
    body = json.loads(response.content)
    answer = schema["paths"][path][method]["responses"][str(response.status_code)]
    if "$ref" in answer:
        answer = schema["components"]["responses"][answer["$ref"].rsplit("/", 1)[-1]]
    form = answer["content"]["application/json"]["schema"]
    OAS30Validator({**form, "components": schema["components"]}).validate(body)
    return response.status_code, body


@pytest.mark.parametrize("path", [LIST, "/api/articles"])
@covers("GET", "/api/v1/articles")
@covers("GET", "/api/articles")
def test_the_public_list(schema: dict[str, Any], path: str) -> None:
    article = ArticleFactory(source_published_at=None)

    status, body = answered(schema, APIClient().get(path), path)

    assert (status, body["code"]) == (200, 0)
    assert [item["id"] for item in body["data"]["items"]] == [article.pk]
    assert body["data"]["items"][0]["published_at"].endswith("Z")
    assert answered(schema, APIClient().get(path, {"page": 0}), path)[0] == 400


@covers("GET", "/api/v1/articles/{article_id}")
def test_one_article(schema: dict[str, Any]) -> None:
    article = ArticleFactory()

    status, body = answered(schema, APIClient().get(f"{LIST}/{article.pk}"), ONE)

    assert (status, body["data"]["id"]) == (200, article.pk)
    assert answered(schema, APIClient().get(f"{LIST}/999"), ONE)[1]["code"] == 1006
    assert answered(schema, APIClient().get(f"{LIST}/x"), ONE)[1]["code"] == 1001


@covers("GET", "/api/v1/review/pending")
def test_the_review_queue(schema: dict[str, Any], editor: APIClient) -> None:
    piece = PendingArticleFactory(source_published_at=None)

    status, body = answered(schema, editor.get(PENDING), PENDING)

    assert (status, [item["id"] for item in body["data"]["items"]]) == (200, [piece.pk])
    assert answered(schema, APIClient().get(PENDING), PENDING)[1]["code"] == 1002
    assert answered(schema, editor.get(PENDING, {"page_size": 0}), PENDING)[1]["code"] == 1001


@covers("POST", "/api/v1/review/{pending_id}/approve")
def test_approve(schema: dict[str, Any], editor: APIClient) -> None:
    path = APPROVE.format(pending_id=PendingArticleFactory().pk)

    assert answered(schema, APIClient().post(path), APPROVE, "post")[1]["code"] == 1002
    assert answered(schema, editor.post(path, headers={"if-match": '"9"'}), APPROVE, "post")[1]["code"] == 1013
    status, body = answered(schema, editor.post(path), APPROVE, "post")
    assert (status, body["data"]["status"]) == (200, "approved")
    assert answered(schema, editor.post(path), APPROVE, "post")[1]["code"] == 1007
    assert answered(schema, editor.post(APPROVE.format(pending_id=999)), APPROVE, "post")[1]["code"] == 1006


@covers("POST", "/api/v1/review/{pending_id}/reject")
def test_reject(schema: dict[str, Any], editor: APIClient) -> None:
    path = REJECT.format(pending_id=PendingArticleFactory().pk)

    assert answered(schema, editor.post(path, {}), REJECT, "post")[1]["errors"][0]["field"] == "reason"
    status, body = answered(schema, editor.post(path, {"reason": "Rumour."}), REJECT, "post")
    assert (status, body["data"]["reject_reason"]) == (200, "Rumour.")
    assert answered(schema, editor.post(path, {"reason": "Rumour."}), REJECT, "post")[1]["code"] == 1007


@covers("POST", "/api/v1/ingest/fetch")
def test_fetch(schema: dict[str, Any], editor: APIClient) -> None:
    source = SourceFactory()

    status, body = answered(schema, editor.post(FETCH, {"source_id": source.pk}), FETCH, "post")

    assert (status, set(body["data"])) == (202, {"task_id"})
    assert answered(schema, editor.post(FETCH, {}), FETCH, "post")[1]["code"] == 1001
    assert answered(schema, editor.post(FETCH, {"source_id": 999}), FETCH, "post")[1]["code"] == 1006


BULK_APPROVE, BULK_REJECT = "/api/v1/review/bulk-approve", "/api/v1/review/bulk-reject"
CLAIM, RELEASE = "/api/v1/review/{pending_id}/claim", "/api/v1/review/{pending_id}/release"
UNDO, MANUAL = "/api/v1/review/undo", "/api/v1/articles/manual"
CORRECT, RETRACT = "/api/v1/articles/{article_id}/correct", "/api/v1/articles/{article_id}/retract"
OFFLINE = "/api/v1/articles/{article_id}/offline"
TAKEDOWNS, RESOLVE = "/api/v1/takedowns", "/api/v1/takedowns/{takedown_id}/resolve"


@covers("POST", "/api/v1/review/{pending_id}/claim")
@covers("POST", "/api/v1/review/{pending_id}/release")
def test_claim_and_release(schema: dict[str, Any], editor: APIClient) -> None:
    pk = PendingArticleFactory().pk
    other = APIClient()
    other.force_authenticate(UserFactory(role="editor"))

    status, body = answered(schema, editor.post(CLAIM.format(pending_id=pk)), CLAIM, "post")
    assert (status, bool(body["data"]["claimed_by_label"])) == (200, True)
    assert answered(schema, other.post(CLAIM.format(pending_id=pk)), CLAIM, "post")[1]["code"] == 1007
    assert answered(schema, other.post(APPROVE.format(pending_id=pk)), APPROVE, "post")[1]["code"] == 1007
    assert answered(schema, other.post(RELEASE.format(pending_id=pk)), RELEASE, "post")[1]["code"] == 1007
    assert answered(schema, other.post(CLAIM.format(pending_id=pk), {"take_over": True}), CLAIM, "post")[0] == 200
    status, body = answered(schema, other.post(RELEASE.format(pending_id=pk)), RELEASE, "post")
    assert (status, body["data"]["claimed_by_label"]) == (200, "")
    assert answered(schema, editor.post(CLAIM.format(pending_id=404)), CLAIM, "post")[1]["code"] == 1006


@covers("POST", "/api/v1/review/bulk-approve")
@covers("POST", "/api/v1/review/bulk-reject")
@covers("POST", "/api/v1/review/undo")
def test_many_at_once_and_the_way_back(schema: dict[str, Any], editor: APIClient) -> None:
    first, second = PendingArticleFactory(), PendingArticleFactory()
    seen = [{"id": piece.pk, "version": 1} for piece in (first, second)]

    assert answered(schema, editor.post(BULK_APPROVE, {"pieces": []}), BULK_APPROVE, "post")[1]["code"] == 1001
    stale = {"pieces": [seen[0], {"id": second.pk, "version": 9}]}
    assert answered(schema, editor.post(BULK_APPROVE, stale), BULK_APPROVE, "post")[1]["code"] == 1013
    status, body = answered(schema, editor.post(BULK_APPROVE, {"pieces": seen}), BULK_APPROVE, "post")
    assert (status, len(body["data"]["items"])) == (200, 2)
    status, body = answered(schema, editor.post(UNDO), UNDO, "post")
    assert (status, len(body["data"]["items"])) == (200, 2)
    seen = [{"id": piece.pk, "version": 3} for piece in (first, second)]
    assert answered(schema, editor.post(BULK_REJECT, {"pieces": seen}), BULK_REJECT, "post")[1]["code"] == 1001
    rejected = editor.post(BULK_REJECT, {"pieces": seen, "reason_code": "spam"})
    status, body = answered(schema, rejected, BULK_REJECT, "post")
    assert [item["reject_code"] for item in body["data"]["items"]] == ["spam", "spam"]
    editor.post(UNDO)
    assert answered(schema, editor.post(UNDO), UNDO, "post")[1]["code"] == 1006


@covers("POST", "/api/v1/articles/manual")
def test_a_piece_by_hand(schema: dict[str, Any], editor: APIClient) -> None:
    sent = {"source_id": SourceFactory().pk, "title": "T", "summary": "S", "source_url": "https://a.example/1"}

    status, body = answered(schema, editor.post(MANUAL, sent), MANUAL, "post")

    assert (status, body["data"]["status"]) == (201, "pending")
    assert answered(schema, editor.post(MANUAL, sent), MANUAL, "post")[1]["code"] == 1007
    assert answered(schema, editor.post(MANUAL, sent | {"source_id": 404}), MANUAL, "post")[1]["code"] == 1006
    assert answered(schema, editor.post(MANUAL, sent | {"source_url": "x"}), MANUAL, "post")[1]["code"] == 1001


@covers("POST", "/api/v1/articles/{article_id}/correct")
@covers("POST", "/api/v1/articles/{article_id}/retract")
@covers("POST", "/api/v1/articles/{article_id}/offline")
def test_correct_retract_offline(schema: dict[str, Any], editor: APIClient) -> None:
    pk, other = ArticleFactory().pk, ArticleFactory().pk
    words = {"title": "Right", "notice": "The name was wrong."}

    status, body = answered(schema, editor.post(CORRECT.format(article_id=pk), words), CORRECT, "post")
    assert (status, body["data"]["title"], body["data"]["version"]) == (200, "Right", 2)
    stale = editor.post(RETRACT.format(article_id=pk), {"notice": "No."}, headers={"if-match": '"1"'})
    assert answered(schema, stale, RETRACT, "post")[1]["code"] == 1013
    status, body = answered(schema, editor.post(RETRACT.format(article_id=pk), {"notice": "No."}), RETRACT, "post")
    assert (status, body["data"]["status"]) == (200, "retracted")
    assert answered(schema, editor.post(CORRECT.format(article_id=pk), words), CORRECT, "post")[1]["code"] == 1007
    reader = answered(schema, APIClient().get(f"{LIST}/{pk}"), ONE)[1]["data"]
    assert (reader["state"], reader["notice"], reader["summary"], reader["source_url"]) == ("retracted", "No.", "", "")
    status, body = answered(schema, editor.post(OFFLINE.format(article_id=other), {"reason": "x"}), OFFLINE, "post")
    assert (status, body["data"]["status"]) == (200, "offline")
    assert answered(schema, APIClient().get(f"{LIST}/{other}"), ONE)[1]["code"] == 1006


@covers("POST", "/api/v1/takedowns")
@covers("POST", "/api/v1/takedowns/{takedown_id}/resolve")
def test_takedowns(schema: dict[str, Any], editor: APIClient) -> None:
    pk = ArticleFactory().pk

    status, body = answered(schema, editor.post(TAKEDOWNS, {"target_id": pk, "reason": "Ours."}), TAKEDOWNS, "post")
    assert (status, body["data"]["status"]) == (201, "open")
    wrong = {"target_type": "event", "target_id": pk, "reason": "Ours."}
    assert answered(schema, editor.post(TAKEDOWNS, wrong), TAKEDOWNS, "post")[1]["code"] == 1001
    path = RESOLVE.format(takedown_id=body["data"]["id"])
    assert answered(schema, editor.post(path, {"action": "burnt"}), RESOLVE, "post")[1]["code"] == 1001
    status, body = answered(schema, editor.post(path, {"action": "offlined"}), RESOLVE, "post")
    assert (status, body["data"]["action"]) == (200, "offlined")
    assert answered(schema, editor.post(path, {"action": "offlined"}), RESOLVE, "post")[1]["code"] == 1007
    assert answered(schema, APIClient().get(f"{LIST}/{pk}"), ONE)[1]["code"] == 1006


PIECE_NAMES, ARTICLE_NAMES = "/api/v1/review/{pending_id}/names", "/api/v1/articles/{article_id}/names"


@covers("POST", "/api/v1/review/{pending_id}/names")
@covers("POST", "/api/v1/articles/{article_id}/names")
def test_names_of_pieces_and_articles(schema: dict[str, Any], editor: APIClient) -> None:
    row, article = MentionFactory(), ArticleFactory()
    event = MentionFactory(fighter=None, event=EventFactory()).event_id
    piece, published = PIECE_NAMES.format(pending_id=row.pending_id), ARTICLE_NAMES.format(article_id=article.pk)

    status, body = answered(schema, editor.post(piece, {"fighters": [row.fighter_id]}), PIECE_NAMES, "post")
    assert (status, [one["state"] for one in body["data"]["names"]]) == (200, ["confirmed"])
    status, body = answered(schema, editor.post(published, {"events": [event]}), ARTICLE_NAMES, "post")
    assert (status, body["data"]["version"]) == (200, 2)
    shown = answered(schema, APIClient().get(f"{LIST}/{article.pk}"), ONE)[1]["data"]
    assert [one["id"] for one in shown["events"]] == [event]
    for path, form, missing in (
        (piece, PIECE_NAMES, PIECE_NAMES.format(pending_id=999_999)),
        (published, ARTICLE_NAMES, ARTICLE_NAMES.format(article_id=999_999)),
    ):
        assert answered(schema, editor.post(path, {"version": 9}), form, "post")[1]["code"] == 1013
        assert answered(schema, editor.post(path, {"fighters": [999_999]}), form, "post")[1]["code"] == 1006
        assert answered(schema, editor.post(path, {"fighters": ["x"]}), form, "post")[1]["code"] == 1001
        assert answered(schema, editor.post(missing, {}), form, "post")[1]["code"] == 1006
        assert answered(schema, APIClient().post(path, {}), form, "post")[1]["code"] == 1002
